package app

// dtls knows the records of DTLS (RFC 6347 section 4.1): type(1) version(2) epoch(2) sequence(6)
// length(2) fragment. A datagram holds whole records. Version 0x0100 is of OpenSSL before the
// standard.
func dtls(s *Look) verdict {
	b, typ, n := s.B, s.B[0], 0
	for ; len(b) >= 13; n++ {
		size := be16(b[11:])
		version := be16(b[1:])
		if b[0] < 20 || b[0] > 25 || version != 0xfeff && version != 0xfefd && version != 0x0100 || size == 0 || size > len(b)-13 {
			return no
		}
		b = b[13+size:]
	}
	if n == 0 || len(b) > 0 {
		return no
	}
	if typ == tlsHandshake && be16(s.B[3:]) == 0 && len(s.B) > 13 {
		return when(s.B[13] <= 24, yes)
	}
	return yes
}
