package flowfiles

import (
	"github.com/flowferry/flowferry/flow"
)

// The setters that both layouts share. nfdump writes zero for what an exporter did not send.

func nfInterfaces(r *flow.Record, in, out uint32) {
	if in != 0 {
		r.InIf = in
		r.Has |= flow.HasInIf
	}
	if out != 0 {
		r.OutIf = out
		r.Has |= flow.HasOutIf
	}
}

func nfAS(r *flow.Record, src, dst uint32) {
	if src != 0 {
		r.SrcAS = src
		r.Has |= flow.HasSrcAS
	}
	if dst != 0 {
		r.DstAS = dst
		r.Has |= flow.HasDstAS
	}
}

func nfMasks(r *flow.Record, src, dst uint8) {
	if src != 0 {
		r.SrcMask = src
		r.Has |= flow.HasSrcMask
	}
	if dst != 0 {
		r.DstMask = dst
		r.Has |= flow.HasDstMask
	}
}

func nfVLANs(r *flow.Record, src, dst uint32) {
	if src > 0 && src < 4096 {
		r.VLAN = uint16(src)
		r.Has |= flow.HasVLAN
	}
	if dst > 0 && dst < 4096 {
		r.PostVLAN = uint16(dst)
		r.Has |= flow.HasPostVLAN
	}
}

func nfNextHop(r *flow.Record, a flow.Addr, zero bool) {
	if !zero {
		r.NextHop = a
		r.Has |= flow.HasNextHop
	}
}

func nfDirection(r *flow.Record, dir uint8) {
	if dir == 1 {
		r.Direction = flow.Egress
	}
}

// nfLabel takes the top label of an MPLS stack entry (RFC 3032): its upper 20 of 24 bits.
func nfLabel(r *flow.Record, entry uint32) {
	if entry != 0 {
		r.MPLS = entry >> 4 & 0xfffff
		r.Has |= flow.HasMPLS
	}
}

// nfMACs takes the source's address as received and the destination's: as received, or, as most
// exporters give it, as sent on.
func nfMACs(r *flow.Record, inSrc, outDst, inDst, outSrc flow.MAC) {
	src, dst := inSrc, inDst
	if src == (flow.MAC{}) {
		src = outSrc
	}
	if dst == (flow.MAC{}) {
		dst = outDst
	}
	if src != (flow.MAC{}) || dst != (flow.MAC{}) {
		r.SrcMAC, r.DstMAC = src, dst
		r.Has |= flow.HasMACs
	}
}

func nfNAT(r *flow.Record, src, dst flow.Addr, noSrc, noDst bool) {
	if !noSrc {
		r.NATSrc = src
		r.Has |= flow.HasNATSrc
	}
	if !noDst {
		r.NATDst = dst
		r.Has |= flow.HasNATDst
	}
}

func nfNATPorts(r *flow.Record, src, dst uint16) {
	if src|dst != 0 {
		r.NATSrcPort, r.NATDstPort = src, dst
		r.Has |= flow.HasNATPorts
	}
}

// nfFirewall takes a firewall event (IPFIX firewallEvent, 233). Those that are not known leave
// an event without a name.
func nfFirewall(r *flow.Record, event uint8) {
	r.Kind = flow.KindEvent
	if event <= uint8(flow.EventUpdated) {
		r.Event = flow.Event(event)
	}
}

// The natEvents (RFC 8158 section 4.3) that begin and end a translation.
var (
	natCreates = [256]bool{1: true, 4: true, 6: true, 8: true, 10: true, 14: true, 16: true}
	natDeletes = [256]bool{2: true, 5: true, 7: true, 9: true, 11: true, 15: true, 17: true}
)

func nfNATEvent(r *flow.Record, event uint8) {
	r.Kind = flow.KindEvent
	switch {
	case natCreates[event]:
		r.Event = flow.EventNATCreate
	case natDeletes[event]:
		r.Event = flow.EventNATDelete
	default:
		r.Event = flow.EventNATOther
	}
}

// nfGeneric settles what depends on several fields: ports, ICMP, flags.
func nfGeneric(r *flow.Record, srcPort, dstPort uint16, flags, tos uint8) {
	r.Has |= flow.HasProto | flow.HasPackets | flow.HasBytes
	switch {
	case isICMP(r.Proto):
		r.ICMPType, r.ICMPCode = uint8(dstPort>>8), uint8(dstPort)
		r.Has |= flow.HasICMP
	case hasPorts(r.Proto) || srcPort|dstPort != 0:
		r.SrcPort, r.DstPort = srcPort, dstPort
		r.Has |= flow.HasPorts
	}
	if r.Proto == flow.ProtoTCP && flags != 0 {
		r.Fwd.Flags = flags
		r.Has |= flow.HasFlags
	}
	if tos != 0 {
		r.Fwd.ToS = tos
		r.Has |= flow.HasToS
	}
}

// nfTimes settles the times, Unix ns, 0 is not given: event is when an event happened, created
// when the file was begun. An event without an end ends when it happened.
func nfTimes(r *flow.Record, event, created int64) {
	if r.End == 0 {
		r.End = max(event, r.Start)
	}
	if r.Start == 0 {
		r.Start = r.End
	}
	if r.Received == 0 {
		r.Received = r.End
	}
	if r.Received == 0 {
		r.Received = created
	}
	if r.Start > 0 && r.End >= r.Start {
		r.Has |= flow.HasTimes
	}
}
