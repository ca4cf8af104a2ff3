package stitch

import (
	"slices"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"pgregory.net/rapid"
)

// TestModelLoss loses records, and the table may be too small: what is told is never more than
// the truth, and never of another time. Where a piece follows another one, they may be of two exporters:
// what the conversation sends within the difference of their clocks may be counted from both, since records
// of which one ends at 12:00:01 and one begins then are the same whether they have a packet in common or not.
func TestModelLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.cfg.MaxFlows = rapid.SampledFrom([]int{0, 16}).Draw(t, "max flows")
		records := slices.DeleteFunc(w.exportAll(t), func(flow.Record) bool {
			return rapid.IntRange(0, 4).Draw(t, "lost") == 0
		})
		w.checkLoss(t, w.run(t, deliver(t, records, 8*second)))
	})
}

func (w *world) checkLoss(t *rapid.T, out map[tuple]*told) {
	for who, x := range out {
		var sum, complete [2]flow.Counts
		var seam [2]uint64
		first, last := int64(1<<62), int64(0)
		for _, c := range w.talks {
			if c.tuple != who {
				continue
			}
			n, from, to := w.truth(c)
			first, last = min(first, from), max(last, to)
			for s := range n {
				sum[s].Add(&n[s])
				seam[s] = max(seam[s], c.within(s == 1, w.apart()))
			}
		}
		for _, r := range x.complete {
			s := btoi(r.Src != who.client)
			complete[s].Add(&r.Fwd)
			complete[1-s].Add(&r.Rev)
		}
		for s := range sum {
			if x.sum[s].Bytes > sum[s].Bytes+x.seams*seam[s] || complete[s].Bytes > x.sum[s].Bytes {
				t.Fatalf("%v, direction %d: %d bytes in flows, %d in complete records, %d in truth", who, s,
					x.sum[s].Bytes, complete[s].Bytes, sum[s].Bytes)
			}
		}
		if x.flows != 0 && (x.from < first-w.skew || x.to > last+w.skew) {
			t.Fatalf("%v: got %d to %d, want within %d to %d", who, x.from-epoch, x.to-epoch, first-epoch, last-epoch)
		}
	}
}

// apart is by how much the clocks of exporters that take every packet differ.
func (w *world) apart() int64 {
	slow, fast := int64(1<<62), int64(-1<<62)
	for i := range w.meters {
		if m := &w.meters[i]; m.every == 0 {
			slow, fast = min(slow, m.clock), max(fast, m.clock)
		}
	}
	return fast - slow
}

// within is the most bytes that one direction of c has within a span of time; 0 of no time.
func (c *talk) within(back bool, span int64) (most uint64) {
	for i, p := range c.packets {
		n := uint64(0)
		for _, q := range c.packets[i:] {
			if q.back == back && q.at-p.at < span {
				n += q.bytes
			}
		}
		most = max(most, n)
	}
	return most
}
