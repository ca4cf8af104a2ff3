package ecs

import "github.com/flowferry/flowferry/flow"

// ends are the fields of the two ends of a flow. They are written out twice rather than made
// from one pattern, so that each row can be found by its name.
var ends = []Field{
	// source: the initiator, once it is decided, else the sender.
	{Name: "source.ip", Type: IP, Of: ECS, Desc: "Address of the source: the initiator (client) of the flow once flow.initiator_by is set.",
		Addr: func(_ *batch, r *record) (flow.Addr, bool) { return r.Src, !r.Src.IsZero() }},
	{Name: "source.port", Type: Long, Of: ECS, Desc: "Port of the source.", Has: flow.HasPorts,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.SrcPort), r.Has.Has(flow.HasPorts) }},
	{Name: "source.bytes", Type: Long, Of: ECS, Desc: "IP-layer bytes sent by the source, as reported (not scaled by the sampling rate).", Has: flow.HasBytes,
		Int: func(_ *batch, r *record) (int64, bool) { return long(r.Fwd.Bytes), r.Has.Has(flow.HasBytes) }},
	{Name: "source.packets", Type: Long, Of: ECS, Desc: "Packets sent by the source, as reported (not scaled by the sampling rate).", Has: flow.HasPackets,
		Int: func(_ *batch, r *record) (int64, bool) { return long(r.Fwd.Packets), r.Has.Has(flow.HasPackets) }},
	{Name: "source.mac", Type: Keyword, Of: ECS, Desc: "MAC address of the source, RFC 7042 form.", Has: flow.HasMACs,
		Text: func(dst []byte, _ *batch, r *record) []byte { return appendMAC(dst, r, &r.SrcMAC) }},
	{Name: "source.nat.ip", Type: IP, Of: ECS, Desc: "Address of the source after translation.", Has: flow.HasNATSrc,
		Addr: func(_ *batch, r *record) (flow.Addr, bool) { return r.NATSrc, r.Has.Has(flow.HasNATSrc) }},
	{Name: "source.nat.port", Type: Long, Of: ECS, Desc: "Port of the source after translation.", Has: flow.HasNATPorts,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.NATSrcPort), r.Has.Has(flow.HasNATPorts) }},
	{Name: "source.as.number", Type: Long, Of: ECS, Desc: "Autonomous system of the source: from the geo tables, else as the exporter gave it.",
		Int: func(b *batch, r *record) (int64, bool) {
			return asNumber(srcPlace(b, r), r.SrcAS, r.Has.Has(flow.HasSrcAS))
		}},
	{Name: "source.as.organization.name", Type: Keyword, Of: ECS, Desc: "Organization of the autonomous system.", side: enr,
		Str: func(b *batch, r *record) string { return srcPlace(b, r).ASOrg }},
	{Name: "source.geo.continent_code", Type: Keyword, Of: ECS, Desc: "Continent, two letters.", side: enr,
		Str: func(b *batch, r *record) string { return srcPlace(b, r).Continent }},
	{Name: "source.geo.country_iso_code", Type: Keyword, Of: ECS, Desc: "Country, ISO 3166-1 alpha-2.", side: enr,
		Str: func(b *batch, r *record) string { return srcPlace(b, r).CountryISO }},
	{Name: "source.geo.country_name", Type: Keyword, Of: ECS, Desc: "Country name.", side: enr,
		Str: func(b *batch, r *record) string { return srcPlace(b, r).Country }},
	{Name: "source.geo.region_iso_code", Type: Keyword, Of: ECS, Desc: "Region, ISO 3166-2.", side: enr,
		Str: func(b *batch, r *record) string { return srcPlace(b, r).RegionISO }},
	{Name: "source.geo.region_name", Type: Keyword, Of: ECS, Desc: "Region name.", side: enr,
		Str: func(b *batch, r *record) string { return srcPlace(b, r).Region }},
	{Name: "source.geo.city_name", Type: Keyword, Of: ECS, Desc: "City name.", side: enr,
		Str: func(b *batch, r *record) string { return srcPlace(b, r).City }},
	{Name: "source.geo.timezone", Type: Keyword, Of: ECS, Desc: "Time zone, IANA name.", side: enr,
		Str: func(b *batch, r *record) string { return srcPlace(b, r).Timezone }},
	{Name: "source.geo.location", Type: GeoPoint, Of: ECS, Desc: "Latitude and longitude in degrees.", side: enr,
		Point: func(b *batch, r *record) (lat, lon float64, ok bool) { return point(srcPlace(b, r)) }},
	{Name: "source.group", Type: Keyword, Of: Ours, Desc: "Host group the source is in.", side: enr,
		Str: func(b *batch, r *record) string { return srcPlace(b, r).Group }},
	{Name: "source.locality", Type: Keyword, Of: Ours, Desc: "internal when the source is in a host group of ours, else external.", side: enr,
		Str: func(b *batch, r *record) string { return locality(b, r, srcPlace(b, r).Internal) }},

	// destination: the responder, once it is decided.
	{Name: "destination.ip", Type: IP, Of: ECS, Desc: "Address of the destination: the responder (server) of the flow once flow.initiator_by is set.",
		Addr: func(_ *batch, r *record) (flow.Addr, bool) { return r.Dst, !r.Dst.IsZero() }},
	{Name: "destination.port", Type: Long, Of: ECS, Desc: "Port of the destination.", Has: flow.HasPorts,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.DstPort), r.Has.Has(flow.HasPorts) }},
	{Name: "destination.bytes", Type: Long, Of: ECS, Desc: "IP-layer bytes sent by the destination, as reported (not scaled by the sampling rate).", Has: flow.HasBytes | flow.HasRev,
		Int: func(_ *batch, r *record) (int64, bool) {
			return long(r.Rev.Bytes), r.Has.Has(flow.HasBytes | flow.HasRev)
		}},
	{Name: "destination.packets", Type: Long, Of: ECS, Desc: "Packets sent by the destination, as reported (not scaled by the sampling rate).", Has: flow.HasPackets | flow.HasRev,
		Int: func(_ *batch, r *record) (int64, bool) {
			return long(r.Rev.Packets), r.Has.Has(flow.HasPackets | flow.HasRev)
		}},
	{Name: "destination.mac", Type: Keyword, Of: ECS, Desc: "MAC address of the destination, RFC 7042 form.", Has: flow.HasMACs,
		Text: func(dst []byte, _ *batch, r *record) []byte { return appendMAC(dst, r, &r.DstMAC) }},
	{Name: "destination.domain", Type: Keyword, Of: ECS, Desc: "Name by which the client called the server: TLS server name, else HTTP host.", side: meta,
		Str: serverName},
	{Name: "destination.nat.ip", Type: IP, Of: ECS, Desc: "Address of the destination after translation.", Has: flow.HasNATDst,
		Addr: func(_ *batch, r *record) (flow.Addr, bool) { return r.NATDst, r.Has.Has(flow.HasNATDst) }},
	{Name: "destination.nat.port", Type: Long, Of: ECS, Desc: "Port of the destination after translation.", Has: flow.HasNATPorts,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.NATDstPort), r.Has.Has(flow.HasNATPorts) }},
	{Name: "destination.as.number", Type: Long, Of: ECS, Desc: "Autonomous system of the destination: from the geo tables, else as the exporter gave it.",
		Int: func(b *batch, r *record) (int64, bool) {
			return asNumber(dstPlace(b, r), r.DstAS, r.Has.Has(flow.HasDstAS))
		}},
	{Name: "destination.as.organization.name", Type: Keyword, Of: ECS, Desc: "Organization of the autonomous system.", side: enr,
		Str: func(b *batch, r *record) string { return dstPlace(b, r).ASOrg }},
	{Name: "destination.geo.continent_code", Type: Keyword, Of: ECS, Desc: "Continent, two letters.", side: enr,
		Str: func(b *batch, r *record) string { return dstPlace(b, r).Continent }},
	{Name: "destination.geo.country_iso_code", Type: Keyword, Of: ECS, Desc: "Country, ISO 3166-1 alpha-2.", side: enr,
		Str: func(b *batch, r *record) string { return dstPlace(b, r).CountryISO }},
	{Name: "destination.geo.country_name", Type: Keyword, Of: ECS, Desc: "Country name.", side: enr,
		Str: func(b *batch, r *record) string { return dstPlace(b, r).Country }},
	{Name: "destination.geo.region_iso_code", Type: Keyword, Of: ECS, Desc: "Region, ISO 3166-2.", side: enr,
		Str: func(b *batch, r *record) string { return dstPlace(b, r).RegionISO }},
	{Name: "destination.geo.region_name", Type: Keyword, Of: ECS, Desc: "Region name.", side: enr,
		Str: func(b *batch, r *record) string { return dstPlace(b, r).Region }},
	{Name: "destination.geo.city_name", Type: Keyword, Of: ECS, Desc: "City name.", side: enr,
		Str: func(b *batch, r *record) string { return dstPlace(b, r).City }},
	{Name: "destination.geo.timezone", Type: Keyword, Of: ECS, Desc: "Time zone, IANA name.", side: enr,
		Str: func(b *batch, r *record) string { return dstPlace(b, r).Timezone }},
	{Name: "destination.geo.location", Type: GeoPoint, Of: ECS, Desc: "Latitude and longitude in degrees.", side: enr,
		Point: func(b *batch, r *record) (lat, lon float64, ok bool) { return point(dstPlace(b, r)) }},
	{Name: "destination.group", Type: Keyword, Of: Ours, Desc: "Host group the destination is in.", side: enr,
		Str: func(b *batch, r *record) string { return dstPlace(b, r).Group }},
	{Name: "destination.subnet", Type: Keyword, Of: Ours, Desc: "Network of the destination: /24 for IPv4, /64 for IPv6.",
		Text: func(dst []byte, _ *batch, r *record) []byte { return appendSubnet(dst, &r.Dst) }},
	{Name: "destination.locality", Type: Keyword, Of: Ours, Desc: "internal when the destination is in a host group of ours, else external.", side: enr,
		Str: func(b *batch, r *record) string { return locality(b, r, dstPlace(b, r).Internal) }},
}
