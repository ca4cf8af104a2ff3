package app

import (
	"encoding/binary"
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// oneWhole says of a datagram that it is a whole message: what comes later is read by itself.
func oneWhole(*View) bool { return true }

func dnsParse(v *View, m *flow.Meta) bool {
	client := v.dnsFollow(v.Client, m)
	return v.dnsFollow(v.Server, m) || client
}

// dnsFollow adds a datagram, or the messages that a segment of TCP holds.
func (v *View) dnsFollow(b []byte, m *flow.Meta) bool {
	if m.DNS != nil && len(m.DNS.More) >= maxMore && m.DNS.More[maxMore-1].Rcode != "" {
		return false
	}
	found := false
	for n := 0; n <= maxMore && len(b) > 0; n++ {
		msg, rest := b, []byte(nil)
		if v.Proto == flow.ProtoTCP {
			var whole bool
			if msg, whole = dnsTCP(b); !whole {
				break
			}
			rest = b[2+len(msg):]
		}
		b = rest
		if len(msg) >= dnsHeader && dnsBegins(msg, msg[2]&0x80) == yes {
			found = v.dnsAdd(msg, m) || found
		}
	}
	return found
}

func dnsTCPWhole(v *View) bool {
	_, c := dnsTCP(v.Client)
	_, s := dnsTCP(v.Server)
	return c && s
}

// dnsRead reads a message into d, which is empty; further questions of the same message are in More.
// before is what was said before in the conversation, nil for nothing.
func (v *View) dnsRead(b []byte, before, d *flow.DNS) {
	d.ID, d.Opcode, d.Flags = binary.BigEndian.Uint16(b), dnsOpcodes[b[2]>>3&15], dnsFlags(b)
	var m dnsMessage
	m.b, m.at, m.texts = b, dnsHeader, &v.texts
	if before != nil {
		m.before = before.Question
	}
	for i := range binary.BigEndian.Uint16(b[4:]) {
		name, ok := m.name()
		typ, class, ok2 := m.typeClass()
		if !ok || !ok2 {
			break
		}
		if i == 0 {
			d.Question, d.Type, d.Class = name, dnsType(typ), dnsClassName(class)
			m.first = name
		} else if len(d.More) < maxMore {
			d.More = append(d.More, flow.DNS{ID: d.ID, Question: name, Type: dnsType(typ), Class: dnsClassName(class), Opcode: d.Opcode, Flags: d.Flags})
		}
	}
	if b[2]&0x80 == 0 {
		return
	}
	d.Rcode = dnsRcode(b[3] & 15)
	for i := range d.More {
		d.More[i].Rcode = d.Rcode
	}
	d.Answers = m.records(int(binary.BigEndian.Uint16(b[6:])), &v.answers)
}

// dnsMinRecord is how long a record is at least: a name of one byte and its fixed part.
const dnsMinRecord = 11

// records reads n records, or as many as there are.
func (m *dnsMessage) records(n int, room *slab[flow.Answer]) []flow.Answer {
	n = max(0, min(n, dnsMaxAnswers, (len(m.b)-m.at)/dnsMinRecord))
	all, i := room.next(n), 0
	for i < n && m.record(&all[i]) {
		i++
	}
	return room.take(i)
}

// dnsAdd adds what a message says: an answer to its question, the rest behind what is there. A
// repeated message adds nothing.
func (v *View) dnsAdd(msg []byte, m *flow.Meta) (added bool) {
	one := &v.messages.next(1)[0]
	v.dnsRead(msg, m.DNS, one)
	rest := one.More
	one.More = nil
	if m.DNS == nil {
		v.messages.take(1)
		m.DNS, added = one, true
	} else {
		added = dnsAddOne(m, one)
		*one = flow.DNS{}
	}
	for i := range rest {
		added = dnsAddOne(m, &rest[i]) || added
	}
	return added
}

// dnsAddOne adds what one tells, whose place stays the caller's.
func dnsAddOne(m *flow.Meta, one *flow.DNS) (added bool) {
	d := m.DNS
	if d == nil {
		m.DNS = part(*one)
		return true
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
			return false
		case have.Rcode == "":
			have.Rcode, have.Flags, have.Answers = one.Rcode, one.Flags, one.Answers
			return true
		}
	}
	if len(d.More) >= maxMore {
		return false
	}
	d.More = append(d.More, *one)
	return true
}

