package capture

import (
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Link types that are too rare to decode by hand.
const (
	linkFDDI     = 10
	linkWireless = 105 // IEEE 802.11
	linkPFLog    = 117
	linkPrism    = 119 // IEEE 802.11 behind a Prism header
	linkRadiotap = 127 // IEEE 802.11 behind a radiotap header
)

// decodeRare takes a rare link header off by way of gopacket, which allocates and panics on some
// input: a packet on which it does is a bad header.
func decodeRare(link uint32, b []byte) (ether uint16, rest []byte, r reject) {
	switch link {
	case linkFDDI, linkWireless, linkPFLog, linkPrism, linkRadiotap:
	default:
		return 0, nil, rejectLink
	}
	defer func() {
		if recover() != nil {
			ether, rest, r = 0, nil, rejectHeader
		}
	}()
	pkt := gopacket.NewPacket(b, layers.LinkType(link), gopacket.DecodeOptions{NoCopy: true})
	for _, l := range pkt.Layers() {
		switch l.LayerType() {
		case layers.LayerTypeIPv4:
			return etherIPv4, whole(l), accepted
		case layers.LayerTypeIPv6:
			return etherIPv6, whole(l), accepted
		}
	}
	if f := pkt.ErrorLayer(); f != nil && pkt.Metadata().Truncated {
		return 0, nil, rejectTruncated
	}
	return 0, nil, rejectNotIP
}

// whole gives the bytes of an IP packet: header and what belongs to it, without a link trailer.
func whole(l gopacket.Layer) []byte {
	return append(append([]byte(nil), l.LayerContents()...), l.LayerPayload()...)
}
