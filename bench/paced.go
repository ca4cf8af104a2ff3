package main

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"github.com/flowferry/flowferry/bench/gen"
)

// pacedExporters is how many addresses the paced sender sends from: enough for the kernel to
// give each socket of a receiver about as many.
const pacedExporters = 16

// lag is how far the sender may fall behind its pace and catch up again with a burst; beyond it
// the pace is not held, and what was sent per second tells so.
const lag = 2 * time.Millisecond

// told is what the sender says at its end.
type told struct {
	datagrams, flows int
	took, cpu        time.Duration
}

// load is what a sender sends.
type load struct {
	format gen.Format
	each   int // flows in a datagram
}

func (l load) String() string {
	if l.each == 1 {
		return fmt.Sprintf("%v, 1 flow per datagram", l.format)
	}
	return fmt.Sprintf("%v, %d flows per datagram", l.format, l.each)
}

// childPaced sends datagrams at a pace: to PORT of FORMAT with EACH flows, PACE per second, so many.
func childPaced(args []string) error {
	var port, format, each, pace, count int
	for i, at := range []*int{&port, &format, &each, &pace, &count} {
		if _, err := fmt.Sscan(args[i], at); err != nil {
			return err
		}
	}
	runtime.LockOSThread()
	p, err := newPaced(load{gen.Format(format), each}, uint16(port))
	if err != nil {
		return err
	}
	t, err := p.run(pace, count)
	if err == nil {
		_, err = fmt.Println(t.datagrams, t.flows, int64(t.took), int64(t.cpu))
	}
	return err
}

// paced is a sender with several addresses. It sends the datagrams of each again and again, with
// new sequence numbers.
type paced struct {
	each    int
	fds     []int
	streams []*gen.Stream
	at      []int // in the datagrams of each
	volley  volley
}

func newPaced(l load, port uint16) (*paced, error) {
	const datagrams = 64 // of each exporter: 1.4 MB of all, as they would not all be in the cache elsewhere
	p := &paced{each: l.each, at: make([]int, pacedExporters)}
	for i := range pacedExporters {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)}), 0)
		fd, err := dialRaw(from, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port))
		if err != nil {
			return nil, err
		}
		p.fds = append(p.fds, fd)
		p.streams = append(p.streams, gen.NewStreamOf(l.format, datagrams*l.each, l.each, uint64(i+1), time.Now()))
	}
	return p, nil
}

// run sends count datagrams. The first of each exporter, which brings the template, goes out
// alone: some receivers throw away what they cannot decode yet.
func (p *paced) run(pace, count int) (t told, err error) {
	for i := range p.fds {
		if err := p.send(i, 1); err != nil {
			return t, err
		}
		nap(time.Millisecond)
	}
	nap(50 * time.Millisecond)
	sent, cpu, start, began := 0, cpuTime(), time.Now(), time.Now()
	for next := 0; sent < count; next = (next + 1) % len(p.fds) {
		due := int(time.Since(began) * time.Duration(pace) / time.Second)
		if late := time.Duration(due-sent) * time.Second / time.Duration(pace); late > lag {
			began = began.Add(late - lag)
		}
		n := min(due-sent, volleySize, count-sent)
		if n <= 0 {
			nap(100 * time.Microsecond)
			continue
		}
		if err := p.send(next, n); err != nil {
			return t, err
		}
		sent += n
	}
	t = told{datagrams: sent, took: time.Since(start), cpu: cpuTime() - cpu}
	t.datagrams += len(p.fds)
	t.flows = t.datagrams * p.each
	return t, nil
}

// send sends the next n datagrams of an exporter, or fewer than fit into one call at the end of
// its stream and then the rest.
func (p *paced) send(i, n int) error {
	s := p.streams[i]
	for n > 0 {
		list := s.Datagrams[p.at[i]:]
		list = list[:min(n, len(list))]
		if err := p.volley.send(p.fds[i], list); err != nil {
			return err
		}
		n -= len(list)
		if p.at[i] += len(list); p.at[i] == len(s.Datagrams) {
			p.at[i] = 0
			s.Renumber()
		}
	}
	return nil
}
