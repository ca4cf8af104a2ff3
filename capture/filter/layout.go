package filter

import "github.com/flowferry/flowferry/packet"

// layout says where the network layer of a link type begins, and how its protocol is told.
type layout struct {
	link    uint32
	typeAt  int // offset of the protocol number; unused where told is not byType
	payload int // offset of the network layer
	told    told
}

// told is how the protocol of the network layer is told.
type told uint8

const (
	byType    told = iota // by an EtherType
	byPPP                 // by a PPP protocol number
	byFamily              // by a BSD address family, in either byte order
	byVersion             // by the version in the IP header
	isIPv4                // it is IPv4
	isIPv6                // it is IPv6
)

// layouts are the link types that can be filtered (tcpdump.org/linktypes.html).
var layouts = []layout{
	{packet.LinkEthernet, 12, 14, byType},
	{packet.LinkSLL, 14, 16, byType},
	{packet.LinkSLL2, 0, 20, byType},
	{packet.LinkCHDLC, 2, 4, byType},
	{packet.LinkPPP, 2, 4, byPPP},
	{packet.LinkPPPHDLC, 2, 4, byPPP},
	{packet.LinkNull, 0, 4, byFamily},
	{packet.LinkLoop, 0, 4, byFamily},
	{packet.LinkRaw, 0, 0, byVersion},
	{packet.LinkRaw12, 0, 0, byVersion},
	{packet.LinkRaw14, 0, 0, byVersion},
	{packet.LinkIPv4, 0, 0, isIPv4},
	{packet.LinkIPv6, 0, 0, isIPv6},
}

func layoutOf(link uint32) (layout, bool) {
	for _, l := range layouts {
		if l.link == link {
			return l, true
		}
	}
	return layout{}, false
}