// dnsOpcodes names the operations (IANA dns-parameters); that without a name is never read.
var dnsOpcodes = [16]string{0: "QUERY", 1: "IQUERY", 2: "STATUS", 4: "NOTIFY", 5: "UPDATE"}

// dnsFlagNames are the bits of a header that have a name here, the highest first.
var dnsFlagNames = [...]struct {
	bit  int
	name string
}{{1 << 10, "AA"}, {1 << 9, "TC"}, {1 << 8, "RD"}, {1 << 7, "RA"}, {1 << 5, "AD"}, {1 << 4, "CD"}}

// dnsFlagSets has the names for each value of those bits, which is shared by all messages.
var dnsFlagSets = func() (sets [1 << 7][]string) {
	for bits := range sets {
		var names []string
		for _, f := range dnsFlagNames {
			if bits<<4&f.bit != 0 {
				names = append(names, f.name)
			}
		}
		sets[bits] = slices.Clip(names)
	}
	return sets
}()

// dnsFlags names the bits of a header that are set, but that of an answer.
func dnsFlags(b []byte) []string { return dnsFlagSets[binary.BigEndian.Uint16(b[2:])>>4&0x7f] }

// dnsMessage reads a message from at on.
type dnsMessage struct {
	b      []byte
	at     int
	texts  *texts // room for a name in the making
	before string // a name that was read before: a response repeats the question
	first  string // the first question, which most answers name; "" when it was not read
}

// name reads a name (RFC 1035 section 4.1.4): labels of length(1) and bytes, ended by a zero or
// by a pointer to the rest. Pointers must lead backwards, so that a name ends.
func (m *dnsMessage) name() (string, bool) {
	if m.first != "" && m.at+1 < len(m.b) && m.b[m.at] == 0xc0 && m.b[m.at+1] == dnsHeader {
		m.at += 2
		return m.first, true
	}
	out := m.texts.room[:0]
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
			if out = out[:len(out)-1]; string(out) == m.before {
				return m.before, true
			}
			return share(out), true
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
			out = append(dnsLabel(out, m.b[at+1:], n), '.')
			at += 1 + n
		}
	}
	return "", false
}

// dnsLabel appends a label, the first n bytes of b, in lower case; dots and bytes that are no text are
// escaped as in master files (RFC 1035 section 5.1).
func dnsLabel(dst, b []byte, n int) []byte {
	have := len(dst)
	for room := dst[have:cap(dst)]; len(b) >= 8 && len(room) >= 8; b, room = b[8:], room[8:] {
		v := binary.LittleEndian.Uint64(b)
		binary.LittleEndian.PutUint64(room, lower8(v))
		special := dnsSpecial8(v)
		if n < 8 {
			special <<= 64 - 8*n // leaves out what follows the label
		}
		if special != 0 {
			break
		}
		if n <= 8 {
			return dst[:have+n]
		}
		n, have = n-8, have+8
	}
	return dnsEscape(dst[:have], b[:n])
}

// dnsEscape appends the bytes of a label one by one.
func dnsEscape(dst, label []byte) []byte {
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

// dnsSpecial8 marks, with its top bit, each of 8 bytes that a label has escaped.
func dnsSpecial8(v uint64) uint64 {
	low := v & (0x7f * each8)
	same := (low + (0x80-'!')*each8) & ((low ^ '.'*each8) + 0x7f*each8) & ((low ^ '\\'*each8) + 0x7f*each8)
	return (^same | v | (low + each8)) & (0x80 * each8)
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
func (m *dnsMessage) record(a *flow.Answer) (ok bool) {
	name, ok := m.name()
	typ, _, ok2 := m.typeClass()
	if !ok || !ok2 || m.at+6 > len(m.b) {
		return false
	}
	ttl := binary.BigEndian.Uint32(m.b[m.at:])
	n := int(binary.BigEndian.Uint16(m.b[m.at+4:]))
	if m.at += 6; m.at+n > len(m.b) {
		return false
	}
	*a = flow.Answer{Name: name, Type: dnsType(typ), Data: m.data(typ, n), TTL: ttl}
	m.at += n
	return true
}
