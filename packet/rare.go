package packet

import (
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Link types that are too rare to decode by hand.
const (
	LinkFDDI     = 10
	LinkWireless = 105 // IEEE 802.11
	LinkPFLog    = 117
	LinkPrism    = 119 // IEEE 802.11 behind a Prism header
	LinkRadiotap = 127 // IEEE 802.11 behind a radiotap header
)

// decodeRare takes a rare link header off by way of gopacket, which allocates, slices up to the capacity
// (so it is given none) and panics on some input: a packet on which it does is a bad header.
func decodeRare(link uint32, b []byte) (ether uint16, rest []byte, r Reject) {
	switch link {
	case LinkFDDI, LinkWireless, LinkPFLog, LinkPrism, LinkRadiotap:
	default:
		return 0, nil, RejectLink
	}
	defer func() {
		if recover() != nil {
			ether, rest, r = 0, nil, RejectHeader
		}
	}()
	pkt := gopacket.NewPacket(b[:len(b):len(b)], layers.LinkType(link), gopacket.DecodeOptions{NoCopy: true})
	for _, l := range pkt.Layers() {
		switch l.LayerType() {
		case layers.LayerTypeIPv4:
			return etherIPv4, whole(l), Accepted
		case layers.LayerTypeIPv6:
			return etherIPv6, whole(l), Accepted
		}
	}
	if f := pkt.ErrorLayer(); f != nil && pkt.Metadata().Truncated {
		return 0, nil, RejectTruncated
	}
	return 0, nil, RejectNotIP
}

// whole gives the bytes of an IP packet: header and what belongs to it, without a link trailer.
func whole(l gopacket.Layer) []byte {
	return append(append([]byte(nil), l.LayerContents()...), l.LayerPayload()...)
}
