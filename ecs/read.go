package ecs

import (
	"math"
	"math/bits"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/flowferry/flowferry/flow"
)

// This file holds the accessors that take more than a line. None allocates, if what it appends
// to has room.

// The empty parts stand for what a record lacks, so that an accessor need not ask.
var (
	emptyMeta  flow.Meta
	emptyDNS   flow.DNS
	emptyHTTP  flow.HTTP
	emptyTLS   flow.TLS
	emptySSH   flow.SSH
	emptyEnr   flow.Enr
	emptyPlace flow.Place
)

func metaOf(b *batch, r *record) *flow.Meta {
	if m := b.Metadata(r); m != nil {
		return m
	}
	return &emptyMeta
}

func dnsOf(b *batch, r *record) *flow.DNS {
	if m := metaOf(b, r); m.DNS != nil {
		return m.DNS
	}
	return &emptyDNS
}

func httpOf(b *batch, r *record) *flow.HTTP {
	if m := metaOf(b, r); m.HTTP != nil {
		return m.HTTP
	}
	return &emptyHTTP
}

func tlsOf(b *batch, r *record) *flow.TLS {
	if m := metaOf(b, r); m.TLS != nil {
		return m.TLS
	}
	return &emptyTLS
}

func sshOf(b *batch, r *record) *flow.SSH {
	if m := metaOf(b, r); m.SSH != nil {
		return m.SSH
	}
	return &emptySSH
}

func enrOf(b *batch, r *record) *flow.Enr {
	if e := b.Enrichment(r); e != nil {
		return e
	}
	return &emptyEnr
}

func srcPlace(b *batch, r *record) *flow.Place {
	if e := enrOf(b, r); e.Src != nil {
		return e.Src
	}
	return &emptyPlace
}

func dstPlace(b *batch, r *record) *flow.Place {
	if e := enrOf(b, r); e.Dst != nil {
		return e.Dst
	}
	return &emptyPlace
}

// long fits a counter into the index's signed 64 bits; more than that no link carried.
func long(v uint64) int64 { return int64(min(v, math.MaxInt64)) }

// bothBytes is the bytes of both directions, of those that were given.
func bothBytes(r *record) uint64 {
	if !r.Has.Has(flow.HasRev) {
		return r.Fwd.Bytes
	}
	return sum(r.Fwd.Bytes, r.Rev.Bytes)
}

// bothPackets is the packets of both directions, of those that were given.
func bothPackets(r *record) uint64 {
	if !r.Has.Has(flow.HasRev) {
		return r.Fwd.Packets
	}
	return sum(r.Fwd.Packets, r.Rev.Packets)
}

// sum adds two counters and does not wrap round.
func sum(a, b uint64) uint64 {
	s, carry := bits.Add64(a, b, 0)
	return s | -carry
}

