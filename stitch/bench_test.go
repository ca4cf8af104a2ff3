package stitch

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// uniflow fills r as one direction of conversation n, seconds after the epoch.
func uniflow(r *flow.Record, n uint32, back bool, at int64) {
	r.Src, r.Dst, r.SrcPort, r.DstPort = flow.Addr4(0x0a000000+n>>8), flow.Addr4(0xc0000201), 30000+uint16(n&0xff), 443
	if back {
		r.Src, r.Dst, r.SrcPort, r.DstPort = r.Dst, r.Src, r.DstPort, r.SrcPort
	}
	r.Proto, r.Exporter = flow.ProtoTCP, flow.Addr4(0xc6336401)
	r.Has = flow.HasTimes | flow.HasPorts | flow.HasProto | flow.HasBytes | flow.HasPackets | flow.HasFlags
	r.Fwd = flow.Counts{Bytes: 1000, Packets: 10, Flags: flow.ACK | flow.PSH}
	r.EndReason = flow.EndActive
	r.Start, r.End, r.Received = epoch+(at-60)*second, epoch+at*second-1, epoch+at*second
	r.Ord = uint64(n)*2 + uint64(btoi(back)) + 1
}

// TestHitIsFreeOfAllocation sends pieces, halves and duplicates of known conversations.
func TestHitIsFreeOfAllocation(t *testing.T) {
	table := New(Config{MaxFlows: 1 << 12})
	b := flow.NewBatch()
	now := int64(0)
	round := func() {
		now += 60
		b.Recs = b.Recs[:0]
		for n := range uint32(64) {
			uniflow(b.Next(), n, false, now)
			uniflow(b.Next(), n, true, now)
			uniflow(b.Next(), n, true, now) // sent twice
		}
		b.Now = epoch + now*second
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
// of one exporter: half of the records are paired, the other half come out.
func BenchmarkStitch(b *testing.B) {
	for _, live := range []uint32{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(live), func(b *testing.B) { benchmark(b, live) })
	}
}

func benchmark(b *testing.B, live uint32) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table := New(Config{MaxFlows: 1 << 21})
	batch := flow.NewBatch()
	next, sent := uint32(0), 0
	fill := func() {
		batch.Recs = batch.Recs[:0]
		now := int64(0)
		for range flow.BatchSize / 2 {
			now = 60*int64(1+next/live) + 60*int64(next%live)/int64(live)
			uniflow(batch.Next(), next%live, false, now)
			uniflow(batch.Next(), next%live, true, now)
			next++
		}
		batch.Now = epoch + now*second
	}
	for next < 3*live {
		fill()
		table.Do(batch)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		fill()
		b.StartTimer()
		table.Do(batch)
		sent += flow.BatchSize
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(sent), "ns/record")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(live), "B/live")
	runtime.KeepAlive(table)
}
