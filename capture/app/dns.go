package app

import (
	"encoding/binary"
)

// A DNS message (RFC 1035 section 4): id(2) flags(2) counts of questions, answers, authorities
// and additionals (2 each), then those. Over TCP a length(2) stands before it.

const (
	dnsHeader     = 12
	dnsMaxAnswers = 48
	dnsMaxName    = 255
	dnsMaxJumps   = 32             // compression pointers followed in one name
	dnsRoom       = dnsMaxName + 8 // for a name that is written 8 bytes at a time
)

func dnsAsks(b []byte) verdict    { return dnsBegins(b, 0) }
func dnsReplies(b []byte) verdict { return dnsBegins(b, 0x80) }

// mdns is DNS to or from the port of multicast DNS (RFC 6762), in the same format.
func mdns(s *Look) verdict {
	if !s.port(5353) {
		return no
	}
	return max(dnsAsks(s.B), dnsReplies(s.B))
}

// llmnr is DNS to or from the port of link-local name resolution (RFC 4795), in the same format.
func llmnr(s *Look) verdict {
	if !s.port(5355) {
		return no
	}
	return max(dnsAsks(s.B), dnsReplies(s.B))
}

// dnsBegins looks whether b is one whole DNS message with this QR bit. The names must be well
// formed and the counts small: any port may carry it, so other datagrams must not pass.
func dnsBegins(b []byte, qr byte) verdict {
	if len(b) < dnsHeader || b[2]&0x80 != qr || !dnsPlausible(b, len(b)) {
		return no
	}
	at, questions := dnsHeader, be16(b[4:])
	for range questions {
		next, ok := dnsSkip(b, at)
		if !ok || next+4 > len(b) {
			return no
		}
		if !dnsClass(uint16(be16(b[next+2:]))) || !dnsAskable(b[at:next], uint16(be16(b[next:]))) {
			return no
		}
		at = next + 4
	}
	if questions == 0 {
		next, ok := dnsSkip(b, at)
		if !ok || next+10 > len(b) || next == at+1 || !dnsKnown(uint16(be16(b[next:]))) || next+10+be16(b[next+8:]) > len(b) {
			return no
		}
	}
	return yes
}

// dnsSkip gives where the name at at ends; a pointer must lead backwards.
func dnsSkip(b []byte, at int) (next int, ok bool) {
	for start := at; at < len(b) && at-start <= dnsMaxName; {
		n := int(b[at])
		switch {
		case n == 0:
			return at + 1, true
		case n >= 0xc0:
			return at + 2, at+1 < len(b) && be16(b[at:])&0x3fff < start
		case n >= 0x40:
			return 0, false
		}
		at += 1 + n
	}
	return 0, false
}

// dnsAskable says whether a question makes sense: a type that has a name or is for private use,
// and of the root only what the root has. Zeros read as a question for the root. name is as on
// the wire.
func dnsAskable(name []byte, typ uint16) bool {
	switch {
	case typ >= 65280: // RFC 6895 section 3.1
		return len(name) > 1
	case len(name) == 1:
		return typ == 1 || typ == 2 || typ == 6 || typ == 16 || typ == 28 || typ == 43 || typ == 46 || typ == 48 || typ == 255
	}
	return dnsKnown(typ) && !dnsIsNetBIOS(name, typ)
}

// dnsPlausible checks the header: a known opcode, and no more records than size bytes can hold.
func dnsPlausible(b []byte, size int) bool {
	u16 := func(i int) int { return int(binary.BigEndian.Uint16(b[i:])) }
	opcode := b[2] >> 3 & 15
	questions, answers, rest := u16(4), u16(6), u16(8)+u16(10)
	return opcode <= 5 && opcode != 3 && questions <= 16 && questions+answers+rest > 0 &&
		answers <= 512 && rest <= 512 && (questions+answers+rest)*5 <= size
}

// dnsClass says whether a class is in use: IN, CH, HS, NONE, ANY; mDNS sets the top bit.
func dnsClass(c uint16) bool {
	switch c & 0x7fff {
	case 1, 3, 4, 254, 255:
		return true
	}
	return false
}

// dnsIsNetBIOS knows the names of the NetBIOS name service, which has the same format
// (RFC 1002 section 4.2): 32 letters from A to P.
func dnsIsNetBIOS(name []byte, typ uint16) bool {
	if typ != 32 && typ != 33 || len(name) < 34 || name[0] != 32 {
		return false
	}
	for _, c := range name[1:33] {
		if c < 'A' || c > 'P' {
			return false
		}
	}
	return true
}

// dnsTCP gives the first message of a TCP side.
func dnsTCP(b []byte) (msg []byte, whole bool) {
	if len(b) < 2 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	return b[2:min(2+n, len(b))], len(b) >= 2+n
}

func dnsTCPAsks(b []byte) verdict    { return dnsTCPBegins(b, 0) }
func dnsTCPReplies(b []byte) verdict { return dnsTCPBegins(b, 0x80) }

// dnsTCPBegins is dnsBegins for the first message of a TCP side, which may not be whole yet.
func dnsTCPBegins(b []byte, qr byte) verdict {
	if len(b) < 2+dnsHeader {
		return maybe
	}
	msg, whole := dnsTCP(b)
	if size := int(binary.BigEndian.Uint16(b)); size < dnsHeader+5 || msg[2]&0x80 != qr || !dnsPlausible(msg, size) {
		return no
	}
	if v := dnsBegins(msg, qr); v == yes || whole || len(b) >= 1024 {
		return v
	}
	return maybe
}
