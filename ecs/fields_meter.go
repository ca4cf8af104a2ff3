package ecs

import (
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// metered is what only our own meter can tell, because it sees each packet. What of it belongs to
// one end is in meteredSource and meteredDestination.
var metered = []Field{
	{Name: "flow.icmp.errors", Type: Long, Of: Ours, Desc: "ICMP errors that quote packets of this flow; absent when there was none. They are flows of their own.", Has: flow.HasWire,
		Int: wireCount(func(w *flow.Wire) uint32 { return w.ICMPErrors })},
	{Name: "flow.icmp.error", Type: Keyword, Of: Ours, Desc: "The first such error: port_unreachable, time_exceeded, packet_too_big …, or icmp and type/code.", Has: flow.HasWire,
		Text: func(dst []byte, b *batch, r *record) []byte { return appendICMPError(dst, wireOf(b, r)) }},

	{Name: "flow.history", Type: Keyword, Of: Ours, Desc: "What happened, in Zeek's letters, the source's in upper case: s SYN, h SYN-ACK, a ACK, d payload, f FIN, r RST, t retransmission, g gap, w window 0, ^ turned round.", Has: flow.HasWire,
		Text: func(dst []byte, b *batch, r *record) []byte {
			w := wireOf(b, r)
			return append(dst, w.History[:w.History.Len()]...)
		}},
	{Name: "flow.conn_state", Type: Keyword, Of: Ours, Desc: "State of the connection in Zeek's terms: S0, S1, SF, REJ, S2, S3, RSTO, RSTR, RSTOS0, RSTRH, SH, SHR, OTH.", Has: flow.HasWire,
		Str: func(b *batch, r *record) string { return wireOf(b, r).Conn.String() }},
	{Name: "flow.rtt.server", Type: Long, Of: Ours, Desc: "Microseconds from SYN to SYN-ACK: the way between the meter and the destination, both ways.", Has: flow.HasWire,
		Int: wireCount(func(w *flow.Wire) uint32 { return w.SynRTT })},
	{Name: "flow.rtt.client", Type: Long, Of: Ours, Desc: "Microseconds from SYN-ACK to ACK: the way between the meter and the source, both ways.", Has: flow.HasWire,
		Int: wireCount(func(w *flow.Wire) uint32 { return w.AckRTT })},
	{Name: "flow.pcap.file", Type: Keyword, Of: Ours, Desc: "Name of the capture file that the flow was read from.", Has: flow.HasWire,
		Str: func(b *batch, r *record) string { return wireOf(b, r).File }},
	{Name: "flow.pcap.offset", Type: Long, Of: Ours, Desc: "Byte of the capture file, after decompression, at which the flow's first packet begins.", Has: flow.HasWire,
		Int: func(b *batch, r *record) (int64, bool) { w := wireOf(b, r); return w.Offset, w.File != "" }},
	{Name: "flow.pcap.last_offset", Type: Long, Of: Ours, Desc: "The same of the flow's last packet in the file.", Has: flow.HasWire,
		Int: func(b *batch, r *record) (int64, bool) { w := wireOf(b, r); return w.LastOffset, w.File != "" }},
	{Name: "flow.tunnel.type", Type: Keyword, Of: Ours, Desc: "What the packets were carried in: ipip, gre, nvgre, erspan, pptp, vxlan, geneve, gtpu, teredo, ayiya, l2tp, mpls, ethernet, pim.", Has: flow.HasWire,
		Str: func(b *batch, r *record) string { return wireOf(b, r).Tunnel.String() }},
	{Name: "flow.tunnel.id", Type: Long, Of: Ours, Desc: "VNI, TEID, key, session or call of the tunnel, of the first packet.", Has: flow.HasWire,
		Int: func(b *batch, r *record) (int64, bool) { w := wireOf(b, r); return int64(w.TunnelID), w.HasTunnelID }},
	{Name: "flow.tunnel.depth", Type: Long, Of: Ours, Desc: "How many tunnels there were around the packets; the other fields tell of the innermost.", Has: flow.HasWire,
		Int: func(b *batch, r *record) (int64, bool) {
			w := wireOf(b, r)
			return int64(w.TunnelDepth), w.TunnelDepth > 0
		}},
	{Name: "flow.tunnel.source", Type: IP, Of: Ours, Desc: "End of the tunnel on the source's side.", Has: flow.HasWire,
		Addr: func(b *batch, r *record) (flow.Addr, bool) { w := wireOf(b, r); return w.TunnelSrc, w.Tunnel != 0 }},
	{Name: "flow.tunnel.destination", Type: IP, Of: Ours, Desc: "End of the tunnel on the destination's side.", Has: flow.HasWire,
		Addr: func(b *batch, r *record) (flow.Addr, bool) { w := wireOf(b, r); return w.TunnelDst, w.Tunnel != 0 }},
}

var (
	meteredSource      = meteredSide("source", flow.HasWire, func(w *flow.Wire) *flow.WireSide { return &w.Fwd })
	meteredDestination = meteredSide("destination", flow.HasWire|flow.HasRev, func(w *flow.Wire) *flow.WireSide { return &w.Rev })
)

// meteredSide gives the fields of one end.
func meteredSide(end string, has flow.Set, of func(*flow.Wire) *flow.WireSide) []Field {
	side := func(b *batch, r *record) *flow.WireSide {
		if !r.Has.Has(has) {
			return &emptyWire.Fwd
		}
		return of(wireOf(b, r))
	}
	count := func(name, desc string, value func(*flow.WireSide) uint32) Field {
		return Field{Name: "flow." + end + "." + name, Type: Long, Of: Ours, Desc: desc, Has: has,
			Int: func(b *batch, r *record) (int64, bool) { n := value(side(b, r)); return int64(n), n != 0 }}
	}
	return []Field{
		{Name: "flow." + end + ".session_tcp_flags", Type: Keyword, Multi: true, Of: Ours, Desc: "Union of the TCP flags of all packets of the " + end + " but the first.", Has: has | flow.HasFlags,
			Strs: func(dst []string, b *batch, r *record) []string {
				return flags(dst, r, side(b, r).SessionFlags, has|flow.HasFlags)
			}},
		{Name: "flow." + end + ".isn", Type: Long, Of: Ours, Desc: "Initial TCP sequence number of the " + end + ", where its SYN was seen.", Has: has,
			Int: func(b *batch, r *record) (int64, bool) { s := side(b, r); return int64(s.ISN), s.HasISN }},
		count("max_ttl", "Largest TTL or hop limit seen from the "+end+".", func(s *flow.WireSide) uint32 { return uint32(s.MaxTTL) }),
		count("retransmits", "TCP packets of the "+end+" that brought nothing new; absent when there was none.", func(s *flow.WireSide) uint32 { return s.Retransmits }),
		count("out_of_order", "TCP packets of the "+end+" that filled a gap; absent when there was none.", func(s *flow.WireSide) uint32 { return s.OutOfOrder }),
		count("gap_bytes", "Bytes of the "+end+"'s TCP stream that were passed over and never seen; absent when there was none.", func(s *flow.WireSide) uint32 { return s.Gap }),
		count("zero_windows", "Packets in which the "+end+" announced a window of 0; absent when there was none.", func(s *flow.WireSide) uint32 { return s.ZeroWindows }),
		{Name: "flow." + end + ".payload_entropy", Type: Float, Of: Ours, Desc: "Entropy of the first payload of 32 bytes or more of the " + end + ", bits per byte, to 1/32: text about 4 to 5, compressed or encrypted bytes near the most that so many bytes can have (6.6 for 128).", Has: has,
			Float: func(b *batch, r *record) (float64, bool) {
				s := side(b, r)
				return float64(s.Entropy), s.EntropyBytes > 0
			}},
		count("payload_entropy_bytes", "How many bytes of that payload the entropy is of: at most its first 128.", func(s *flow.WireSide) uint32 { return uint32(s.EntropyBytes) }),
	}
}

var emptyWire flow.Wire // for a record without one

func wireOf(b *batch, r *record) *flow.Wire {
	if w := b.Metered(r); w != nil && r.Has.Has(flow.HasWire) {
		return w
	}
	return &emptyWire
}

// wireCount is a number that is absent when it is 0.
func wireCount(of func(*flow.Wire) uint32) func(*batch, *record) (int64, bool) {
	return func(b *batch, r *record) (int64, bool) {
		n := of(wireOf(b, r))
		return int64(n), n != 0
	}
}

// unreachable names the codes of ICMP "destination unreachable" (IANA icmp-parameters).
var unreachable = [...]string{"net_unreachable", "host_unreachable", "protocol_unreachable", "port_unreachable",
	"fragmentation_needed", "source_route_failed", "net_unknown", "host_unknown", "source_isolated", "net_prohibited",
	"host_prohibited", "net_unreachable_for_tos", "host_unreachable_for_tos", "communication_prohibited",
	"host_precedence_violation", "precedence_cutoff"}

// unreachable6 names the codes of ICMPv6 "destination unreachable" (IANA icmpv6-parameters).
var unreachable6 = [...]string{"no_route", "communication_prohibited", "beyond_scope", "address_unreachable",
	"port_unreachable", "policy_failed", "route_rejected", "source_routing_error", "headers_too_long"}

// appendICMPError names the first ICMP error of a flow.
func appendICMPError(dst []byte, w *flow.Wire) []byte {
	if w.ICMPErrors == 0 {
		return dst
	}
	v6, typ, code := w.ICMPVersion == 6, w.ICMPType, int(w.ICMPCode)
	switch {
	case v6 && typ == 1 && code < len(unreachable6):
		return append(dst, unreachable6[code]...)
	case !v6 && typ == 3 && code < len(unreachable):
		return append(dst, unreachable[code]...)
	case v6 && typ == 2:
		return append(dst, "packet_too_big"...)
	case v6 && typ == 3, !v6 && typ == 11:
		return append(dst, "time_exceeded"...)
	case v6 && typ == 4, !v6 && typ == 12:
		return append(dst, "parameter_problem"...)
	case !v6 && typ == 4:
		return append(dst, "source_quench"...)
	case !v6 && typ == 5:
		return append(dst, "redirect"...)
	}
	dst = strconv.AppendUint(append(dst, "icmp "...), uint64(typ), 10)
	return strconv.AppendInt(append(dst, '/'), int64(code), 10)
}
