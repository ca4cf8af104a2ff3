package app

// ike knows initiator(8) responder(8) next payload(1) version(1) exchange(1) flags(1) id(4)
// length(4) (RFC 7296 section 3.1, RFC 2408 section 3.1); on port 4500 after four zeros (RFC 3948).
func ike(s *Look) verdict {
	b := s.B
	if len(b) > 4 && zeros(b[:4]) {
		b = b[4:]
	}
	if len(b) < 28 || be32(b[24:]) != len(b) || zeros(b[:8]) {
		return no
	}
	switch version, exchange := b[17], b[18]; {
	case version == 0x10 && (exchange >= 1 && exchange <= 6 || exchange >= 32 && exchange <= 34) && b[16] <= 21 && b[19]&^7 == 0:
		return yes
	case version == 0x20 && exchange >= 34 && exchange <= 44 && (b[16] == 0 || b[16] >= 33 && b[16] <= 54) && b[19]&^0x38 == 0:
		return yes
	}
	return no
}

// espUDP knows, on port 4500 alone, index(4) and a low sequence(4), or a single 0xff that keeps
// the translation (RFC 3948): all else is random.
func espUDP(s *Look) verdict {
	b := s.B
	if !s.port(4500) {
		return no
	}
	if len(b) == 1 {
		return when(b[0] == 0xff, weak)
	}
	return when(len(b) >= 32 && be32(b) > 255 && be32(b[4:]) < 1<<24, weak)
}

func wireguardAsks(b []byte) verdict    { return wireguard(b, 1, 148) }
func wireguardReplies(b []byte) verdict { return max(wireguard(b, 2, 92), wireguard(b, 3, 64)) }

// wireguard knows type(1) zeros(3) and the length that each type has; data has receiver(4)
// counter(8) and whole blocks with a digest (WireGuard white paper section 5.4).
func wireguard(b []byte, typ byte, size int) verdict {
	if len(b) < 32 || !zeros(b[1:4]) {
		return no
	}
	if b[0] == 4 {
		return when(len(b)%16 == 0 && be32(b[4:]) != 0 && zeros(b[13:16]), weak)
	}
	return when(b[0] == typ && len(b) == size && be32(b[4:]) != 0, yes)
}

func pptpAsks(b []byte) verdict    { return pptp(b, 1<<1|1<<3|1<<5|1<<7|1<<9|1<<12|1<<13|1<<15) }
func pptpReplies(b []byte) verdict { return pptp(b, 1<<2|1<<4|1<<6|1<<8|1<<10|1<<11|1<<14) }

// pptp knows length(2) type=1(2) cookie(4) message(2) (RFC 2637 section 2).
func pptp(b []byte, messages uint32) verdict {
	if len(b) < 12 {
		return maybe
	}
	ok := be16(b[2:]) == 1 && be32(b[4:]) == 0x1a2b3c4d && b[8] == 0 && b[9] < 16 && messages&(1<<b[9]) != 0
	return when(ok, yes)
}

// l2tp knows control messages: flags and version(2) length(2) tunnel(2) session(2) sequence
// numbers (2 each) (RFC 2661 section 3.1), then an attribute of type 0, or nothing.
func l2tp(s *Look) verdict {
	b := s.B
	if len(b) < 12 || b[0]&0xf8 != 0xc8 || b[1] != 2 && b[1] != 3 || be16(b[2:]) != len(b) {
		return no
	}
	if len(b) == 12 {
		return yes
	}
	return when(len(b) >= 20 && be16(b[12:])&0x3ff >= 8 && zeros(b[14:18]), yes)
}
