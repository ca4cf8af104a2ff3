package stitch

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// fillAll gives everything in v, behind pointers too, another value; what is of its own kind only once.
func fillAll(v reflect.Value, n *uint64, depth int) {
	*n++
	switch v.Kind() {
	case reflect.Pointer:
		if depth < 4 {
			v.Set(reflect.New(v.Type().Elem()))
			fillAll(v.Elem(), n, depth+1)
		}
	case reflect.Slice:
		if depth < 4 {
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			fillAll(v.Index(0), n, depth+1)
			fillAll(v.Index(1), n, depth+1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				fillAll(f, n, depth)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			fillAll(v.Index(i), n, depth)
		}
	case reflect.String:
		v.SetString("text " + string(rune('a'+*n%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Float32:
		v.SetFloat(float64(*n) / 3)
	default:
		v.SetUint(*n&0x3f + 1)
	}
}

// filled gives a new T of which every field, also those that are not exported, has a value. What
// stands in a record's own slab is for the caller.
func filled[T any](n *uint64) T {
	var x T
	v := reflect.ValueOf(&x).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		fillAll(reflect.NewAt(f.Type(), f.Addr().UnsafePointer()).Elem(), n, 0)
	}
	return x
}

// full puts a conversation into t of which every field has a value of its own.
func full(t *Table, ipv6 bool) (i uint32) {
	n := uint64(0)
	t.setClock(epoch)
	ends := pair{flow.MustAddr("10.0.0.1"), flow.MustAddr("192.0.2.1")}
	if ipv6 {
		ends = pair{flow.MustAddr("2001:db8::1"), flow.MustAddr("2001:db8::2")}
	}
	by := uint16(0)
	for range 5 {
		src := source{flow.Addr4(uint32(n)), 5}
		n++
		by = t.numberOf(src)
		t.reporters[by].both, t.reporters[by].one = by%2 == 0, uint8(by)
	}
	k := key{&ends.a, &ends.b, 17<<16 | 4711, 100, 3, 17, ipv6}
	i, c := t.enlist(&k, uint32(flow.HashEnds(k.a, k.b, 17, 4711, k.proto, t.seed)))
	was := *c
	*c = filled[conv](&n)
	c.a, c.b, c.ports, c.sampling, c.icmp, c.proto, c.is = was.a, was.b, was.ports, was.sampling, was.icmp, was.proto, was.is
	c.is |= heard | fixed | fromB | bFirst
	c.near, c.far, c.done = was.near, was.far, t.in(minute)
	for s := range c.side {
		c.side[s].by, c.side[s].main, c.side[s].until = by-uint16(s), by-2, t.in(int64(s)*second)
	}
	at := &c.held
	for range 3 {
		*at = t.pieces.Take()
		p := t.pieces.At(*at)
		*p = filled[piece](&n)
		p.by, p.came, p.due, p.next = [2]uint16{by, by - 1}, t.in(-minute), t.in(second), 0
		fullContent(t, &p.content, &n)
		t.held++
		at = &p.next
	}
	c.total = t.totals.Take()
	sum := t.totals.At(c.total)
	*sum = filled[total](&n)
	fullContent(t, &sum.content, &n)
	t.arm(i, c, t.pieces.At(c.held).due)
	return i
}

func fullContent(t *Table, x *content, n *uint64) {
	x.form = withA | withB | backward | skewed | mixed
	form := filled[traits](n)
	form.has = ^flow.Set(0) &^ (sided | flow.HasRev | flow.HasFlows | flow.HasWire)
	form.app, form.appHint = flow.AppSSH, flow.AppDNS
	x.what = t.internTraits(&form)
	x.aside, x.lists = 0, 0
	for range 3 {
		t.listSeen(x, filled[hop](n))
	}
	a := t.asideOf(x)
	a.meta = t.metas.Take()
	*t.metas.At(a.meta) = filled[flow.Meta](n)
	a.extra = t.extras.Take()
	*t.extras.At(a.extra) = filled[extra](n)
}

// whole is all of a conversation, without the numbers by which a table finds its parts.
type whole struct {
	conv    conv
	ends    pair
	pieces  []piece
	total   total
	content []any
}

func wholeOf(t *Table, i uint32) (w whole) {
	c := t.convs.At(i)
	w.conv, w.ends = *c, t.ends(c)
	if c.has(long) {
		w.conv.a = 0
	}
	w.conv.held, w.conv.total = 0, 0
	for n := c.held; n != 0; n = t.pieces.At(n).next {
		p := *t.pieces.At(n)
		w.take(t, &p.content)
		p.next = 0
		w.pieces = append(w.pieces, p)
	}
	w.total = *t.totals.At(c.total)
	w.take(t, &w.total.content)
	return w
}

func (w *whole) take(t *Table, x *content) {
	a := t.besides(x)
	w.content = append(w.content, t.templates.At(x.what).traits, *t.metas.At(a.meta), *t.extras.At(a.extra))
	for n := a.seen; n != 0; n = t.seens.At(n).then {
		w.content = append(w.content, t.seens.At(n).hop)
	}
	x.what, x.aside = 0, 0
}

// TestEveryFieldIsParked saves and loads a conversation of which every field of every part has a
// value: all are the same.
func TestEveryFieldIsParked(t *testing.T) {
	for _, ipv6 := range []bool{false, true} {
		table, loaded := New(Config{}), New(Config{})
		before := wholeOf(table, full(table, ipv6))
		var state bytes.Buffer
		if err := SaveState(&state, []*Table{table}); err != nil {
			t.Fatal(err)
		}
		if err := LoadState(bytes.NewReader(state.Bytes()), []*Table{loaded}, 0, nil); err != nil {
			t.Fatal(err)
		}
		after := wholeOf(loaded, 1)
		same(t, "conversation", before, after)
		same(t, "reporters", table.reporters, loaded.reporters)
		same(t, "sources", table.sources, loaded.sources)
		if loaded.held != 3 || loaded.now != table.now || loaded.tick != table.tick || loaded.index.n != 1 {
			t.Errorf("%d pieces, %d conversations", loaded.held, loaded.index.n)
		}
	}
}

func same(t *testing.T, name string, a, b any) {
	t.Helper()
	if !reflect.DeepEqual(a, b) {
		t.Errorf("%s:\nsaved  %+v\nloaded %+v", name, a, b)
	}
}

// FuzzLoadState loads what may be anything, without its sum; what is taken gives an account that
// balances when it is written out, and is saved again.
func FuzzLoadState(f *testing.F) {
	add := func(tables ...*Table) {
		var state bytes.Buffer
		if err := SaveState(&state, tables); err != nil {
			f.Fatal(err)
		}
		f.Add(state.Bytes()[:state.Len()-sumSize])
	}
	add()
	for _, ipv6 := range []bool{false, true} {
		table := New(Config{})
		full(table, ipv6)
		add(table, New(Config{}))
	}
	add(busy(f, Config{}, 2).tables...)
	f.Fuzz(func(t *testing.T, state []byte) {
		defer fuzztest.Guard()()
		cfg := Config{MaxFlows: minFlows}
		x := &relay{t: t, cfg: cfg, tables: []*Table{New(cfg), New(cfg)}, out: func(b *flow.Batch) { b.Free() }}
		if load(bytes.NewReader(state), x.tables, 1, func(b *flow.Batch) error { b.Free(); return nil }) != nil {
			return
		}
		x.account()
		for _, table := range x.tables {
			if table.index.n > minFlows {
				t.Fatalf("%d conversations", table.index.n)
			}
		}
		if err := SaveState(io.Discard, x.tables); err != nil {
			t.Fatal(err)
		}
		var r flow.Record
		uniflow(&r, 1, false, 0)
		now := x.tables[0].now
		for _, after := range []int64{0, second, minute, 10 * minute} {
			x.do([]flow.Record{r}, now+after, false)
		}
		x.do(nil, 0, true)
		for _, table := range x.tables {
			if held := slices.Max([]int{table.held, table.index.n, table.pieces.Held(), table.metas.Held()}); held != 0 {
				t.Fatalf("%d things are left", held)
			}
		}
	})
}
