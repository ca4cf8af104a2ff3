package ecs

import (
	"bytes"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flowferry/flowferry/flow"
)

// This file holds the accessors that give several values, and those that make texts.

var flagNames = [8]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}

func flags(dst []string, r *record, set uint8, has flow.Set) []string {
	if !r.Has.Has(has) {
		return dst
	}
	for i, n := range flagNames {
		if set>>i&1 != 0 {
			dst = append(dst, n)
		}
	}
	return dst
}

// appendAddr adds an address that is one and is not there yet.
func appendAddr(dst []flow.Addr, a flow.Addr) []flow.Addr {
	if a.IsZero() {
		return dst
	}
	for i := range dst {
		if dst[i] == a {
			return dst
		}
	}
	return append(dst, a)
}

// seenBy is the exporters of the merged reports, one for each; "::" is our own meter.
func seenBy(dst []flow.Addr, b *batch, r *record) []flow.Addr {
	all := metaOf(b, r).Seen
	for i := range all {
		dst = append(dst, all[i].Exporter)
	}
	return dst
}

// seenNumbers makes an accessor over the merged reports, seenTimes one of times.
func seenNumbers(of func(*flow.Seen) uint64) func([]byte, *batch, *record) []byte {
	return seenLines(func(dst []byte, s *flow.Seen) []byte { return strconv.AppendUint(dst, of(s), 10) })
}

func seenTimes(of func(*flow.Seen) int64) func([]byte, *batch, *record) []byte {
	return seenLines(func(dst []byte, s *flow.Seen) []byte { return AppendTime(dst, of(s)) })
}

func seenLines(text func([]byte, *flow.Seen) []byte) func([]byte, *batch, *record) []byte {
	return func(dst []byte, b *batch, r *record) []byte {
		all := metaOf(b, r).Seen
		for i := range all {
			dst = append(text(dst, &all[i]), '\n')
		}
		return dst
	}
}

func relatedIP(dst []flow.Addr, b *batch, r *record) []flow.Addr {
	dst = appendAddr(appendAddr(dst, r.Src), r.Dst)
	if r.Has.Has(flow.HasNATSrc) {
		dst = appendAddr(dst, r.NATSrc)
	}
	if r.Has.Has(flow.HasNATDst) {
		dst = appendAddr(dst, r.NATDst)
	}
	return resolved(dhcpAssigned(dst, b, r), b, r)
}

// relatedHosts gathers the names of the flow.
func relatedHosts(dst []string, b *batch, r *record) []string {
	t := tlsOf(b, r)
	dst = dhcpHosts(appendString(questionNames(dst, b, r), t.ServerName), b, r)
	return appendString(hostNames(dst, b, r), t.CommonName)
}

// relatedHash gathers the fingerprints of the flow.
func relatedHash(dst []string, b *batch, r *record) []string {
	t, s := tlsOf(b, r), sshOf(b, r)
	for _, h := range [...]string{t.JA3, t.JA3S, t.JA4, s.HASSH, s.HASSHServer, t.SHA1, t.SHA256, clientCert(b, r).SHA256} {
		dst = appendString(dst, h)
	}
	return dst
}

var (
	questionNames = questions(func(d *flow.DNS) string { return d.Question })
	dhcpAssigned  = dhcpAddrs(func(d *flow.DHCP) flow.Addr { return d.Assigned })
	dhcpHosts     = dhcpTexts(func(d *flow.DHCP) string { return d.Host })
	hostNames     = exchanges(func(x *flow.Exchange) string { return hostname(x.Host) })
)

// questions makes an accessor over the questions of a flow.
func questions(of func(*flow.DNS) string) func([]string, *batch, *record) []string {
	return func(dst []string, b *batch, r *record) []string {
		d := dnsOf(b, r)
		dst = appendString(dst, of(d))
		for i := range d.More {
			dst = appendString(dst, of(&d.More[i]))
		}
		return dst
	}
}

// exchanges makes an accessor over the HTTP exchanges of a flow.
func exchanges(of func(*flow.Exchange) string) func([]string, *batch, *record) []string {
	return func(dst []string, b *batch, r *record) []string {
		h := httpOf(b, r)
		first := flow.Exchange{Method: h.Method, Host: h.Host, Path: h.Path, Status: h.Status}
		dst = appendString(dst, of(&first))
		for i := range h.More {
			dst = appendString(dst, of(&h.More[i]))
		}
		return dst
	}
}

// status gives the status of a response: three digits.
func status(x *flow.Exchange) string {
	if x.Status < 100 || x.Status > 999 {
		return ""
	}
	return statuses[3*(x.Status-100):][:3]
}

// statuses are the numbers from 100 to 999 one after the other, so that none need be made.
var statuses = func() string {
	var b []byte
	for n := int64(100); n < 1000; n++ {
		b = strconv.AppendInt(b, n, 10)
	}
	return string(b)
}()

// sections gives the answer sections of a flow.
func sections(d *flow.DNS, f func([]flow.Answer)) {
	f(d.Answers)
	for i := range d.More {
		f(d.More[i].Answers)
	}
}

