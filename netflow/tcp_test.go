package netflow

import (
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// textCatcher keeps what a source emits as texts, without what differs by the way it came.
type textCatcher struct {
	mu    sync.Mutex
	texts []string
	ticks int
}

func (c *textCatcher) emit(b *flow.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = append(c.texts, bareTexts(b)...)
	if len(b.Recs) == 0 {
		c.ticks++
	}
	b.Free()
}

func (c *textCatcher) len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.texts)
}

// bareTexts gives the records without receive time, origin, ordinal and exporter.
func bareTexts(b *flow.Batch) []string {
	for i := range b.Recs {
		r := &b.Recs[i]
		r.Received, r.Origin, r.Ord, r.Exporter, r.Skewed = 0, 0, 0, flow.Addr{}, false // what is sent live was exported long ago
	}
	return texts(b)
}

var loopback = []string{"127.0.0.1:0"}

// liveAll listens, lets the test send, and gives the account and what came by the end.
func liveAll(t *testing.T, cfg Config, send func(l *Live, c *textCatcher)) ([]flow.Stat, *textCatcher) {
	t.Helper()
	if cfg.Listen == nil {
		cfg.Listen = []string{}
	}
	var c textCatcher
	l := whileLive(t, cfg, c.emit, func(l *Live) { send(l, &c) })
	s := l.Stats()
	ended := uint64(0)
	for _, name := range endingNames {
		ended += stat(s, "tcp_"+name)
	}
	if n := stat(s, "tcp_connections"); n != ended || stat(s, "tcp_open") != 0 {
		t.Errorf("%d connections, %d ends, %d open", n, ended, stat(s, "tcp_open"))
	}
	for k := range l.dec.exporters {
		if k.session != 0 {
			t.Errorf("exporter of session %d is not forgotten", k.session)
		}
	}
	return s, &c
}

func endpoint(t *testing.T, l *Live, network string) string {
	t.Helper()
	for _, e := range l.Endpoints() {
		if e.Network == network {
			return e.Addr.String()
		}
	}
	t.Fatalf("does not listen on %s", network)
	return ""
}

func dialTCP(t *testing.T, l *Live) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", endpoint(t, l, "tcp"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func write(t *testing.T, w io.Writer, p []byte) {
	t.Helper()
	if _, err := w.Write(p); err != nil {
		t.Fatal(err)
	}
}

// closed waits until the other side has closed the connection.
func closed(t *testing.T, c net.Conn) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the connection is not closed: %d bytes, %v", n, err)
	}
}

// messagesOf cuts whole messages.
func messagesOf(t testing.TB, p []byte) (out [][]byte) {
	t.Helper()
	for len(p) > 0 {
		n, err := frameLength(p)
		if err != nil || n == 0 || n > len(p) {
			t.Fatalf("no message: %v", err)
		}
		out = append(out, p[:n])
		p = p[n:]
	}
	return out
}

// ipfixGroups are the vendor groups of IPFIX: the messages of each, and what they decode to as
// datagrams.
func ipfixGroups(t testing.TB) (names []string, messages [][][]byte, want [][]string) {
	t.Helper()
	for _, g := range vendorGroups(t) {
		if !strings.HasPrefix(g.files[0], "ipfix") {
			continue
		}
		d, b := NewDecoder(Config{}), &flow.Batch{}
		var all [][]byte
		for _, f := range g.files {
			all = append(all, messagesOf(t, payload(t, f))...)
		}
		for _, m := range all {
			if err := d.Datagram(exporterAddr, 1, m, exportTime(m), b); err != nil {
				t.Errorf("%s: %v", g.name, err)
			}
		}
		names, messages, want = append(names, g.name), append(messages, all), append(want, bareTexts(b))
	}
	if len(names) != 14 {
		t.Fatalf("%d groups of IPFIX", len(names))
	}
	return names, messages, want
}

