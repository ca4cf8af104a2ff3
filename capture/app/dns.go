package app

import (
	"encoding/binary"
	"strings"
)

// A DNS message (RFC 1035 section 4): id(2) flags(2) counts of questions, answers, authorities
// and additionals (2 each), then those. Over TCP a length(2) stands before it.

const (
	dnsHeader     = 12
	dnsMaxAnswers = 48
	dnsMaxName    = 255
	dnsMaxJumps   = 32 // compression pointers followed in one name
)

func dnsAsks(b []byte) verdict    { return dnsBegins(b, 0) }
func dnsReplies(b []byte) verdict { return dnsBegins(b, 0x80) }

// dnsBegins looks whether b is one whole DNS message with this QR bit. The names must be well
// formed and the counts small: any port may carry it, so other datagrams must not pass.
func dnsBegins(b []byte, qr byte) verdict {
	if len(b) < dnsHeader || b[2]&0x80 != qr || !dnsPlausible(b, len(b)) {
		return no
	}
	m := dnsMessage{b: b, at: dnsHeader}
	questions := int(binary.BigEndian.Uint16(b[4:]))
	for range questions {
		name, ok := m.name()
		typ, class, ok2 := m.typeClass()
		if !ok || !ok2 || !dnsClass(class) || !dnsAskable(name, typ) {
			return no
		}
	}
	if questions == 0 {
		if a, ok := m.record(); !ok || a.Name == "." || strings.HasPrefix(a.Type, "TYPE") {
			return no
		}
	}
	return yes
}

// dnsAskable says whether a question makes sense: a type that has a name or is for private use,
// and of the root only what the root has. Zeros read as a question for the root.
func dnsAskable(name string, typ uint16) bool {
	switch {
	case typ >= 65280: // RFC 6895 section 3.1
		return name != "."
	case name == ".":
		return typ == 1 || typ == 2 || typ == 6 || typ == 28 || typ == 43 || typ == 46 || typ == 48 || typ == 255
	}
	return dnsTypes[typ] != "" && !dnsIsNetBIOS(name, typ)
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
func dnsIsNetBIOS(name string, typ uint16) bool {
	first, _, _ := strings.Cut(name, ".")
	return (typ == 32 || typ == 33) && len(first) == 32 && strings.Trim(first, "abcdefghijklmnop") == ""
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
