package packet

// EtherTypes of headers that wrap a frame, as rare as VLAN tags are common.
const (
	etherMACsec = 0x88e5
	etherPBB    = 0x88e7
	etherVNTag  = 0x8926
	etherNSH    = 0x894f
)

// decodeWrap takes one such header off.
func decodeWrap(ether uint16, b []byte) (uint16, []byte, Reject) {
	switch ether {
	case etherMACsec:
		return decodeMACsec(b)
	case etherVNTag: // direction, ends(4) of IEEE 802.1BR's predecessor
		return etherOf(b, 4)
	case etherPBB: // class, flags and service(4) of IEEE 802.1ah, and the customer's frame
		return etherOf(b[min(4, len(b)):], 12)
	}
	return decodeNSH(b)
}

// decodeMACsec reads version(1 bit) ES(1) SC(1) SCB(1) encrypted(1) changed(1) association(2) short length(8)
// packet number(32) and with SC the channel(64): IEEE 802.1AE section 9. What is not encrypted is read.
func decodeMACsec(b []byte) (uint16, []byte, Reject) {
	const channel, hidden = 0x20, 0x0c
	if len(b) < 6 {
		return 0, nil, RejectTruncated
	}
	n := 6
	if b[0]&channel != 0 {
		n = 14
	}
	if b[0]&hidden != 0 {
		return 0, nil, RejectNotIP
	}
	return etherOf(b, n)
}

// decodeNSH reads version(2 bits) flags(2) TTL(6) length in words(6) … kind(4) next protocol(8), and behind that length
// the packet: RFC 8300 section 2.2.
func decodeNSH(b []byte) (uint16, []byte, Reject) {
	if len(b) < 8 {
		return 0, nil, RejectTruncated
	}
	n := int(b[1]&63) * 4
	switch {
	case b[0]>>6 != 0 || n < 8:
		return 0, nil, RejectHeader
	case len(b) < n:
		return 0, nil, RejectTruncated
	}
	next, rest := b[3], b[n:]
	switch next {
	case 1:
		return etherIPv4, rest, Accepted
	case 2:
		return etherIPv6, rest, Accepted
	case 3:
		return etherOf(rest, 12)
	case 4:
		return etherNSH, rest, Accepted
	case 5:
		return etherMPLS, rest, Accepted
	}
	return 0, nil, RejectNotIP
}
