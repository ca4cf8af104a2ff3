package packet

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// plain does what decode does with nearly all frames, in one go: Ethernet with up to two VLAN tags, IPv4
// without options or IPv6 without extension headers, no fragment, and a TCP or UDP header captured whole.
// Of another frame it says false, and p is of no meaning.
func plain(b []byte, p *Headers) bool {
	*p = Headers{}
	const maxTagged = 2
	if len(b) < 14+4*maxTagged+20 {
		return false
	}
	p.ethernet(b)
	ether, ip := binary.BigEndian.Uint16(b[12:]), b[14:]
	for range maxTagged {
		if ether != etherVLAN && ether != etherQinQ {
			break
		}
		p.tag(binary.BigEndian.Uint16(ip) & 0xfff)
		ether, ip = binary.BigEndian.Uint16(ip[2:]), ip[4:]
	}
	p.Ether = ether
	head, total := 20, 0
	switch {
	case ether == etherIPv4:
		q := (*[20]byte)(ip)
		if q[0] != 4<<4|5 || binary.BigEndian.Uint16(q[6:])&0x3fff != 0 {
			return false
		}
		total = int(binary.BigEndian.Uint16(q[2:]))
		p.Src.Set4(binary.BigEndian.Uint32(q[12:]))
		p.Dst.Set4(binary.BigEndian.Uint32(q[16:]))
		p.ToS, p.TTL, p.Proto = q[1], q[8], q[9]
	case ether == etherIPv6 && len(ip) >= 40:
		q := (*[40]byte)(ip)
		if q[0]>>4 != 6 {
			return false
		}
		head, total = 40, 40+int(binary.BigEndian.Uint16(q[4:]))
		p.Src, p.Dst = flow.Addr(q[8:]), flow.Addr(q[24:])
		p.ToS, p.TTL, p.Proto = q[0]<<4|q[1]>>4, q[7], q[6]
	default:
		return false
	}
	p.IPLen = uint32(total)
	if t := ip[:min(len(ip), total)]; len(t) >= head {
		return plainTransport(t[head:], total-head, p)
	}
	return false
}

// plainTransport does what decodeTransport does with a whole header of TCP or UDP.
func plainTransport(t []byte, n int, p *Headers) bool {
	header := 8
	switch {
	case p.Proto == flow.ProtoTCP && len(t) >= 20:
		q := (*[20]byte)(t)
		header = max(int(q[12]>>4)*4, 20)
		p.HasTCP, p.Seq, p.Flags, p.ZeroWindow = true, binary.BigEndian.Uint32(q[4:]), q[13], q[14]|q[15] == 0
	case p.Proto == flow.ProtoUDP && len(t) >= 8:
		n = udpLength(t, n)
		t = t[:min(len(t), n)]
	default:
		return false
	}
	p.HasPorts = true
	p.SrcPort, p.DstPort = binary.BigEndian.Uint16(t), binary.BigEndian.Uint16(t[2:])
	p.PayLen = uint32(max(n-header, 0))
	if header < len(t) {
		p.Payload = t[header:]
	}
	return true
}
