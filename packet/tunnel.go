package packet

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// Tunnel is what is told of the outside of a packet within a packet.
type Tunnel struct {
	Src, Dst flow.Addr // of the outer IP header
	ID       uint32    // as Kind says. Valid iff HasID
	Kind     flow.Tunnel
	HasID    bool
}

// inside is where the packet within a packet begins.
type inside struct {
	rest  []byte
	ether uint16 // EtherType of rest; etherFrame for a whole Ethernet frame
	kind  flow.Tunnel
	id    uint32
	hasID bool
}

// etherFrame stands for "Transparent Ethernet Bridging" (RFC 1701, IANA ieee-802-numbers).
const etherFrame = 0x6558

// IP protocol numbers of tunnels (IANA protocol-numbers).
const (
	protoIPv4    = 4
	protoIPv6    = 41
	protoIPIP    = 94
	protoEtherIP = 97
	protoPIM     = 103
	protoMPLS    = 137
	protoEther   = 143
)

// Inner decodes the packet that p carries in a tunnel into in, and tells of the tunnel in t. It
// reports false, with in and t of no meaning, when p carries none, or one of which no IP header
// can be read. What the inner packet has no link header for is that of p. A fragment is never
// looked into: the packet inside is not whole.
func Inner(p, in *Headers, t *Tunnel) bool {
	if !p.MayCarry() {
		return false
	}
	s, ok := enter(p)
	if !ok {
		return false
	}
	*in = Headers{}
	wire, before := int(p.PayLen)-(len(p.Payload)-len(s.rest)), len(s.rest)
	ether, b, r := s.ether, s.rest, Accepted
	if ether == etherFrame {
		ether, b, r = decodeLink(LinkEthernet, b, in)
	}
	if r == Accepted {
		ether, b, r = decodeTags(ether, b, in)
	}
	if r != Accepted {
		return false
	}
	room := wire - (before - len(b)) // what the tunnel can carry: a longer packet is none, the port was by chance
	if decodeNetwork(ether, b, room, in) != Accepted || int(in.IPLen) > room {
		return false
	}
	in.inherit(p)
	*t = Tunnel{p.Src, p.Dst, s.id, s.kind, s.hasID}
	return true
}

// MayCarry says whether Inner may find a packet within p: most packets are told at a glance.
func (p *Headers) MayCarry() bool {
	switch {
	case p.Proto == flow.ProtoTCP || p.Frag || len(p.Payload) == 0:
		return false
	case p.Proto == flow.ProtoUDP:
		return tunnelPorts[p.DstPort%256]|tunnelPorts[p.SrcPort%256] == 1
	}
	return true
}

// inherit takes what belongs to the link from the outer packet, where the inner has none.
func (p *Headers) inherit(outer *Headers) {
	if !p.HasMACs {
		p.HasMACs, p.SrcMAC, p.DstMAC = outer.HasMACs, outer.SrcMAC, outer.DstMAC
	}
	if p.VLANs == 0 {
		p.VLANs, p.VLAN, p.InnerVLAN = outer.VLANs, outer.VLAN, outer.InnerVLAN
	}
	if !p.HasMPLS {
		p.HasMPLS, p.MPLS = outer.HasMPLS, outer.MPLS
	}
}

// enter takes the tunnel header off.
func enter(p *Headers) (inside, bool) {
	b := p.Payload
	switch p.Proto {
	case flow.ProtoUDP:
		return enterUDP(p)
	case flow.ProtoGRE:
		return enterGRE(b)
	case protoIPv4, protoIPv6, protoIPIP:
		return enterIP(b, flow.TunnelIPIP)
	case protoMPLS:
		return inside{rest: b, ether: etherMPLS, kind: flow.TunnelMPLS}, true
	case protoEther:
		return inside{rest: b, ether: etherFrame, kind: flow.TunnelEther}, true
	case protoEtherIP: // version(4 bits) 0(12 bits)
		if len(b) > 2 && b[0] == 0x30 {
			return inside{rest: b[2:], ether: etherFrame, kind: flow.TunnelEther}, true
		}
	case protoPIM:
		return enterPIM(b)
	}
	return inside{}, false
}

