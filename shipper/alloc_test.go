//go:build !race

package shipper

import (
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// To build a body allocates nothing once bodies have grown.
func TestBodyAllocatesNothing(t *testing.T) {
	q := newQueue(1<<20, 1<<30, 1<<40)
	batch := records(1, flow.BatchSize)
	fill := func() {
		b := q.take(flow.KindFlow)
		for i := range batch.Recs {
			b.add(batch, &batch.Recs[i])
		}
		q.give(b)
		if len(q.ready) > 0 {
			full := q.ready[0]
			q.ready = q.ready[:0]
			q.release(full.size)
			q.recycle(full)
		}
	}
	for range 50 {
		fill()
	}
	if n := testing.AllocsPerRun(200, fill); n > 0 {
		t.Errorf("%v allocations per batch", n)
	}
}
