//go:build unix

package shipper

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/shipper/shippertest"
)

// reportCPU gives a function that reports the process's CPU time per operation since: on a
// machine that others use too, it tells more than the clock.
func reportCPU(b *testing.B) func() {
	before := cpuTime(b)
	return func() { b.ReportMetric(float64(cpuTime(b)-before)/float64(b.N), "cpu-ns/op") }
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkBulkBody builds bodies: the cost of a document up to the moment its body is full.
func BenchmarkBulkBody(b *testing.B) {
	q := newQueue(4<<20, 1<<30, 1<<40)
	batch := records(1, flow.BatchSize)
	size := 0
	b.ReportAllocs()
	defer reportCPU(b)()
	for i := 0; i < b.N; i += flow.BatchSize {
		body := q.take(flow.KindFlow)
		for j := range batch.Recs {
			body.add(batch, &batch.Recs[j])
		}
		size = len(body.lines) / body.docs()
		q.give(body)
		if len(q.ready) > 0 {
			full := q.ready[0]
			q.ready = q.ready[:0]
			q.release(full.size)
			q.recycle(full)
		}
	}
	b.SetBytes(int64(size))
}

// BenchmarkPut ships into a cluster that takes everything at once: all of the client's work but
// the network, compression by level 1 included.
func BenchmarkPut(b *testing.B) {
	null := &nullCluster{}
	e, err := Connect(b.Context(), Config{Transport: null})
	if err != nil {
		b.Fatal(err)
	}
	s := New(e, Config{Block: true, DeadLetter: filepath.Join(b.TempDir(), "dead.ndjson")})
	b.ReportAllocs()
	defer reportCPU(b)()
	for i := 0; i < b.N; i += flow.BatchSize {
		if err := s.Put(b.Context(), records(i, min(flow.BatchSize, b.N-i))); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// nullCluster answers every bulk request with success, as long as an engine would.
type nullCluster struct{ shippertest.Cluster }

// RoundTrip implements http.RoundTripper. It counts the documents of the compressed body.
func (c *nullCluster) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(r.URL.Path, "/_bulk") {
		return c.Cluster.RoundTrip(r)
	}
	defer r.Body.Close()
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	lines, buf := 0, make([]byte, 64<<10)
	for {
		n, err := z.Read(buf)
		lines += bytes.Count(buf[:n], []byte{'\n'})
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	item := `{"create":{"status":201}},`
	text := `{"errors":false,"items":[` + strings.TrimSuffix(strings.Repeat(item, lines/2), ",") + `]}`
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

// BenchmarkReal writes into an engine that is running: FLOWFERRY_BENCH_URL names it.
func BenchmarkReal(b *testing.B) {
	url := os.Getenv("FLOWFERRY_BENCH_URL")
	if url == "" {
		b.Skip("FLOWFERRY_BENCH_URL names no engine")
	}
	e, err := Connect(b.Context(), Config{Hosts: []string{url}})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close(context.Background())
	if _, err := Setup(b.Context(), e, SetupOptions{Namespace: "bench"}); err != nil {
		b.Fatal(err)
	}
	s := New(e, Config{Namespace: "bench", Block: true, DeadLetter: filepath.Join(b.TempDir(), "dead.ndjson")})
	report := reportCPU(b)
	origin := uint64(time.Now().UnixNano())
	for i := 0; i < b.N; i += flow.BatchSize {
		batch := records(i+1, min(flow.BatchSize, b.N-i))
		for j := range batch.Recs {
			batch.Recs[j].Origin = origin
		}
		if err := s.Put(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	report()
	for _, st := range s.Stats() {
		if st.Name == "shipper.indexed" && st.Value != uint64(b.N) {
			b.Errorf("%v", s.Stats())
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "docs/s")
}
