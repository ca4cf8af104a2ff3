package netflow

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
)

// Forms of the records in a flow sample, of enterprise 0 (sflow_version_5.txt, section 5).
const (
	recordHeader   = 1
	recordEthernet = 2
	recordIPv4     = 3
	recordIPv6     = 4
	recordSwitch   = 1001
	recordRouter   = 1002
	recordGateway  = 1003
	recordUser     = 1004
	recordNAT      = 1007
	recordNATPorts = 1020
)

// sampleRecords walks the records of a sample: their count, then each with form and length. Those
// of an unknown form are skipped.
func (x *work) sampleRecords(r *flow.Record, p []byte) bool {
	var s sample
	count := binary.BigEndian.Uint32(p)
	for p = p[4:]; count > 0; count-- {
		form, body, rest, ok := xdrData(p)
		if !ok || !x.sampleRecord(r, &s, form, body) {
			return false
		}
		p = rest
	}
	x.sampleDone(r, &s)
	return true
}

func (x *work) sampleRecord(r *flow.Record, s *sample, form uint32, p []byte) bool {
	switch form {
	case recordHeader:
		return x.sampledHeader(r, s, p)
	case recordEthernet:
		return sampledEthernet(r, s, p)
	case recordIPv4:
		return sampledIP(r, s, p, 4)
	case recordIPv6:
		return sampledIP(r, s, p, 16)
	case recordSwitch:
		return extendedSwitch(r, p)
	case recordRouter:
		return extendedRouter(r, p)
	case recordGateway:
		return x.extendedGateway(r, p)
	case recordUser:
		return x.extendedUser(p)
	case recordNAT:
		return extendedNAT(s, p)
	case recordNATPorts:
		return extendedNATPorts(r, p)
	}
	x.d.stats.sflowSkippedRecords.Add(1)
	return true
}

const sflowEthernet = 1 // header protocol

// sflowLinks are the link types of sFlow's header protocols; 0 is one that is not decoded.
var sflowLinks = [...]uint32{
	1:  packet.LinkEthernet,
	4:  packet.LinkFDDI,
	7:  packet.LinkPPP,
	11: packet.LinkIPv4,
	12: packet.LinkIPv6,
	13: packet.LinkMPLS,
	14: packet.LinkPPPHDLC, // SONET, RFC 2615
	15: packet.LinkWireless,
}

// sampledHeader decodes the first bytes of the packet:
//
//	 0          4             8          12       16
//	│ protocol │ frame bytes │ stripped │ length │ header …
//
// stripped is how many of the frame's bytes stand neither before nor behind the header's end: its
// checksum, and tags that were taken off. Where the header is not IP, or cut, the record stays
// without addresses.
func (x *work) sampledHeader(r *flow.Record, s *sample, p []byte) bool {
	if len(p) < 16 {
		return false
	}
	header, _, ok := xdrOpaque(p[12:])
	if !ok {
		return false
	}
	proto, frame, stripped := binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[8:])
	if proto == sflowEthernet && !s.ip && !x.general && plainFrame(r, header) {
		s.ip = true
		return true
	}
	s.frame = frame
	if proto >= uint32(len(sflowLinks)) || sflowLinks[proto] == 0 {
		return true
	}
	wire := max(int(int32(frame))-int(stripped), len(header))
	var h packet.Headers
	reject := packet.Decode(sflowLinks[proto], header, wire, &h)
	s.ether = h.Ether
	linkOf(r, &h)
	if reject != packet.Accepted {
		return true
	}
	s.ip = true
	r.Src, r.Dst, r.Proto = h.Src, h.Dst, h.Proto
	r.Fwd.Bytes, r.Fwd.ToS, r.Fwd.TTL = uint64(h.IPLen), h.ToS, h.TTL
	r.Has |= flow.HasProto | flow.HasBytes | flow.HasToS | flow.HasTTL
	switch {
	case h.HasPorts:
		r.SrcPort, r.DstPort = h.SrcPort, h.DstPort
		r.Has |= flow.HasPorts
		if h.HasTCP {
			r.Fwd.Flags = h.Flags
			r.Has |= flow.HasFlags
		}
	case h.HasICMP:
		r.ICMPType, r.ICMPCode = h.ICMPType, h.ICMPCode
		r.Has |= flow.HasICMP
	}
	return true
}