// scale multiplies a count by the sampling interval.
func scale(r *record, v uint64) int64 {
	if r.Sampling <= 1 {
		return long(v)
	}
	hi, lo := bits.Mul64(v, uint64(r.Sampling))
	if hi != 0 {
		return math.MaxInt64
	}
	return long(lo)
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func eventType(dst []string, _ *batch, r *record) []string {
	dst = append(dst, "connection")
	switch r.Kind {
	case flow.KindSession:
		return append(dst, "end")
	case flow.KindFlow:
		if r.Complete || r.EndReason == flow.EndIdle || r.EndReason == flow.EndOfFlow {
			return append(dst, "end")
		}
		return dst
	}
	switch r.Event {
	case flow.EventCreated, flow.EventNATCreate:
		return append(dst, "start")
	case flow.EventDeleted, flow.EventNATDelete:
		return append(dst, "end")
	case flow.EventDenied:
		return append(dst, "denied")
	}
	return append(dst, "info")
}

func eventAction(_ *batch, r *record) string {
	switch r.Kind {
	case flow.KindSession:
		return "network_session"
	case flow.KindEvent:
		return r.Event.String()
	}
	return "network_flow"
}

func eventOutcome(_ *batch, r *record) string {
	switch {
	case r.State == flow.StateRejected || r.Event == flow.EventDenied:
		return "failure"
	case r.State == flow.StateEstablished:
		return "success"
	}
	return ""
}

func networkType(_ *batch, r *record) string {
	switch {
	case r.Src.Is4():
		return "ipv4"
	case r.Src.IsZero() && r.Dst.IsZero():
		return ""
	}
	return "ipv6"
}

func transport(_ *batch, r *record) string {
	if !r.Has.Has(flow.HasProto) {
		return ""
	}
	return protocols[r.Proto]
}

// protocols are IANA's protocol keywords in lower case, of those that are met in flows.
var protocols = [256]string{
	0: "hopopt", 1: "icmp", 2: "igmp", 3: "ggp", 4: "ipv4", 6: "tcp", 8: "egp", 9: "igp", 17: "udp", 27: "rdp", 33: "dccp",
	41: "ipv6", 43: "ipv6-route", 44: "ipv6-frag", 46: "rsvp", 47: "gre", 50: "esp", 51: "ah", 58: "ipv6-icmp",
	59: "ipv6-nonxt", 60: "ipv6-opts", 88: "eigrp", 89: "ospf", 94: "ipip", 97: "etherip", 98: "encap", 103: "pim",
	108: "ipcomp", 112: "vrrp", 115: "l2tp", 132: "sctp", 133: "fc", 136: "udplite", 137: "mpls-in-ip",
	139: "hip", 140: "shim6", 142: "rohc", 143: "ethernet",
}

// direction is ECS network.direction: that of the host groups before that of the exporter.
func direction(b *batch, r *record) string {
	if d := enrOf(b, r).Direction; d != "" {
		return d
	}
	return r.Direction.String()
}

func locality(b *batch, r *record, internal bool) string {
	switch {
	case enrOf(b, r).Direction == "":
		return "" // no host groups: nothing is known
	case internal:
		return "internal"
	}
	return "external"
}

func asNumber(p *flow.Place, exported uint32, has bool) (int64, bool) {
	if p.ASN != 0 {
		return int64(p.ASN), true
	}
	return int64(exported), has && exported != 0
}

func point(p *flow.Place) (lat, lon float64, ok bool) { return p.Lat, p.Lon, p.Located }

func pcr(_ *batch, r *record) (float64, bool) {
	if !r.Has.Has(flow.HasBytes | flow.HasRev) {
		return 0, false
	}
	up, down := float64(r.Fwd.Bytes), float64(r.Rev.Bytes)
	if up+down == 0 {
		return 0, false
	}
	return math.Round((up-down)/(up+down)*1e4) / 1e4, true
}

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

// seenBy is the exporters of the merged reports. The record's own may be among them, when two
// interfaces of it reported.
func seenBy(dst []flow.Addr, b *batch, r *record) []flow.Addr {
	all := metaOf(b, r).Seen
	for i := range all {
		dst = appendAddr(dst, all[i].Exporter)
	}
	return dst
}

func relatedIP(dst []flow.Addr, b *batch, r *record) []flow.Addr {
	dst = appendAddr(appendAddr(dst, r.Src), r.Dst)
	if r.Has.Has(flow.HasNATSrc) {
		dst = appendAddr(dst, r.NATSrc)
	}
	if r.Has.Has(flow.HasNATDst) {
		dst = appendAddr(dst, r.NATDst)
	}
	return resolved(dst, b, r)
}

// resolved is the addresses of the A and AAAA answers.
func resolved(dst []flow.Addr, b *batch, r *record) []flow.Addr {
	all := dnsOf(b, r).Answers
	for i := range all {
		if all[i].Type != "A" && all[i].Type != "AAAA" {
			continue
		}
		if ip, err := netip.ParseAddr(all[i].Data); err == nil {
			dst = appendAddr(dst, flow.AddrFrom(ip))
		}
	}
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

// answers makes an accessor over the answer section.
func answers(of func(*flow.Answer) string) func([]string, *batch, *record) []string {
	return func(dst []string, b *batch, r *record) []string {
		all := dnsOf(b, r).Answers
		for i := range all {
			dst = appendString(dst, of(&all[i]))
		}
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
	return hostname(httpOf(b, r).Host)
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
