package app

// TPKT (RFC 1006 section 6) is version 3(1) zero(1) length(2), and in it a COTP unit (RFC 905
// section 13): length(1) type(1) …. RDP and S7 lie in it.

const (
	cotpRequest = 0xe0
	cotpConfirm = 0xd0
	cotpData    = 0xf0
)

// tpkt gives the type of the COTP unit and what follows the header.
func tpkt(b []byte) (typ byte, rest []byte, v verdict) {
	if len(b) < 7 {
		return 0, nil, when(len(b) < 2 || b[1] == 0, maybe)
	}
	n := be16(b[2:])
	if b[0] != 3 || b[1] != 0 || n < 7 || int(b[4]) < 2 || int(b[4])+5 > n {
		return 0, nil, no
	}
	return b[5] & 0xf0, b[7:], yes
}

func rdpAsks(b []byte) verdict {
	typ, rest, v := tpkt(b)
	switch {
	case v != yes:
		return v
	case typ == cotpRequest:
		return rdpConnects(rest, 1)
	case typ == cotpData && b[4] == 2 && len(rest) > 2:
		return when(rest[0] == 0x7f && rest[1] == 0x65, yes) // MCS Connect-Initial
	}
	return no
}

func rdpReplies(b []byte) verdict {
	typ, rest, v := tpkt(b)
	switch {
	case v != yes:
		return v
	case typ == cotpConfirm:
		return max(rdpConnects(rest, 2), rdpConnects(rest, 3))
	case typ == cotpData && b[4] == 2 && len(rest) > 2:
		return when(rest[0] == 0x7f && rest[1] == 0x66, yes) // MCS Connect-Response
	}
	return no
}

// rdpConnects looks, after source(2) and class(1), for a cookie or a negotiation: type(1) flags(1)
// length=8(2) protocols(4) (MS-RDPBCGR 2.2.1.1 and 2.2.1.2).
func rdpConnects(b []byte, typ byte) verdict {
	switch {
	case len(b) < 4:
		return when(len(b) == 4, weak)
	case len(b) == 4:
		return weak
	}
	b = b[4:]
	if foldAny(b, "COOKIE: MSTS", "COOKIE: ") {
		return yes
	}
	return when(len(b) >= 8 && b[0] == typ && le16(b[2:]) == 8 && le32(b[4:]) <= 0x1f, yes)
}

func s7Asks(b []byte) verdict    { return s7(b, 1) }
func s7Replies(b []byte) verdict { return s7(b, 3) }

// s7 knows data of protocol 0x32(1) and kind(1): job, acknowledgement or user data. The
// connection before it is like that of others.
func s7(b []byte, kind byte) verdict {
	typ, rest, v := tpkt(b)
	switch {
	case v != yes:
		return v
	case typ == cotpData && b[4] == 2 && len(rest) > 10:
		return when(rest[0] == 0x32 && (rest[1] == kind || kind == 3 && rest[1] == 2 || rest[1] == 7) && zeros(rest[2:4]), yes)
	}
	return no
}
