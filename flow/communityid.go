package flow

import (
	"crypto/sha1"
	"encoding/base64"
)

// AppendCommunityID appends the Community ID of the flow, version 1, to dst: "1:" and the
// base64 of a SHA-1 over seed, addresses, protocol and ports in a direction-free order
// (github.com/corelight/community-id-spec). seed is 0 unless the site chose one.
// A record without a protocol, or of two address families, has none: dst comes back as it was.
func (r *Record) AppendCommunityID(dst []byte, seed uint16) []byte {
	if !r.Has.Has(HasProto) || r.Src.Is4() != r.Dst.Is4() {
		return dst
	}
	src, dstAddr, sport, dport := &r.Src, &r.Dst, r.SrcPort, r.DstPort
	oneway := false
	ports := r.Has.Has(HasPorts)
	if r.Has.Has(HasICMP) && (r.Proto == ProtoICMP || r.Proto == ProtoICMPv6) {
		sport, dport, oneway = icmpPorts(r.Proto, r.ICMPType, r.ICMPCode)
		ports = true
	}
	if c := src.Compare(dstAddr); !oneway && (c > 0 || c == 0 && sport > dport) {
		src, dstAddr, sport, dport = dstAddr, src, dport, sport
	}
	buf := append(make([]byte, 0, 40), byte(seed>>8), byte(seed))
	buf = append(buf, src.Wire()...)
	buf = append(buf, dstAddr.Wire()...)
	buf = append(buf, r.Proto, 0)
	if ports {
		buf = append(buf, byte(sport>>8), byte(sport), byte(dport>>8), byte(dport))
	}
	sum := sha1.Sum(buf)
	return base64.StdEncoding.AppendEncode(append(dst, "1:"...), sum[:])
}

// icmpPorts maps an ICMP message to the pair of "ports" by which a request and its answer have
// the same id. A type without a counterpart is one-way: its addresses are not ordered.
func icmpPorts(proto, typ, code uint8) (a, b uint16, oneway bool) {
	if partner, _, ok := ICMPPartner(proto, typ); ok {
		return uint16(typ), uint16(partner), false
	}
	return uint16(typ), uint16(code), true
}

// ICMPPartner gives the type that answers an ICMP request, or the request that a type answers;
// asks says that typ is the request. ok is false for a type that is not answered. proto is
// ProtoICMP or ProtoICMPv6.
func ICMPPartner(proto, typ uint8) (partner uint8, asks, ok bool) {
	pairs := icmp4Pairs[:]
	if proto == ProtoICMPv6 {
		pairs = icmp6Pairs[:]
	}
	for _, p := range pairs {
		switch typ {
		case p[0]:
			return p[1], true, true
		case p[1]:
			return p[0], false, true
		}
	}
	return 0, false, false
}

// Requests and their answers, by type (RFC 792, 950, 1256; RFC 4443, 4861, 2710, 4620, 6275).
var (
	icmp4Pairs = [...][2]uint8{{8, 0}, {13, 14}, {15, 16}, {10, 9}, {17, 18}}
	icmp6Pairs = [...][2]uint8{{128, 129}, {133, 134}, {135, 136}, {130, 131}, {139, 140}, {144, 145}}
)
