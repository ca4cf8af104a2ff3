package stitch

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// uniflow fills r as one direction of a minute of conversation n, sent at ns after the epoch.
func uniflow(r *flow.Record, n uint32, back bool, at int64) {
	r.Src, r.Dst, r.SrcPort, r.DstPort = flow.Addr4(0x0a000000+n>>8), flow.Addr4(0xc0000201), 30000+uint16(n&0xff), 443
	if back {
		r.Src, r.Dst, r.SrcPort, r.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
	}
	r.Proto, r.Exporter = flow.ProtoTCP, flow.Addr4(0xc6336401)
	r.Has = flow.HasTimes | flow.HasPorts | flow.HasProto | flow.HasBytes | flow.HasPackets | flow.HasFlags
	r.Fwd = flow.Counts{Bytes: 1000, Packets: 10, Flags: flow.ACK | flow.PSH}
	r.Has |= flow.HasInIf | flow.HasOutIf | flow.HasDstAS
	r.InIf, r.OutIf, r.DstAS = 1+n&1, 3+n>>1&3, 64512+n*0x9e3779b1>>26 // 512 kinds
	r.EndReason = flow.EndActive
	r.Start, r.End, r.Received = epoch+at-minute, epoch+at-1, epoch+at
	r.Ord = uint64(n)*2 + uint64(btoi(back)) + 1
}

// TestHitIsFreeOfAllocation sends pieces, halves and duplicates of known conversations.
func TestHitIsFreeOfAllocation(t *testing.T) {
	table := New(Config{MaxFlows: 1 << 12})
	b := flow.NewBatch()
	now := int64(0)
	round := func() {
		now += minute
		b.Recs = b.Recs[:0]
		for n := range uint32(64) {
			uniflow(b.Next(), n, false, now)
			uniflow(b.Next(), n, true, now)
			uniflow(b.Next(), n, true, now) // sent twice
		}
		b.Now = epoch + now
		table.Do(b)
	}
	for range 50 {
		round()
	}
	if n := testing.AllocsPerRun(200, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkStitch sends pieces of live conversations, each direction once a minute, as halves
// of one exporter: half of the records are paired, the other half come out. The median is over
// groups of batches: another process that interrupts a few of them does not count.
func BenchmarkStitch(b *testing.B) {
	benchmark(b, func() func(*flow.Batch) { return New(Config{MaxFlows: 1 << 21}).Do })
}

// BenchmarkMap is what to hold BenchmarkStitch against in the same run: the least that counting
// conversations takes, a Go map from the direction-free 5-tuple to the sums of both directions,
// given the same records. It knows no end, no duplicate and no piece.
func BenchmarkMap(b *testing.B) {
	type sum struct {
		first, last    int64
		bytes, packets [2]uint64
	}
	benchmark(b, func() func(*flow.Batch) {
		sums := map[flow.Key]sum{}
		return func(batch *flow.Batch) {
			for i := range batch.Recs {
				r := &batch.Recs[i]
				key, forward := r.Key()
				s, known := sums[key]
				if !known {
					s.first = r.Start
				}
				s.last = max(s.last, r.End)
				s.bytes[btoi(forward)] += r.Fwd.Bytes
				s.packets[btoi(forward)] += r.Fwd.Packets
				sums[key] = s
			}
		}
	})
}

func benchmark(b *testing.B, make func() func(*flow.Batch)) {
	for _, live := range []uint32{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(live), func(b *testing.B) { benchmarkLive(b, live, make) })
	}
}

func benchmarkLive(b *testing.B, live uint32, make func() func(*flow.Batch)) {
	heap := heapInUse()
	do := make()
	batch := flow.NewBatch()
	next := uint32(0)
	send := func() time.Duration {
		batch.Recs = batch.Recs[:0]
		now := int64(0)
		for range flow.BatchSize / 2 {
			now = minute*int64(1+next/live) + minute/int64(live)*int64(next%live)
			n := next
			if n >= live {
				n = uint32(uint64(n) * 1_000_003 % uint64(live)) // not in the order in which they were opened
			}
			uniflow(batch.Next(), n, false, now)
			uniflow(batch.Next(), n, true, now)
			next++
		}
		batch.Now = epoch + now
		begin := time.Now()
		do(batch)
		return time.Since(begin)
	}
	for next < 3*live {
		send()
	}
	heap = heapInUse() - heap
	timed(b, send)
	b.ReportMetric(float64(heap)/float64(live), "B/live")
	runtime.KeepAlive(do)
}

// timed measures send, which gives out a batch.
func timed(b *testing.B, send func() time.Duration) {
	var took []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		group := time.Duration(0)
		for range 16 {
			group += send()
		}
		took = append(took, group)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/flow.BatchSize/16, "median-ns/record")
	b.ReportMetric(float64(took[0].Nanoseconds())/flow.BatchSize/16, "min-ns/record")
}

// BenchmarkShort sends conversations of one flow each, which has both directions and is known to be
// the last: 130 seconds' worth of them are remembered.
func BenchmarkShort(b *testing.B) {
	const rate = 8000 // a second
	heap := heapInUse()
	table := New(Config{MaxFlows: 1 << 21})
	batch := flow.NewBatch()
	n := uint32(0)
	send := func() time.Duration {
		batch.Recs = batch.Recs[:0]
		for range flow.BatchSize {
			r := batch.Next()
			uniflow(r, n*0x9e3779b1>>1, false, minute+second/rate*int64(n))
			r.Start, r.EndReason, r.Ord = r.End-second, flow.EndOfFlow, uint64(n)+1
			r.Rev, r.Has = r.Fwd, r.Has|flow.HasRev
			n++
		}
		batch.Now = batch.Recs[flow.BatchSize-1].Received
		begin := time.Now()
		table.Do(batch)
		return time.Since(begin)
	}
	for n < 150*rate {
		send()
	}
	heap = heapInUse() - heap
	timed(b, send)
	b.ReportMetric(float64(heap)/float64(table.index.n), "B/remembered")
	runtime.KeepAlive(table)
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
