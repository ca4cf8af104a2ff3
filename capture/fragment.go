package capture

import (
	"time"

	"github.com/flowferry/flowferry/flow"
)

// fragment remembers the ports of a first fragment for those that follow: a later fragment of
// the same datagram has none of its own.
type fragment struct {
	src, dst     flow.Addr
	time         int64 // the meter's clock. 0 is an empty place
	id           uint32
	sport, dport uint16
	proto        uint8
}

// maxFragments is the size of the table of first fragments; each datagram has one place in it.
const maxFragments = 4096

// fragmentLife is how long a datagram may take to arrive (Linux ipfrag_time).
const fragmentLife = 30 * time.Second

// defragment notes the ports of a first fragment, and gives a later one those of its first. When
// the first was not seen, the packet stays without ports and goes to the flow of such packets.
func (m *Meter) defragment(p *packet) {
	m.n.fragments++
	if m.frags == nil {
		m.frags = make([]fragment, maxFragments)
	}
	k := flow.Key{A: p.src, B: p.dst, Proto: p.proto}
	f := &m.frags[k.Hash(m.seed^uint64(p.fragID))%maxFragments]
	switch {
	case !p.laterFrag && p.ports:
		*f = fragment{p.src, p.dst, m.clock, p.fragID, p.sport, p.dport, p.proto}
	case p.laterFrag && f.of(p) && m.clock-f.time <= int64(fragmentLife):
		p.ports, p.sport, p.dport = true, f.sport, f.dport
	case p.laterFrag && hasPorts(p.proto):
		m.n.strayFrags++
	}
}

func (f *fragment) of(p *packet) bool {
	return f.id == p.fragID && f.proto == p.proto && f.src == p.src && f.dst == p.dst && f.time != 0
}

func hasPorts(proto uint8) bool {
	return proto == flow.ProtoTCP || proto == flow.ProtoUDP || proto == flow.ProtoSCTP
}

// quoted marks the flow that an ICMP "destination unreachable" quotes as refused, when the
// quoted packet came from its initiator (RFC 792, RFC 4443 section 3.1).
func (m *Meter) quoted(p *packet) {
	if !(p.proto == flow.ProtoICMP && p.icmpType == 3 || p.proto == flow.ProtoICMPv6 && p.icmpType == 1) {
		return
	}
	q := &m.quote
	*q = packet{}
	r := rejectHeader
	switch b := p.payload; {
	case len(b) == 0:
	case b[0]>>4 == 4:
		r = decodeIPv4(b, len(b), q)
	case b[0]>>4 == 6:
		r = decodeIPv6(b, len(b), q)
	}
	if r != accepted || !q.ports {
		return
	}
	if i, dir := m.find(q, kindPorts, m.hash(q)); i != none && dir == 0 {
		m.at(i).seen |= seenRefuse
	}
}
