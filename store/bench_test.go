package store

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/store/storetest"
)

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
	for range 64 {
		batches = append(batches, g.Batch(256))
	}
	ctx := context.Background()
	b.ResetTimer()
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
}

// TestDemo is replaced below.
func TestWriteRead(t *testing.T) {
	dir := t.TempDir()
	if d := os.Getenv("KEEP"); d != "" {
		dir = d
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(WriterConfig{Name: "bench", Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	n := 500000
	g := storetest.New(1, n, time.Hour*3)
	start := time.Now()
	var gen time.Duration
	for i := 0; i < n; i += 250 {
		t0 := time.Now()
		b := g.Batch(250)
		gen += time.Since(t0)
		if err := w.Put(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	d := time.Since(start) - gen
	fmt.Println(w.Stats(), d, float64(n)/d.Seconds(), "rows/s")
	fmt.Println(s.Info())
	start = time.Now()
	rows := 0
	err = s.Scan(context.Background(), ScanOptions{Workers: 1, All: true}, func(c *Chunk) error { rows += c.Rows; return nil })
	fmt.Println(rows, err, time.Since(start))
}