// same compares records of several goroutines, whose order is not told.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s: %d records, want %d:\n%s\nwant\n%s", what, len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Vendors' messages over TCP, in pieces of any size and all vendors at once, each on a connection
// of its own, decode as over UDP. Their template ids and domains collide.
func TestTCPVendorGroups(t *testing.T) {
	names, messages, want := ipfixGroups(t)
	all, count := slices.Concat(want...), 0
	s, c := liveAll(t, Config{Streams: Streams{ListenTCP: loopback}}, func(l *Live, c *textCatcher) {
		conns, pending := make([]net.Conn, len(names)), make([][]byte, len(names))
		for i := range names {
			conns[i], pending[i] = dialTCP(t, l), slices.Concat(messages[i]...)
			count += len(messages[i])
		}
		rnd := rand.New(rand.NewPCG(1, 2))
		for left := true; left; {
			left = false
			for i, p := range pending {
				n := min(len(p), 1+rnd.IntN(300))
				write(t, conns[i], p[:n])
				pending[i] = p[n:]
				left = left || n < len(p)
			}
		}
		eventually(t, "all records", func() bool { return c.len() == len(all) })
		c.mu.Lock()
		same(t, "tcp", c.texts, all)
		c.mu.Unlock()
		for _, e := range l.Exporters() {
			if e.By != OverTCP || e.Session == 0 || e.Addr.String() != "127.0.0.1" {
				t.Errorf("exporter %+v", e)
			}
		}
		for _, conn := range conns[1:] {
			conn.Close()
		}
		eventually(t, "the end of all connections but one", func() bool { return stat(l.Stats(), "tcp_open") == 1 })
	})
	same(t, "tcp", c.texts, all)
	if stat(s, "tcp_closed") != uint64(len(names)-1) || stat(s, "tcp_closed_stop") != 1 || stat(s, "tcp_messages") != uint64(count) ||
		stat(s, "decoded") != uint64(count) || stat(s, "tcp_bytes_lost") != 0 {
		t.Errorf("account %v", s)
	}
}

// What was sent before the end is read, and told as of then.
func TestTCPDrains(t *testing.T) {
	const n = 2000
	_, c := liveAll(t, Config{Streams: Streams{ListenTCP: []string{"[::1]:0"}}}, func(l *Live, c *textCatcher) {
		conn := dialTCP(t, l)
		write(t, conn, ipfixMessage(0, 7, set(2, addresses)))
		eventually(t, "the template", func() bool { return stat(l.Stats(), "templates") == 1 })
		for i := range n {
			write(t, conn, ipfixMessage(uint32(i), 7, set(256, pair)))
		}
	})
	if c.len() != n {
		t.Errorf("%d of %d records", c.len(), n)
	}
}

// Templates go with their connection; the account of the exporter stays.
func TestTCPReconnect(t *testing.T) {
	s, c := liveAll(t, Config{Streams: Streams{ListenTCP: loopback}}, func(l *Live, c *textCatcher) {
		account := func() (e ExporterStats) {
			if all := l.Exporters(); len(all) == 1 {
				e = all[0]
			}
			return e
		}
		for i := range 3 {
			conn := dialTCP(t, l)
			write(t, conn, ipfixMessage(5, 7, set(2, addresses), set(256, pair)))
			write(t, conn, ipfixMessage(7, 7, set(256, pair))) // one record did not come
			eventually(t, "both records", func() bool { return c.len() == 2*i+2 })
			if e := account(); e.Session != uint64(i+1) || e.Templates != 1 {
				t.Errorf("connection %d: %+v", i, e)
			}
			conn.Close()
			eventually(t, "the end", func() bool { return account().Session == 0 && stat(l.Stats(), "tcp_closed") == uint64(i+1) })
			if e := account(); e.Records != uint64(2*i+2) || e.Lost != int64(i+1) || e.Templates != 0 || e.Datagrams != uint64(2*i+2) {
				t.Errorf("after connection %d: %+v", i, e)
			}
		}
		conn := dialTCP(t, l)
		write(t, conn, ipfixMessage(0, 7, set(256, pair)))
		eventually(t, "data without template", func() bool { return stat(l.Stats(), "held") == 1 })
		if n := l.dec.state.Load(); n == 0 {
			t.Error("held data takes no memory")
		}
		conn.Close()
		eventually(t, "its end", func() bool { return l.dec.state.Load() == 0 })
	})
	if c.len() != 6 || stat(s, "held_dropped") != 1 || stat(s, "sequence_lost") != 3 || stat(s, "exporters") != 1 {
		t.Errorf("%d records, account %v", c.len(), s)
	}
}

