package packet

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// GRE protocol types that are no EtherType of what follows.
const (
	greWCCP      = 0x883e // WCCP version 2 may put a redirect header of 4 bytes before the IPv4 header
	grePPP       = 0x880b
	greERSPAN    = 0x88be // types I and II
	greERSPANIII = 0x22eb
)

// enterGRE reads C(1 bit) R(1) K(1) S(1) … version(3) protocol(16) [checksum(16) offset(16)]
// [key(32)] [sequence(32)]: RFC 2784 section 2.1 and RFC 2890. Version 1 is PPTP's (RFC 2637
// section 4.1): its key is payload length(16) call(16), and a bit A(0x80) adds an
// acknowledgement(32). Source routes (RFC 1701) are not followed.
func enterGRE(b []byte) (inside, bool) {
	const checksum, routing, key, sequence, ack = 0x8000, 0x4000, 0x2000, 0x1000, 0x0080
	if len(b) < 4 {
		return inside{}, false
	}
	flags, proto, n := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), 4
	version := flags & 7
	if version > 1 || flags&routing != 0 {
		return inside{}, false
	}
	s := inside{ether: proto, kind: flow.TunnelGRE}
	if flags&checksum != 0 {
		n += 4
	}
	if flags&key != 0 {
		if len(b) < n+4 {
			return inside{}, false
		}
		s.id, s.hasID = binary.BigEndian.Uint32(b[n:]), true
		n += 4
	}
	if flags&sequence != 0 {
		n += 4
	}
	if version == 1 {
		if s.kind, s.id = flow.TunnelPPTP, s.id&0xffff; flags&ack != 0 {
			n += 4
		}
	}
	if len(b) <= n {
		return inside{}, false
	}
	s.rest = b[n:]
	switch proto {
	case etherFrame:
		if flags&(checksum|key|sequence) == key { // RFC 7637 section 3.2: subnet(24) flow(8)
			s.kind, s.id = flow.TunnelNVGRE, s.id>>8
		}
	case greWCCP:
		if s.ether = etherIPv4; s.rest[0]>>4 != 4 && len(s.rest) > 4 {
			s.rest = s.rest[4:]
		}
	case grePPP:
		var r Reject
		s.ether, s.rest, r = decodePPP(LinkPPP, s.rest)
		return s, r == Accepted
	case greERSPAN:
		return s.erspan(flags&sequence != 0)
	case greERSPANIII:
		return s.erspan3()
	}
	return s, true
}

// erspan reads the header of ERSPAN type II, which has a sequence number, unlike type I, which
// has no header: version(4 bits) VLAN(12) class(3) encapsulation(2) cut(1) session(10)
// reserved(12) index(20) (draft-foschiano-erspan-03 section 4).
func (s inside) erspan(two bool) (inside, bool) {
	s.kind, s.ether = flow.TunnelERSPAN, etherFrame
	if !two {
		return s, true
	}
	if len(s.rest) < 8 || s.rest[0]>>4 != 1 {
		return s, false
	}
	s.id, s.hasID = uint32(binary.BigEndian.Uint16(s.rest[2:])&0x3ff), true
	s.rest = s.rest[8:]
	return s, true
}

// erspan3 reads the header of ERSPAN type III: the first word as in type II, time stamp(32 bits)
// group(16) P(1) frame type(5) hardware(6) D(1) granularity(2) O(1), and with O 8 bytes more.
// Frame type 0 is Ethernet, 2 is IP.
func (s inside) erspan3() (inside, bool) {
	b := s.rest
	if len(b) < 12 || b[0]>>4 != 2 {
		return s, false
	}
	n := 12
	if b[11]&1 != 0 {
		n = 20
	}
	if len(b) < n {
		return s, false
	}
	s.kind, s.ether = flow.TunnelERSPAN, etherFrame
	s.id, s.hasID = uint32(binary.BigEndian.Uint16(b[2:])&0x3ff), true
	if s.rest = b[n:]; b[10]>>2&31 == 2 {
		var r Reject
		s.ether, s.rest, r = etherOfIP(s.rest)
		return s, r == Accepted
	}
	return s, true
}
