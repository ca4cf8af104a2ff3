package packet

import "encoding/binary"

// Link types with a header of their own (tcpdump.org/linktypes.html), decoded by hand as well, but rarer than those
// of decodeLink.
const (
	LinkTokenRing = 6
	LinkARCNET    = 7
	LinkSLIP      = 8
	LinkATM       = 100 // RFC 2684 with LLC
	LinkFrelay    = 107
	LinkEnc       = 109 // what OpenBSD takes out of IPsec
	LinkFC        = 122 // IP over Fibre Channel
	LinkARCNETLin = 129
	LinkPPI       = 192
	LinkPPPDir    = 204 // as the types without Dir, behind a byte that tells the direction
	LinkCHDLCDir  = 205
	LinkFrelayDir = 206
	LinkIPNET     = 226 // Solaris
	LinkNFLOG     = 239 // Linux, of iptables and nftables
	LinkIPoIB     = 242 // InfiniBand
	LinkPKTAP     = 258 // macOS
)

// Address families of Linux, and IPv6's of Solaris.
const (
	familyIPv4        = 2
	familyIPv6        = 10
	familyIPv6Solaris = 26
)

// decodeOther takes the header of a less common link type off; what it does not know is left to decodeRare.
func decodeOther(link uint32, b []byte, p *Headers) (uint16, []byte, Reject) {
	switch link {
	case LinkNFLOG:
		return decodeNFLOG(b)
	case LinkPPI: // version(1) flags(1) length of all that(2) link type(4), little-endian
		if len(b) < 8 {
			return 0, nil, RejectTruncated
		}
		return decodeBehind(int(binary.LittleEndian.Uint16(b[2:])), binary.LittleEndian.Uint32(b[4:]), b, p)
	case LinkPKTAP: // length of all that(4) kind(4) link type(4) …, little-endian
		if len(b) < 12 {
			return 0, nil, RejectTruncated
		}
		return decodeBehind(int(min(binary.LittleEndian.Uint32(b), 1<<16)), binary.LittleEndian.Uint32(b[8:]), b, p)
	case LinkPPPDir:
		return decodeBehind(1, LinkPPP, b, p)
	case LinkCHDLCDir:
		return decodeBehind(1, LinkCHDLC, b, p)
	case LinkFrelayDir:
		return decodeBehind(1, LinkFrelay, b, p)
	case LinkSLIP: // direction(1) what was compressed(15); the IP header is whole again
		return decodeBehind(16, LinkRaw, b, p)
	case LinkEnc: // address family(4) SPI(4) flags(4)
		if len(b) < 12 {
			return 0, nil, RejectTruncated
		}
		return etherOfFamily(b), b[12:], Accepted
	case LinkIPNET: // version(1) family(1) kind(2) length(4) interface(4) group(4) zones(8)
		if len(b) < 24 {
			return 0, nil, RejectTruncated
		}
		return etherOfLinuxFamily(b[1]), b[24:], Accepted
	case LinkIPoIB: // source(20) destination(20) EtherType(2) reserved(2)
		if len(b) < 44 {
			return 0, nil, RejectTruncated
		}
		return binary.BigEndian.Uint16(b[40:]), b[44:], Accepted
	case LinkFrelay:
		return decodeFrelay(b)
	case LinkARCNET:
		return decodeARCNET(b, 2)
	case LinkARCNETLin:
		return decodeARCNET(b, 4)
	case LinkTokenRing:
		return decodeTokenRing(b)
	case LinkATM:
		return etherOfLLC(b, 2)
	case LinkFC: // destination(8) source(8)
		if len(b) < 16 {
			return 0, nil, RejectTruncated
		}
		return etherOfLLC(b[16:], 0)
	}
	return decodeRare(link, b)
}

// decodeBehind goes on with the frame of another link type behind a header of n bytes. There is one such header.
func decodeBehind(n int, link uint32, b []byte, p *Headers) (uint16, []byte, Reject) {
	switch {
	case link == LinkPPI || link == LinkPKTAP:
		return 0, nil, RejectLink
	case len(b) < n:
		return 0, nil, RejectTruncated
	}
	return decodeLink(link, b[n:], p)
}

func etherOfLinuxFamily(family byte) uint16 {
	switch family {
	case familyIPv4:
		return etherIPv4
	case familyIPv6, familyIPv6Solaris:
		return etherIPv6
	}
	return 0
}

// decodeNFLOG reads family(1) version(1) resource(2) and then attributes of length(2) kind(2) value, padded to four
// bytes; kind 9 is the packet. Lengths and kinds have the byte order of the machine that captured; all kinds are
// below 256.
func decodeNFLOG(b []byte) (uint16, []byte, Reject) {
	const payload = 9
	if len(b) < 4 {
		return 0, nil, RejectTruncated
	}
	ether := etherOfLinuxFamily(b[0])
	for b = b[4:]; len(b) >= 4; {
		n, kind := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
		if kind >= 256 {
			n, kind = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		}
		switch {
		case n < 4:
			return 0, nil, RejectHeader
		case kind == payload:
			return ether, b[4:max(min(int(n), len(b)), 4)], Accepted
		}
		b = b[min((int(n)+3)&^3, len(b)):]
	}
	return 0, nil, RejectTruncated
}

