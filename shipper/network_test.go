package shipper

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/flowferry/flowferry/shipper/shippertest"
)

// TestNetwork sends documents over real connections that are reset, cut off and answered before
// the request has been read.
func TestNetwork(t *testing.T) {
	faults := []shippertest.Fault{{Reset: true}, {Reset: true, Apply: true}, {Cut: true}, {Status: 503}, {Item: items(429, 0, 503)}}
	c := &shippertest.Cluster{MaxBody: 150_000, Next: func(n int) shippertest.Fault {
		if n < 3*len(faults) { // several times, as a fault is lost on a request that is too large anyway
			return faults[n%len(faults)]
		}
		return shippertest.Fault{}
	}}
	var early atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.ContentLength > 0 && early.Add(1)%5 == 0 {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests) // and the body is left unread
			return
		}
		c.ServeHTTP(w, r)
	}))
	defer server.Close()
	e, err := Connect(t.Context(), Config{Hosts: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(context.Background())
	log := &lines{}
	s := New(e, Config{Block: true, BatchBytes: 200_000, Compression: -1, Log: log.logf, DeadLetter: filepath.Join(t.TempDir(), "dead.ndjson")})
	r := &rig{Shipper: s, engine: e, cluster: c, log: log}
	const n = 5000
	for from := 1; from <= n; from += 500 {
		r.put(t, from, 500)
	}
	r.close(t)
	if got := len(c.Docs()); got != n {
		t.Errorf("%d documents, want %d", got, n)
	}
	if got := r.stat("indexed") + r.stat("already_there"); got != n || r.stat("found_after_resend") == 0 || r.stat("failed") < 6 {
		t.Errorf("%v\n%s", r.Stats(), log)
	}
}
