package netflow

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// tcpSource is a source of IPFIX messages over TCP and TLS. Each connection has a goroutine, which
// decodes its messages in order, and templates of its own; one that is slow or sends rubbish
// concerns no other.
type tcpSource struct {
	dec       *Decoder
	cfg       Streams
	listeners []listener
	ticks     bool          // tells the time: no other source does
	session   atomic.Uint64 // number of the last connection
	stats     tcpStats

	mu   sync.Mutex
	open map[flow.Addr]int // connections by address; guarded by mu
	all  int               // and of all; guarded by mu
}

// listener is one address listened on. tls is nil for plain TCP.
type listener struct {
	net.Listener
	tls   *tls.Config
	allow allowList
}

// ending says how a connection ended.
type ending uint8

const (
	endedDenied    ending = iota // not in the allow-list: nothing was read
	endedRefused                 // beyond the limits: nothing was read
	endedHandshake               // TLS was not agreed upon in time, or the exporter has no good certificate
	endedClosed                  // by the exporter, between two messages
	endedCut                     // by the exporter, within a message, which is lost
	endedReset                   // an error of the network
	endedBad                     // a version or length that no IPFIX message has
	endedIdle                    // no message for too long, or one that was too long in coming
	endedStop                    // by us, because the collector ends
	endings
)

var endingNames = [endings]string{"denied", "refused", "tls_failed", "closed", "closed_cut", "closed_reset", "closed_bad", "closed_idle", "closed_stop"}

// tcpStats is the account of the connections:
//
//	tcp_connections = tcp_open + tcp_denied + tcp_refused + tcp_tls_failed + tcp_closed…
type tcpStats struct {
	accepted, acceptFailed atomic.Uint64
	messages, lost         atomic.Uint64 // lost: bytes that belong to no whole message
	reloadFailed           atomic.Uint64
	ends                   [endings]atomic.Uint64
}

// listenTCP binds all addresses. The source runs with Run; without it, Close gives them back.
func listenTCP(cfg Streams, dec *Decoder) (*tcpSource, error) {
	t := &tcpSource{dec: dec, cfg: cfg.withDefaults(), open: map[flow.Addr]int{}}
	err := t.bind(cfg.ListenTCP, "tcp", nil)
	if err == nil && len(cfg.ListenTLS) > 0 {
		var conf *tls.Config
		if conf, err = tlsConfig(cfg, &t.stats.reloadFailed); err == nil {
			err = t.bind(cfg.ListenTLS, "tls", conf)
		}
	}
	if err != nil {
		t.Close()
		return nil, err
	}
	return t, nil
}

func (t *tcpSource) bind(addrs []string, what string, conf *tls.Config) error {
	for _, addr := range addrs {
		l, err := net.Listen(strings.Replace(network(addr), "udp", "tcp", 1), addr)
		if err != nil {
			var op *net.OpError
			if errors.As(err, &op) {
				err = op.Err
			}
			return fmt.Errorf("listen %s %s: %w", what, addr, err)
		}
		t.listeners = append(t.listeners, listener{l, conf, t.dec.cfg.allowOf(addr)})
	}
	return nil
}

// Addrs gives the addresses it listens on for plain TCP and for TLS.
func (t *tcpSource) Addrs() (plain, secure []netip.AddrPort) {
	for _, l := range t.listeners {
		a := l.Addr().(*net.TCPAddr).AddrPort()
		if l.tls == nil {
			plain = append(plain, a)
		} else {
			secure = append(secure, a)
		}
	}
	return plain, secure
}

// Close stops to listen. Run does so itself.
func (t *tcpSource) Close() error {
	var errs []error
	for _, l := range t.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Run takes connections until ctx is cancelled, then reads what they have sent so far, hands on
// all records, closes the connections and returns nil.
func (t *tcpSource) Run(ctx context.Context, emit func(*flow.Batch)) error {
	var listening, serving sync.WaitGroup
	stop := context.AfterFunc(ctx, func() { t.Close() })
	defer stop()
	for _, l := range t.listeners {
		listening.Go(func() { t.accept(ctx, l, &serving, emit) })
	}
	if t.ticks {
		listening.Go(func() { tick(ctx, emit) })
	}
	listening.Wait()
	serving.Wait()
	return t.Close()
}

// tick tells the time until ctx is cancelled.
func tick(ctx context.Context, emit func(*flow.Batch)) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			b := flow.NewBatch()
			b.Now = now.UnixNano()
			emit(b)
		case <-ctx.Done():
			return
		}
	}
}

// acceptAgain is how long to wait after a connection could not be taken, as when there are no
// more file descriptors.
const acceptAgain = 100 * time.Millisecond

func (t *tcpSource) accept(ctx context.Context, l listener, serving *sync.WaitGroup, emit func(*flow.Batch)) {
	for {
		conn, err := l.Accept()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			if err == nil {
				conn.Close()
			}
			return
		case err != nil:
			t.stats.acceptFailed.Add(1)
			select {
			case <-time.After(acceptAgain):
			case <-ctx.Done():
			}
			continue
		}
		t.stats.accepted.Add(1)
		from := conn.RemoteAddr().(*net.TCPAddr).AddrPort()
		addr := flow.AddrFrom(from.Addr())
		if end, ok := t.admit(&l.allow, addr); !ok {
			conn.Close()
			t.stats.ends[end].Add(1)
			continue
		}
		serving.Go(func() {
			end := t.serve(ctx, conn, l.tls, source{addr: addr, port: from.Port()}, emit)
			t.leave(addr)
			t.stats.ends[end].Add(1)
		})
	}
}

// admit says whether one more connection from addr is taken, and enters it; or why not.
func (t *tcpSource) admit(allow *allowList, addr flow.Addr) (end ending, ok bool) {
	if !allow.has(addr) {
		return endedDenied, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all >= t.cfg.Connections || t.open[addr] >= t.cfg.ConnectionsByAddr {
		return endedRefused, false
	}
	t.all++
	t.open[addr]++
	return 0, true
}

func (t *tcpSource) leave(addr flow.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all--
	if t.open[addr]--; t.open[addr] == 0 {
		delete(t.open, addr)
	}
}

// Stats gives the account of the connections, not that of the decoder.
func (t *tcpSource) Stats() []flow.Stat {
	s := &t.stats
	t.mu.Lock()
	open := uint64(t.all)
	t.mu.Unlock()
	out := []flow.Stat{
		{Name: "netflow.tcp_connections", Value: s.accepted.Load()}, // TLS ones too, here and below
		{Name: "netflow.tcp_open", Value: open},
		{Name: "netflow.tcp_messages", Value: s.messages.Load()}, // counted in netflow.datagrams too
		{Name: "netflow.tcp_bytes_lost", Value: s.lost.Load()},   // received, and of no whole message
		{Name: "netflow.tcp_accept_failed", Value: s.acceptFailed.Load()},
		{Name: "netflow.tls_reload_failed", Value: s.reloadFailed.Load()},
	}
	for end, name := range endingNames {
		out = append(out, flow.Stat{Name: "netflow.tcp_" + name, Value: s.ends[end].Load()})
	}
	return out
}