// How connections end that go wrong; the one beside them goes on.
func TestTCPEnds(t *testing.T) {
	good := ipfixMessage(0, 7, set(2, addresses), set(256, pair))
	f := func(want string, records int, lost uint64, sent []byte, close bool) {
		t.Helper()
		s, c := liveAll(t, Config{Streams: Streams{ListenTCP: loopback}}, func(l *Live, c *textCatcher) {
			beside, conn := dialTCP(t, l), dialTCP(t, l)
			write(t, beside, good[:20])
			write(t, conn, sent)
			if close {
				conn.Close()
			}
			eventually(t, want, func() bool { return stat(l.Stats(), want) == 1 })
			closed(t, conn)
			write(t, beside, good[20:])
			eventually(t, "the record beside", func() bool { return c.len() == records+1 })
		})
		if c.len() != records+1 || stat(s, "tcp_bytes_lost") != lost || stat(s, "tcp_messages") != uint64(records+1) {
			t.Errorf("%s: %d records, account %v", want, c.len(), s)
		}
	}
	join := func(parts ...[]byte) []byte { return slices.Concat(parts...) }
	f("tcp_closed_bad", 0, 14, []byte("GET / HTTP/1.0"), false)
	f("tcp_closed_bad", 1, 4, join(good, []byte{0, 10, 0, 15}), false)
	f("tcp_closed_bad", 1, 4, join(good, []byte{0, 10, 0, 0}), false)
	f("tcp_closed_bad", 2, 2, join(good, good, []byte{0, 9}), false)
	f("tcp_closed_cut", 1, uint64(len(good)-1), join(good, good[:len(good)-1]), true)
	f("tcp_closed_cut", 0, 1, []byte{0}, true)
	f("tcp_closed", 2, 0, join(good, good), true)
}

// A fault within a message ends neither the stream nor what is behind it.
func TestTCPFaultInMessage(t *testing.T) {
	s, c := liveAll(t, Config{Streams: Streams{ListenTCP: loopback}}, func(l *Live, c *textCatcher) {
		conn := dialTCP(t, l)
		write(t, conn, ipfixMessage(0, 7, wire{}.u16(256, 3)))
		write(t, conn, ipfixMessage(0, 7))
		write(t, conn, ipfixMessage(0, 7, set(2, addresses), set(256, pair)))
		eventually(t, "the record", func() bool { return c.len() == 1 })
	})
	if stat(s, "malformed_set") != 1 || stat(s, "decoded") != 2 || c.len() != 1 {
		t.Errorf("%d records, account %v", c.len(), s)
	}
}

// Who says nothing, or a message byte by byte, is let go.
func TestTCPIdle(t *testing.T) {
	liveAll(t, Config{Streams: Streams{ListenTCP: loopback, ConnectionIdle: 150 * time.Millisecond}}, func(l *Live, _ *textCatcher) {
		closed(t, dialTCP(t, l))
		slow := dialTCP(t, l)
		write(t, slow, []byte{0, 10, 0xff, 0xff})
		eventually(t, "the end of both", func() bool {
			_, _ = slow.Write([]byte{0}) // it is closed in the end
			return stat(l.Stats(), "tcp_closed_idle") == 2
		})
	})
}

func TestTCPLimits(t *testing.T) {
	f := func(cfg Streams, from []string, want int) {
		t.Helper()
		cfg.ListenTCP = []string{"0.0.0.0:0"}
		s, c := liveAll(t, Config{Streams: cfg}, func(l *Live, c *textCatcher) {
			port := l.Endpoints()[0].Addr.Port()
			for i, ip := range from {
				dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
				conn, err := dialer.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				_, _ = conn.Write(ipfixMessage(0, uint32(i), set(2, addresses), set(256, pair))) // it may be closed already
				eventually(t, "the decision", func() bool {
					return uint64(c.len())+stat(l.Stats(), "tcp_refused") == uint64(i+1)
				})
			}
		})
		if c.len() != want || stat(s, "tcp_refused") != uint64(len(from)-want) {
			t.Errorf("%v: %d of %d taken", cfg, c.len(), len(from))
		}
	}
	many := slices.Repeat([]string{"127.0.0.1"}, 40)
	f(Streams{}, many, 16)
	f(Streams{ConnectionsByAddr: 3}, []string{"127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.2"}, 4)
	f(Streams{Connections: 2}, []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}, 2)
}

