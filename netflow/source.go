package netflow

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// The pace of a live source.
const (
	tickEvery  = time.Second           // an empty batch tells the time at least so often
	flushAfter = 25 * time.Millisecond // a batch with records goes out once it is so old, or nothing came for so long
	idleWait   = tickEvery / 10        // with an empty batch a reader waits for so long at most, then looks at the clock
	gatherMost = 4 * time.Millisecond  // a reader that has kept up lets datagrams gather for so long at most
	lull       = 16                    // a reader to which nothing came for so many times as long waits in the kernel
	pollEvery  = time.Second           // the sockets are asked for what the kernel dropped
	drainFor   = 2 * time.Second       // at the end: what is in the sockets is read for so long at most
)

// udpSource is a source of export datagrams. On each address several sockets share the port; the
// kernel gives all datagrams of one exporter's port to the same one, so their order is kept.
type udpSource struct {
	dec      *Decoder
	readers  []*reader
	warnings []string // what the operator should know about the sockets, each with its remedy
}

// reader is one socket and what its goroutine counts.
type reader struct {
	udp    *udpSource
	allow  allowList
	sock   *socket
	gather time.Duration // see gatherMost; less where the receive buffer is small
	ticks  bool          // tells the time for all
	drops  atomic.Uint64
	last   uint32 // the kernel's count when it was last seen; it wraps
	mu     sync.Mutex
}

func listenUDP(cfg Config, dec *Decoder) (*udpSource, error) {
	cfg = cfg.withDefaults()
	if cfg.Readers == 0 {
		cfg.Readers = runtime.GOMAXPROCS(0)
	}
	if !sharesPort {
		cfg.Readers = 1
	}
	u := &udpSource{dec: dec}
	for _, addr := range cfg.Listen {
		if err := u.bind(addr, cfg); err != nil {
			u.Close()
			return nil, fmt.Errorf("listen udp %s: %w", addr, err)
		}
	}
	u.readers[0].ticks = true
	return u, nil
}

// bind opens the sockets of one address.
func (u *udpSource) bind(addr string, cfg Config) error {
	free, err := probe(addr)
	if err != nil {
		return err
	}
	allow := cfg.allowOf(addr)
	addr = free
	least := 0
	for range cfg.Readers {
		sock, err := listenShared(addr)
		if err != nil {
			return err
		}
		got := sock.setBuffer(cfg.ReceiveBuffer)
		if least == 0 || got < least {
			least = got
		}
		u.readers = append(u.readers, &reader{udp: u, allow: allow, sock: sock, gather: gatherFor(got)})
	}
	if least < cfg.ReceiveBuffer {
		u.warnings = append(u.warnings, fmt.Sprintf(
			"%s: the kernel gives a receive buffer of %d bytes, not %d: bursts may be lost; remedy: sysctl -w net.core.rmem_max=%d",
			addr, least, cfg.ReceiveBuffer, cfg.ReceiveBuffer))
	}
	return nil
}

// gatherFor is how long datagrams may gather in a buffer of so many bytes: 1 GB/s would not fill it.
func gatherFor(buffer int) time.Duration { return min(time.Duration(buffer), gatherMost) }

// probe binds addr alone for a moment: sockets that share a port would also share it with
// another program's, and each would silently get a part. It gives the address with its port.
func probe(addr string) (string, error) {
	conn, err := net.ListenPacket(network(addr), addr)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return "", err
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.Itoa(conn.LocalAddr().(*net.UDPAddr).Port)), nil
}

// network is "udp4" for an IPv4 address, 0.0.0.0 too, which Go would otherwise take for both
// families, as it does ":2055" and "[::]:2055".
func network(addr string) string {
	if ap, err := netip.ParseAddrPort(addr); err == nil && ap.Addr().Is4() {
		return "udp4"
	}
	return "udp"
}

// Addrs gives the addresses it listens on.
func (u *udpSource) Addrs() (out []netip.AddrPort) {
	for _, r := range u.readers {
		if len(out) == 0 || out[len(out)-1] != r.sock.addr {
			out = append(out, r.sock.addr)
		}
	}
	return out
}

// Close closes the sockets. Run does so itself.
func (u *udpSource) Close() error {
	var errs []error
	for _, r := range u.readers {
		errs = append(errs, r.sock.close())
	}
	return errors.Join(errs...)
}

