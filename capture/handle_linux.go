package capture

import (
	"fmt"
	"math"
	"net"
	"sync/atomic"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/pcapgo"
	"golang.org/x/net/bpf"
)

// handle reads packets one system call each, through gopacket, for kernels that have no ring. Its
// goroutine can only end with a packet, since nothing else ends the call that waits for one.
type handle struct {
	h       *pcapgo.EthernetHandle
	link    uint32
	since   int64        // Unix ns; what came before it came before the filter
	until   atomic.Int64 // Unix ns; what comes after it is let go
	packets chan Packet
	failed  error // valid when packets is closed
	closed  atomic.Bool
	ord     uint64
}

// waiting is how many packets may wait between the two goroutines; others wait in the kernel.
const waiting = 1024

func openHandle(iface net.Interface, link uint32, cfg LiveConfig, program []bpf.RawInstruction) (*handle, error) {
	h, err := pcapgo.NewEthernetHandle(iface.Name)
	if err != nil {
		return nil, err
	}
	t := &handle{h: h, link: link, packets: make(chan Packet, waiting)}
	if err = h.SetCaptureLength(cfg.Snaplen); err == nil {
		err = h.SetBPF(program)
	}
	if err == nil && !cfg.NoPromiscuous && iface.Flags&net.FlagLoopback == 0 {
		err = h.SetPromiscuous(true)
	}
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("set up a plain packet socket: %w", err)
	}
	t.since = time.Now().UnixNano()
	t.until.Store(math.MaxInt64)
	go t.pump()
	return t, nil
}

// pump copies packets from the socket.
func (t *handle) pump() {
	defer t.h.Close()
	defer close(t.packets)
	for !t.closed.Load() {
		data, info, err := t.h.ReadPacketData()
		if err != nil {
			t.failed = err
			return
		}
		if at := info.Timestamp.UnixNano(); at >= t.since && at <= t.until.Load() {
			t.packets <- t.packet(data, info)
		}
	}
}

func (t *handle) packet(data []byte, info gopacket.CaptureInfo) Packet {
	t.ord++
	p := Packet{Data: data, Time: info.Timestamp.UnixNano(), Ord: t.ord, Wire: max(info.Length, len(data)), Link: t.link}
	if len(info.AncillaryData) == 1 && len(data) >= 12 {
		if tag, ok := info.AncillaryData[0].(int); ok {
			p.Data = putTag(append(make([]byte, tagSize), data...), 0x8100, uint16(tag))
			p.Wire += tagSize
		}
	}
	return p
}

func (t *handle) read(wait time.Duration, fn func([]Packet)) (n int, err error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for n < waiting {
		select {
		case p, ok := <-t.packets:
			if !ok {
				return n, t.failed
			}
			fn([]Packet{p})
			n++
		case <-timer.C:
			return n, nil
		}
	}
	return n, nil
}

func (t *handle) detach() error {
	t.until.Store(time.Now().UnixNano())
	return nil
}

func (t *handle) dropped() (packets, times uint64, err error) {
	s, err := t.h.Stats()
	if err != nil {
		return 0, 0, fmt.Errorf("ask for drops: %w", err)
	}
	return uint64(s.Drops), 0, nil
}

func (t *handle) close() error {
	t.closed.Store(true)
	return nil
}
