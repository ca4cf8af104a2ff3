package ecs

import (
	"math"
	"math/bits"

	"github.com/flowferry/flowferry/flow"
)

// This file holds the accessors that take more than a line. None allocates, if what it appends
// to has room.

// The empty parts stand for what a record lacks, so that an accessor need not ask.
var (
	emptyMeta  flow.Meta
	emptyNames flow.Names
	emptyDNS   flow.DNS
	emptyHTTP  flow.HTTP
	emptyTLS   flow.TLS
	emptySSH   flow.SSH
	emptyMail  flow.Mail
	emptyTalk  flow.Talk
	emptyCert  flow.Cert
	emptyCloud flow.Cloud
	emptyEnr   flow.Enr
	emptyPlace flow.Place
)

func namesOf(b *batch, r *record) *flow.Names {
	if n := metaOf(b, r).Names; n != nil {
		return n
	}
	return &emptyNames
}

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

func mailOf(b *batch, r *record) *flow.Mail {
	if m := metaOf(b, r); m.Mail != nil {
		return m.Mail
	}
	return &emptyMail
}

func talkOf(b *batch, r *record) *flow.Talk {
	if m := metaOf(b, r); m.Talk != nil {
		return m.Talk
	}
	return &emptyTalk
}

func clientCert(b *batch, r *record) *flow.Cert {
	if t := tlsOf(b, r); t.Client != nil {
		return t.Client
	}
	return &emptyCert
}

func cloudOf(b *batch, r *record) *flow.Cloud {
	if m := metaOf(b, r); m.Cloud != nil {
		return m.Cloud
	}
	return &emptyCloud
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
		if r.Complete {
			return append(dst, "end")
		}
		return dst
	case flow.KindFlow:
		switch r.Event {
		case flow.EventAllowed:
			dst = append(dst, "allowed")
		case flow.EventDenied:
			dst = append(dst, "denied")
		}
		if r.Complete || r.EndReason == flow.EndIdle || r.EndReason == flow.EndOfFlow {
			return append(dst, "end")
		}
		return dst
	}
	switch r.Event {
	case flow.EventCreated:
		return append(dst, "start", "allowed")
	case flow.EventNATCreate:
		return append(dst, "start")
	case flow.EventDeleted, flow.EventNATDelete:
		return append(dst, "end")
	case flow.EventDenied, flow.EventNATRefused:
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
	switch r.Event {
	case flow.EventDenied, flow.EventNATRefused, flow.EventDropped:
		return "failure"
	case flow.EventCreated, flow.EventNATCreate:
		if r.Kind == flow.KindEvent {
			return "success"
		}
	}
	switch r.State {
	case flow.StateRejected:
		return "failure"
	case flow.StateEstablished:
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
