package netflow

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cespare/xxhash/v2"

	"github.com/flowferry/flowferry/flow"
)

func TestMain(m *testing.M) {
	flow.Poison = true
	goleak.VerifyTestMain(m)
}

// catcher keeps what a source emits.
type catcher struct {
	mu    sync.Mutex
	recs  []flow.Record
	ticks int
	most  int
}

func (c *catcher) emit(b *flow.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recs = append(c.recs, b.Recs...)
	c.most = max(c.most, len(b.Recs))
	if len(b.Recs) == 0 {
		c.ticks++
	}
	b.Free()
}

func (c *catcher) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.recs)
}

// live listens, lets the test send, and gives what came by the end.
func live(t *testing.T, cfg Config, send func(u *Live, c *catcher)) (*Live, *catcher) {
	t.Helper()
	var c catcher
	return whileLive(t, cfg, c.emit, func(u *Live) { send(u, &c) }), &c
}

// whileLive listens, lets the test send, and ends when all was received and the account balances.
func whileLive(t *testing.T, cfg Config, emit func(*flow.Batch), send func(l *Live)) *Live {
	t.Helper()
	l, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error)
	go func() { done <- l.Run(ctx, emit) }()
	send(l)
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Run did not end")
	}
	balance(t, l.dec)
	return l
}

func dial(t *testing.T, to netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func transmit(t *testing.T, c *net.UDPConn, p []byte) {
	t.Helper()
	if _, err := c.Write(p); err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

func TestUDP(t *testing.T) {
	f := func(listen, from string) {
		t.Helper()
		_, c := live(t, Config{Listen: []string{listen}, Readers: 3, Origin: 77, ReceiveBuffer: 65536}, func(u *Live, c *catcher) {
			conn := dial(t, u.udp.Addrs()[0])
			transmit(t, conn, v5Message(0, 0, 30))
			eventually(t, "a partial batch", func() bool { return c.len() == 30 }) // without any further datagram
			for i := range 20 {
				transmit(t, conn, v5Message(uint32(30+30*i), 0, 30))
			}
		}) // the end comes at once: what is in the sockets is read
		if len(c.recs) != 21*30 || c.most > flow.BatchSize+30 {
			t.Errorf("%s: %d records, at most %d in a batch", listen, len(c.recs), c.most)
		}
		seen := map[uint64]bool{}
		for i := range c.recs {
			r := &c.recs[i]
			if r.Exporter.String() != from || r.Origin != 77 || seen[r.Ord] || time.Since(time.Unix(0, r.Received)) > time.Minute {
				t.Fatalf("%s: record %+v", listen, r)
			}
			seen[r.Ord] = true
		}
	}
	f("127.0.0.1:0", "127.0.0.1")
	f("[::1]:0", "::1")
	f("0.0.0.0:0", "127.0.0.1")
}

// Vendor groups sent over real UDP decode as from files.
func TestUDPVendorGroup(t *testing.T) {
	var g group
	for _, g = range vendorGroups(t) {
		if g.name == "IPFIX VMware virtual distributed switch" {
			break
		}
	}
	u, c := live(t, Config{Listen: []string{"127.0.0.1:0", "[::1]:0"}}, func(u *Live, c *catcher) {
		addrs := u.udp.Addrs()
		if len(addrs) != 2 {
			t.Fatalf("listens on %v", addrs)
		}
		conn := dial(t, addrs[1])
		for _, file := range g.files {
			transmit(t, conn, payload(t, file))
		}
	})
	if len(c.recs) != 5 || stat(u.Stats(), "templates") != 13 {
		t.Errorf("%d records, %d templates", len(c.recs), stat(u.Stats(), "templates"))
	}
	if ex := u.Exporters(); len(ex) != 1 || ex[0].Records != 5 || ex[0].Addr.String() != "::1" {
		t.Errorf("exporters %+v", ex)
	}
}

func TestUDPTicks(t *testing.T) {
	_, c := live(t, Config{Listen: []string{"127.0.0.1:0"}, Readers: 2}, func(_ *Live, c *catcher) {
		eventually(t, "a tick", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.ticks > 0 })
	})
	if len(c.recs) != 0 {
		t.Errorf("%d records from nothing", len(c.recs))
	}
}

func TestAllow(t *testing.T) {
	f := func(want int, allow ...string) {
		t.Helper()
		u, c := live(t, Config{Listen: []string{"127.0.0.1:0"}, Allow: allow}, func(u *Live, _ *catcher) {
			transmit(t, dial(t, u.udp.Addrs()[0]), v5Message(0, 0, 1))
		})
		if len(c.recs) != want || stat(u.Stats(), "denied") != uint64(1-want) {
			t.Errorf("%v: %d records, %d denied", allow, len(c.recs), stat(u.Stats(), "denied"))
		}
	}
	f(1)
	f(1, "127.0.0.1")
	f(1, "10.0.0.0/8", "127.0.0.0/8")
	f(0, "10.0.0.0/8", "::/0")
}

// What does not fit into the socket is counted, also when nothing comes after it.
func TestKernelDrops(t *testing.T) {
	const sent = 3000
	u, err := Listen(Config{Listen: []string{"127.0.0.1:0"}, Readers: 1, ReceiveBuffer: 8192})
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, u.udp.Addrs()[0])
	msg := v5Message(0, 0, 30)
	for range sent {
		transmit(t, conn, msg)
	}
	drops := stat(u.Stats(), "kernel_drops")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var c catcher
	if err := u.Run(ctx, c.emit); err != nil {
		t.Fatal(err)
	}
	if got := stat(u.Stats(), "datagrams"); drops == 0 || got+drops != sent {
		t.Errorf("%d sent, %d received, %d dropped", sent, got, drops)
	}
}

