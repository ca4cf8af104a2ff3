package hunt

import (
	"context"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/flowferry/flowferry/store"
	"github.com/flowferry/flowferry/store/storetest"
)

// fill writes n generated records over the given time into a new store.
func fill(t testing.TB, dir string, n int, over time.Duration) *store.Store {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(store.WriterConfig{Name: "generated", Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	g := storetest.New(7, n, over)
	for i := 0; i < n; i += 250 {
		if err := w.Put(context.Background(), g.Batch(250)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// benchRows is how many rows BenchmarkTopStore works on.
const benchRows = 2 << 20

var benchStore = struct {
	sync.Once
	dir string
	s   *store.Store
}{}

func TestMain(m *testing.M) {
	code := m.Run()
	if benchStore.dir != "" {
		os.RemoveAll(benchStore.dir)
	}
	os.Exit(code)
}

// cpuTime gives the processor time that this process has used.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkTopStore reports rows per second of the questions that hunters ask most.
func BenchmarkTopStore(b *testing.B) {
	benchStore.Do(func() {
		dir, err := os.MkdirTemp("", "flowferry-bench-")
		if err != nil {
			b.Fatal(err)
		}
		benchStore.dir, benchStore.s = dir, fill(b, dir, benchRows, 8*time.Hour)
	})
	for _, c := range []struct {
		name  string
		top   Top
		query string
	}{
		{"source", Top{By: []string{"source.ip"}, Sum: []string{"network.bytes"}}, ""},
		{"destination", Top{By: []string{"destination.ip"}, Sum: []string{"network.bytes", "network.packets"}}, ""},
		{"port", Top{By: []string{"destination.port"}}, ""},
		{"filter", Top{By: []string{"source.ip"}, Sum: []string{"network.bytes"}}, "destination.port:443 and not source.ip:10.1.0.0/28"},
		{"pair", Top{By: []string{"source.ip", "destination.ip"}, Sum: []string{"network.bytes"}}, ""},
		{"distinct", Top{By: []string{"source.ip"}, Distinct: []string{"destination.ip"}}, ""},
		{"seen", Top{By: []string{"source.ip"}, Sum: []string{"network.bytes"}, Seen: true}, ""},
	} {
		b.Run(c.name, func(b *testing.B) {
			q, err := Parse(c.query)
			if err != nil {
				b.Fatal(err)
			}
			start := cpuTime()
			for b.Loop() {
				r, err := c.top.Store(context.Background(), benchStore.s, q)
				if err != nil || len(r.Warnings) > 0 {
					b.Fatal(err, r.Warnings)
				}
			}
			rows := benchRows * float64(b.N) / 1e6
			b.ReportMetric(rows/b.Elapsed().Seconds(), "Mrows/s")
			b.ReportMetric(rows/(cpuTime()-start).Seconds(), "Mrows/CPU-s") // is not fooled by a busy machine
		})
	}
	info, err := benchStore.s.Info()
	if err != nil {
		b.Fatal(err)
	}
	fmt.Fprintf(os.Stderr, "%d rows, %d files, %.1f bytes per row\n", info.Rows, info.Files, float64(info.Bytes)/float64(info.Rows))
}
