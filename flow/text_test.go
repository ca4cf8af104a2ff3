package flow

import (
	"encoding/binary"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/flowferry/flowferry/internal/fuzztest"
)

// Each record that the text form can hold comes back from it as it was.
func TestTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, back := &Batch{}, &Batch{}
		r := b.Next()
		*r = anyRecord(t)
		if rapid.Bool().Draw(t, "meta") {
			b.SetMeta(r, Meta{DNS: &DNS{Question: rapid.String().Draw(t, "question")}, AppName: "a b=c"})
		}
		line := string(AppendText(nil, b, r))
		got, err := ParseText(back, line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if *got != *r {
			t.Fatalf("%s\ncame back as\n%s", line, AppendText(nil, back, got))
		}
		if len(b.Meta) != len(back.Meta) {
			t.Fatalf("%d metas came back as %d", len(b.Meta), len(back.Meta))
		}
		if len(b.Meta) > 0 && !reflect.DeepEqual(b.Meta[0], back.Meta[0]) {
			t.Fatalf("meta %+v came back as %+v", b.Meta[0], back.Meta[0])
		}
	})
}

// anyRecord draws a record whose absent fields are zero, as every source makes them.
func anyRecord(t *rapid.T) (r Record) {
	r.Has = Set(rapid.Uint64().Draw(t, "has")) & (HasFlows<<1 - 1)
	if r.Has.Has(HasMACs) { // a pair of zero addresses is no pair
		r.SrcMAC, r.DstMAC = MAC{1}, MAC{2}
	}
	zero := func(bits Set) bool { return r.Has&bits == 0 }
	a := func(label string) (a Addr) {
		binary.BigEndian.PutUint64(a[:8], rapid.Uint64().Draw(t, label))
		if rapid.Bool().Draw(t, "v4") {
			a = Addr4(rapid.Uint32().Draw(t, label))
		}
		return a
	}
	r.Src, r.Dst = a("src"), a("dst")
	if !zero(HasPorts) {
		r.SrcPort, r.DstPort = rapid.Uint16().Draw(t, "sport"), rapid.Uint16().Draw(t, "dport")
	}
	if !zero(HasProto) {
		r.Proto = rapid.Uint8().Draw(t, "proto")
	}
	if !zero(HasTimes) {
		r.Start, r.End = rapid.Int64().Draw(t, "start"), rapid.Int64().Draw(t, "end")
	}
	if !zero(HasBytes) {
		r.Fwd.Bytes = rapid.Uint64().Draw(t, "bytes")
	}
	if !zero(HasPackets) {
		r.Fwd.Packets = rapid.Uint64().Draw(t, "packets")
	}
	if !zero(HasRev) {
		r.Rev.Bytes, r.Rev.Packets = rapid.Uint64().Draw(t, "rbytes"), rapid.Uint64().Draw(t, "rpackets")
	}
	if !zero(HasFlags) {
		r.Fwd.Flags = rapid.Uint8().Draw(t, "flags")
	}
	if !zero(HasNextHop) {
		r.NextHop = a("nexthop")
	}
	r.Kind = Kind(rapid.IntRange(0, len(kinds)-1).Draw(t, "kind"))
	r.State = State(rapid.IntRange(0, len(states)-1).Draw(t, "state"))
	r.EndReason = EndReason(rapid.IntRange(0, len(endReasons)-1).Draw(t, "reason"))
	r.App = App(rapid.IntRange(0, len(appNames)-1).Draw(t, "app"))
	r.Origin, r.Ord = rapid.Uint64().Draw(t, "origin"), rapid.Uint64().Draw(t, "ord")
	r.Complete, r.Skewed = rapid.Bool().Draw(t, "complete"), rapid.Bool().Draw(t, "skewed")
	return r
}

func TestParseTextErrors(t *testing.T) {
	f := func(line, want string) {
		t.Helper()
		var b Batch
		_, err := ParseText(&b, line)
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", line, err, want)
		}
		if len(b.Recs) != 0 {
			t.Errorf("%s: a record was left in the batch", line)
		}
	}
	f("colour=red", `parse record: colour=red: unknown key "colour"`)
	f("proto=256", `parse record: proto=256: value out of range`)
	f("state=lost", `parse record: state=lost: want one of  attempt established rejected midstream oneway_unknown`)
	f("fwd.flags=SX", `parse record: fwd.flags=SX: TCP flag 'X' is not one of FSRPAUEC`)
}

func FuzzParseText(f *testing.F) {
	f.Add("src=10.0.0.1:1 dst=[2001:db8::1]:2 proto=6 fwd=1/40 meta={}")
	f.Add("start=2020-01-01T00:00:00Z src.mac=00-11-22-33-44-55")
	f.Fuzz(func(t *testing.T, line string) {
		defer fuzztest.Guard()()
		var b, back Batch
		r, err := ParseText(&b, line)
		if err != nil {
			return
		}
		text := string(AppendText(nil, &b, r))
		if _, err := ParseText(&back, text); err != nil {
			t.Fatalf("%q was printed as %q, which does not parse: %v", line, text, err)
		}
	})
}
