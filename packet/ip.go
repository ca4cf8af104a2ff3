package packet

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// decodeIPv4 reads an IPv4 header (RFC 791 section 3.1) and what it carries. wire is how many
// bytes were on the wire from this header on; it stands in for a total length of 0, which is
// what TCP segmentation offload leaves.
func decodeIPv4(b []byte, wire int, p *Headers) Reject {
	if len(b) < 20 {
		return RejectTruncated
	}
	ihl := int(b[0]&15) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 {
		total = wire
	}
	if b[0]>>4 != 4 || ihl < 20 || total < ihl {
		return RejectHeader
	}
	p.Src.Set4(binary.BigEndian.Uint32(b[12:]))
	p.Dst.Set4(binary.BigEndian.Uint32(b[16:]))
	p.ToS, p.TTL, p.Proto, p.IPLen = b[1], b[8], b[9], uint32(total)
	if frag := binary.BigEndian.Uint16(b[6:]) & 0x3fff; frag != 0 { // more fragments, offset
		p.Frag, p.LaterFrag = true, frag&0x1fff != 0
		p.FragID = uint32(binary.BigEndian.Uint16(b[4:]))
	}
	if len(b) < ihl {
		return RejectTruncated
	}
	decodeTransport(b[ihl:min(len(b), total)], total-ihl, p)
	return Accepted
}

// decodeIPv6 reads an IPv6 header (RFC 8200 section 3) and its extension headers.
func decodeIPv6(b []byte, wire int, p *Headers) Reject {
	if len(b) < 40 {
		return RejectTruncated
	}
	if b[0]>>4 != 6 {
		return RejectHeader
	}
	total := 40 + int(binary.BigEndian.Uint16(b[4:]))
	if total == 40 && wire > 40 {
		switch b[6] {
		case ip6HopByHop, flow.ProtoTCP, flow.ProtoUDP: // jumbogram or segmentation offload
			total = wire
		}
	}
	copy(p.Src[:], b[8:])
	copy(p.Dst[:], b[24:])
	p.ToS = b[0]<<4 | b[1]>>4
	p.TTL, p.Proto, p.IPLen = b[7], b[6], uint32(total)
	rest, n := decodeExtensions(b[40:min(len(b), total)], p)
	decodeTransport(rest, max(total-40-n, 0), p)
	return Accepted
}

// IPv6 extension headers (IANA ipv6-parameters), and "no next header".
const (
	ip6HopByHop = 0
	ip6Routing  = 43
	ip6Fragment = 44
	ip6Auth     = 51
	ip6None     = 59
	ip6Options  = 60
	ip6Mobility = 135
	ip6HIP      = 139
	ip6Shim6    = 140
)

// decodeExtensions walks the extension headers: next(1) length(1) …, the length in units of 8
// bytes beyond the first 8 (of 4 beyond 8 for authentication). It leaves p.Proto at the first
// header that is none, or at the one that was cut, and gives how many bytes it walked over.
func decodeExtensions(b []byte, p *Headers) (rest []byte, walked int) {
	for {
		n := 8
		switch p.Proto {
		case ip6HopByHop, ip6Routing, ip6Options:
			if len(b) >= 2 {
				n = int(b[1])*8 + 8
			}
		case ip6Auth:
			if len(b) >= 2 {
				n = int(b[1])*4 + 8
			}
		case ip6Fragment: // next(1) reserved(1) offset(13 bits) …(2) more(1) identification(4)
			if len(b) >= 8 {
				off := binary.BigEndian.Uint16(b[2:])
				p.Frag, p.LaterFrag = off&^6 != 0, off&^7 != 0
				p.FragID = binary.BigEndian.Uint32(b[4:])
			}
		default:
			return b, walked
		}
		if len(b) < n {
			p.CutHeaders = true
			return nil, walked
		}
		p.Proto, b, walked = b[0], b[n:], walked+n
		if p.LaterFrag {
			return b, walked
		}
	}
}

// decodeTransport reads ports, flags and payload. n is the length on the wire of what b begins
// with; b is shorter when the capture cut it. What does not hold a whole header leaves a packet
// without ports.
func decodeTransport(b []byte, n int, p *Headers) {
	p.PayLen = uint32(n)
	if p.LaterFrag || p.CutHeaders {
		return
	}
	header := 0
	switch p.Proto {
	case flow.ProtoTCP:
		header = decodeTCP(b, p)
	case flow.ProtoUDP:
		header = decodePorts(b, 8, p)
	case flow.ProtoSCTP:
		header = decodePorts(b, 12, p)
	case flow.ProtoICMP, flow.ProtoICMPv6:
		if p.CutHeaders = len(b) < 4; !p.CutHeaders {
			p.HasICMP, p.ICMPType, p.ICMPCode = true, b[0], b[1]
			header = min(8, n)
		}
	}
	if p.Proto == flow.ProtoUDP && len(b) >= 8 {
		n = udpLength(b, n)
		b = b[:min(len(b), n)]
	}
	p.PayLen = uint32(max(n-header, 0))
	if header < len(b) {
		p.Payload = b[header:]
	}
}

// udpLength gives the datagram's own length where it makes sense: what follows it within n
// bytes is padding. A fragment and segmentation offload have a length of more than is here.
func udpLength(b []byte, n int) int {
	if own := int(binary.BigEndian.Uint16(b[4:])); own >= 8 && own < n {
		return own
	}
	return n
}

// decodePorts reads the ports with which UDP (RFC 768) and SCTP (RFC 9260) headers begin.
func decodePorts(b []byte, header int, p *Headers) int {
	if len(b) < 4 {
		p.CutHeaders = true
		return 0
	}
	p.HasPorts = true
	p.SrcPort, p.DstPort = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	p.CutHeaders = len(b) < header
	return header
}

// decodeTCP reads a TCP header (RFC 9293 section 3.1). Ports alone are enough for a flow.
func decodeTCP(b []byte, p *Headers) int {
	decodePorts(b, 20, p)
	if len(b) < 14 {
		return 20
	}
	p.HasTCP, p.Flags = true, b[13]
	p.ZeroWindow = len(b) >= 16 && b[14]|b[15] == 0
	p.Seq = binary.BigEndian.Uint32(b[4:])
	return max(int(b[12]>>4)*4, 20)
}
