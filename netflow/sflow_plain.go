package netflow

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// Nearly all samples are alike: the header of an Ethernet frame with a plain packet, and perhaps
// the VLANs. They are decoded here, several times faster than by the general way, which decodes all
// others and to the same result: sampleRecords, sampledHeader and packet.Decode.

// plainRecords does what sampleRecords does with the records of such a sample. Of another it says
// false, and does nothing.
//
//	 0       4             8        12         16            20         24       28
//	│ count │ form, 0 0 0 1 │ length │ protocol │ frame bytes │ stripped │ length │ frame …
func plainRecords(r *flow.Record, p []byte) bool {
	const head, tail = 28, 24
	if len(p) < head {
		return false
	}
	q := (*[head]byte)(p)
	count, n := binary.BigEndian.Uint32(q[:]), uint64(binary.BigEndian.Uint32(q[24:]))
	end := head + (n+3)&^3
	if binary.BigEndian.Uint64(q[4:]) != recordHeader<<32|(end-12) || binary.BigEndian.Uint32(q[12:]) != sflowEthernet ||
		end > uint64(len(p)) {
		return false
	}
	frame, rest := p[head:head+n], p[end:]
	switch {
	case count == 1:
		return plainFrame(r, frame)
	case count == 2 && len(rest) >= tail && binary.BigEndian.Uint64(rest) == recordSwitch<<32|(tail-8):
		return plainFrame(r, frame) && extendedSwitch(r, rest[8:])
	}
	return false
}

// EtherTypes of plain frames (IANA ieee-802-numbers).
const (
	etherIPv4 = 0x0800
	etherVLAN = 0x8100
	etherIPv6 = 0x86dd
	etherQinQ = 0x88a8
)

// Protocols of plain packets, a bit each, and how many bytes of their headers are wanted.
const (
	plainPorts     uint64 = 1<<flow.ProtoTCP | 1<<flow.ProtoUDP
	plainProtos           = plainPorts | 1<<flow.ProtoICMP | 1<<flow.ProtoICMPv6
	plainTransport        = 14
)

// plainFrame does what sampledHeader does with a frame of up to two VLAN tags and IPv4 without
// options, no fragment, or IPv6 without extension headers, and TCP, UDP or ICMP. Of another it says
// false, and does nothing.
func plainFrame(r *flow.Record, b []byte) bool {
	if len(b) < 14+20+plainTransport {
		return false
	}
	ether, ip := binary.BigEndian.Uint16(b[12:]), b[14:]
	tags := 0
	for ; (ether == etherVLAN || ether == etherQinQ) && tags < 2; tags++ {
		ether, ip = binary.BigEndian.Uint16(ip[2:]), ip[4:]
	}
	var size uint64
	var proto, tos, ttl uint8
	var t *[plainTransport]byte
	switch {
	case ether == etherIPv4 && len(ip) >= 20+plainTransport:
		q := (*[20 + plainTransport]byte)(ip)
		size, proto, tos, ttl = uint64(binary.BigEndian.Uint16(q[2:])), q[9], q[1], q[8]
		fragment := binary.BigEndian.Uint16(q[6:]) & 0x3fff
		if q[0] != 4<<4|5 || size < 20+plainTransport || fragment != 0 || plainProtos>>proto&1 == 0 {
			return false
		}
		r.Src.Set4(binary.BigEndian.Uint32(q[12:]))
		r.Dst.Set4(binary.BigEndian.Uint32(q[16:]))
		t = (*[plainTransport]byte)(q[20:])
	case ether == etherIPv6 && len(ip) >= 40+plainTransport:
		q := (*[40 + plainTransport]byte)(ip)
		size, proto, tos, ttl = 40+uint64(binary.BigEndian.Uint16(q[4:])), q[6], q[0]<<4|q[1]>>4, q[7]
		if q[0]>>4 != 6 || size < 40+plainTransport || plainProtos>>proto&1 == 0 {
			return false
		}
		r.Src = flow.Addr(q[8:])
		r.Dst = flow.Addr(q[24:])
		t = (*[plainTransport]byte)(q[40:])
	default:
		return false
	}
	has := r.Has | flow.HasMACs | flow.HasProto | flow.HasBytes | flow.HasToS | flow.HasTTL
	if plainPorts>>proto&1 != 0 {
		flags, given := uint32(t[13]), flow.HasPorts|flow.HasFlags
		if proto != flow.ProtoTCP { // without a branch: which of the two comes next cannot be foreseen
			flags, given = 0, flow.HasPorts
		}
		r.SrcPort, r.DstPort, r.Fwd.Flags = binary.BigEndian.Uint16(t[0:]), binary.BigEndian.Uint16(t[2:]), uint8(flags)
		has |= given
	} else {
		r.ICMPType, r.ICMPCode = t[0], t[1]
		has |= flow.HasICMP
	}
	r.Has, r.Proto = has, proto
	r.Fwd.Bytes, r.Fwd.ToS, r.Fwd.TTL = size, tos, ttl
	r.DstMAC = flow.MAC(b)
	r.SrcMAC = flow.MAC(b[6:])
	if tags > 0 && !has.Has(flow.HasVLAN) {
		setVLAN(r, uint32(binary.BigEndian.Uint16(b[14:]))&0xfff)
	}
	return true
}
