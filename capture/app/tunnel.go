package app

// isIP says whether b begins like an IP packet of no more than its length: version, header
// length and total length fit.
func isIP(b []byte) bool {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4:
		n := be16(b[2:])
		return b[0]&15 >= 5 && n <= len(b) && (n >= 20 || n == 0) // 0 is more than it can tell
	case len(b) >= 40 && b[0]>>4 == 6:
		return be16(b[4:])+40 <= len(b)
	}
	return false
}

// isEthernet says whether b begins like an Ethernet frame with IP, ARP, a VLAN tag or 802.2.
func isEthernet(b []byte) bool {
	if len(b) < 14 {
		return false
	}
	switch typ := be16(b[12:]); typ {
	case 0x0800, 0x86dd:
		return isIP(b[14:])
	case 0x0806, 0x8100, 0x88a8, 0x8847, 0x88cc, 0x8863, 0x8864:
		return true
	default:
		return typ >= 3 && typ <= len(b)-14 && typ <= 1500 && len(b) > 17 && b[14] == b[15]
	}
}

// teredo knows IPv6 in UDP, perhaps after an authentication (0, 1, lengths) and an origin (0, 0,
// port, address) indication (RFC 4380 section 5.1.1), with an address of Teredo or link-local.
func teredo(s *Look) verdict {
	b := s.B
	indicated := false
	if len(b) > 13 && b[0] == 0 && b[1] == 1 {
		if n := 13 + int(b[2]) + int(b[3]); n < len(b) {
			b, indicated = b[n:], true
		}
	}
	if len(b) > 8 && b[0] == 0 && b[1] == 0 {
		b, indicated = b[8:], true
	}
	if len(b) < 40 || b[0]>>4 != 6 || be16(b[4:])+40 != len(b) {
		return no
	}
	ours := func(a []byte) bool { return be32(a) == 0x20010000 || be16(a) == 0xfe80 }
	if ours(b[8:]) || ours(b[24:]) {
		return yes
	}
	return when(indicated, likely)
}

// vxlan knows flags 0x08(1) zeros(3) network(3) zero(1) and a frame (RFC 7348 section 5). A receiver
// does not look at the zeros.
func vxlan(s *Look) verdict {
	b := s.B
	if len(b) <= 22 || !isEthernet(b[8:]) {
		return no
	}
	return max(likely, when(zeros(b[1:4]) && b[7] == 0, yes))
}

// geneve knows version and length(1) flags(1) type(2) network(3) zero(1) options and what the
// type says (RFC 8926 section 3.4).
func geneve(s *Look) verdict {
	b := s.B
	if len(b) < 8 || b[1]&0x3f != 0 || b[7] != 0 {
		return no
	}
	n := 8 + 4*int(b[0]&0x3f)
	if len(b) < n {
		return no
	}
	switch be16(b[2:]) {
	case 0x6558:
		return max(weak, when(isEthernet(b[n:]), yes))
	case 0x0800, 0x86dd:
		return when(isIP(b[n:]), yes)
	}
	return no
}

// gtp knows of version 1 flags(1) type(1) length(2) tunnel(4) (TS 29.281 section 5.1) and of
// version 2 the same with an optional tunnel (TS 29.274 section 5.1). A packet of a user has IP in it.
func gtp(s *Look) verdict {
	b := s.B
	if len(b) < 8 {
		return no
	}
	n := be16(b[2:])
	if b[0]>>5 == 2 {
		ok := b[0]&0x10 == 0 && n+4 == len(b) && b[1] != 0 && (b[0]&8 == 0) == (b[1] <= 3)
		return max(when(ok, weak), when(ok && len(b) >= 16 && b[0]&8 != 0 && b[11] == 0, likely))
	}
	if n+8 > len(b) {
		return no
	}
	at := 8
	if b[0]&7 != 0 {
		at = 12
		if len(b) < at {
			return no
		}
		for next := int(b[11]); b[0]&4 != 0 && next != 0; {
			if at >= len(b) || b[at] == 0 || at+4*int(b[at]) > len(b) {
				return no
			}
			at += 4 * int(b[at])
			next = int(b[at-1])
		}
	}
	switch {
	case b[1] == 0xff:
		return when(isIP(b[at:]), yes)
	case n+8 == len(b) && (b[1] <= 3 || b[1] == 26 || b[1] == 31 || b[1] >= 16 && b[1] <= 21 || b[1] == 254):
		return weak
	}
	return no
}

// ayiya knows lengths and kind of identity(1) signature(1) authentication and operation(1) next
// header(1) time(4) identity signature payload (draft-massar-v6ops-ayiya).
func ayiya(s *Look) verdict {
	b := s.B
	if len(b) < 8 {
		return no
	}
	id, sig, op := 1<<(b[0]>>4), 4*int(b[1]>>4), b[2]&15
	at := 8 + id + sig
	switch {
	case b[0]&15 == 0 || b[0]&15 > 2 || b[1]&15 > 3 || b[2]>>4 > 3 || op > 6 || len(b) < at || be32(b[4:]) < 1e9:
		return no
	case op == 1 && b[3] == 41:
		return when(isIP(b[at:]), yes)
	}
	return when(b[3] == 59, weak)
}