// linkOf takes what stands before the IP header. The VLAN of the switch's own record goes before
// that of a tag.
func linkOf(r *flow.Record, h *packet.Headers) {
	if h.HasMACs {
		r.SrcMAC, r.DstMAC = h.SrcMAC, h.DstMAC
		r.Has |= flow.HasMACs
	}
	if h.VLANs > 0 && !r.Has.Has(flow.HasVLAN) {
		setVLAN(r, uint32(h.VLAN))
	}
	if h.HasMPLS {
		r.MPLS = h.MPLS
		r.Has |= flow.HasMPLS
	}
}

func setVLAN(r *flow.Record, id uint32) {
	if isVLAN(id) {
		r.VLAN = uint16(id)
		r.Has |= flow.HasVLAN
	}
}

// isVLAN says whether id is that of a VLAN: 0 is untagged, and all bits set is unknown.
func isVLAN(id uint32) bool { return id > 0 && id < 0xfff }

// sampledEthernet reads what an agent tells of a frame that it does not send the header of:
//
//	 0              4          12         20
//	│ frame bytes  │ src MAC  │ dst MAC  │ EtherType     a MAC is padded to 8 bytes
func sampledEthernet(r *flow.Record, s *sample, p []byte) bool {
	if len(p) < 24 {
		return false
	}
	if s.frame == 0 {
		s.frame = binary.BigEndian.Uint32(p)
	}
	if s.ether == 0 {
		s.ether = uint16(binary.BigEndian.Uint32(p[20:]))
	}
	if !r.Has.Has(flow.HasMACs) {
		r.SrcMAC, r.DstMAC = flow.MAC(p[4:10]), flow.MAC(p[12:18])
		r.Has |= flow.HasMACs
	}
	return true
}

// sampledIP reads what an agent tells of an IP packet that it does not send the header of; n is
// the length of an address:
//
//	 0           4           8      8+n    8+2n    +4      +8          +12
//	│ IP bytes  │ protocol  │ src  │ dst  │ sport │ dport │ TCP flags │ ToS or class
func sampledIP(r *flow.Record, s *sample, p []byte, n int) bool {
	if len(p) < 24+2*n {
		return false
	}
	if s.ip {
		return true
	}
	s.ip = true
	r.Src, _ = flow.AddrBytes(p[8 : 8+n])
	r.Dst, _ = flow.AddrBytes(p[8+n : 8+2*n])
	r.Fwd.Bytes, r.Proto = uint64(binary.BigEndian.Uint32(p)), uint8(binary.BigEndian.Uint32(p[4:]))
	r.Has |= flow.HasProto | flow.HasBytes | flow.HasToS
	p = p[8+2*n:]
	r.Fwd.ToS = uint8(binary.BigEndian.Uint32(p[12:]))
	if hasPorts(r.Proto) {
		r.SrcPort, r.DstPort = uint16(binary.BigEndian.Uint32(p)), uint16(binary.BigEndian.Uint32(p[4:]))
		r.Has |= flow.HasPorts
	}
	if r.Proto == flow.ProtoTCP {
		r.Fwd.Flags = uint8(binary.BigEndian.Uint32(p[8:]))
		r.Has |= flow.HasFlags
	}
	return true
}

// extendedSwitch reads VLAN and priority on the way in, and on the way out.
func extendedSwitch(r *flow.Record, p []byte) bool {
	if len(p) < 16 {
		return false
	}
	setVLAN(r, binary.BigEndian.Uint32(p))
	if out := binary.BigEndian.Uint32(p[8:]); isVLAN(out) {
		r.PostVLAN = uint16(out)
		r.Has |= flow.HasPostVLAN
	}
	return true
}

