package app

func stunAsks(b []byte) verdict    { return stun(b, false) }
func stunReplies(b []byte) verdict { return stun(b, true) }

// stun knows type(2) length(2) cookie(4) transaction(12) and attributes of type(2) length(2)
// (RFC 8489 section 5). Before RFC 5389 there was no cookie: then the attributes must fill it.
// Bit 8 of the type says that it is an answer.
func stun(b []byte, reply bool) verdict {
	if len(b) < 20 || b[0] > 1 || len(b) != 20+be16(b[2:]) && b[0] != 0x40 || (b[0]&1 != 0) != reply {
		return no
	}
	if be32(b[4:]) == 0x2112a442 {
		return when(len(b)%4 == 0, yes)
	}
	method := be16(b)&0x0f | be16(b)&0xe0>>1 | be16(b)&0x3e00>>2 // the bits around those of the class
	if method == 0 || method > 0x0f || zeros(b[4:20]) {
		return no
	}
	at, known := 20, 0
	for ; at+4 <= len(b); at += 4 + (be16(b[at+2:])+3)&^3 {
		if typ := be16(b[at:]); typ >= 1 && typ <= 0x30 || typ >= 0x8000 {
			known++
		}
	}
	switch {
	case at != len(b):
		return no
	case known > 0:
		return yes
	}
	return weak
}

func stunTCPAsks(b []byte) verdict    { return stunTCP(b, false) }
func stunTCPReplies(b []byte) verdict { return stunTCP(b, true) }

// stunTCP knows one or more messages with the cookie; each may have a length(2) before it (RFC 4571).
func stunTCP(b []byte, reply bool) verdict {
	if len(b) < 22 {
		return maybe
	}
	if be32(b[6:]) == 0x2112a442 && be16(b) == 20+be16(b[4:]) {
		b = b[2:]
	}
	ok := b[0] <= 1 && be32(b[4:]) == 0x2112a442 && be16(b[2:])%4 == 0 && (b[0]&1 != 0) == reply
	return when(ok, yes)
}
