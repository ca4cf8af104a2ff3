package app

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// netbiosParse reads the first message of each side, of the name or the datagram service.
func netbiosParse(v *View, m *flow.Meta) bool {
	client := netbiosFollow(v.Client, m)
	return netbiosFollow(v.Server, m) || client
}

func netbiosFollow(b []byte, m *flow.Meta) bool {
	if nbnsAsks(b) == yes || nbnsReplies(b) == yes {
		return nbnsFollow(b, m)
	}
	if len(b) > 14 && b[0] >= 0x10 && b[0] <= 0x12 && nbdgm(&Look{B: b}) == yes {
		k := on(m)
		netbiosEnds(b[14:], 1, k)
		return k.end(m)
	}
	return false
}

// netbiosTCPWhole: a session begins with its request.
func netbiosTCPWhole(v *View) bool { return len(v.Client) >= 72 }

// netbiosTCPParse reads a session request (RFC 1002 section 4.3.2): header(4) called name, calling name.
func netbiosTCPParse(v *View, m *flow.Meta) bool {
	if len(v.Client) < 4 || nbssAsks(v.Client) != yes {
		return false
	}
	k := on(m)
	netbiosEnds(v.Client[4:], 0, k)
	return k.end(m)
}

// netbiosEnds reads two names; called is the number of that which was called, and goes first.
func netbiosEnds(b []byte, called int, k *talker) {
	var names [2]string
	for i := range names {
		next, ok := dnsSkip(b, 0)
		if !ok || next > len(b) {
			return
		}
		names[i], _ = netbiosName(b[:next])
		b = b[next:]
	}
	k.name(names[called])
	k.name(names[1-called])
}

// netbiosName reads a name that begins b (RFC 1002 section 4.1): 32 letters of which each has four
// bits, so 15 characters filled up with spaces and a number for the service, which is not kept.
func netbiosName(b []byte) (name string, ok bool) {
	if len(b) < 33 || b[0] != 32 {
		return "", false
	}
	var c [16]byte
	for i := range c {
		high, low := b[1+2*i]-'A', b[2+2*i]-'A'
		if high > 15 || low > 15 {
			return "", false
		}
		c[i] = high<<4 | low
	}
	return netbiosText(c[:15]), true
}

// netbiosText takes off what fills a name up, and the control characters around the names of
// browsers, and gives it in lower case, like other names of hosts.
func netbiosText(b []byte) string {
	return strings.ToLower(text(bytes.TrimFunc(b, func(r rune) bool { return r <= ' ' })))
}

// nbnsOpcodes names the operations (RFC 1002 section 4.2.1.1).
var nbnsOpcodes = [16]string{0: "QUERY", 5: "REGISTRATION", 6: "RELEASE", 7: "WACK", 8: "REFRESH", 9: "REFRESH", 15: "MULTIHOMED"}

// nbnsRcodes names the results (RFC 1002 section 4.2.6).
var nbnsRcodes = [16]string{0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 6: "ACTIVE", 7: "CONFLICT"}

const (
	nbnsName   = 32 // NB: addresses of a name
	nbnsStatus = 33 // NBSTAT: names of a host
)

// nbnsFollow adds a message of the name service, which has the format of DNS and types of its own.
// A request to register a name has the record too, as what is claimed.
func nbnsFollow(b []byte, m *flow.Meta) bool {
	if m.DNS != nil && len(m.DNS.More) >= maxMore && m.DNS.More[maxMore-1].Rcode != "" {
		return false
	}
	d := flow.DNS{ID: binary.BigEndian.Uint16(b), Opcode: nbnsOpcodes[b[2]>>3&15], Flags: dnsFlags(b)}
	next, ok := dnsSkip(b, dnsHeader)
	if !ok || next+4 > len(b) {
		return false
	}
	name, ok := netbiosName(b[dnsHeader:next])
	if !ok {
		return false
	}
	d.Question, d.Type, d.Class = name, nbnsType(be16(b[next:])), "IN"
	if b[2]&0x80 != 0 {
		d.Rcode = nbnsRcodes[b[3]&15]
	}
	if be16(b[4:]) > 0 { // the record, if there is one, follows; its name points to the question's
		if next, ok = dnsSkip(b, next+4); !ok {
			next = len(b)
		}
	}
	d.Answers = nbnsAnswers(b[next:], name)
	return dnsAddOne(m, &d)
}

func nbnsType(typ int) string {
	switch typ {
	case nbnsName, 10: // NULL, in a negative answer
		return "NB"
	case nbnsStatus:
		return "NBSTAT"
	}
	return dnsType(uint16(typ))
}

// nbnsAnswers reads type(2) class(2) TTL(4) length(2) and of NB flags(2) address(4) each, of NBSTAT
// a count(1) and name(15) service(1) flags(2) each.
func nbnsAnswers(b []byte, name string) (list []flow.Answer) {
	if len(b) < 10 {
		return nil
	}
	a := flow.Answer{Name: name, Type: nbnsType(be16(b)), TTL: binary.BigEndian.Uint32(b[4:])}
	data := b[10:min(10+be16(b[8:]), len(b))]
	switch be16(b) {
	case nbnsName:
		for ; len(data) >= 6 && len(list) < dnsMaxAnswers; data = data[6:] {
			a.Data = netip.AddrFrom4([4]byte(data[2:6])).String()
			list = append(list, a)
		}
	case nbnsStatus:
		if len(data) == 0 {
			return nil
		}
		n := int(data[0])
		for data = data[1:]; n > 0 && len(data) >= 18 && len(list) < dnsMaxAnswers; data = data[18:] {
			a.Data = netbiosText(data[:15]) + "<" + hexByte(data[15]) + ">"
			list = append(list, a)
			n--
		}
	}
	return list
}

func hexByte(c byte) string {
	const hex = "0123456789abcdef"
	return string([]byte{hex[c>>4], hex[c&15]})
}
