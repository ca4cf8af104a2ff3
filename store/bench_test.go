package store

import (
	"context"
	"syscall"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/store/storetest"
)

// cpuTime gives the processor time that this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWrite writes records of one hour: ns per record, all goroutines together, and bytes on disk.
func BenchmarkWrite(b *testing.B) {
	s, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	w, err := s.Writer(WriterConfig{Name: "bench", Replace: true})
	if err != nil {
		b.Fatal(err)
	}
	g := storetest.New(1, 1000000, time.Hour/2)
	var batches []*flow.Batch
	for range 1024 {
		batches = append(batches, g.Batch(256))
	}
	ctx := context.Background()
	b.ResetTimer()
	start := cpuTime()
	n := 0
	for i := 0; n < b.N; i++ {
		from := batches[i%len(batches)]
		batch := flow.NewBatch()
		batch.Recs, batch.Meta, batch.Enr = append(batch.Recs, from.Recs...), append(batch.Meta, from.Meta...), append(batch.Enr, from.Enr...)
		n += len(batch.Recs)
		if err := w.Put(ctx, batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(n)/(cpuTime()-start).Seconds(), "rows/CPU-s") // is not fooled by a busy machine
	b.ReportMetric(float64(w.stats.bytes.Load())/float64(n), "disk-B/row")
}
