package app

// Remote procedure calls: DCE's and Sun's.

func dcerpcAsks(b []byte) verdict    { return dcerpc(b, 1<<0|1<<11|1<<14|1<<16|1<<18|1<<19) }
func dcerpcReplies(b []byte) verdict { return dcerpc(b, 1<<2|1<<3|1<<12|1<<13|1<<15|1<<17) }

// dcerpc knows version 5(1) minor(1) type(1) flags(1) representation(4) length(2) auth(2) call(4)
// (C706 section 12.6.3.1). types has a bit for each type.
func dcerpc(b []byte, types uint32) verdict {
	if len(b) < 16 {
		return maybe
	}
	n := le16(b[8:])
	if b[4]&0xf0 == 0 {
		n = be16(b[8:])
	}
	ok := b[1] <= 1 && b[2] < 20 && types&(1<<b[2]) != 0 && b[4]&0xef == 0 && b[5] <= 3 && zeros(b[6:8]) && n >= 16
	return when(ok, yes)
}

func dcerpcUDPAsks(b []byte) verdict    { return dcerpcUDP(b, 1<<0|1<<1|1<<7|1<<8) }
func dcerpcUDPReplies(b []byte) verdict { return dcerpcUDP(b, 1<<2|1<<3|1<<4|1<<5|1<<6|1<<9|1<<10) }

// dcerpcUDP knows version 4(1) type(1) flags(1) flags(1) representation(3) serial(1) object(16)
// interface(16) activity(16) boot(4) interface version(4) sequence(4) operation(2) hints(4)
// length(2) fragment(2) (C706 section 12.5.1).
func dcerpcUDP(b []byte, types uint32) verdict {
	if len(b) < 80 || b[1] > 10 || types&(1<<b[1]) == 0 || b[4]&0xef != 0 || b[5] > 3 || b[6] != 0 || b[3]&^3 != 0 {
		return no
	}
	n := le16(b[74:])
	if b[4] == 0 {
		n = be16(b[74:])
	}
	return when(n <= len(b)-80, yes)
}

// sunrpcAsks knows id(4) call=0(4) version=2(4) program(4) version(4) procedure(4), then two
// credentials of flavour(4) length(4) (RFC 5531 section 9).
func sunrpcAsks(b []byte) verdict {
	if len(b) < 24 {
		return no
	}
	program := be32(b[12:])
	ok := be32(b[4:]) == 0 && be32(b[8:]) == 2 && program >= 100000 && program < 1<<30+1<<29 && be32(b[16:]) < 64 && be32(b[20:]) < 256
	return when(ok && (len(b) < 32 || be32(b[28:]) <= 400), yes)
}

// sunrpcReplies knows id(4) reply=1(4) accepted=0(4) verifier(4+4+n) status(4), or denied=1.
func sunrpcReplies(b []byte) verdict {
	if len(b) < 20 || be32(b[4:]) != 1 || be32(b) == 0 {
		return no
	}
	switch be32(b[8:]) {
	case 0:
		n := be32(b[16:])
		return when(be32(b[12:]) <= 6 && n <= 400 && len(b) >= 24+n && be32(b[20+n:]) <= 5, yes)
	case 1:
		return when(be32(b[12:]) <= 1 && len(b) <= 24, weak)
	}
	return no
}

func sunrpcTCPAsks(b []byte) verdict    { return sunrpcRecord(b, sunrpcAsks) }
func sunrpcTCPReplies(b []byte) verdict { return sunrpcRecord(b, sunrpcReplies) }

// sunrpcRecord takes the record mark off: last and length(4) (RFC 5531 section 11).
func sunrpcRecord(b []byte, message func([]byte) verdict) verdict {
	if len(b) < 28 {
		return maybe
	}
	if n := be32(b) &^ (1 << 31); n < 24 || n > 1<<24 {
		return no
	}
	return message(b[4:])
}
