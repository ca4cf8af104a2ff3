package capture

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// packet is what the meter needs of one packet. Slices point into the packet's bytes.
type packet struct {
	src, dst   flow.Addr
	payload    []byte // captured transport payload
	ipLen      uint32 // IP-layer bytes on the wire, headers included
	payLen     uint32 // transport payload bytes on the wire
	seq        uint32 // TCP
	fragID     uint32 // IP identification. Valid iff frag
	sport      uint16 // Valid iff ports
	dport      uint16 // Valid iff ports
	vlan, vin  uint16 // outer and inner 802.1Q id. Valid iff vlans > 0, > 1
	mpls       uint32 // top label. Valid iff hasMPLS
	srcMAC     flow.MAC
	dstMAC     flow.MAC
	proto      uint8
	flags      uint8 // TCP. Valid iff tcp
	tos, ttl   uint8
	icmpType   uint8 // Valid iff icmp
	icmpCode   uint8 // Valid iff icmp
	vlans      uint8
	ports      bool
	icmp       bool
	tcp        bool
	hasMACs    bool
	hasMPLS    bool
	frag       bool // a fragment, the first or a later one
	laterFrag  bool // not the first fragment: no transport header
	cutHeaders bool // the transport header was not captured whole
}

// reject says why a packet is in no flow; each is one named counter.
type reject uint8

const (
	accepted        reject = iota
	rejectLink             // a link type we do not decode
	rejectNotIP            // ARP, LLDP, spanning tree … : no IP inside
	rejectTruncated        // cut within the link or IP header
	rejectHeader           // a header that contradicts itself
	rejects
)

var rejectNames = [rejects]string{
	rejectLink:      "capture.unsupported_link",
	rejectNotIP:     "capture.not_ip",
	rejectTruncated: "capture.truncated",
	rejectHeader:    "capture.bad_header",
}

// Link types (tcpdump.org/linktypes.html). The numbers 12 and 14 are DLT_RAW of other systems.
const (
	linkNull     = 0
	linkEthernet = 1
	linkPPP      = 9
	linkRaw12    = 12
	linkRaw14    = 14
	linkPPPHDLC  = 50
	linkPPPEther = 51
	linkRaw      = 101
	linkCHDLC    = 104
	linkLoop     = 108
	linkSLL      = 113
	linkIPv4     = 228
	linkIPv6     = 229
	linkSLL2     = 276
)

// EtherTypes (IANA ieee-802-numbers).
const (
	etherIPv4   = 0x0800
	etherIPv6   = 0x86dd
	etherVLAN   = 0x8100
	etherQinQ   = 0x88a8
	etherQinQ9  = 0x9100 // and the three after it: QinQ before 802.1ad
	etherMPLS   = 0x8847
	etherMPLSm  = 0x8848
	etherPPPoE  = 0x8864
	etherMinLen = 0x0600 // below: an 802.3 length, not a type
)

// PPP protocols (RFC 1661, 1332, 5072, 3032).
const (
	pppIPv4 = 0x0021
	pppIPv6 = 0x0057
	pppMPLS = 0x0281
)

// decode fills p from a captured packet. wire is the length on the wire.
func decode(link uint32, b []byte, wire int, p *packet) reject {
	*p = packet{}
	all := len(b)
	ether, b, r := decodeLink(link, b, p)
	if r != accepted {
		return r
	}
	ether, b, r = decodeTags(ether, b, p)
	if r != accepted {
		return r
	}
	wire -= all - len(b) // of the network layer
	switch ether {
	case etherIPv4:
		return decodeIPv4(b, wire, p)
	case etherIPv6:
		return decodeIPv6(b, wire, p)
	}
	return rejectNotIP
}

// decodeLink takes the link header off and gives the EtherType of what follows.
func decodeLink(link uint32, b []byte, p *packet) (ether uint16, rest []byte, r reject) {
	switch link {
	case linkEthernet:
		if len(b) < 14 {
			return 0, nil, rejectTruncated
		}
		p.hasMACs = true
		copy(p.dstMAC[:], b)
		copy(p.srcMAC[:], b[6:])
		return etherOf(b, 12)
	case linkRaw, linkRaw12, linkRaw14, linkIPv4, linkIPv6:
		return etherOfIP(b)
	case linkNull, linkLoop:
		if len(b) < 4 {
			return 0, nil, rejectTruncated
		}
		return etherOfFamily(b), b[4:], accepted
	case linkSLL: // type(2) ARPHRD(2) address length(2) address(8) protocol(2); one address is no pair
		return etherOf(b, 14)
	case linkSLL2: // protocol(2) zero(2) interface(4) ARPHRD(2) type(1) address length(1) address(8)
		if len(b) < 20 {
			return 0, nil, rejectTruncated
		}
		return binary.BigEndian.Uint16(b), b[20:], accepted
	case linkPPP, linkPPPHDLC, linkPPPEther:
		return decodePPP(link, b)
	case linkCHDLC: // address(1) control(1) EtherType(2)
		return etherOf(b, 2)
	}
	return decodeRare(link, b)
}

