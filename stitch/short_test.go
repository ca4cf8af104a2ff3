package stitch

import (
	"reflect"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"pgregory.net/rapid"
)

// TestShortWays sends the model's worlds through a table that may take its short ways (a conversation
// that is alone with its hash, a template of the latest records) and through one that never can: record
// by record the same comes out, and the account is the same.
func TestShortWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		records := deliver(t, w.exportAll(t), 8*second)
		size := rapid.SampledFrom([]int{1, 16, flow.BatchSize}).Draw(t, "batch")
		short, long := New(w.cfg), New(w.cfg)
		same := func(part []flow.Record, last bool) {
			a, b := batchOf(part, last), batchOf(part, last)
			short.Do(a)
			long.withoutShortWays()
			long.Do(b)
			if x, y := appendAll(nil, a), appendAll(nil, b); string(x) != string(y) {
				t.Fatalf("the short way gives\n%s\nthe long one\n%s", x, y)
			}
		}
		for len(records) > 0 {
			n := min(size, len(records))
			same(records[:n], false)
			records = records[n:]
		}
		same(nil, true)
		if x, y := short.Stats(), long.Stats(); !reflect.DeepEqual(x, y) {
			t.Fatalf("the account of the short way is %v, of the long one %v", x, y)
		}
	})
}

func batchOf(recs []flow.Record, last bool) *flow.Batch {
	b := flow.NewBatch()
	b.Recs, b.Last = append(b.Recs, recs...), last
	if len(recs) > 0 {
		b.Now = recs[len(recs)-1].Received
	}
	return b
}

// withoutShortWays makes t forget what lets it take them with what it holds.
func (t *Table) withoutShortWays() {
	for i := uint32(1); i <= t.convs.Last(); i++ {
		t.convs.At(i).is |= alike
	}
	clear(t.lately[:])
}

// TestTraitsAre changes each field of a record: its traits are those of the one that was not changed iff
// they are equal.
func TestTraitsAre(t *testing.T) {
	var r flow.Record
	var base traits
	base.of(&r)
	told := 0
	for i := range reflect.TypeOf(r).NumField() {
		changed := r
		n := uint64(i)
		fill(reflect.ValueOf(&changed).Elem().Field(i), &n)
		var x traits
		x.of(&changed)
		if got := base.is(&changed); got != (x == base) {
			t.Errorf("%s: got %v", reflect.TypeOf(r).Field(i).Name, got)
		}
		if !x.is(&changed) {
			t.Errorf("%s: the traits are not its own", reflect.TypeOf(r).Field(i).Name)
		}
		told += btoi(x != base)
	}
	if told < 30 {
		t.Errorf("%d fields are traits", told)
	}
}
