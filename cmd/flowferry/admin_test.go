package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
	"github.com/flowferry/flowferry/stitch"
)

func TestAdminConfig(t *testing.T) {
	f := func(listen string, ok bool) {
		t.Helper()
		if err := (&Admin{Listen: listen}).validate(); (err == nil) != ok {
			t.Errorf("%q: %v", listen, err)
		}
	}
	f("", true)
	f("127.0.0.1:6060", true)
	f("[::1]:0", true)
	f("localhost:6060", true)
	f(":6060", false)
	f("0.0.0.0:6060", false)
	f("[::]:6060", false)
	f("192.0.2.1:6060", false)
	f("127.0.0.1", false)
	f("127.0.0.1:", false)
}

func TestAdminAnswers(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	numbers := func() account { return account{"netflow.records": 7, "netflow.held": 2, "netflow.skewed": 0} }
	h := adminHandler(ctx, numbers, func() []netflow.ExporterStats { return nil }, func() []stitch.Pair {
		return []stitch.Pair{{Kept: flow.MustAddr("192.0.2.1"), Repeated: flow.MustAddr("192.0.2.2"), Records: 3, Packets: 30, Bytes: 300}}
	})
	f := func(method, target, host string, code int, body string) {
		t.Helper()
		r := httptest.NewRequest(method, target, nil)
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != code || !strings.Contains(w.Body.String(), body) {
			t.Errorf("%s %s of %s: %d, want %d with %q in\n%s", method, target, host, w.Code, code, body, w.Body)
		}
	}
	f("GET", "/healthz", "127.0.0.1:6060", 200, "ok")
	f("GET", "/readyz", "localhost", 200, "ready")
	f("GET", "/metrics", "[::1]:6060", 200, "# TYPE flowferry_netflow_records_total counter\nflowferry_netflow_records_total 7\n")
	f("GET", "/metrics", "[::1]:6060", 200, "# TYPE flowferry_netflow_held gauge\nflowferry_netflow_held 2\n")
	f("GET", "/metrics", "[::1]", 200, "flowferry_netflow_skewed_total 0\n")
	f("GET", "/exporters", "127.0.0.1:6060", 200, "[]\n")
	f("GET", "/duplicates", "127.0.0.1:6060", 200, `"kept": "192.0.2.1",`)
	f("POST", "/metrics", "127.0.0.1:6060", 405, "")
	f("GET", "/", "127.0.0.1:6060", 404, "")
	f("GET", "/exporters", "evil.example:6060", 403, "only for this machine")
	cancel()
	f("GET", "/readyz", "localhost", 503, "stopping")
	f("GET", "/healthz", "localhost", 200, "ok")
}

// A running collector answers: what it counts, in the form that Prometheus reads, and who exports.
func TestAdminLive(t *testing.T) {
	udp, admin := freeAddr(t, "udp"), freeAddr(t, "tcp")
	cfg := &Config{Admin: Admin{Listen: admin}, Shards: 1}
	cfg.NetFlow.Listen, cfg.NetFlow.Readers = []string{udp}, 1
	cfg.Output.Store.Path = filepath.Join(t.TempDir(), "store")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- collect(ctx, io.Discard, cfg, true) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()

	until(t, func() bool {
		resp, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	c, err := net.Dial("udp", udp)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// NetFlow v5, no records: version, count, uptime, seconds, nanoseconds, sequence, engine, sampling 1:100.
	if _, err := c.Write([]byte{0, 5, 0, 0, 0, 0, 0, 0, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0x40, 100}); err != nil {
		t.Fatal(err)
	}
	var table string
	until(t, func() bool {
		table = must(t, "exporters", "--admin", admin)
		return strings.Contains(table, "127.0.0.1")
	})
	if !regexp.MustCompile(`127\.0\.0\.1 +7 +netflow_v5 +1 +0 +0 +0 +0 +0 +0 +1:100 +20\S+ \S+ +\S+h\S+ !\n`).MatchString(table) {
		t.Errorf("got\n%s", table)
	}
	resp, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	line := regexp.MustCompile(`^(# TYPE [a-z0-9_]+ (counter|gauge)|[a-z0-9_]+(\{version="[^"]*"\})? [0-9]+)$`)
	for _, l := range strings.Split(strings.TrimSpace(string(body)), "\n") {
		if !line.MatchString(l) {
			t.Errorf("not a line of the format: %q", l)
		}
	}
	for _, want := range []string{"netflow_datagrams_total 1", "netflow_skewed_total 1", "netflow_exporters 1", "stitch_held 0", "store_rows_total 0", "pipeline_records_total 0"} {
		if !strings.Contains(string(body), "\nflowferry_"+want+"\n") {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("did not happen within 20 s")
		}
	}
}