func TestListenErrors(t *testing.T) {
	taken, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	f := func(cfg Config, want string) {
		t.Helper()
		u, err := Listen(cfg)
		if err == nil {
			u.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(Config{Listen: []string{taken.LocalAddr().String()}}, "listen udp "+taken.LocalAddr().String()+": bind: address already in use")
	f(Config{Listen: []string{"2055"}}, `listen: "2055": want address:port`)
	f(Config{Allow: []string{"10.0.0.0/33"}}, `allow: "10.0.0.0/33": want an address or a prefix`)
	f(Config{Sampling: map[string]uint32{"10.0.0.1": 0}}, `sampling: "10.0.0.1": 0: want`)
	f(Config{Readers: -1}, "readers: -1: want 0 or more")
	f(Config{Unknown: "some"}, `unknown: "some": want nonzero, all or none`)
}

func TestWarning(t *testing.T) {
	u, err := Listen(Config{Listen: []string{"127.0.0.1:0"}, Readers: 1, ReceiveBuffer: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for _, w := range u.Warnings() {
		if !strings.Contains(w, "sysctl -w net.core.rmem_max=1073741824") {
			t.Errorf("warning without remedy: %s", w)
		}
	}
	small, err := Listen(Config{Listen: []string{"127.0.0.1:0"}, Readers: 1, ReceiveBuffer: 8192})
	if err != nil {
		t.Fatal(err)
	}
	defer small.Close()
	if w := small.Warnings(); len(w) != 0 {
		t.Errorf("needless warnings %v", w)
	}
}

func TestPayloads(t *testing.T) {
	for _, g := range vendorGroups(t) {
		var paths []string
		sum := xxhash.New()
		for _, f := range g.files {
			paths = append(paths, filepath.Join(logstash, f))
			sum.Write(payload(t, f))
		}
		p, err := NewPayloads(paths, Config{Allow: []string{"10.0.0.0/8"}})
		if err != nil {
			t.Fatal(err)
		}
		var c catcher
		if err := p.Run(context.Background(), c.emit); err != nil {
			t.Fatal(err)
		}
		if n := stat(p.Stats(), "decoded"); n != uint64(len(g.files)) {
			t.Errorf("%s: %d of %d decoded", g.name, n, len(g.files))
		}
		if done, total := p.Progress(); done != total || total == 0 {
			t.Errorf("%s: progress %d of %d", g.name, done, total)
		}
		for i := range c.recs {
			r := &c.recs[i]
			if r.Origin != sum.Sum64() || r.Ord != uint64(i+1) || !r.Exporter.IsZero() || r.Received == 0 {
				t.Fatalf("%s: record %d: %+v", g.name, i, r)
			}
		}
	}
}

func TestPayloadErrors(t *testing.T) {
	f := func(path, want string) {
		t.Helper()
		if _, err := NewPayloads([]string{path}, Config{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
	dir := t.TempDir()
	f(filepath.Join(dir, "none"), "read export payload: ")
	f(dir, "is no file of one datagram")
	big := filepath.Join(dir, "big")
	if err := os.WriteFile(big, make([]byte, maxPayload+1), 0o600); err != nil {
		t.Fatal(err)
	}
	f(big, "is no file of one datagram")
}
