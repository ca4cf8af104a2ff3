package app

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// A DNS message (RFC 1035 section 4): id(2) flags(2) counts of questions, answers, authorities
// and additionals (2 each), then those. Over TCP a length(2) stands before it.

const (
	dnsHeader     = 12
	dnsMaxAnswers = 32
	dnsMaxName    = 255
	dnsMaxJumps   = 32 // compression pointers followed in one name
)

func dnsAsks(b []byte) verdict    { return dnsBegins(b, 0) }
func dnsReplies(b []byte) verdict { return dnsBegins(b, 0x80) }

// mdns is DNS to or from the port of multicast DNS (RFC 6762), in the same format.
func mdns(s side) verdict {
	if !s.port(5353) {
		return no
	}
	return max(dnsAsks(s.b), dnsReplies(s.b))
}

// llmnr is DNS to or from the port of link-local name resolution (RFC 4795), in the same format.
func llmnr(s side) verdict {
	if !s.port(5355) {
		return no
	}
	return max(dnsAsks(s.b), dnsReplies(s.b))
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
		if !ok || next+10 > len(b) || next == at+1 || dnsTypes[uint16(be16(b[next:]))] == "" || next+10+be16(b[next+8:]) > len(b) {
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

func dnsWhole(client, server []byte) bool { return len(client) > 0 && len(server) > 0 }

// dnsParse reads the first question and the answer with the same id. Multicast answers come from
// the side that spoke first, so either side may hold either.
func dnsParse(client, server []byte, m *flow.Meta) bool {
	d, asked := &flow.DNS{}, false
	for _, b := range [][]byte{client, server} {
		if asked = dnsAsks(b) == yes; asked {
			dnsQuestion(b, d)
			break
		}
	}
	for _, b := range [][]byte{server, client} {
		if dnsReplies(b) == yes && (!asked || binary.BigEndian.Uint16(b) == d.ID) {
			dnsAnswers(b, d)
			break
		}
	}
	m.DNS = d
	return d.Type != "" || len(d.Answers) > 0
}

// dnsQuestion reads the id and the first question, and leaves the message after the questions.
func dnsQuestion(b []byte, d *flow.DNS) dnsMessage {
	d.ID = binary.BigEndian.Uint16(b)
	m := dnsMessage{b: b, at: dnsHeader}
	for i := range binary.BigEndian.Uint16(b[4:]) {
		name, ok := m.name()
		typ, class, ok2 := m.typeClass()
		if !ok || !ok2 {
			break
		}
		if i == 0 {
			d.Question, d.Type, d.Class = name, dnsType(typ), dnsClassName(class)
		}
	}
	return m
}

func dnsAnswers(b []byte, d *flow.DNS) {
	m := dnsQuestion(b, d)
	d.Rcode = dnsRcode(b[3] & 15)
	for range min(int(binary.BigEndian.Uint16(b[6:])), dnsMaxAnswers) {
		a, ok := m.record()
		if !ok {
			return
		}
		d.Answers = append(d.Answers, a)
	}
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

func dnsTCPWhole(client, server []byte) bool {
	_, c := dnsTCP(client)
	_, s := dnsTCP(server)
	return c && s
}

func dnsTCPParse(client, server []byte, m *flow.Meta) bool {
	c, _ := dnsTCP(client)
	s, _ := dnsTCP(server)
	return dnsParse(c, s, m)
}

// dnsMessage reads a message from at on.
type dnsMessage struct {
	b  []byte
	at int
}

// name reads a name (RFC 1035 section 4.1.4): labels of length(1) and bytes, ended by a zero or
// by a pointer to the rest. Pointers must lead backwards, so that a name ends.
func (m *dnsMessage) name() (string, bool) {
	var room [dnsMaxName]byte // names are short: this stays on the stack
	out := room[:0]
	at, jumped := m.at, false
	for jumps := 0; at < len(m.b); {
		n := int(m.b[at])
		switch {
		case n == 0:
			if !jumped {
				m.at = at + 1
			}
			if len(out) == 0 {
				return ".", true
			}
			return string(out[:len(out)-1]), true
		case n >= 0xc0:
			if at+1 >= len(m.b) || jumps >= dnsMaxJumps {
				return "", false
			}
			to := n&0x3f<<8 | int(m.b[at+1])
			if to >= at {
				return "", false
			}
			if !jumped {
				m.at = at + 2
			}
			at, jumped, jumps = to, true, jumps+1
		case n >= 0x40 || at+1+n > len(m.b) || len(out)+n+1 > dnsMaxName:
			return "", false
		default:
			out = append(dnsLabel(out, m.b[at+1:at+1+n]), '.')
			at += 1 + n
		}
	}
	return "", false
}

// dnsLabel appends a label in lower case; dots and bytes that are no text are escaped as in
// master files (RFC 1035 section 5.1).
func dnsLabel(dst, label []byte) []byte {
	for _, c := range label {
		switch {
		case c >= 'A' && c <= 'Z':
			dst = append(dst, c+'a'-'A')
		case c == '.' || c == '\\':
			dst = append(dst, '\\', c)
		case c <= ' ' || c >= 0x7f:
			dst = append(dst, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func (m *dnsMessage) typeClass() (typ, class uint16, ok bool) {
	if m.at+4 > len(m.b) {
		return 0, 0, false
	}
	typ, class = binary.BigEndian.Uint16(m.b[m.at:]), binary.BigEndian.Uint16(m.b[m.at+2:])
	m.at += 4
	return typ, class, true
}

// record reads name, type(2) class(2) TTL(4) length(2) data.
func (m *dnsMessage) record() (a flow.Answer, ok bool) {
	name, ok := m.name()
	typ, _, ok2 := m.typeClass()
	if !ok || !ok2 || m.at+6 > len(m.b) {
		return a, false
	}
	ttl := binary.BigEndian.Uint32(m.b[m.at:])
	n := int(binary.BigEndian.Uint16(m.b[m.at+4:]))
	if m.at += 6; m.at+n > len(m.b) {
		return a, false
	}
	data := m.data(typ, n)
	m.at += n
	return flow.Answer{Name: name, Type: dnsType(typ), Data: data, TTL: ttl}, true
}

// data gives the text of a record's data for the types that hunters read; else its length.
func (m *dnsMessage) data(typ uint16, n int) string {
	b := m.b[m.at : m.at+n]
	inner := dnsMessage{m.b[:m.at+n], m.at}
	switch {
	case (typ == 1 && n == 4) || (typ == 28 && n == 16):
		ip, _ := netip.AddrFromSlice(b)
		return ip.String()
	case typ == 2 || typ == 5 || typ == 12 || typ == 39: // NS, CNAME, PTR, DNAME
		name, _ := inner.name()
		return name
	case typ == 15 && n > 2: // MX: preference(2) host
		inner.at += 2
		name, _ := inner.name()
		return strconv.Itoa(int(binary.BigEndian.Uint16(b))) + " " + name
	case typ == 33 && n > 6: // SRV: priority(2) weight(2) port(2) host (RFC 2782)
		inner.at += 6
		name, _ := inner.name()
		return fmt.Sprintf("%d %d %d %s", binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[4:]), name)
	case typ == 16: // TXT: strings of length(1) and bytes
		return dnsText(b)
	}
	return fmt.Sprintf("%d bytes", n)
}

func dnsText(b []byte) string {
	var out []string
	for len(b) > 0 {
		n := min(int(b[0]), len(b)-1)
		out = append(out, text(b[1:1+n]))
		b = b[1+n:]
	}
	return strings.Join(out, " ")
}