// Stats gives the decoder's account and what the kernel dropped because a socket was full.
func (u *udpSource) Stats() []flow.Stat {
	drops := uint64(0)
	for _, r := range u.readers {
		r.poll()
		drops += r.drops.Load()
	}
	return append(u.dec.Stats(), flow.Stat{Name: "netflow.kernel_drops", Value: drops})
}

// Run receives until ctx is cancelled, then reads what the sockets still hold, hands on all
// records and returns nil. It closes the sockets.
func (u *udpSource) Run(ctx context.Context, emit func(*flow.Batch)) error {
	defer u.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(u.readers))
	for _, r := range u.readers {
		go func() { errs <- r.run(ctx, emit) }()
	}
	var first error
	for range u.readers {
		if err := <-errs; err != nil && first == nil {
			first = err
			cancel() // the others end too
		}
	}
	return first
}

// run is the loop of one reader. A batch goes out when it is full or has waited long enough. While
// datagrams come the reader sleeps between its calls, so that each takes many: to be woken costs
// more than to decode a datagram, and a call that waits in the kernel wakes Go's scheduler, too.
func (r *reader) run(ctx context.Context, emit func(*flow.Batch)) error {
	box, b := newMailbox(), flow.NewBatch()
	now := time.Now()
	filled, tickAt, pollAt := now, now.Add(tickEvery), now.Add(pollEvery) // filled: when b got its first record
	came := now.Add(-lull * r.gather)                                     // when the last datagram came
	for ctx.Err() == nil {
		n, err := r.receive(box, now.Sub(came) >= lull*r.gather, len(b.Recs) > 0)
		if err != nil {
			emit(b)
			return fmt.Errorf("receive export datagrams: %w", err)
		}
		now = time.Now()
		if n > 0 {
			came = now
		}
		if len(b.Recs) == 0 {
			filled = now
		}
		if r.decode(box, n, now, &b, emit) {
			filled, tickAt = now, now.Add(tickEvery)
		}
		waited := len(b.Recs) > 0 && now.Sub(filled) >= flushAfter
		if waited || r.ticks && !now.Before(tickAt) {
			b.Now = now.UnixNano()
			emit(b)
			b, tickAt = flow.NewBatch(), now.Add(tickEvery)
		}
		if !now.Before(pollAt) {
			r.poll()
			pollAt = now.Add(pollEvery)
		}
		switch {
		case n == mailboxes:
			runtime.Gosched() // first what was read is carried on: the rest is safe in the socket's buffer
		case now.Sub(came) < lull*r.gather:
			time.Sleep(r.gather)
		}
	}
	r.drain(box, &b, emit)
	b.Now = time.Now().UnixNano()
	emit(b)
	return nil
}

// receive takes the datagrams that are there. A quiet reader waits for some first, not for long
// where records wait with it.
func (r *reader) receive(box *mailbox, quiet, records bool) (n int, err error) {
	switch {
	case !quiet:
		return r.sock.poll(box)
	case records:
		return r.sock.receive(box, flushAfter)
	}
	return r.sock.receive(box, idleWait)
}

// drain reads what is in the socket without waiting for more.
func (r *reader) drain(box *mailbox, b **flow.Batch, emit func(*flow.Batch)) {
	for end := time.Now().Add(drainFor); time.Now().Before(end); {
		n, err := r.sock.poll(box)
		if n == 0 || err != nil {
			break
		}
		r.decode(box, n, time.Now(), b, emit)
		runtime.Gosched()
	}
	r.poll()
}

// decode takes n datagrams out of box, and says whether a batch went out.
func (r *reader) decode(box *mailbox, n int, now time.Time, b **flow.Batch, emit func(*flow.Batch)) (emitted bool) {
	ns := now.UnixNano()
	for i := range n {
		src, port, payload, drops, hasDrops := box.datagram(i)
		if hasDrops {
			r.kernel(drops)
		}
		// A fault is counted by the decoder; it concerns no one else.
		_ = r.udp.dec.datagram(&r.allow, &source{addr: src, port: port, received: ns}, payload, *b)
		if (*b).Full() {
			(*b).Now = ns
			emit(*b)
			*b, emitted = flow.NewBatch(), true
		}
	}
	return emitted
}

// poll asks the kernel for the drops of the socket: SO_RXQ_OVFL tells only with a next datagram.
func (r *reader) poll() {
	if drops, ok := r.sock.dropped(); ok {
		r.kernel(drops)
	}
}

// kernel takes the kernel's count of drops, which wraps at 32 bits.
func (r *reader) kernel(drops uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := int32(drops - r.last); d > 0 {
		r.drops.Add(uint64(d))
		r.last = drops
	}
}