// enterPIM reads version(4 bits) kind(4) reserved(8) checksum(16), and in a Register message B(1 bit) N(1)
// reserved(30) and the packet that a router sends to the rendezvous point: RFC 7761 section 4.9.3. With N there is
// none, but a header for the checksum's sake.
func enterPIM(b []byte) (inside, bool) {
	const register, null = 0x21, 0x40
	if len(b) < 8 || b[0] != register || b[4]&null != 0 {
		return inside{}, false
	}
	return enterIP(b[8:], flow.TunnelPIM)
}

// UDP ports of tunnels (IANA service-names).
const (
	portL2TP     = 1701
	portGTPU     = 2152
	portTeredo   = 3544
	portGREUDP   = 4754
	portVXLAN    = 4789
	portGPE      = 4790
	portAYIYA    = 5072
	portGeneve   = 6081
	portMPLSUDP  = 6635
	portVXLANOld = 8472 // Linux before the assignment
)

// tunnelPorts has a 1 for the low byte of every port that enterUDP knows.
var tunnelPorts = func() (low [256]uint8) {
	for _, port := range [...]uint16{portL2TP, portGTPU, portTeredo, portGREUDP, portVXLAN, portGPE, portAYIYA, portGeneve,
		portMPLSUDP, portVXLANOld} {
		low[port%256] = 1
	}
	return low
}()

// enterUDP goes by the port. VXLAN and its like draw the source port at random; the others
// answer from their port. Where the other side's port is a system port (RFC 6335 section 6), as
// of a DNS server, the tunnel's is one that a client drew by chance.
func enterUDP(p *Headers) (inside, bool) {
	const system = 1024
	b := p.Payload
	if p.SrcPort < system || p.DstPort < system {
		return inside{}, false
	}
	switch p.DstPort {
	case portVXLAN, portVXLANOld:
		return enterVXLAN(b, false)
	case portGPE:
		return enterVXLAN(b, true)
	case portGeneve:
		return enterGeneve(b)
	case portGREUDP:
		return enterGRE(b)
	case portMPLSUDP:
		return inside{rest: b, ether: etherMPLS, kind: flow.TunnelMPLS}, true
	}
	for _, port := range [...]uint16{p.DstPort, p.SrcPort} {
		switch port {
		case portGTPU:
			return enterGTPU(b)
		case portTeredo:
			return enterTeredo(b)
		case portAYIYA:
			return enterAYIYA(b)
		case portL2TP:
			return enterL2TP(b)
		}
	}
	return inside{}, false
}

// enterIP is for what has an IP header next, whichever version.
func enterIP(b []byte, kind flow.Tunnel) (inside, bool) {
	ether, b, r := etherOfIP(b)
	return inside{rest: b, ether: ether, kind: kind}, r == Accepted
}

// enterVXLAN reads flags(1) reserved(2) next protocol(1) VNI(3) reserved(1): RFC 7348 section 5,
// and with a next protocol draft-ietf-nvo3-vxlan-gpe section 3. Flag 8 says that the VNI is valid.
func enterVXLAN(b []byte, gpe bool) (inside, bool) {
	if len(b) < 8 || b[0]&8 == 0 {
		return inside{}, false
	}
	s := inside{rest: b[8:], ether: etherFrame, kind: flow.TunnelVXLAN, id: binary.BigEndian.Uint32(b[4:]) >> 8, hasID: true}
	if gpe && b[0]&4 != 0 {
		switch b[3] {
		case 1:
			s.ether = etherIPv4
		case 2:
			s.ether = etherIPv6
		case 3:
		case 4:
			s.ether = etherNSH
		default:
			return inside{}, false
		}
	}
	return s, true
}

