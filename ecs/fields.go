package ecs

import (
	"slices"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// Fields is the table, in the order of a document: the fields of an object stand together.
// The aliases, which a document never holds, stand last.
//
// To add a field: a row here, in its object; then go generate ./mappings.
var Fields = slices.Concat(about, ends, network, ours, metered, oursSource, meteredSource, oursDestination, meteredDestination, oursRest, services, metadata, aliases)

// byName finds a row of Fields.
var byName = func() map[string]*Field {
	m := make(map[string]*Field, len(Fields))
	for i := range Fields {
		m[Fields[i].Name] = &Fields[i]
	}
	return m
}()

// Lookup finds a field by its name; an alias gives the field it stands for. It is nil for a
// name that is not in the table.
func Lookup(name string) *Field {
	f := byName[name]
	if f != nil && f.Type == Alias {
		f = byName[f.Path]
	}
	return f
}

// Suggest gives the name in the table that is nearest to a name that is not, "" when none is
// near: for error messages.
func Suggest(name string) string {
	best, least := "", 1+len(name)/3
	for i := range Fields {
		if d := distance(strings.ToLower(name), Fields[i].Name); d < least {
			best, least = Fields[i].Name, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// ClockSkew is the tag of what was told by a clock more than 5 minutes off.
const ClockSkew = "clock_skew"

// about is what every document says of itself and when it happened.
var about = []Field{
	{Name: "@timestamp", Type: Date, Of: ECS, Desc: "End of the flow; when the exporter gave no times, when its record arrived.",
		Int: func(_ *batch, r *record) (int64, bool) { return r.End, true }},
	{Name: "tags", Type: Keyword, Multi: true, Of: ECS, only: traits, Desc: "clock_skew: the exporter's clock was more than 5 minutes off when it sent the record, and the times with it.",
		Strs: func(dst []string, _ *batch, r *record) []string {
			if r.Skewed {
				dst = append(dst, ClockSkew)
			}
			return dst
		}},
	{Name: "ecs.version", Type: Keyword, Of: ECS, only: traits, Desc: "Version of the Elastic Common Schema the names are taken from.", always: `"` + Version + `"`,
		Str: func(*batch, *record) string { return Version }},
	{Name: "event.kind", Type: Keyword, Of: ECS, only: traits, Desc: "Always event.", always: `"event"`,
		Str: func(*batch, *record) string { return "event" }},
	{Name: "event.category", Type: Keyword, Multi: true, Of: ECS, only: traits, Desc: "Always network.", always: `["network"]`,
		Strs: func(dst []string, _ *batch, _ *record) []string { return append(dst, "network") }},
	{Name: "event.type", Type: Keyword, Multi: true, Of: ECS, only: traits, Desc: "connection, and end, start, allowed, denied or info where the record says so.",
		Strs: eventType},
	{Name: "event.action", Type: Keyword, Of: ECS, only: traits, Desc: "network_flow, network_session, or what a firewall or NAT event tells: flow_created, flow_denied, nat_create, nat_refused, no_data …",
		Str: eventAction},
	{Name: "event.outcome", Type: Keyword, Of: ECS, only: traits, Desc: "success when the conversation was established or an event allowed it, failure when it was rejected or denied.",
		Str: eventOutcome},
	{Name: "event.code", Type: Keyword, Of: ECS, Desc: "Number the firewall has for the event (NSEL extended event): 1001 …", side: meta,
		Text: func(dst []byte, b *batch, r *record) []byte {
			return appendNumber(dst, uint64(metaOf(b, r).Code), metaOf(b, r).Code != 0)
		}},
	{Name: "event.reason", Type: Keyword, Of: ECS, Desc: "Why the event happened, in the firewall's words.", side: meta,
		Str: func(b *batch, r *record) string { return metaOf(b, r).Reason }},
	{Name: "event.dataset", Type: Keyword, Of: ECS, only: traits, Desc: "flowferry.flow, flowferry.session or flowferry.event.",
		Str: func(_ *batch, r *record) string { return dataset(r.Kind) }},
	{Name: "event.sequence", Type: Long, Of: ECS, Desc: "Ordinal of the flow's first record or packet within flow.origin.",
		Int: func(_ *batch, r *record) (int64, bool) { return long(r.Ord), true }},
	{Name: "event.start", Type: Date, Of: ECS, Desc: "First packet of the flow.", Has: flow.HasTimes,
		Int: func(_ *batch, r *record) (int64, bool) { return r.Start, r.Has.Has(flow.HasTimes) }},
	{Name: "event.end", Type: Date, Of: ECS, Desc: "Last packet of the flow.", Has: flow.HasTimes,
		Int: func(_ *batch, r *record) (int64, bool) { return r.End, r.Has.Has(flow.HasTimes) }},
	{Name: "event.duration", Type: Long, Of: ECS, Desc: "From the first packet to the last, in nanoseconds.", Has: flow.HasTimes,
		Int: func(_ *batch, r *record) (int64, bool) {
			return r.End - r.Start, r.Has.Has(flow.HasTimes) && r.End >= r.Start
		}},
	{Name: "event.created", Type: Date, Of: ECS, Desc: "When the record reached Flowferry.",
		Int: func(_ *batch, r *record) (int64, bool) { return r.Received, r.Received != 0 }},
}

// network is the flow as a whole, and who saw it.
var network = []Field{
	{Name: "network.type", Type: Keyword, Of: ECS, Desc: "ipv4 or ipv6.",
		Str: networkType},
	{Name: "network.transport", Type: Keyword, Of: ECS, only: traits, Desc: "IANA keyword of the protocol, lower case: tcp, udp, icmp, ipv6-icmp …", Has: flow.HasProto,
		Str: transport},
	{Name: "network.iana_number", Type: Keyword, Of: ECS, only: traits, Desc: "IANA protocol number.", Has: flow.HasProto,
		Text: func(dst []byte, _ *batch, r *record) []byte {
			return appendNumber(dst, uint64(r.Proto), r.Has.Has(flow.HasProto))
		}},
	{Name: "network.protocol", Type: Keyword, Of: ECS, only: traits, Desc: "What the payload speaks, whatever the port: dns, http, tls, ssh …",
		Str: func(_ *batch, r *record) string { return r.App.String() }},
	{Name: "network.application", Type: Keyword, Of: ECS, Desc: "Application as the exporter named it (NBAR, App-ID), lower case.", side: meta,
		Text: application},
	{Name: "network.direction", Type: Keyword, Of: ECS, Desc: "inbound, outbound, internal or external by the host groups; else ingress or egress as the exporter said.",
		Str: direction},
	{Name: "network.bytes", Type: Long, Of: ECS, Desc: "IP-layer bytes in both directions, scaled by the sampling rate.", Has: flow.HasBytes,
		Int: func(_ *batch, r *record) (int64, bool) {
			return scale(r, bothBytes(r)), r.Has.Has(flow.HasBytes)
		}},
	{Name: "network.packets", Type: Long, Of: ECS, Desc: "Packets in both directions, scaled by the sampling rate.", Has: flow.HasPackets,
		Int: func(_ *batch, r *record) (int64, bool) {
			return scale(r, bothPackets(r)), r.Has.Has(flow.HasPackets)
		}},
	{Name: "network.community_id", Type: Keyword, Of: ECS, Desc: "Community ID, version 1, seed 0.", Has: flow.HasProto,
		Text: func(dst []byte, _ *batch, r *record) []byte { return r.AppendCommunityID(dst, 0) }},
	{Name: "network.vlan.id", Type: Keyword, Of: ECS, only: through, Desc: "Outer 802.1Q VLAN at ingress.", Has: flow.HasVLAN,
		Text: func(dst []byte, _ *batch, r *record) []byte {
			return appendNumber(dst, uint64(r.VLAN), r.Has.Has(flow.HasVLAN))
		}},
	{Name: "network.inner.vlan.id", Type: Keyword, Of: ECS, only: through, Desc: "Inner VLAN of a QinQ frame, as our own meter saw it.", Has: flow.HasPostVLAN,
		Text: func(dst []byte, _ *batch, r *record) []byte {
			return appendNumber(dst, uint64(r.PostVLAN), r.Has.Has(flow.HasPostVLAN) && r.Via == flow.ViaCapture)
		}},

	{Name: "observer.ip", Type: IP, Of: ECS, only: through, Desc: "Exporter whose counts these are; absent for our own meter.",
		Addr: func(_ *batch, r *record) (flow.Addr, bool) { return r.Exporter, !r.Exporter.IsZero() }},
	{Name: "observer.ingress.interface.id", Type: Keyword, Of: ECS, only: through, Desc: "SNMP index of the interface the packets came in by.", Has: flow.HasInIf,
		Text: func(dst []byte, _ *batch, r *record) []byte {
			return appendNumber(dst, uint64(r.InIf), r.Has.Has(flow.HasInIf))
		}},
	{Name: "observer.ingress.interface.name", Type: Keyword, Of: ECS, Desc: "Name of that interface, as the exporter told it by options.", side: meta,
		Str: func(b *batch, r *record) string { return namesOf(b, r).InIf }},
	{Name: "observer.ingress.interface.alias", Type: Keyword, Of: ECS, Desc: "Description of that interface, as the exporter told it by options.", side: meta,
		Str: func(b *batch, r *record) string { return namesOf(b, r).InIfAlias }},
	{Name: "observer.egress.interface.id", Type: Keyword, Of: ECS, only: through, Desc: "SNMP index of the interface the packets went out by.", Has: flow.HasOutIf,
		Text: func(dst []byte, _ *batch, r *record) []byte {
			return appendNumber(dst, uint64(r.OutIf), r.Has.Has(flow.HasOutIf))
		}},
	{Name: "observer.egress.interface.name", Type: Keyword, Of: ECS, Desc: "Name of that interface, as the exporter told it by options.", side: meta,
		Str: func(b *batch, r *record) string { return namesOf(b, r).OutIf }},
	{Name: "observer.egress.interface.alias", Type: Keyword, Of: ECS, Desc: "Description of that interface, as the exporter told it by options.", side: meta,
		Str: func(b *batch, r *record) string { return namesOf(b, r).OutIfAlias }},
	{Name: "observer.egress.vlan.id", Type: Keyword, Of: ECS, only: through, Desc: "802.1Q VLAN at egress.", Has: flow.HasPostVLAN,
		Text: func(dst []byte, _ *batch, r *record) []byte {
			return appendNumber(dst, uint64(r.PostVLAN), r.Has.Has(flow.HasPostVLAN) && r.Via != flow.ViaCapture)
		}},
}

// aliases are second names. Queries may use them; documents do not hold them.
var aliases = slices.Concat(
	alias(ECS, "source.", "client.", "ip", "port", "bytes", "packets", "mac", "domain", "nat.ip", "nat.port", "as.number", "as.organization.name",
		"geo.country_iso_code", "geo.country_name", "geo.city_name", "geo.location"),
	alias(ECS, "destination.", "server.", "ip", "port", "bytes", "packets", "mac", "domain", "nat.ip", "nat.port", "as.number", "as.organization.name",
		"geo.country_iso_code", "geo.country_name", "geo.city_name", "geo.location"),
	[]Field{
		{Name: "netflow.exporter.source_id", Type: Alias, Of: Beat, Path: "flow.observation_domain"},
		{Name: "netflow.ingress_interface", Type: Alias, Of: Beat, Path: "observer.ingress.interface.id"},
		{Name: "netflow.egress_interface", Type: Alias, Of: Beat, Path: "observer.egress.interface.id"},
		{Name: "netflow.ip_class_of_service", Type: Alias, Of: Beat, Path: "flow.source.tos"},
		{Name: "netflow.source_ipv4_address", Type: Alias, Of: Beat, Path: "source.ip"},
		{Name: "netflow.destination_ipv4_address", Type: Alias, Of: Beat, Path: "destination.ip"},
		{Name: "netflow.source_transport_port", Type: Alias, Of: Beat, Path: "source.port"},
		{Name: "netflow.destination_transport_port", Type: Alias, Of: Beat, Path: "destination.port"},
		{Name: "netflow.tcp_control_bits", Type: Alias, Of: Beat, Path: "flow.source.tcp_flags"},
		{Name: "netflow.type", Type: Alias, Of: Beat, Path: "event.action"},
		{Name: "netflow.vlan_id", Type: Alias, Of: Beat, Path: "network.vlan.id"},
		{Name: "flow.watchlist", Type: Alias, Of: Ours, Path: "threat.feed.name"},
	},
)

// alias gives the names under one prefix that stand for the same names under another.
func alias(of, from, to string, names ...string) []Field {
	rows := make([]Field, len(names))
	for i, n := range names {
		rows[i] = Field{Name: to + n, Type: Alias, Of: of, Path: from + n}
	}
	return rows
}
