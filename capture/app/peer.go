package app

import "bytes"

// bittorrent knows the handshake of peers (BEP 3): 19(1) name(19).
func bittorrent(s *Look) verdict {
	if s.B[0] == 19 {
		return hasPrefix(s.B, "\x13BitTorrent protocol")
	}
	if s.B[0] == 'G' { // a tracker or a web seed
		l, _ := line(s.B)
		return when(bytes.Contains(l, []byte("?info_hash=")) && bytes.HasPrefix(l, []byte("GET /")), yes)
	}
	return no
}

// bittorrentUDP knows the distributed hash table (BEP 5), trackers (BEP 15), the micro transport
// (BEP 29) and local discovery (BEP 14).
func bittorrentUDP(s *Look) verdict {
	b := s.B
	switch b[0] {
	case 'd':
		ok := len(b) > 20 && b[len(b)-1] == 'e' && (bytes.HasPrefix(b, []byte("d1:ad")) || bytes.HasPrefix(b, []byte("d1:rd")) ||
			bytes.HasPrefix(b, []byte("d1:el")) || bytes.HasPrefix(b, []byte("d2:ip")) || bytes.HasPrefix(b, []byte("d1:q")))
		return max(when(ok, yes), when(bytes.HasPrefix(b, []byte("d1:ad2:id20:")) || bytes.HasPrefix(b, []byte("d1:rd2:id20:")), yes))
	case 'B':
		return hasPrefix(b, "BT-SEARCH * HTTP/1.1")
	case 0:
		if len(b) >= 16 && string(b[:12]) == "\x00\x00\x04\x17\x27\x10\x19\x80\x00\x00\x00\x00" {
			return yes
		}
	}
	return utp(s)
}

// utp knows type and version 1(1) extension(1) connection(2) time(4) difference(4) window(4)
// sequence(2) acknowledged(2), and extensions of next(1) length(1).
func utp(s *Look) verdict {
	b := s.B
	if len(b) < 20 || b[0]&15 != 1 || b[0]>>4 > 4 {
		return no
	}
	at := 20
	for next := b[1]; next != 0; {
		if next > 3 || at+2 > len(b) || at+2+int(b[at+1]) > len(b) {
			return no
		}
		next, at = b[at], at+2+int(b[at+1])
	}
	typ := b[0] >> 4
	switch window := be32(b[12:]); {
	case typ != 0 && at != len(b) || typ == 0 && at == len(b) || window > 1<<26 || be32(b[4:]) == 0 || be16(b[2:]) == 0:
		return no
	case typ == 4:
		return when(be16(b[16:]) == 1 && be32(b[8:]) == 0, likely) // the first packet
	}
	if bytes.HasPrefix(b[at:], []byte("\x13BitTorrent protocol")) {
		return yes
	}
	if p := s.Peer; len(p) >= 20 && p[0]&15 == 1 && p[0]>>4 <= 4 {
		apart := be16(p[2:]) - be16(b[2:]) // the two use numbers that differ by one
		return when(apart == 1 || apart == -1, yes)
	}
	f := s.First
	ok := len(f) >= 20 && f[0]&15 == 1 && string(f[2:4]) == string(b[2:4]) && be32(b[4:]) > be32(f[4:]) && uint16(be16(b[16:])-be16(f[16:])) < 256
	return when(ok, yes)
}

// gnutella knows "GNUTELLA CONNECT/0.6" and "GNUTELLA/0.6 200" (Gnutella 0.6 section 2.1), and the
// requests for files that its clients send each other.
func gnutella(s *Look) verdict {
	b := s.B
	switch {
	case foldAny(b, "GNUTELLA CONNECT/", "GNUTELLA/0."):
		return yes
	case foldAny(b, "GET /URI-RES/N2R?", "HEAD /URI-RES/N2R?"):
		return yes
	}
	return hasPrefix(b, "GIV ")
}

// gnutellaUDP knows id(16) type(1) lifetime(1) hops(1) length(4), little-endian, then so many bytes
// (Gnutella 0.6 section 2.2.1; the last byte of the length has flags), and "GND" of its reliable transport.
func gnutellaUDP(s *Look) verdict {
	b := s.B
	if len(b) >= 8 && string(b[:3]) == "GND" { // flags(1) sequence(2) part(1) of(1), 0 to acknowledge
		return when(b[6] > 0 && (b[7] == 0 || b[6] <= b[7]), yes)
	}
	if len(b) < 23 || le32(b[19:])&0xffffff != len(b)-23 || b[17] > 10 || b[18] > 10 || zeros(b[:16]) {
		return no
	}
	switch b[16] {
	case 0x00, 0x01, 0x02, 0x30, 0x31, 0x32, 0x40, 0x44, 0x80, 0x81:
		return yes
	}
	return no
}
