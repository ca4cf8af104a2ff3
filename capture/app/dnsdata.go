package app

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// data gives the text of a record's data for the types that hunters read; else its length.
func (m *dnsMessage) data(typ uint16, n int) string {
	b := m.b[m.at : m.at+n]
	inner := dnsMessage{b: m.b[:m.at+n], at: m.at, texts: m.texts, first: m.first}
	after := func(skip int) string { // the name after so many bytes
		inner.at += skip
		name, _ := inner.name()
		return name
	}
	switch {
	case typ == 1 && n == 4:
		return m.texts.address([4]byte(b))
	case typ == 28 && n == 16:
		return share(netip.AddrFrom16([16]byte(b)).AppendTo(m.texts.room[:0]))
	case typ == 2 || typ == 5 || typ == 12 || typ == 39: // NS, CNAME, PTR, DNAME
		return after(0)
	case typ == 6 && n >= 22:
		return inner.soa()
	case typ == 13: // HINFO: machine and system
		return dnsText(b)
	case typ == 15 && n > 2: // MX: preference(2) host
		return strconv.Itoa(int(binary.BigEndian.Uint16(b))) + " " + after(2)
	case typ == 33 && n > 6: // SRV: priority(2) weight(2) port(2) host (RFC 2782)
		return fmt.Sprintf("%d %d %d %s", binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint16(b[4:]), after(6))
	case typ == 16 || typ == 99: // TXT, SPF: strings of length(1) and bytes
		return dnsText(b)
	case (typ == 64 || typ == 65) && n > 2:
		return inner.svcb(int(binary.BigEndian.Uint16(b)))
	case typ == 257 && n > 2 && int(b[1]) <= n-2: // CAA: flags(1) tag(1+n) value (RFC 8659)
		return fmt.Sprintf("%d %s %s", b[0], text(b[2:2+int(b[1])]), text(b[2+int(b[1]):]))
	}
	if out, ok := inner.security(typ); ok {
		return out
	}
	return fmt.Sprintf("%d bytes", n)
}

// security reads the types of DNSSEC (RFC 4034) and those that tell of keys: without signatures and
// keys themselves.
func (m *dnsMessage) security(typ uint16) (out string, ok bool) {
	r := reader{b: m.b[m.at:]}
	switch typ {
	case 43, 59: // DS: tag(2) algorithm(1) digest type(1) digest
		out = fmt.Sprintf("%d %d %d %X", r.u16(), r.u8(), r.u8(), r.b)
	case 25, 48, 60: // KEY, DNSKEY: flags(2) protocol(1) algorithm(1) key
		out = fmt.Sprintf("%d %d %d (%d bytes)", r.u16(), r.u8(), r.u8(), len(r.b))
	case 24, 46: // RRSIG: type(2) algorithm(1) labels(1) TTL(4) expires(4) begins(4) tag(2) signer
		out = fmt.Sprintf("%s %d %d %d %s %s %d", dnsType(uint16(r.u16())), r.u8(), r.u8(), r.u32(), dnsTime(r.u32()), dnsTime(r.u32()), r.u16())
		m.at += 18
		signer, _ := m.name()
		out += " " + signer
	case 47: // NSEC: next name
		out, _ = m.name()
	case 44: // SSHFP: algorithm(1) type(1) fingerprint (RFC 4255)
		out = fmt.Sprintf("%d %d %X", r.u8(), r.u8(), r.b)
	case 52, 53: // TLSA: usage(1) selector(1) matching(1) data (RFC 6698)
		out = fmt.Sprintf("%d %d %d %X", r.u8(), r.u8(), r.u8(), r.b)
	default:
		return "", false
	}
	return out[:min(len(out), maxValue)], !r.bad
}

// dnsTime writes seconds since 1970 as master files do.
func dnsTime(sec uint32) string { return time.Unix(int64(sec), 0).UTC().Format("20060102150405") }

// soa reads primary server, mailbox, serial(4) refresh(4) retry(4) expire(4) minimum(4).
func (m *dnsMessage) soa() string {
	server, ok := m.name()
	mailbox, ok2 := m.name()
	if !ok || !ok2 || m.at+20 > len(m.b) {
		return server
	}
	out := server + " " + mailbox
	for i := range 5 {
		out += " " + strconv.Itoa(int(binary.BigEndian.Uint32(m.b[m.at+4*i:])))
	}
	return out
}

// svcb reads priority(2) target and parameters of key(2) and value(2+n) (RFC 9460).
func (m *dnsMessage) svcb(priority int) string {
	m.at += 2
	target, ok := m.name()
	if !ok {
		return strconv.Itoa(priority)
	}
	out := strconv.Itoa(priority) + " " + target
	for r := (reader{b: m.b[m.at:]}); len(r.b) >= 4; {
		key, value := r.u16(), r.take(r.u16())
		if r.bad {
			break
		}
		out += " " + svcbParam(key, value)
	}
	return out
}

// svcbKeys names the parameters of RFC 9460 and RFC 9540.
var svcbKeys = [...]string{"mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath"}

func svcbParam(key int, v []byte) string {
	name := "key" + strconv.Itoa(key)
	if key < len(svcbKeys) {
		name = svcbKeys[key]
	}
	var list []string
	switch {
	case key == 1: // names(1+n)
		for r := (reader{b: v}); len(r.b) > 0 && !r.bad; {
			list = append(list, text(r.take(r.u8())))
		}
	case key == 3 && len(v) == 2:
		list = []string{strconv.Itoa(int(binary.BigEndian.Uint16(v)))}
	case key == 4 || key == 6:
		for size := 4 + 6*(key-4); len(v) >= size; v = v[size:] {
			ip, _ := netip.AddrFromSlice(v[:size])
			list = append(list, ip.String())
		}
	case key == 7:
		list = []string{text(v)}
	case len(v) > 0:
		list = []string{base64.StdEncoding.EncodeToString(v)}
	}
	if len(list) == 0 {
		return name
	}
	return name + "=" + strings.Join(list, ",")
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