// resolved is the addresses of the A and AAAA answers.
func resolved(dst []flow.Addr, b *batch, r *record) []flow.Addr {
	sections(dnsOf(b, r), func(all []flow.Answer) {
		for i := range all {
			if all[i].Type != "A" && all[i].Type != "AAAA" {
				continue
			}
			if ip, err := netip.ParseAddr(all[i].Data); err == nil {
				dst = appendAddr(dst, flow.AddrFrom(ip))
			}
		}
	})
	return dst
}

// appendString adds a string that is one and is not there yet.
func appendString(dst []string, s string) []string {
	if s == "" {
		return dst
	}
	for _, have := range dst {
		if have == s {
			return dst
		}
	}
	return append(dst, s)
}

// answers makes an accessor over the answer sections.
func answers(of func(*flow.Answer) string) func([]string, *batch, *record) []string {
	return func(dst []string, b *batch, r *record) []string {
		sections(dnsOf(b, r), func(all []flow.Answer) {
			for i := range all {
				dst = appendString(dst, of(&all[i]))
			}
		})
		return dst
	}
}

// hits makes an accessor over the watchlist matches.
func hits(of func(*flow.Hit) string) func([]string, *batch, *record) []string {
	return func(dst []string, b *batch, r *record) []string {
		all := enrOf(b, r).Hits
		for i := range all {
			dst = appendString(dst, of(&all[i]))
		}
		return dst
	}
}

func dnsType(b *batch, r *record) string {
	switch d := metaOf(b, r).DNS; {
	case d == nil:
		return ""
	case d.Rcode == "":
		return "query"
	}
	return "answer"
}

// hostname is an HTTP host without its port: "a.example", "[2001:db8::1]".
func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		return host[:i]
	}
	return host
}

func serverName(b *batch, r *record) string {
	if n := tlsOf(b, r).ServerName; n != "" {
		return n
	}
	if n := hostname(httpOf(b, r).Host); n != "" {
		return n
	}
	return enrOf(b, r).DstDomain
}

// domainBy tells where serverName comes from.
func domainBy(b *batch, r *record) string {
	switch {
	case tlsOf(b, r).ServerName != "":
		return "sni"
	case hostname(httpOf(b, r).Host) != "":
		return "http_host"
	}
	return enrOf(b, r).DstDomainBy.String()
}

// answerLines is the answers that pair a name with something, each in its text form and once.
func answerLines(dst []byte, b *batch, r *record) []byte {
	d, start := dnsOf(b, r), len(dst)
	dst = appendAnswers(dst, start, d.Answers)
	for i := range d.More {
		dst = appendAnswers(dst, start, d.More[i].Answers)
	}
	return dst
}

// appendAnswers appends those that do not stand in dst yet, from start on.
func appendAnswers(dst []byte, start int, all []flow.Answer) []byte {
	for i := range all {
		n := len(dst)
		if dst = flow.AppendAnswer(dst, &all[i]); len(dst) > n {
			dst = append(dst, '\n')
		}
		if hasLine(dst[start:n], dst[n:]) {
			dst = dst[:n]
		}
	}
	return dst
}

func hasLine(lines, line []byte) bool {
	for l := range bytes.Lines(lines) {
		if bytes.Equal(l, line) {
			return true
		}
	}
	return false
}

// natLines is the ids of the conversation on the other side of a translation.
func natLines(dst []byte, b *batch, r *record) []byte {
	start := len(dst)
	if r.Has&(flow.HasNATSrc|flow.HasNATDst) != 0 {
		if other, ok := r.Translated(); ok {
			dst = append(other.AppendCommunityID(dst, 0), '\n')
		}
	}
	if id := metaOf(b, r).NAT; id != "" && !hasLine(dst[start:], []byte(id+"\n")) {
		dst = append(append(dst, id...), '\n')
	}
	return dst
}

// application is the exporter's name for the application in lower case, as ECS wants it.
func application(dst []byte, b *batch, r *record) []byte {
	for _, c := range metaOf(b, r).AppName {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = utf8.AppendRune(dst, c)
	}
	return dst
}

func appendMAC(dst []byte, r *record, m *flow.MAC) []byte {
	if !r.Has.Has(flow.HasMACs) {
		return dst
	}
	return m.AppendTo(dst)
}

// appendSubnet appends the network of a: /24 for IPv4, /64 for IPv6.
func appendSubnet(dst []byte, a *flow.Addr) []byte {
	if a.IsZero() {
		return dst
	}
	n := *a
	if n.Is4() {
		n[15] = 0
		return append(n.AppendTo(dst), "/24"...)
	}
	clear(n[8:])
	return append(netip.AddrFrom16(n).AppendTo(dst), "/64"...)
}

const hexDigits = "0123456789abcdef"

// appendHex64 appends v as 16 hex digits.
func appendHex64(dst []byte, v uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[v>>shift&15])
	}
	return dst
}
