package app

// bgpMarker begins each message (RFC 4271 section 4.1).
const bgpMarker = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"

// bgp knows marker(16) length(2) type(1).
func bgp(s *Look) verdict {
	v := hasPrefix(s.B, bgpMarker)
	if v != yes || len(s.B) < 19 {
		return min(v, maybe)
	}
	n := be16(s.B[16:])
	return when(n >= 19 && n <= 65535 && s.B[18] >= 1 && s.B[18] <= 5, yes)
}

// ldp knows version(2) length(2) router(4) space(2), then a message of type(2) length(2) (RFC 5036
// section 3.1).
func ldp(s *Look) verdict {
	b := s.B
	if len(b) < 18 {
		return no
	}
	n, typ := be16(b[2:]), be16(b[10:])&0x7fff
	ok := be16(b) == 1 && n >= 14 && n <= 4096 && be16(b[12:])+8 <= n && typ&0xff <= 4 && typ>>8 <= 4 && typ != 0 && be32(b[4:]) != 0
	return when(ok && be16(b[12:]) >= 4, yes)
}
