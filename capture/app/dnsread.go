package app

import (
	"encoding/binary"
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// oneWhole says of a datagram that it is a whole message: what comes later is read by itself.
func oneWhole(View) bool { return true }

func dnsParse(v View, m *flow.Meta) bool {
	client := dnsFollow(v.Proto, v.Client, m)
	return dnsFollow(v.Proto, v.Server, m) || client
}

// dnsFollow adds a datagram, or the messages that a segment of TCP holds.
func dnsFollow(proto uint8, b []byte, m *flow.Meta) bool {
	if m.DNS != nil && len(m.DNS.More) >= maxMore && m.DNS.More[maxMore-1].Rcode != "" {
		return false
	}
	d := m.DNS
	for n := 0; n <= maxMore && len(b) > 0; n++ {
		msg, rest := b, []byte(nil)
		if proto == flow.ProtoTCP {
			var whole bool
			if msg, whole = dnsTCP(b); !whole {
				break
			}
			rest = b[2+len(msg):]
		}
		b = rest
		if dnsAsks(msg) == yes || dnsReplies(msg) == yes {
			d = dnsAdd(d, dnsRead(msg))
		}
	}
	if d == m.DNS {
		return false
	}
	m.DNS = d
	return true
}

func dnsTCPWhole(v View) bool {
	_, c := dnsTCP(v.Client)
	_, s := dnsTCP(v.Server)
	return c && s
}

// dnsRead reads a message; further questions of the same message are in More.
func dnsRead(b []byte) flow.DNS {
	d := flow.DNS{ID: binary.BigEndian.Uint16(b), Opcode: dnsOpcodes[b[2]>>3&15], Flags: dnsFlags(b)}
	m := dnsMessage{b: b, at: dnsHeader}
	for i := range binary.BigEndian.Uint16(b[4:]) {
		name, ok := m.name()
		typ, class, ok2 := m.typeClass()
		if !ok || !ok2 {
			break
		}
		if i == 0 {
			d.Question, d.Type, d.Class = name, dnsType(typ), dnsClassName(class)
		} else if len(d.More) < maxMore {
			d.More = append(d.More, flow.DNS{ID: d.ID, Question: name, Type: dnsType(typ), Class: dnsClassName(class), Opcode: d.Opcode, Flags: d.Flags})
		}
	}
	if b[2]&0x80 == 0 {
		return d
	}
	d.Rcode = dnsRcode(b[3] & 15)
	for i := range d.More {
		d.More[i].Rcode = d.Rcode
	}
	for range min(int(binary.BigEndian.Uint16(b[6:])), dnsMaxAnswers) {
		a, ok := m.record()
		if !ok {
			break
		}
		d.Answers = append(d.Answers, a)
	}
	return d
}

// dnsAdd adds what a message says to a copy of d, which may be nil: an answer to its question, the
// rest behind what is there. A repeated message adds nothing.
func dnsAdd(d *flow.DNS, one flow.DNS) *flow.DNS {
	rest := one.More
	one.More = nil
	for _, x := range append([]flow.DNS{one}, rest...) {
		d = dnsAddOne(d, x)
	}
	return d
}

func dnsAddOne(d *flow.DNS, one flow.DNS) *flow.DNS {
	if d == nil {
		return &one
	}
	for i := -1; i < len(d.More); i++ {
		have := d
		if i >= 0 {
			have = &d.More[i]
		}
		same := have.ID == one.ID && have.Question == one.Question && have.Type == one.Type
		if one.Question == "" && one.Rcode != "" { // the answer does not repeat the question; in mDNS all ids are 0
			same = have.ID == one.ID && (one.ID != 0 || len(one.Answers) > 0 && have.Question == one.Answers[0].Name)
		}
		switch {
		case !same:
		case one.Rcode == "" || have.Rcode != "" && slices.Equal(have.Answers, one.Answers):
			return d
		case have.Rcode == "":
			next := *d
			next.More = slices.Clone(d.More)
			filled := &next
			if i >= 0 {
				filled = &next.More[i]
			}
			filled.Rcode, filled.Flags, filled.Answers = one.Rcode, one.Flags, one.Answers
			return &next
		}
	}
	if len(d.More) >= maxMore {
		return d
	}
	next := *d
	next.More = append(slices.Clip(d.More), one)
	return &next
}

// dnsOpcodes names the operations (IANA dns-parameters); that without a name is never read.
var dnsOpcodes = [16]string{0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE"}

// dnsFlags names the bits of a header that are set, but that of an answer.
func dnsFlags(b []byte) (names []string) {
	bits := int(binary.BigEndian.Uint16(b[2:]))
	for _, f := range [...]struct {
		bit  int
		name string
	}{{1 << 10, "AA"}, {1 << 9, "TC"}, {1 << 8, "RD"}, {1 << 7, "RA"}, {1 << 5, "AD"}, {1 << 4, "CD"}} {
		if bits&f.bit != 0 {
			names = append(names, f.name)
		}
	}
	return names
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
