package app

// An OpenVPN control packet is opcode and key(1) session(8), with tls-auth or tls-crypt digest,
// number and time, then acknowledgements (1+4n, and the other's session(8) when n > 0) and
// packet id(4).
const (
	ovpnClientV1 = 1
	ovpnServerV1 = 2
	ovpnControl  = 4
	ovpnAck      = 5
	ovpnData     = 6
	ovpnClientV2 = 7
	ovpnServerV2 = 8
	ovpnData2    = 9
	ovpnClientV3 = 10
)

// openvpn knows the two resets that begin a session: plain by their fields, others by the one
// answering the other.
func openvpn(s *Look) verdict { return openvpnReset(s.B, s.Peer) }

func openvpnReset(b, peer []byte) verdict {
	if len(b) < 14 || zeros(b[1:9]) {
		return no
	}
	answers := len(peer) >= 14 && !zeros(peer[1:9])
	switch op := b[0] >> 3; op {
	case ovpnClientV1, ovpnClientV2, ovpnClientV3:
		switch {
		case b[0]&7 != 0:
			return no
		case answers && openvpnServer(peer[0]):
			return yes
		case len(b) == 14:
			return when(b[9] == 0 && zeros(b[10:14]), yes)
		}
		return when(openvpnWrapped(b), likely)
	case ovpnServerV1, ovpnServerV2:
		switch {
		case b[0]&7 != 0:
			return no
		case len(b) >= 22 && b[9] == 1 && zeros(b[10:14]) && answers && string(b[14:22]) == string(peer[1:9]):
			return yes
		case answers && openvpnClient(peer[0]):
			return yes
		case len(b) == 26 && b[9] == 1 && zeros(b[10:14]) && zeros(b[22:26]):
			return yes
		}
		return when(openvpnWrapped(b), weak)
	case ovpnControl, ovpnAck:
		if len(b) >= 22 && b[9] >= 1 && b[9] <= 8 && b[0]&7 == 0 && zeros(b[10:12]) { // acknowledges low numbers
			return when(len(b) >= 18+4*int(b[9]), likely)
		}
	}
	return no
}

func openvpnClient(b byte) bool {
	return b == ovpnClientV2<<3 || b == ovpnClientV1<<3 || b == ovpnClientV3<<3
}
func openvpnServer(b byte) bool { return b == ovpnServerV2<<3 || b == ovpnServerV1<<3 }

// openvpnWrapped says whether a number of 1 and a time stand where a digest of a usual length, or
// none as tls-crypt has, puts them.
func openvpnWrapped(b []byte) bool {
	for _, digest := range [...]int{0, 16, 20, 28, 32, 48, 64} {
		at := 9 + digest
		if len(b) >= at+8 && be32(b[at:]) >= 1 && be32(b[at:]) <= 16 && be32(b[at+4:]) > 1e9 {
			return true
		}
	}
	return false
}

// openvpnTCP has a length(2) before each packet.
func openvpnTCP(s *Look) verdict {
	b := s.B
	if len(b) < 16 {
		return maybe
	}
	n := be16(b)
	if n < 14 || n > 1600 {
		return no
	}
	peer := s.Peer
	if len(peer) > 2 {
		peer = peer[2:]
	}
	return openvpnReset(b[2:min(2+n, len(b))], peer)
}
