package packet

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// Headers is what is told of one packet. Its slice points into the packet's bytes.
type Headers struct {
	Src, Dst   flow.Addr
	Payload    []byte // captured transport payload
	IPLen      uint32 // IP-layer bytes on the wire, headers included
	PayLen     uint32 // transport payload bytes on the wire
	Seq        uint32 // TCP
	FragID     uint32 // IP identification. Valid iff Frag
	SrcPort    uint16 // Valid iff HasPorts
	DstPort    uint16 // Valid iff HasPorts
	Ether      uint16 // EtherType behind all tags; 0 where the link names none
	VLAN       uint16 // outer 802.1Q id. Valid iff VLANs > 0
	InnerVLAN  uint16 // the next one. Valid iff VLANs > 1
	MPLS       uint32 // top label. Valid iff HasMPLS
	SrcMAC     flow.MAC
	DstMAC     flow.MAC // Valid iff HasMACs, as SrcMAC
	Proto      uint8
	Flags      uint8 // TCP. Valid iff HasTCP
	ToS, TTL   uint8
	ICMPType   uint8 // Valid iff HasICMP
	ICMPCode   uint8 // Valid iff HasICMP
	VLANs      uint8 // how many tags there were
	HasPorts   bool
	HasICMP    bool
	HasTCP     bool
	ZeroWindow bool // TCP: the sender takes nothing more
	HasMACs    bool
	HasMPLS    bool
	Frag       bool // a fragment, the first or a later one
	LaterFrag  bool // not the first fragment: no transport header
	CutHeaders bool // the transport header was not captured whole
}

// Reject says why nothing of the IP layer can be told of a packet.
type Reject uint8

const (
	Accepted        Reject = iota
	RejectLink             // a link type that is not decoded
	RejectNotIP            // ARP, LLDP, spanning tree … : no IP inside
	RejectTruncated        // cut within the link or IP header
	RejectHeader           // a header that contradicts itself
	Rejects                // how many there are
)

var rejectNames = [Rejects]string{
	RejectLink:      "unsupported_link",
	RejectNotIP:     "not_ip",
	RejectTruncated: "truncated",
	RejectHeader:    "bad_header",
}

// String gives the name by which counters know r; "" for Accepted.
func (r Reject) String() string { return rejectNames[r] }