// etherOf reads the EtherType at offset at. A length instead of a type leads to an LLC header,
// which names an EtherType when it is SNAP (RFC 1042).
func etherOf(b []byte, at int) (uint16, []byte, reject) {
	if len(b) < at+2 {
		return 0, nil, rejectTruncated
	}
	ether, b := binary.BigEndian.Uint16(b[at:]), b[at+2:]
	if ether >= etherMinLen {
		return ether, b, accepted
	}
	if len(b) >= 8 && b[0] == 0xaa && b[1] == 0xaa && b[2] == 3 && b[3] == 0 && b[4] == 0 && b[5] == 0 {
		return binary.BigEndian.Uint16(b[6:]), b[8:], accepted
	}
	return 0, nil, rejectNotIP
}

// etherOfIP tells IPv4 from IPv6 by the version nibble.
func etherOfIP(b []byte) (uint16, []byte, reject) {
	if len(b) == 0 {
		return 0, nil, rejectTruncated
	}
	switch b[0] >> 4 {
	case 4:
		return etherIPv4, b, accepted
	case 6:
		return etherIPv6, b, accepted
	}
	return 0, nil, rejectHeader
}

// etherOfFamily reads the address family of a BSD loopback header, in either byte order:
// AF_INET is 2 everywhere, AF_INET6 is 10, 24, 28 or 30.
func etherOfFamily(b []byte) uint16 {
	family := binary.LittleEndian.Uint32(b)
	if family >= 1<<16 {
		family = binary.BigEndian.Uint32(b)
	}
	switch family {
	case 2:
		return etherIPv4
	case 10, 24, 28, 30:
		return etherIPv6
	}
	return 0
}

// decodePPP reads PPP with or without the HDLC-like header ff 03 (RFC 1662), and PPPoE's.
func decodePPP(link uint32, b []byte) (uint16, []byte, reject) {
	if link == linkPPPEther {
		if len(b) < 6 {
			return 0, nil, rejectTruncated
		}
		b = b[6:]
	}
	if len(b) >= 2 && b[0] == 0xff && b[1] == 3 {
		b = b[2:]
	}
	return etherOfPPP(b)
}

func etherOfPPP(b []byte) (uint16, []byte, reject) {
	if len(b) < 2 {
		return 0, nil, rejectTruncated
	}
	proto, n := binary.BigEndian.Uint16(b), 2
	if b[0]&1 == 1 { // compressed to one byte
		proto, n = uint16(b[0]), 1
	}
	switch proto {
	case pppIPv4:
		return etherIPv4, b[n:], accepted
	case pppIPv6:
		return etherIPv6, b[n:], accepted
	case pppMPLS:
		return etherMPLS, b[n:], accepted
	}
	return 0, nil, rejectNotIP
}

// maxTags bounds the stack of VLAN, MPLS and PPPoE headers of one packet.
const maxTags = 16

// decodeTags takes VLAN tags, MPLS labels and a PPPoE header off.
func decodeTags(ether uint16, b []byte, p *packet) (uint16, []byte, reject) {
	r := accepted
	for range maxTags {
		switch ether {
		case etherVLAN, etherQinQ, etherQinQ9, etherQinQ9 + 0x100, etherQinQ9 + 0x200:
			if len(b) < 4 {
				return 0, nil, rejectTruncated
			}
			p.tag(binary.BigEndian.Uint16(b) & 0xfff)
			ether, b, r = etherOf(b, 2)
		case etherMPLS, etherMPLSm:
			ether, b, r = decodeMPLS(b, p)
		case etherPPPoE: // version, type(1) code(1) session(2) length(2)
			if len(b) < 6 {
				return 0, nil, rejectTruncated
			}
			ether, b, r = etherOfPPP(b[6:])
		default:
			return ether, b, accepted
		}
		if r != accepted {
			return 0, nil, r
		}
	}
	return 0, nil, rejectHeader
}

// tag notes a VLAN id; of a deeper stack the outermost and the second are kept.
func (p *packet) tag(id uint16) {
	switch p.vlans {
	case 0:
		p.vlan = id
	case 1:
		p.vin = id
	}
	p.vlans++
}

// decodeMPLS takes the label stack off (RFC 3032: label(20) class(3) bottom(1) TTL(8)). What
// follows is told by its first nibble; an Ethernet pseudowire (RFC 4448) may begin with a
// control word of zero.
func decodeMPLS(b []byte, p *packet) (uint16, []byte, reject) {
	for range maxTags {
		if len(b) < 4 {
			return 0, nil, rejectTruncated
		}
		v := binary.BigEndian.Uint32(b)
		if b = b[4:]; !p.hasMPLS {
			p.hasMPLS, p.mpls = true, v>>12
		}
		if v&0x100 == 0 {
			continue
		}
		if len(b) >= 18 && b[0]>>4 == 0 {
			return etherOf(b[4:], 12)
		}
		ether, rest, r := etherOfIP(b)
		if r == rejectHeader {
			r = rejectNotIP
		}
		return ether, rest, r
	}
	return 0, nil, rejectHeader
}
