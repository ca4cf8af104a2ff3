package app

import "bytes"

// socks knows the requests of version 4: 4(1) command(1) port(2) address(4) user, 0 (and a name,
// 0), and its answer; and of version 5 the methods: 5(1) count(1) methods, and the choice (RFC 1928
// section 3).
func socks(s *Look) verdict {
	switch s.B[0] {
	case 0:
		return socks4Answer(s.B, s.Peer)
	case 4:
		return socks4(s.B)
	}
	return socks5(s.B, s.Peer)
}

func socks4(b []byte) verdict {
	switch {
	case len(b) < 9:
		return when(len(b) < 2 || b[1] == 1 || b[1] == 2, maybe)
	case b[1] != 1 && b[1] != 2 || be16(b[2:]) == 0 || be32(b[4:]) == 0:
		return no
	}
	user := bytes.IndexByte(b[8:], 0)
	if user < 0 || !printable(b[8:8+user]) {
		return no
	}
	rest := b[9+user:]
	if zeros(b[4:7]) { // 4a: a name instead of the address
		end := bytes.IndexByte(rest, 0)
		return when(end > 3 && end == len(rest)-1 && printable(rest[:end]), yes)
	}
	return when(len(rest) == 0, likely)
}

func socks4Answer(b, peer []byte) verdict {
	ok := len(b) == 8 && b[1] >= 90 && b[1] <= 93 && len(peer) > 8 && peer[0] == 4
	return when(ok && socks4(peer) >= likely, yes)
}

func socks5(b, peer []byte) verdict {
	if len(b) < 2 {
		return maybe
	}
	chosen := len(peer) >= 2 && peer[0] == 5 && (peer[1] <= 9 || peer[1] == 0xff)
	if n := int(b[1]); len(b) >= 2+n && n >= 1 && n <= 10 {
		known := true
		for _, m := range b[2 : 2+n] {
			known = known && (m <= 9 || m >= 0x80 && m != 0xff)
		}
		switch {
		case known && len(b) == 2+n && (chosen || n > 1):
			return max(likely, when(chosen, yes))
		case known && len(b) == 2+n:
			return weak
		case known && chosen:
			return yes
		}
	}
	offered := len(peer) >= 3 && peer[0] == 5 && peer[1] >= 1 && peer[1] <= 10 && len(peer) >= 2+int(peer[1])
	return when(len(b) >= 2 && (b[1] <= 9 || b[1] == 0xff) && offered, yes)
}
