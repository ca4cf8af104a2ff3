package capture

import (
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
)

// fragment remembers the ports, or the ICMP type, of a first fragment for those that follow: a
// later fragment of the same datagram has none of its own.
type fragment struct {
	src, dst           flow.Addr
	time               int64 // the meter's clock. 0 is an empty place
	id                 uint32
	sport, dport       uint16
	icmpType, icmpCode uint8
	proto              uint8
	hasPorts, hasICMP  bool
}

// held is a later fragment that came before the first.
type held struct {
	p       packet.Headers
	pkt     Packet // without its bytes
	outside tunnel
	clock   int64
	gone    bool // it was delivered
}

const (
	// maxFragments is the size of the table of first fragments; each datagram has one place in it.
	maxFragments = 4096
	// maxHeld bounds the fragments that wait for their first.
	maxHeld = 1024
	// fragmentLife is how long a datagram may take to arrive (RFC 8200 section 4.5, RFC 1122 section 3.3.2).
	fragmentLife = 60 * time.Second
	// fragmentHold is how long a later fragment waits for the first.
	fragmentHold = 5 * time.Second
)

// defragment delivers the fragment in hand to the flow of its datagram: a later one has the ports
// of the first. One that comes before the first is held back for a while. When the first does not
// come, it goes without ports to the flow of such packets.
func (m *Meter) defragment(pkt *Packet) {
	p := m.p
	m.n.fragments++
	if m.frags == nil {
		m.frags = make([]fragment, maxFragments)
	}
	f := &m.frags[flow.HashEnds(&p.Src, &p.Dst, 0, 0, p.Proto, m.seed^uint64(p.FragID))%maxFragments]
	switch {
	case !p.LaterFrag:
		first := fragment{p.Src, p.Dst, m.clock, p.FragID, p.SrcPort, p.DstPort, p.ICMPType, p.ICMPCode, p.Proto, p.HasPorts, p.HasICMP}
		m.deliver(pkt)
		if first.hasPorts || first.hasICMP {
			*f = first
			m.deliverHeld(f)
		}
	case f.of(p) && m.clock-f.time <= int64(fragmentLife):
		f.lend(p)
		m.deliver(pkt)
	case hasPorts(p.Proto) || p.Proto == flow.ProtoICMP || p.Proto == flow.ProtoICMPv6:
		m.holdBack(pkt)
	default:
		m.deliver(pkt)
	}
}

func (f *fragment) of(p *packet.Headers) bool {
	return f.id == p.FragID && f.proto == p.Proto && f.src == p.Src && f.dst == p.Dst && f.time != 0
}

// lend gives a later fragment what the first has.
func (f *fragment) lend(p *packet.Headers) {
	p.HasPorts, p.SrcPort, p.DstPort = f.hasPorts, f.sport, f.dport
	p.HasICMP, p.ICMPType, p.ICMPCode = f.hasICMP, f.icmpType, f.icmpCode
}

func hasPorts(proto uint8) bool {
	return proto == flow.ProtoTCP || proto == flow.ProtoUDP || proto == flow.ProtoSCTP
}

// holdBack keeps the later fragment in hand until its first comes. When too many wait, the oldest
// waits no longer.
func (m *Meter) holdBack(pkt *Packet) {
	h := held{p: *m.p, pkt: *pkt, outside: m.outside, clock: m.clock}
	h.p.Payload, h.pkt.Data = nil, nil
	if len(m.held) >= maxHeld {
		m.releaseOldest()
	}
	m.held = append(m.held, h)
}

// deliverHeld delivers the held fragments whose first, f, has come.
func (m *Meter) deliverHeld(f *fragment) {
	for i := range m.held {
		h := &m.held[i]
		if h.gone || !f.of(&h.p) {
			continue
		}
		h.gone = true
		m.p, m.outside = &h.p, h.outside
		f.lend(m.p)
		m.deliver(&h.pkt)
	}
}

// releaseHeld delivers the fragments that have waited for longer than after, without ports.
func (m *Meter) releaseHeld(after time.Duration) {
	for len(m.held) > 0 && (m.held[0].gone || time.Duration(m.clock-m.held[0].clock) > after) {
		m.releaseOldest()
	}
}

// releaseOldest takes the first fragment off the queue. It is delivered as of the time it came.
func (m *Meter) releaseOldest() {
	h := &m.held[0]
	if !h.gone {
		m.n.strayFrags++
		now := m.clock
		m.p, m.outside, m.clock = &h.p, h.outside, h.clock
		m.deliver(&h.pkt)
		m.clock = now
	}
	if m.held = m.held[1:]; len(m.held) == 0 {
		m.held = nil
	}
}