// extendedRouter reads the next hop and the prefix lengths of the two routes.
func extendedRouter(r *flow.Record, p []byte) bool {
	var hop flow.Addr
	p, ok := xdrAddr(&hop, p)
	if !ok || len(p) < 8 {
		return false
	}
	setNextHop(r, &hop)
	if src, dst := binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:]); src <= 128 && dst <= 128 {
		r.SrcMask, r.DstMask = uint8(src), uint8(dst)
		r.Has |= flow.HasSrcMask | flow.HasDstMask
	}
	return true
}

func setNextHop(r *flow.Record, hop *flow.Addr) {
	if !zero(hop.Wire()) {
		r.NextHop = *hop
		r.Has |= flow.HasNextHop
	}
}

// extendedGateway reads what BGP knows of the route:
//
//	│ next hop │ own AS │ src AS │ src peer AS │ segments: type, length, AS … │ communities … │ preference
//
// The destination's AS is the last of the path; no path is no AS, as elsewhere in flow export. The
// neighbours on either side are kept as the elements that IPFIX has for them.
func (x *work) extendedGateway(r *flow.Record, p []byte) bool {
	var hop flow.Addr
	p, ok := xdrAddr(&hop, p)
	if !ok || len(p) < 16 {
		return false
	}
	if !r.Has.Has(flow.HasNextHop) {
		setNextHop(r, &hop)
	}
	r.SrcAS = binary.BigEndian.Uint32(p[4:])
	r.Has |= bit(uint64(r.SrcAS), flow.HasSrcAS)
	x.keepNumber(ieBGPPrevAdjacentAsNumber, p[8:12])
	segments := binary.BigEndian.Uint32(p[12:])
	next := true
	for p = p[16:]; segments > 0; segments-- {
		if len(p) < 8 {
			return false
		}
		n := uint64(binary.BigEndian.Uint32(p[4:])) * 4
		if p = p[8:]; n > uint64(len(p)) {
			return false
		}
		if n > 0 {
			if next {
				x.keepNumber(ieBGPNextAdjacentAsNumber, p[:4])
			}
			next = false
			r.DstAS = binary.BigEndian.Uint32(p[n-4:])
		}
		p = p[n:]
	}
	r.Has |= bit(uint64(r.DstAS), flow.HasDstAS)
	return true
}

// keepNumber keeps an element that says nothing when it is zero.
func (x *work) keepNumber(id uint16, raw []byte) {
	if !zero(raw) {
		x.keep(nameOf(penIANA, id), raw)
	}
}

// extendedUser reads who sent the packet, or else for whom it is: character set (IANA MIBEnum,
// mostly UTF-8) and name of either.
func (x *work) extendedUser(p []byte) bool {
	for range 2 {
		if len(p) < 4 {
			return false
		}
		name, rest, ok := xdrOpaque(p[4:])
		if !ok {
			return false
		}
		if user := x.names.get(name); user != "" && x.own().User == "" {
			x.meta.User, x.hasMeta = user, true
		}
		p = rest
	}
	return true
}

// extendedNAT reads the addresses after translation; one that was not translated is as in the
// header.
func extendedNAT(s *sample, p []byte) bool {
	p, ok := xdrAddr(&s.natSrc, p)
	if ok {
		_, ok = xdrAddr(&s.natDst, p)
	}
	return ok
}

func extendedNATPorts(r *flow.Record, p []byte) bool {
	if len(p) < 8 {
		return false
	}
	r.NATSrcPort, r.NATDstPort = uint16(binary.BigEndian.Uint32(p)), uint16(binary.BigEndian.Uint32(p[4:]))
	r.Has |= flow.HasNATPorts
	return true
}
