package stitch

import (
	"slices"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"pgregory.net/rapid"
)

// TestModelLoss loses records, and the table may be too small: what is told is never more than
// the truth, and never of another time. If clocks differ, what is near a seam between two exporters
// may be counted by both.
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
		first, last := int64(1<<62), int64(0)
		for _, c := range w.talks {
			if c.tuple != who {
				continue
			}
			n, from, to := w.truth(c)
			first, last = min(first, from), max(last, to)
			for s := range n {
				n[s].Bytes += x.seams * c.within(2*w.skew)
				sum[s].Add(&n[s])
			}
		}
		for _, r := range x.complete {
			s := btoi(r.Src != who.client)
			complete[s].Add(&r.Fwd)
			complete[1-s].Add(&r.Rev)
		}
		for s := range sum {
			if x.sum[s].Bytes > sum[s].Bytes || complete[s].Bytes > x.sum[s].Bytes {
				t.Fatalf("%v, direction %d: %d bytes in flows, %d in complete records, %d in truth", who, s,
					x.sum[s].Bytes, complete[s].Bytes, sum[s].Bytes)
			}
		}
		if x.seams != 0 && (x.from < first-w.skew || x.to > last+w.skew) {
			t.Fatalf("%v: got %d to %d, want within %d to %d", who, x.from-epoch, x.to-epoch, first-epoch, last-epoch)
		}
	}
}

// within is the most bytes that c has within a span of time; 0 of no time.
func (c *talk) within(span int64) (most uint64) {
	for i, p := range c.packets {
		n := uint64(0)
		for _, q := range c.packets[i:] {
			if q.at-p.at < span {
				n += q.bytes
			}
		}
		most = max(most, n)
	}
	return most
}
