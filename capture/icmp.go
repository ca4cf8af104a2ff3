package capture

import (
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
)

// icmpError says whether an ICMP message quotes a packet that it complains of (RFC 1122 section
// 3.2.2: unreachable, source quench, redirect, time exceeded, parameter problem; RFC 4443
// section 2.1: all below 128), and whether it says that the destination can not be reached.
func icmpError(proto, typ uint8) (quotes, unreachable bool) {
	if proto == flow.ProtoICMPv6 {
		return typ < 128, typ == 1
	}
	switch typ {
	case 3, 4, 5, 11, 12:
		return true, typ == 3
	}
	return false, false
}

// quoted notes the ICMP error in hand on the flow of the packet that it quotes. The error itself
// is counted as a packet of its own flow. "Unreachable" marks the flow as refused when the quoted
// packet came from its initiator.
func (m *Meter) quoted(p *packet.Headers) {
	quotes, unreachable := icmpError(p.Proto, p.ICMPType)
	if !quotes {
		return
	}
	m.n.icmpErrors++
	q := &m.other
	if packet.Decode(packet.LinkRaw, p.Payload, len(p.Payload), q) != packet.Accepted {
		m.n.icmpUnquoted++
		return
	}
	k := flowKind(q)
	i, dir := m.find(q, k, m.hash(q))
	if i == none {
		m.n.icmpUnquoted++
		return
	}
	e := m.at(i)
	if e.icmpErrors == 0 {
		e.errorType, e.errorCode, e.errorV6 = p.ICMPType, p.ICMPCode, p.Proto == flow.ProtoICMPv6
	}
	e.icmpErrors++
	if unreachable && dir == 0 {
		e.seen |= seenRefuse
	}
}