// Link types (tcpdump.org/linktypes.html). The numbers 12 and 14 are DLT_RAW of other systems.
const (
	LinkNull     = 0
	LinkEthernet = 1
	LinkPPP      = 9
	LinkRaw12    = 12
	LinkRaw14    = 14
	LinkPPPHDLC  = 50
	LinkPPPEther = 51
	LinkRaw      = 101
	LinkCHDLC    = 104
	LinkLoop     = 108
	LinkSLL      = 113
	LinkMPLS     = 219
	LinkIPv4     = 228
	LinkIPv6     = 229
	LinkSLL2     = 276
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

// Decode fills p from a captured packet. wire is the length on the wire.
func Decode(link uint32, b []byte, wire int, p *Headers) Reject {
	if link == LinkEthernet && plain(b, p) {
		return Accepted
	}
	return decode(link, b, wire, p)
}

// decode is Decode for a packet of any kind, header by header.
func decode(link uint32, b []byte, wire int, p *Headers) Reject {
	*p = Headers{}
	all := len(b)
	ether, b, r := decodeLink(link, b, p)
	if r != Accepted {
		return r
	}
	ether, b, r = decodeTags(ether, b, p)
	if r != Accepted {
		return r
	}
	return decodeNetwork(ether, b, wire-(all-len(b)), p)
}

// decodeNetwork reads the IP header and what it carries.
func decodeNetwork(ether uint16, b []byte, wire int, p *Headers) Reject {
	p.Ether = ether
	switch ether {
	case etherIPv4:
		return decodeIPv4(b, wire, p)
	case etherIPv6:
		return decodeIPv6(b, wire, p)
	}
	return RejectNotIP
}

// decodeLink takes the link header off and gives the EtherType of what follows.
func decodeLink(link uint32, b []byte, p *Headers) (ether uint16, rest []byte, r Reject) {
	switch link {
	case LinkEthernet:
		if len(b) < 14 {
			return 0, nil, RejectTruncated
		}
		p.ethernet(b)
		return etherOf(b, 12)
	case LinkRaw, LinkRaw12, LinkRaw14, LinkIPv4, LinkIPv6:
		return etherOfIP(b)
	case LinkMPLS:
		return etherMPLS, b, Accepted
	case LinkNull, LinkLoop:
		if len(b) < 4 {
			return 0, nil, RejectTruncated
		}
		return etherOfFamily(b), b[4:], Accepted
	case LinkSLL: // type(2) ARPHRD(2) address length(2) address(8) protocol(2); one address is no pair
		return etherOf(b, 14)
	case LinkSLL2: // protocol(2) zero(2) interface(4) ARPHRD(2) type(1) address length(1) address(8)
		if len(b) < 20 {
			return 0, nil, RejectTruncated
		}
		return binary.BigEndian.Uint16(b), b[20:], Accepted
	case LinkPPP, LinkPPPHDLC, LinkPPPEther:
		return decodePPP(link, b)
	case LinkCHDLC: // address(1) control(1) EtherType(2)
		return etherOf(b, 2)
	}
	return decodeOther(link, b, p)
}

// ethernet notes the addresses of an Ethernet header.
func (p *Headers) ethernet(b []byte) {
	p.HasMACs, p.DstMAC, p.SrcMAC = true, flow.MAC(b[:6]), flow.MAC(b[6:12])
}

// etherOf reads the EtherType at offset at. A length instead of a type leads to an LLC header,
// which names an EtherType when it is SNAP (RFC 1042).
func etherOf(b []byte, at int) (uint16, []byte, Reject) {
	if len(b) < at+2 {
		return 0, nil, RejectTruncated
	}
	ether, b := binary.BigEndian.Uint16(b[at:]), b[at+2:]
	if ether >= etherMinLen {
		return ether, b, Accepted
	}
	if len(b) >= 8 && b[0] == 0xaa && b[1] == 0xaa && b[2] == 3 && b[3] == 0 && b[4] == 0 && b[5] == 0 {
		return binary.BigEndian.Uint16(b[6:]), b[8:], Accepted
	}
	return 0, nil, RejectNotIP
}

// etherOfIP tells IPv4 from IPv6 by the version nibble.
func etherOfIP(b []byte) (uint16, []byte, Reject) {
	if len(b) == 0 {
		return 0, nil, RejectTruncated
	}
	switch b[0] >> 4 {
	case 4:
		return etherIPv4, b, Accepted
	case 6:
		return etherIPv6, b, Accepted
	}
	return 0, nil, RejectHeader
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
func decodePPP(link uint32, b []byte) (uint16, []byte, Reject) {
	if link == LinkPPPEther {
		if len(b) < 6 {
			return 0, nil, RejectTruncated
		}
		b = b[6:]
	}
	if len(b) >= 2 && b[0] == 0xff && b[1] == 3 {
		b = b[2:]
	}
	return etherOfPPP(b)
}

func etherOfPPP(b []byte) (uint16, []byte, Reject) {
	if len(b) < 2 {
		return 0, nil, RejectTruncated
	}
	proto, n := binary.BigEndian.Uint16(b), 2
	if b[0]&1 == 1 { // compressed to one byte
		proto, n = uint16(b[0]), 1
	}
	switch proto {
	case pppIPv4:
		return etherIPv4, b[n:], Accepted
	case pppIPv6:
		return etherIPv6, b[n:], Accepted
	case pppMPLS:
		return etherMPLS, b[n:], Accepted
	}
	return 0, nil, RejectNotIP
}

// maxTags bounds the stack of such headers of one packet.
const maxTags = 16

// decodeTags takes VLAN tags, MPLS labels, a PPPoE header and what decodeWrap knows off.
func decodeTags(ether uint16, b []byte, p *Headers) (uint16, []byte, Reject) {
	r := Accepted
	for range maxTags {
		switch ether {
		case etherVLAN, etherQinQ, etherQinQ9, etherQinQ9 + 0x100, etherQinQ9 + 0x200:
			if len(b) < 4 {
				return 0, nil, RejectTruncated
			}
			p.tag(binary.BigEndian.Uint16(b) & 0xfff)
			ether, b, r = etherOf(b, 2)
		case etherMPLS, etherMPLSm:
			ether, b, r = decodeMPLS(b, p)
		case etherPPPoE: // version, type(1) code(1) session(2) length(2)
			if len(b) < 6 {
				return 0, nil, RejectTruncated
			}
			ether, b, r = etherOfPPP(b[6:])
		case etherMACsec, etherPBB, etherVNTag, etherNSH:
			ether, b, r = decodeWrap(ether, b)
		default:
			return ether, b, Accepted
		}
		if r != Accepted {
			return 0, nil, r
		}
	}
	return 0, nil, RejectHeader
}

// tag notes a VLAN id; of a deeper stack the outermost and the second are kept.
func (p *Headers) tag(id uint16) {
	switch p.VLANs {
	case 0:
		p.VLAN = id
	case 1:
		p.InnerVLAN = id
	}
	p.VLANs++
}

// decodeMPLS takes the label stack off (RFC 3032: label(20) class(3) bottom(1) TTL(8)). What
// follows is told by its first nibble; an Ethernet pseudowire (RFC 4448) may begin with a
// control word of zero.
func decodeMPLS(b []byte, p *Headers) (uint16, []byte, Reject) {
	for range maxTags {
		if len(b) < 4 {
			return 0, nil, RejectTruncated
		}
		v := binary.BigEndian.Uint32(b)
		if b = b[4:]; !p.HasMPLS {
			p.HasMPLS, p.MPLS = true, v>>12
		}
		if v&0x100 == 0 {
			continue
		}
		if len(b) >= 18 && b[0]>>4 == 0 {
			return etherOf(b[4:], 12)
		}
		ether, rest, r := etherOfIP(b)
		if r == RejectHeader {
			r = RejectNotIP
		}
		return ether, rest, r
	}
	return 0, nil, RejectHeader
}
