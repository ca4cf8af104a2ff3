package netflow

import (
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// layout is a version, or an aggregation scheme of NetFlow v8, with records of one fixed form.
// The form is written as the fields of a template and compiled as one.
type layout struct {
	name     string
	header   int // bytes
	template template
}

func (l *layout) record() int { return l.template.plan.min } // bytes

// max is the most records that fit a datagram.
func (l *layout) max() int { return maxPayload / l.record() }

// Fields of the fixed versions that no information element stands for. They are kept as
// elements of the enterprise penFixed, which is none.
const (
	fxTCPRetransmits   = 1 // v1: TCP segments out of sequence by more than a second
	fxTCPRetransmitSec = 2 // v1: seconds between such segments, summed up
	fxTCPMissequenced  = 3 // v1: TCP segments out of sequence
	fxInEncapsulation  = 4 // v6: size of the encapsulation at the input, bytes
	fxOutEncapsulation = 5 // v6: size of the encapsulation at the output, bytes
	fxInvalid          = 6 // v7: which fields are not valid, first flags
	fxInvalidMore      = 7 // v7: the same, second flags
	fxMarkedToS        = 8 // v8 of Catalysts: class of service of the packets beyond the contract
	fxExtraPackets     = 9 // v8 of Catalysts: packets beyond the contract
)

// fixedNames are the names of these fields.
var fixedNames = [...]string{
	fxTCPRetransmits: "tcpRetransmitCount", fxTCPRetransmitSec: "tcpRetransmitSeconds", fxTCPMissequenced: "tcpMissequencedCount",
	fxInEncapsulation: "inputEncapsulationSize", fxOutEncapsulation: "outputEncapsulationSize",
	fxInvalid: "invalidFieldFlags", fxInvalidMore: "invalidFieldFlags2",
	fxMarkedToS: "markedClassOfService", fxExtraPackets: "extraPacketCount",
}

// layouts are the fixed versions by number, schemes the aggregations of NetFlow v8 by theirs.
var layouts, schemes = forms()

// v8Header is the size of a NetFlow v8 header, bytes.
const v8Header = 28

// forms writes the layouts down. Cisco described v1, v5, v7 and v8 in appendix B, NetFlow Export
// Datagram Formats, of the User Guide to its CNS NetFlow Collection Engine, which has no v6; the
// headers of flow-tools have that too, and the other versions alike. tshark reads v1, v5, v7 and v8
// by the same forms, but for what TestTshark names.
//
// Which of the two prefix lengths in a matrix (schemes 5, 13 and 14 of v8) stands first is not sure.
// The source's does in Wireshark, and here; the destination's does in flow-tools and in the header
// of Cisco's own FlowCollector (scheme 5). Exporters differ too: Junos writes one order, and with
// caida-compliant the other. Where both lengths are the same nothing depends on it.
func forms() (versions [8]*layout, v8 [15]*layout) {
	src, dst, next := ie(ieSourceIPv4Address, 4), ie(ieDestinationIPv4Address, 4), ie(ieIPNextHopIPv4Address, 4)
	in, out := ie(ieIngressInterface, 2), ie(ieEgressInterface, 2)
	sport, dport := ie(ieSourceTransportPort, 2), ie(ieDestinationTransportPort, 2)
	flags, proto, tos := ie(ieTCPControlBits, 1), ie(ieProtocolIdentifier, 1), ie(ieIPClassOfService, 1)
	srcAS, dstAS := ie(ieBGPSourceAsNumber, 2), ie(ieBGPDestinationAsNumber, 2)
	srcMask, dstMask := ie(ieSourceIPv4PrefixLength, 1), ie(ieDestinationIPv4PrefixLength, 1)
	shortcut := ie(ieIPv4RouterSC, 4) // the router that a Catalyst saves its packets the way through
	marked, extra := own(fxMarkedToS, 1), join(own(fxExtraPackets, 4), shortcut)
	pad := func(n uint16) []field { return ie(iePaddingOctets, n) }

	// What many have in common, under its own name.
	traffic := join(ie(iePacketDeltaCount, 4), ie(ieOctetDeltaCount, 4), ie(ieFlowStartSysUpTime, 4), ie(ieFlowEndSysUpTime, 4))
	begin := join(src, dst, next, in, out, traffic, sport, dport)
	routing := join(srcAS, dstAS, srcMask, dstMask)
	sum := join(ie(ieDeltaFlowCount, 4), traffic)
	matrix := join(src, dst, srcMask, dstMask)

	versions = [8]*layout{
		1: form("v1", 16, begin, pad(2), proto, tos, flags, own(fxTCPRetransmits, 1), own(fxTCPRetransmitSec, 1), own(fxTCPMissequenced, 1), pad(4)),
		5: form("v5", 24, begin, pad(1), flags, proto, tos, routing, pad(2)),
		6: form("v6", 24, begin, pad(1), flags, proto, tos, routing, own(fxInEncapsulation, 1), own(fxOutEncapsulation, 1), ie(ieBGPNextHopIPv4Address, 4)),
		7: form("v7", 24, begin, own(fxInvalid, 1), flags, proto, tos, routing, own(fxInvalidMore, 2), shortcut),
	}
	v8 = [15]*layout{
		1:  form("RouterAS", v8Header, sum, srcAS, dstAS, in, out),
		2:  form("ProtoPort", v8Header, sum, proto, pad(3), sport, dport),
		3:  form("SrcPrefix", v8Header, sum, src, srcMask, pad(1), srcAS, in, pad(2)),
		4:  form("DstPrefix", v8Header, sum, dst, dstMask, pad(1), dstAS, out, pad(2)),
		5:  form("Prefix", v8Header, sum, matrix, pad(2), srcAS, dstAS, in, out),
		6:  form("DestOnly", v8Header, dst, traffic, out, tos, marked, extra),
		7:  form("SrcDst", v8Header, dst, src, traffic, out, in, tos, marked, pad(2), extra),
		8:  form("FullFlow", v8Header, dst, src, dport, sport, traffic, out, in, tos, proto, marked, pad(1), extra),
		9:  form("RouterASToS", v8Header, sum, srcAS, dstAS, in, out, tos, pad(3)),
		10: form("ProtoPortToS", v8Header, sum, proto, tos, pad(2), sport, dport, in, out),
		11: form("SrcPrefixToS", v8Header, sum, src, srcMask, tos, srcAS, in, pad(2)),
		12: form("DstPrefixToS", v8Header, sum, dst, dstMask, tos, dstAS, out, pad(2)),
		13: form("PrefixToS", v8Header, sum, matrix, tos, pad(1), srcAS, dstAS, in, out),
		14: form("PrefixPort", v8Header, sum, matrix, tos, proto, sport, dport, in, out),
	}
	return versions, v8
}

// ie is a field that an element stands for, n bytes long; own is one that none does.
func ie(id, n uint16) []field { return []field{{id: id, n: n}} }

func own(id, n uint16) []field { return []field{{pen: penFixed, id: id, n: n}} }

func join(parts ...[]field) []field { return slices.Concat(parts...) }

// form compiles a layout. A record that is made to tell how many flows it stands for is an
// aggregate, even of one flow.
func form(name string, header int, parts ...[]field) *layout {
	l := &layout{name: name, header: header}
	l.template.fields = join(parts...)
	l.template.plan, _ = compile(l.template.fields)
	if has(l.template.fields, ieDeltaFlowCount) {
		l.template.plan.has |= flow.HasFlows
	}
	return l
}

// layoutOf finds how the records of a datagram of a fixed version are laid out.
func layoutOf(version uint16, p []byte) (*layout, error) {
	if version != 8 {
		return layouts[version], nil
	}
	if len(p) < v8Header {
		return nil, ErrShort
	}
	if method := int(p[22]); method > 0 && method < len(schemes) {
		return schemes[method], nil
	}
	return nil, ErrScheme
}