// enterGeneve reads version(2 bits) option words(6) flags(8) protocol(16) VNI(24) reserved(8)
// options: RFC 8926 section 3.4.
func enterGeneve(b []byte) (inside, bool) {
	if len(b) < 8 || b[0]>>6 != 0 {
		return inside{}, false
	}
	n := 8 + int(b[0]&63)*4
	if len(b) < n {
		return inside{}, false
	}
	return inside{rest: b[n:], ether: binary.BigEndian.Uint16(b[2:]), kind: flow.TunnelGeneve,
		id: binary.BigEndian.Uint32(b[4:]) >> 8, hasID: true}, true
}

// enterGTPU reads version(3 bits) protocol type(1) spare(1) E(1) S(1) PN(1) message(8) length(16)
// TEID(32), with any of E, S, PN also sequence(16) N-PDU(8) next extension(8): 3GPP TS 29.281
// section 5. An extension is its length in words(8), content, next extension(8). Message 255 is a
// user's packet.
func enterGTPU(b []byte) (inside, bool) {
	if len(b) < 8 || b[0]>>4 != 3 || b[1] != 255 {
		return inside{}, false
	}
	n := 8
	if b[0]&7 != 0 {
		n = 12
		for len(b) >= n && b[0]&4 != 0 && b[n-1] != 0 {
			if len(b) == n || b[n] == 0 {
				return inside{}, false
			}
			n += int(b[n]) * 4
		}
	}
	if len(b) < n {
		return inside{}, false
	}
	s, ok := enterIP(b[n:], flow.TunnelGTPU)
	s.id, s.hasID = binary.BigEndian.Uint32(b[4:]), true
	return s, ok
}

// enterTeredo steps over authentication 0001(16 bits) id length(8) value length(8) id value
// nonce(64) confirmation(8), and origin 0000(16) port(16) address(32): RFC 4380 section 5.1.1.
func enterTeredo(b []byte) (inside, bool) {
	if len(b) >= 4 && b[0] == 0 && b[1] == 1 {
		b = b[min(13+int(b[2])+int(b[3]), len(b)):]
	}
	if len(b) >= 8 && b[0] == 0 && b[1] == 0 {
		b = b[8:]
	}
	if len(b) == 0 || b[0]>>4 != 6 {
		return inside{}, false
	}
	return inside{rest: b, ether: etherIPv6, kind: flow.TunnelTeredo}, true
}

// enterAYIYA reads log2 of the identity's length(4 bits) its type(4) signature words(4) hash(4)
// authentication(4) operation(4) next header(8) epoch(32) identity signature:
// draft-massar-v6ops-ayiya-02 section 3. Operation 1 forwards a packet.
func enterAYIYA(b []byte) (inside, bool) {
	if len(b) < 8 || b[2]&15 != 1 || b[3] != protoIPv6 && b[3] != protoIPv4 {
		return inside{}, false
	}
	n := 8 + 1<<(b[0]>>4) + int(b[1]>>4)*4
	if len(b) < n {
		return inside{}, false
	}
	return enterIP(b[n:], flow.TunnelAYIYA)
}

// enterL2TP reads flags and version(16 bits) [length(16)] tunnel(16) session(16) [Ns(16) Nr(16)]
// [offset size(16) offset]: RFC 2661 section 3.1. What follows in a data message is PPP.
func enterL2TP(b []byte) (inside, bool) {
	const control, length, sequence, offset = 0x8000, 0x4000, 0x0800, 0x0200
	if len(b) < 6 {
		return inside{}, false
	}
	flags, n := binary.BigEndian.Uint16(b), 2
	if flags&control != 0 || flags&15 != 2 {
		return inside{}, false
	}
	if flags&length != 0 {
		n += 2
	}
	if len(b) < n+4 {
		return inside{}, false
	}
	id := binary.BigEndian.Uint32(b[n:])
	n += 4
	if flags&sequence != 0 {
		n += 4
	}
	if flags&offset != 0 {
		if len(b) < n+2 {
			return inside{}, false
		}
		n += 2 + int(binary.BigEndian.Uint16(b[n:]))
	}
	if len(b) < n {
		return inside{}, false
	}
	ether, rest, r := decodePPP(LinkPPP, b[n:])
	return inside{rest: rest, ether: ether, kind: flow.TunnelL2TP, id: id, hasID: true}, r == Accepted
}