func TestTCPAllow(t *testing.T) {
	s, c := liveAll(t, Config{Allow: []string{"10.0.0.0/8"}, Streams: Streams{ListenTCP: loopback}}, func(l *Live, _ *textCatcher) {
		closed(t, dialTCP(t, l))
	})
	if stat(s, "tcp_denied") != 1 || c.len() != 0 {
		t.Errorf("account %v", s)
	}
}

// UDP, TCP and TLS at once: one account, one row of ordinals, and time is told in any case.
func TestListen(t *testing.T) {
	pki := newPKI(t)
	cfg := Config{Listen: loopback, Readers: 2, Origin: 9, Streams: Streams{
		ListenTCP: loopback, ListenTLS: loopback, TLSCertificate: pki.server.cert, TLSKey: pki.server.key}}
	msg := ipfixMessage(0, 7, set(2, addresses), set(256, pair))
	l, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var c catcher
	done := make(chan error)
	go func() { done <- l.Run(ctx, c.emit) }()
	transmit(t, dial(t, l.Endpoints()[0].Addr), msg)
	write(t, dialTCP(t, l), msg)
	secure, err := tls.Dial("tcp", endpoint(t, l, "tls"), &tls.Config{RootCAs: pki.pool})
	if err != nil {
		t.Fatal(err)
	}
	defer secure.Close()
	write(t, secure, msg)
	eventually(t, "a record by each", func() bool { return c.len() == 3 })
	if n := len(l.Exporters()); n != 3 {
		t.Errorf("%d exporters", n)
	}
	eventually(t, "a tick", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.ticks > 0 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	seen := map[uint64]bool{}
	for i := range c.recs {
		seen[c.recs[i].Ord] = true
	}
	if len(seen) != 3 {
		t.Errorf("ordinals %v", seen)
	}
}

func TestTCPTicks(t *testing.T) {
	liveAll(t, Config{Streams: Streams{ListenTCP: loopback}}, func(_ *Live, c *textCatcher) {
		eventually(t, "a tick", func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.ticks > 0 })
	})
}

func TestStreamErrors(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	pki := newPKI(t)
	f := func(s Streams, want string) {
		t.Helper()
		l, err := Listen(Config{Listen: loopback, Streams: s})
		if err == nil {
			l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(Streams{ListenTCP: []string{taken.Addr().String()}}, "listen tcp "+taken.Addr().String()+": bind: address already in use")
	f(Streams{ListenTCP: []string{"4739"}}, `listen_tcp: "4739": want address:port, such as 0.0.0.0:4739, [::1]:4739 or :4739`)
	f(Streams{ListenTLS: []string{"x"}}, `listen_tls: "x": want address:port, such as 0.0.0.0:4740`)
	f(Streams{ListenTLS: loopback, TLSKey: "key"}, "listen_tls: needs netflow.tls_certificate and netflow.tls_key")
	f(Streams{ListenTLS: loopback, TLSCertificate: "none", TLSKey: "none"}, "netflow.tls_certificate, netflow.tls_key: open none: no such file")
	f(Streams{ListenTLS: loopback, TLSCertificate: pki.server.cert, TLSKey: pki.server.key, TLSClientCA: "none"}, "netflow.tls_client_ca: open none")
	f(Streams{ListenTLS: loopback, TLSCertificate: pki.server.cert, TLSKey: pki.server.key, TLSClientCA: pki.server.key}, "no certificate in it; want PEM")
	f(Streams{Connections: -1}, "connections: -1: want 0 or more")
	f(Streams{ConnectionsByAddr: -1}, "connections_per_address: -1: want 0 or more")
	f(Streams{ConnectionIdle: -1}, "connection_idle: -1ns: want 0 or more")
}
