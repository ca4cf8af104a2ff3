package capture

import (
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
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
func (m *Meter) defragment(p *packet.Headers) {
	m.n.fragments++
	if m.frags == nil {
		m.frags = make([]fragment, maxFragments)
	}
	k := flow.Key{A: p.Src, B: p.Dst, Proto: p.Proto}
	f := &m.frags[k.Hash(m.seed^uint64(p.FragID))%maxFragments]
	switch {
	case !p.LaterFrag && p.HasPorts:
		*f = fragment{p.Src, p.Dst, m.clock, p.FragID, p.SrcPort, p.DstPort, p.Proto}
	case p.LaterFrag && f.of(p) && m.clock-f.time <= int64(fragmentLife):
		p.HasPorts, p.SrcPort, p.DstPort = true, f.sport, f.dport
	case p.LaterFrag && hasPorts(p.Proto):
		m.n.strayFrags++
	}
}

func (f *fragment) of(p *packet.Headers) bool {
	return f.id == p.FragID && f.proto == p.Proto && f.src == p.Src && f.dst == p.Dst && f.time != 0
}

func hasPorts(proto uint8) bool {
	return proto == flow.ProtoTCP || proto == flow.ProtoUDP || proto == flow.ProtoSCTP
}

// quoted marks the flow that an ICMP "destination unreachable" quotes as refused, when the
// quoted packet came from its initiator (RFC 792, RFC 4443 section 3.1).
func (m *Meter) quoted(p *packet.Headers) {
	if !(p.Proto == flow.ProtoICMP && p.ICMPType == 3 || p.Proto == flow.ProtoICMPv6 && p.ICMPType == 1) {
		return
	}
	q := &m.quote
	if packet.Decode(packet.LinkRaw, p.Payload, len(p.Payload), q) != packet.Accepted || !q.HasPorts {
		return
	}
	if i, dir := m.find(q, kindPorts, m.hash(q)); i != none && dir == 0 {
		m.at(i).seen |= seenRefuse
	}
}
