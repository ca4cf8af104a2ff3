package stitch

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/flowferry/flowferry/flow"
)

// TestSizes guards what a million conversations cost.
func TestSizes(t *testing.T) {
	f := func(name string, size, most uintptr) {
		t.Helper()
		if size > most {
			t.Errorf("%s has %d bytes, more than %d", name, size, most)
		}
	}
	f("a conversation", unsafe.Sizeof(conv{}), 128)
	f("a waiting piece", unsafe.Sizeof(piece{}), 128)
	f("a total", unsafe.Sizeof(total{}), 96)
	f("a template", unsafe.Sizeof(template{}), 160)
}

// ofTable are the fields that a table gives a record itself, and what only a batch or an aggregate has.
var ofTable = []string{"InitiatorBy", "Complete", "Segment", "Segments", "Kind", "Flows", "Meta", "Enr", "Wire", "Observers"}

// TestEveryFieldStays sends a record of which every field has a value of its own.
func TestEveryFieldStays(t *testing.T) {
	b := flow.NewBatch()
	r := b.Next()
	fill(reflect.ValueOf(r).Elem(), new(uint64))
	r.Has = ^flow.Set(0) &^ (flow.HasFlows | flow.HasWire)
	r.Kind, r.Event, r.EndReason, r.State = flow.KindFlow, flow.EventAllowed, flow.EndIdle, flow.StateRejected
	r.InitiatorBy, r.Flows, r.Meta, r.Enr, r.Wire, r.Segments = flow.ByRFC5103, 0, 0, 0, 0, 0
	r.Start, r.End, r.Received = epoch, epoch+second, epoch+second
	r.Proto = flow.ProtoTCP
	want := *r
	table := New(Config{})
	b.Last = true
	table.Do(b)
	if len(b.Recs) != 1 {
		t.Fatalf("%d records came out", len(b.Recs))
	}
	got, wanted := reflect.ValueOf(b.Recs[0]), reflect.ValueOf(want)
	for i := range got.NumField() {
		if name := got.Type().Field(i).Name; !slices.Contains(ofTable, name) && !reflect.DeepEqual(got.Field(i).Interface(), wanted.Field(i).Interface()) {
			t.Errorf("%s: got %v, want %v: traits or content must hold it", name, got.Field(i), wanted.Field(i))
		}
	}
	balanced(t, table)
}

// fill gives each number in v another value.
func fill(v reflect.Value, n *uint64) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(int64(*n))
	default:
		v.SetUint(*n & 0x3f)
	}
}

// TestTemplatesTellApart changes each field of a record that is not counted or of the key: the
// record must not share the template of the one that was not changed.
func TestTemplatesTellApart(t *testing.T) {
	table := New(Config{})
	var r flow.Record
	share := func(r *flow.Record) uint32 {
		table.intern(r) // the first to come is loose
		return table.intern(r)
	}
	base := share(&r)
	counted := []string{"Start", "End", "Received", "Ord", "Src", "Dst", "SrcPort", "DstPort", "Proto", "Fwd", "Rev", "EndReason", "Skewed"}
	for i := range reflect.TypeOf(r).NumField() {
		name := reflect.TypeOf(r).Field(i).Name
		if name != "Observers" && slices.Contains(ofTable, name) || slices.Contains(counted, name) {
			continue
		}
		changed := r
		n := uint64(i)
		fill(reflect.ValueOf(&changed).Elem().Field(i), &n)
		if share(&changed) == base {
			t.Errorf("a template does not tell %s", name)
		}
	}
	if again := share(&r); again != base {
		t.Error("the same record has another template")
	}
}

// TestLateOfOneOfManyEnded sends again what was told completely, while others that have ended too
// are remembered.
func TestLateOfOneOfManyEnded(t *testing.T) {
	both := tcp + "fwd=5/500 rev=4/400 fwd.flags=FSPA rev.flags=FSPA"
	clients := []string{"10.0.0.1:40000", "10.0.0.2:40000", "[2001:db8::1]:40000", "10.0.0.3:40000"}
	var in strings.Builder
	for i, c := range clients {
		to := server
		if c[0] == '[' {
			to = "[2001:db8::80]:443"
		}
		in.WriteString(line(i+1, c, to, float64(i), float64(i)+0.5, both))
	}
	late := line(9, "10.0.0.9:40000", server, 30, 30.5, both) + // time passes
		line(10, clients[1], server, 1, 1.5, both) + // sent again
		line(11, clients[2], "[2001:db8::80]:443", 31, 31, tcp+"fwd=1/40 fwd.flags=R") +
		line(12, clients[0], server, 31, 31, tcp2+"fwd=1/40 fwd.flags=R")
	table := New(Config{})
	out := run(t, table, in.String()+late)
	if n := strings.Count(out, "complete=true"); n != len(clients)+1 {
		t.Errorf("%d complete flows:\n%s", n, out)
	}
	if n := strings.Count(out, "segment=2"); n != 2 {
		t.Errorf("%d late flows:\n%s", n, out)
	}
	if n := balanced(t, table); n["duplicates"] != 1 || n["late"] != 2 {
		t.Errorf("the account: %v", n)
	}
}

// TestShortFlowsAreFreeOfAllocation opens conversations, lets them end and forgets them.
func TestShortFlowsAreFreeOfAllocation(t *testing.T) {
	table := New(Config{})
	b := flow.NewBatch()
	n, now := uint32(0), int64(0)
	round := func() {
		now += 5 * second
		b.Recs = b.Recs[:0]
		for range 64 {
			r := b.Next()
			uniflow(r, n&0xfff, false, now)
			r.EndReason, r.Fwd.Flags = flow.EndOfFlow, flow.SYN|flow.ACK|flow.FIN
			r.Start = r.End - second
			n++
		}
		b.Now = epoch + now
		table.Do(b)
	}
	for range 300 {
		round()
	}
	if n := testing.AllocsPerRun(200, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