// Protocols by RFC 2427 and ISO/IEC TR 9577.
const (
	nlpidSNAP = 0x80
	nlpidIPv6 = 0x8e
	nlpidIPv4 = 0xcc
	nlpidPPP  = 0xcf
)

// decodeFrelay reads an address of two to four bytes, of which the last is odd (Q.922), and then control(1) [0] protocol(1)
// (RFC 2427 section 4), or what Cisco sends: an EtherType.
func decodeFrelay(b []byte) (uint16, []byte, Reject) {
	n := 1
	for n <= min(len(b), 4) && b[n-1]&1 == 0 {
		n++
	}
	if n < 2 || n > 4 {
		return 0, nil, RejectHeader
	}
	if len(b) < n+2 {
		return 0, nil, RejectTruncated
	}
	const unnumbered = 3
	if b = b[n:]; b[0] != unnumbered {
		return etherOf(b, 0)
	}
	if b = b[1:]; b[0] == 0 {
		b = b[1:]
	}
	if len(b) == 0 {
		return 0, nil, RejectTruncated
	}
	switch b[0] {
	case nlpidIPv4:
		return etherIPv4, b[1:], Accepted
	case nlpidIPv6:
		return etherIPv6, b[1:], Accepted
	case nlpidPPP:
		return etherOfPPP(b[1:])
	case nlpidSNAP:
		return etherOfSNAP(b[1:], 0)
	}
	return 0, nil, RejectNotIP
}

// etherOfLLC reads an LLC header, which names an EtherType when it is SNAP (RFC 1042).
func etherOfLLC(b []byte, pad int) (uint16, []byte, Reject) {
	if len(b) < 8 {
		return 0, nil, RejectTruncated
	}
	if b[0] != 0xaa || b[1] != 0xaa || b[2] != 3 {
		return 0, nil, RejectNotIP
	}
	return etherOfSNAP(b[3:], pad)
}

// etherOfSNAP reads organization(3) protocol(2). The protocols of IEEE 802.1 are bridged frames, behind so many bytes
// of padding: 1 and 7 are Ethernet's, with its checksum and without (RFC 2427 appendix A, RFC 2684 section 5.2).
func etherOfSNAP(b []byte, pad int) (uint16, []byte, Reject) {
	if len(b) < 5 {
		return 0, nil, RejectTruncated
	}
	organization, proto := binary.BigEndian.Uint32(b)>>8, binary.BigEndian.Uint16(b[3:])
	switch {
	case organization == 0:
		return proto, b[5:], Accepted
	case organization == 0x0080c2 && (proto == 1 || proto == 7):
		return etherOf(b[5:], pad+12)
	}
	return 0, nil, RejectNotIP
}

// decodeARCNET reads ends(2), on Linux an offset(2), and then the protocol(1), which numbers the pieces of a packet
// behind it: flag(1) sequence(2); flag ff says that four more bytes follow (RFC 1201). The pieces of the older
// RFC 1051 have no numbers. A later piece has an even flag, and no header.
func decodeARCNET(b []byte, at int) (uint16, []byte, Reject) {
	const ipv4Old, ipv4, ipv6, exception = 0xf0, 0xd4, 0xc4, 0xff
	if len(b) < at+4 {
		return 0, nil, RejectTruncated
	}
	proto, b := b[at], b[at+1:]
	if proto == ipv4Old {
		return etherIPv4, b, Accepted
	}
	flag, n := b[0], 3
	if flag == exception {
		n = 7
	}
	switch {
	case len(b) < n:
		return 0, nil, RejectTruncated
	case flag != 0 && flag&1 == 0:
		return 0, nil, RejectNotIP
	case proto == ipv4:
		return etherIPv4, b[n:], Accepted
	case proto == ipv6:
		return etherIPv6, b[n:], Accepted
	}
	return 0, nil, RejectNotIP
}

// decodeTokenRing reads access(1) frame(1) destination(6) source(6), where the source's first bit is set a route whose first
// byte has its length in five bits, and LLC (IEEE 802.5).
func decodeTokenRing(b []byte) (uint16, []byte, Reject) {
	n := 14
	if len(b) < n+1 {
		return 0, nil, RejectTruncated
	}
	if b[1]>>6 != 1 {
		return 0, nil, RejectNotIP // no LLC: the ring's own
	}
	if b[8]&0x80 != 0 {
		n += int(b[14] & 31)
	}
	if len(b) < n {
		return 0, nil, RejectTruncated
	}
	return etherOfLLC(b[n:], 0)
}
