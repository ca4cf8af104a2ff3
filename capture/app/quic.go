package app

// quic knows a packet with a long header (RFC 9000 section 17.2): form and fixed bit with type(1)
// version(4) destination id(1+n) source id(1+n); and packets of Google's versions before it,
// which begin with flags(1) connection id(8) version(4).
func quic(s *Look) verdict {
	b := s.B
	if b[0]&0x80 == 0 {
		return gquic(b)
	}
	if len(b) < 7 {
		return no
	}
	version := be32(b[1:])
	if version>>24 == 'Q' && digit(b[2]) && digit(b[3]) && digit(b[4]) { // Q046 and Q050: lengths of the ids in one byte
		return yes
	}
	dcid := int(b[5])
	if dcid > 20 || len(b) < 7+dcid {
		return no
	}
	scid := int(b[6+dcid])
	if scid > 20 || len(b) < 7+dcid+scid {
		return no
	}
	rest := b[7+dcid+scid:]
	switch {
	case version == 0: // version negotiation: a list of versions
		ok := len(rest) >= 4 && len(rest)%4 == 0
		for ; ok && len(rest) > 0; rest = rest[4:] {
			ok = quicVersion(be32(rest))
		}
		return when(ok, yes)
	case !quicVersion(version):
		return no
	case b[0]&0x40 != 0 && dcid+scid > 0:
		return yes
	}
	return weak
}

// quicVersion says whether a version number is of those in use: 1, 2, drafts, those of Google and
// Meta, and those reserved to force a negotiation (RFC 9000 section 15, RFC 9369).
func quicVersion(v int) bool {
	switch {
	case v == 1 || v == 0x6b3343cf || v>>8 == 0xff0000 || v>>4 == 0xfaceb00 || v&0x0f0f0f0f == 0x0a0a0a0a:
		return true
	}
	c := v >> 24
	return (c == 'Q' || c == 'T') && digit(byte(v>>16)) && digit(byte(v>>8)) && digit(byte(v))
}

// gquic knows public flags with a version and the version: "Q039".
func gquic(b []byte) verdict {
	if b[0]&0x01 == 0 || len(b) < 6 {
		return no
	}
	at := 1
	if b[0]&0x08 != 0 {
		at = 9
	}
	if len(b) < at+4 || b[at] != 'Q' || !digit(b[at+1]) || !digit(b[at+2]) || !digit(b[at+3]) {
		return no
	}
	return yes
}
