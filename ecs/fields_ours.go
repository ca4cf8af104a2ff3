package ecs

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// ours is what ECS has no place for: all of it under flow.*.
var ours = []Field{
	{Name: "flow.origin", Type: Keyword, Of: Ours, only: traits, Desc: "Whence: XXH64 digest of the imported file or epoch of the live run, 16 hex digits; with event.sequence the document's id.",
		Text: func(dst []byte, _ *batch, r *record) []byte { return appendHex64(dst, r.Origin) }},
	{Name: "flow.via", Type: Keyword, Of: Ours, only: traits, Desc: "By what way the record came: netflow_v5, netflow_v9, ipfix, capture, log …",
		Str: func(_ *batch, r *record) string { return r.Via.String() }},
	{Name: "flow.observation_domain", Type: Long, Of: Ours, only: traits, Desc: "Observation domain (IPFIX), source id (NetFlow v9), engine type and id (v5, v6), for v8 with the number of the aggregation scheme before them: scheme × 65536 + type × 256 + id.", Has: flow.HasDomain,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.Domain), r.Has.Has(flow.HasDomain) }},
	{Name: "flow.observers", Type: Long, Of: Ours, only: traits, Desc: "How many reports (exporter, interface) were merged into this one; absent when it is the only one.",
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.Observers), r.Observers > 1 }},
	{Name: "flow.seen_by.exporter", Type: IP, Multi: true, Of: Ours, Desc: "Exporters of the reports that were merged into this one, the one that is counted among them, in the order of the path as far as it is known; the n-th value of each flow.seen_by field is of the n-th report. Absent when there was one.", side: meta,
		Addrs: seenBy},
	{Name: "flow.seen_by.domain", Type: Keyword, Multi: true, Of: Ours, Desc: "Observation domain of each report.", side: meta,
		Lines: seenNumbers(func(s *flow.Seen) uint64 { return uint64(s.Domain) })},
	{Name: "flow.seen_by.ingress", Type: Keyword, Multi: true, Of: Ours, Desc: "Ingress interface (ifIndex) of each report.", side: meta,
		Lines: seenNumbers(func(s *flow.Seen) uint64 { return uint64(s.InIf) })},
	{Name: "flow.seen_by.egress", Type: Keyword, Multi: true, Of: Ours, Desc: "Egress interface (ifIndex) of each report.", side: meta,
		Lines: seenNumbers(func(s *flow.Seen) uint64 { return uint64(s.OutIf) })},
	{Name: "flow.seen_by.start", Type: Keyword, Multi: true, Of: Ours, Desc: "First packet of each report, RFC 3339.", side: meta,
		Lines: seenTimes(func(s *flow.Seen) int64 { return s.Start })},
	{Name: "flow.seen_by.end", Type: Keyword, Multi: true, Of: Ours, Desc: "Last packet of each report, RFC 3339.", side: meta,
		Lines: seenTimes(func(s *flow.Seen) int64 { return s.End })},
	{Name: "flow.seen_by.bytes", Type: Keyword, Multi: true, Of: Ours, Desc: "Bytes of each report, both directions, not scaled; not to be added up, therefore not a number.", side: meta,
		Lines: seenNumbers(func(s *flow.Seen) uint64 { return s.Bytes })},
	{Name: "flow.seen_by.packets", Type: Keyword, Multi: true, Of: Ours, Desc: "Packets of each report, likewise.", side: meta,
		Lines: seenNumbers(func(s *flow.Seen) uint64 { return s.Packets })},
	{Name: "flow.complete", Type: Boolean, Of: Ours, only: traits, Desc: "Nothing of this conversation is in another document of the stream.",
		Int: func(_ *batch, r *record) (int64, bool) { return bit(r.Complete), r.Kind != flow.KindEvent }},
	{Name: "flow.segment", Type: Long, Of: Ours, only: traits, Desc: "Number of this active-timeout piece within its conversation, from 1.",
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.Segment), r.Segment != 0 }},
	{Name: "flow.segments", Type: Long, Of: Ours, only: traits, Desc: "How many pieces the conversation was exported in.",
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.Segments), r.Segments != 0 }},
	{Name: "flow.aggregated_flows", Type: Long, Of: Ours, Desc: "How many flows the exporter added up in this record; absent for a plain flow.", Has: flow.HasFlows,
		Int: func(_ *batch, r *record) (int64, bool) { return long(r.Flows), r.Has.Has(flow.HasFlows) }},
	{Name: "flow.state", Type: Keyword, Of: Ours, only: traits, Desc: "How far the conversation came: attempt, established, rejected, midstream, oneway_unknown.",
		Str: func(_ *batch, r *record) string { return r.State.String() }},
	{Name: "flow.initiator_by", Type: Keyword, Of: Ours, only: traits, Desc: "What decided who the initiator is: rfc5103, syn, server_port, lower_port, first_seen, message.",
		Str: func(_ *batch, r *record) string { return r.InitiatorBy.String() }},
	{Name: "flow.end_reason", Type: Keyword, Of: Ours, only: traits, Desc: "Why the flow ended: idle_timeout, active_timeout, end_of_flow, forced_end, lack_of_resources.",
		Str: func(_ *batch, r *record) string { return r.EndReason.String() }},
	{Name: "flow.direction", Type: Keyword, Of: Ours, only: traits, Desc: "Where the exporter looked: ingress or egress of the interface.",
		Str: func(_ *batch, r *record) string { return r.Direction.String() }},
	{Name: "flow.app.confidence", Type: Keyword, Of: Ours, only: traits, Desc: "How sure network.protocol is, where the meter found it in the payload: high is structure checked over several fields, medium a magic number or word, low little structure but several times or on the usual port.",
		Str: func(_ *batch, r *record) string { return r.AppConfidence.String() }},
	{Name: "flow.app.reason", Type: Keyword, Of: Ours, only: traits, Desc: "What network.protocol rests on, after its name: tls: handshake, ftp-data: announced. One of header, magic, handshake, banner, line, message, dialog, usual_port, repeated, announced, ip_protocol.",
		Text: appReason},
	{Name: "flow.app.hint", Type: Keyword, Of: Ours, only: traits, Desc: "What the port promises of a metered flow whose payload told nothing: never a label.",
		Str: func(_ *batch, r *record) string { return r.AppHint.String() }},
	{Name: "flow.app.version", Type: Keyword, Of: Ours, Desc: "Version of the protocol, where no field of its own has it: QUIC 1, 2, draft-29; SMB 2.1, 3.1.1; MQTT 3.1.1; MySQL, PostgreSQL, NTP, SNMP, Kerberos, LDAP, SIP.", side: meta,
		Str: func(b *batch, r *record) string { return talkOf(b, r).Version }},
	{Name: "flow.app.commands", Type: Keyword, Multi: true, Of: Ours, Desc: "Commands, methods or message types of the session, each once in order of first use: FTP and its data, SMTP, IMAP, POP3, SMB, MQTT, Modbus, DNP3, DHCP, NTP, SNMP, Kerberos, LDAP, SIP, the first words of statements of MySQL and PostgreSQL.", side: meta,
		Strs: func(dst []string, b *batch, r *record) []string { return append(dst, talkOf(b, r).Commands...) }},
	{Name: "flow.app.results", Type: Keyword, Multi: true, Of: Ours, Desc: "Reply codes, states or message types of the other side, each once in order of first use.", side: meta,
		Strs: func(dst []string, b *batch, r *record) []string { return append(dst, talkOf(b, r).Results...) }},
	{Name: "flow.app.names", Type: Keyword, Multi: true, Of: Ours, Desc: "What was asked for, each once in order of first use: files of FTP and its data, shares and files of SMB, mailboxes of IMAP, topics of MQTT, databases, units of Modbus, OIDs of SNMP, services of Kerberos, entries of LDAP, URIs of SIP, operations of NTP control; of NetBIOS sessions and datagrams whom they are for, then from.", side: meta,
		Strs: func(dst []string, b *batch, r *record) []string { return append(dst, talkOf(b, r).Names...) }},
	{Name: "flow.app.server", Type: Keyword, Of: Ours, Desc: "What the server calls itself: greeting of FTP, SMTP, IMAP, POP3; host of SMB; version of MySQL and PostgreSQL; Server header of SIP; address of DNP3.", side: meta,
		Str: func(b *batch, r *record) string { return talkOf(b, r).Server }},
	{Name: "flow.app.client", Type: Keyword, Of: Ours, Desc: "What the client calls itself: host of SMB, client id of MQTT, program of MySQL and PostgreSQL, address of DNP3.", side: meta,
		Str: func(b *batch, r *record) string { return talkOf(b, r).Client }},
	{Name: "flow.parent.community_id", Type: Keyword, Of: Ours, Desc: "network.community_id of the conversation that announced this one: the control connection of FTP, the request of TFTP, the channel of IRC.", side: meta,
		Str: func(b *batch, r *record) string { return metaOf(b, r).Parent }},
	{Name: "flow.nat.community_id", Type: Keyword, Multi: true, Of: Ours, Desc: "network.community_id of the same conversation on the other side of a translation of addresses: by the addresses and ports that this record's exporter gave, or by those that another exporter gave whose report is of the other side. Of TCP, UDP and SCTP, where ports are given.",
		Lines: natLines},
	{Name: "flow.service", Type: Keyword, Of: Ours, Desc: "IANA service name of the destination's port: what the port promises, not what was spoken.", side: enr,
		Str: func(b *batch, r *record) string { return enrOf(b, r).Service }},
	{Name: "flow.locality", Type: Keyword, Of: Beat, Desc: "internal when both ends are in host groups of ours, else external.", side: enr,
		Str: func(b *batch, r *record) string {
			return locality(b, r, srcPlace(b, r).Internal && dstPlace(b, r).Internal)
		}},
	{Name: "flow.pcr", Type: Float, Of: Ours, Desc: "Producer-consumer ratio (source bytes - destination bytes) / (sum): 1 is pure upload, -1 pure download.", Has: flow.HasBytes | flow.HasRev,
		Float: pcr},
	{Name: "flow.sampling_interval", Type: Long, Of: Ours, Desc: "One packet in so many was looked at; 1 is every packet; absent is unknown.",
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.Sampling), r.Sampling != 0 }},
	{Name: "flow.sampling_method", Type: Keyword, Of: Ours, Desc: "How packets were chosen: deterministic, random.", side: meta,
		Str: func(b *batch, r *record) string { return metaOf(b, r).Sampler }},
	{Name: "flow.sampled.bytes", Type: Long, Of: Ours, Desc: "What network.bytes is scaled from; only when sampled.", Has: flow.HasBytes,
		Int: func(_ *batch, r *record) (int64, bool) {
			return long(bothBytes(r)), r.Has.Has(flow.HasBytes) && r.Sampling > 1
		}},
	{Name: "flow.sampled.packets", Type: Long, Of: Ours, Desc: "What network.packets is scaled from; only when sampled.", Has: flow.HasPackets,
		Int: func(_ *batch, r *record) (int64, bool) {
			return long(bothPackets(r)), r.Has.Has(flow.HasPackets) && r.Sampling > 1
		}},
	{Name: "flow.next_hop", Type: IP, Of: Ours, only: through, Desc: "Next router on the way to the destination.", Has: flow.HasNextHop,
		Addr: func(_ *batch, r *record) (flow.Addr, bool) { return r.NextHop, r.Has.Has(flow.HasNextHop) }},
	{Name: "flow.mpls_label", Type: Long, Of: Ours, Desc: "Top MPLS label, 20 bits.", Has: flow.HasMPLS,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.MPLS), r.Has.Has(flow.HasMPLS) }},
	{Name: "flow.ingress.vrf", Type: Keyword, Of: Ours, Desc: "VRF the packets came in by, by the name the exporter told by options.", side: meta,
		Str: func(b *batch, r *record) string { return namesOf(b, r).InVRF }},
	{Name: "flow.egress.vrf", Type: Keyword, Of: Ours, Desc: "VRF the packets went out by, by the name the exporter told by options.", side: meta,
		Str: func(b *batch, r *record) string { return namesOf(b, r).OutVRF }},
	{Name: "flow.icmp.type", Type: Long, Of: Ours, Desc: "ICMP type.", Has: flow.HasICMP,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.ICMPType), r.Has.Has(flow.HasICMP) }},
	{Name: "flow.icmp.code", Type: Long, Of: Ours, Desc: "ICMP code.", Has: flow.HasICMP,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.ICMPCode), r.Has.Has(flow.HasICMP) }},
}

// oursSource is what ECS has no place for, of the source.
var oursSource = []Field{
	{Name: "flow.source.payload_bytes", Type: Long, Of: Ours, Desc: "Transport payload bytes sent by the source.", Has: flow.HasPayload,
		Int: func(_ *batch, r *record) (int64, bool) { return long(r.Fwd.Payload), r.Has.Has(flow.HasPayload) }},
	{Name: "flow.source.tcp_flags", Type: Keyword, Multi: true, Of: Ours, only: marks, Desc: "Union of the TCP flags of all packets of the source: FIN, SYN, RST, PSH, ACK, URG, ECE, CWR.", Has: flow.HasFlags,
		Strs: func(dst []string, _ *batch, r *record) []string { return flags(dst, r, r.Fwd.Flags, flow.HasFlags) }},
	{Name: "flow.source.initial_tcp_flags", Type: Keyword, Multi: true, Of: Ours, only: marks, Desc: "TCP flags of the first packet of the source.", Has: flow.HasInitFlags,
		Strs: func(dst []string, _ *batch, r *record) []string {
			return flags(dst, r, r.Fwd.InitFlags, flow.HasInitFlags)
		}},
	{Name: "flow.source.tos", Type: Long, Of: Ours, only: marks, Desc: "IP type of service (IPv6 traffic class) of the source's first packet, all 8 bits.", Has: flow.HasToS,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.Fwd.ToS), r.Has.Has(flow.HasToS) }},
	{Name: "flow.source.ttl", Type: Long, Of: Ours, Desc: "Smallest TTL or hop limit seen from the source.", Has: flow.HasTTL,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.Fwd.TTL), r.Has.Has(flow.HasTTL) }},
	{Name: "flow.source.prefix_length", Type: Long, Of: Ours, Desc: "Prefix length of the exporter's route to the source.", Has: flow.HasSrcMask,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.SrcMask), r.Has.Has(flow.HasSrcMask) }},
	{Name: "flow.source.role", Type: Keyword, Of: Ours, Desc: "Role of the source's host group.", side: enr, only: source,
		Str: func(b *batch, r *record) string { return srcPlace(b, r).Role }},
	{Name: "flow.source.criticality", Type: Keyword, Of: Ours, Desc: "Criticality of the source's host group.", side: enr, only: source,
		Str: func(b *batch, r *record) string { return srcPlace(b, r).Criticality }},
	{Name: "flow.source.bogon", Type: Keyword, Of: Ours, Desc: "Name of the bogon range the source is in.", side: enr, only: source,
		Str: func(b *batch, r *record) string { return srcPlace(b, r).Bogon }},
	{Name: "flow.source.domain_by", Type: Keyword, Of: Ours, Desc: "Where source.domain comes from: dns (a DNS answer to the destination), dns_other (one to another host).", side: enr,
		Str: func(b *batch, r *record) string { return enrOf(b, r).SrcDomainBy.String() }},
}

// oursDestination is the same of the destination.
var oursDestination = []Field{
	{Name: "flow.destination.payload_bytes", Type: Long, Of: Ours, Desc: "Transport payload bytes sent by the destination.", Has: flow.HasPayload | flow.HasRev,
		Int: func(_ *batch, r *record) (int64, bool) {
			return long(r.Rev.Payload), r.Has.Has(flow.HasPayload | flow.HasRev)
		}},
	{Name: "flow.destination.tcp_flags", Type: Keyword, Multi: true, Of: Ours, only: marks, Desc: "Union of the TCP flags of all packets of the destination.", Has: flow.HasFlags | flow.HasRev,
		Strs: func(dst []string, _ *batch, r *record) []string {
			return flags(dst, r, r.Rev.Flags, flow.HasFlags|flow.HasRev)
		}},
	{Name: "flow.destination.initial_tcp_flags", Type: Keyword, Multi: true, Of: Ours, only: marks, Desc: "TCP flags of the first packet of the destination.", Has: flow.HasInitFlags | flow.HasRev,
		Strs: func(dst []string, _ *batch, r *record) []string {
			return flags(dst, r, r.Rev.InitFlags, flow.HasInitFlags|flow.HasRev)
		}},
	{Name: "flow.destination.tos", Type: Long, Of: Ours, only: marks, Desc: "IP type of service of the destination's first packet, all 8 bits.", Has: flow.HasToS | flow.HasRev,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.Rev.ToS), r.Has.Has(flow.HasToS | flow.HasRev) }},
	{Name: "flow.destination.ttl", Type: Long, Of: Ours, Desc: "Smallest TTL or hop limit seen from the destination.", Has: flow.HasTTL | flow.HasRev,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.Rev.TTL), r.Has.Has(flow.HasTTL | flow.HasRev) }},
	{Name: "flow.destination.prefix_length", Type: Long, Of: Ours, Desc: "Prefix length of the exporter's route to the destination.", Has: flow.HasDstMask,
		Int: func(_ *batch, r *record) (int64, bool) { return int64(r.DstMask), r.Has.Has(flow.HasDstMask) }},
	{Name: "flow.destination.role", Type: Keyword, Of: Ours, Desc: "Role of the destination's host group.", side: enr, only: destination,
		Str: func(b *batch, r *record) string { return dstPlace(b, r).Role }},
	{Name: "flow.destination.criticality", Type: Keyword, Of: Ours, Desc: "Criticality of the destination's host group.", side: enr, only: destination,
		Str: func(b *batch, r *record) string { return dstPlace(b, r).Criticality }},
	{Name: "flow.destination.bogon", Type: Keyword, Of: Ours, Desc: "Name of the bogon range the destination is in.", side: enr, only: destination,
		Str: func(b *batch, r *record) string { return dstPlace(b, r).Bogon }},
}

// oursRest is what else ECS has no place for.
var oursRest = []Field{
	{Name: "flow.watchlist_side", Type: Keyword, Multi: true, Of: Ours, Desc: "Which end a watchlist matched: source, destination.", side: enr,
		Strs: hits(func(h *flow.Hit) string { return h.Side })},
	{Name: "flow.domain_by", Type: Keyword, Of: Ours, Desc: "Where destination.domain comes from: sni, http_host, dns (a DNS answer to the source), dns_other (one to another host).",
		Str: domainBy},
	{Name: "flow.tls.alpn", Type: Keyword, Multi: true, Of: Ours, Desc: "Protocols the client offered by ALPN.", side: meta,
		Strs: func(dst []string, b *batch, r *record) []string { return append(dst, tlsOf(b, r).ALPN...) }},
	{Name: "flow.tls.ja4", Type: Keyword, Of: Ours, Desc: "JA4 fingerprint of the client, over TCP or QUIC.", side: meta,
		Str: func(b *batch, r *record) string { return tlsOf(b, r).JA4 }},
	{Name: "flow.tls.self_signed", Type: Boolean, Of: Ours, Desc: "The server's certificate names the same subject and issuer.", side: meta,
		Int: func(b *batch, r *record) (int64, bool) { return bit(tlsOf(b, r).SelfSigned), tlsOf(b, r).Subject != "" }},
	{Name: "flow.dns.answers", Type: Keyword, Multi: true, Of: Ours, Desc: "Answers that tie a name to an address or another name (A, AAAA, CNAME, DNAME, NS, PTR, MX, SRV), each in one value: name, type and data.", side: meta,
		Lines: answerLines},
	{Name: "flow.dns.questions", Type: Keyword, Multi: true, Of: Ours, Desc: "Names of the first eight questions of the flow, each once.", side: meta,
		Strs: questionNames},
	{Name: "flow.dns.response_codes", Type: Keyword, Multi: true, Of: Ours, Desc: "Response codes to the first eight questions of the flow, each once.", side: meta,
		Strs: questions(func(d *flow.DNS) string { return d.Rcode })},
	{Name: "flow.http.server", Type: Keyword, Of: Ours, Desc: "HTTP Server header.", side: meta,
		Str: func(b *batch, r *record) string { return httpOf(b, r).Server }},
	{Name: "flow.http.hosts", Type: Keyword, Multi: true, Of: Ours, Desc: "Hosts of the first eight requests of the flow, without the port, each once.", side: meta,
		Strs: hostNames},
	{Name: "flow.http.methods", Type: Keyword, Multi: true, Of: Ours, Desc: "Methods of the first eight requests of the flow, each once.", side: meta,
		Strs: exchanges(func(x *flow.Exchange) string { return x.Method })},
	{Name: "flow.http.paths", Type: Keyword, Multi: true, Of: Ours, Desc: "Paths and queries of the first eight requests of the flow, each once.", side: meta,
		Strs: exchanges(func(x *flow.Exchange) string { return x.Path })},
	{Name: "flow.http.status_codes", Type: Keyword, Multi: true, Of: Ours, Desc: "Statuses of the first eight responses of the flow, each once.", side: meta,
		Strs: exchanges(status)},
	{Name: "flow.ssh.client", Type: Keyword, Of: Ours, Desc: "SSH identification string of the client.", side: meta,
		Str: func(b *batch, r *record) string { return sshOf(b, r).Client }},
	{Name: "flow.ssh.server", Type: Keyword, Of: Ours, Desc: "SSH identification string of the server.", side: meta,
		Str: func(b *batch, r *record) string { return sshOf(b, r).Server }},
	{Name: "flow.ssh.hassh", Type: Keyword, Of: Ours, Desc: "HASSH fingerprint of what the client offers.", side: meta,
		Str: func(b *batch, r *record) string { return sshOf(b, r).HASSH }},
	{Name: "flow.ssh.hassh_server", Type: Keyword, Of: Ours, Desc: "HASSH fingerprint of what the server offers.", side: meta,
		Str: func(b *batch, r *record) string { return sshOf(b, r).HASSHServer }},
	{Name: "flow.mail.helo", Type: Keyword, Of: Ours, Desc: "What the client of a mail session called itself.", side: meta,
		Str: func(b *batch, r *record) string { return mailOf(b, r).Helo }},
	{Name: "flow.unknown", Type: Flattened, Of: Ours, Desc: "Information elements without a field of their own: the element's name, or where it is not known \"enterprise.id\", to the value in hex.", side: meta,
		Flat: func(dst []byte, b *batch, r *record) []byte { return appendFlat(dst, metaOf(b, r).Unknown) }},
	{Name: "flow.extra", Type: Flattened, Of: Ours, Desc: "Columns of a cloud's flow log without a field of their own, by the names they have there: vpc-id, interface-id, rule …", side: meta,
		Flat: func(dst []byte, b *batch, r *record) []byte { return appendPairs(dst, metaOf(b, r).Extra) }},
}

// metadata is what few flows have: names and texts, and what other documents share with this.
var metadata = []Field{
	{Name: "related.ip", Type: IP, Multi: true, Of: ECS, Desc: "Every address of the flow, whichever end, translated, answered by DNS or assigned by DHCP.",
		Addrs: relatedIP},
	{Name: "related.hosts", Type: Keyword, Multi: true, Of: ECS, Desc: "Every name of the flow: asked for by DNS and NetBIOS, of DHCP clients, of HTTP hosts, the TLS server name and the certificate's common name.", side: meta,
		Strs: relatedHosts},
	{Name: "related.hash", Type: Keyword, Multi: true, Of: ECS, Desc: "Every fingerprint of the flow: JA3, JA3S, JA4, HASSH and those of certificates.", side: meta,
		Strs: relatedHash},

	{Name: "cloud.provider", Type: Keyword, Of: ECS, Desc: "Cloud whose flow log has the flow: aws, azure, gcp.", side: meta,
		Str: func(b *batch, r *record) string { return cloudOf(b, r).Provider }},
	{Name: "cloud.account.id", Type: Keyword, Of: ECS, Desc: "Account or subscription that was logged.", side: meta,
		Str: func(b *batch, r *record) string { return cloudOf(b, r).Account }},
	{Name: "cloud.project.id", Type: Keyword, Of: ECS, Desc: "Project that was logged.", side: meta,
		Str: func(b *batch, r *record) string { return cloudOf(b, r).Project }},
	{Name: "cloud.region", Type: Keyword, Of: ECS, Desc: "Region that was logged.", side: meta,
		Str: func(b *batch, r *record) string { return cloudOf(b, r).Region }},
	{Name: "cloud.availability_zone", Type: Keyword, Of: ECS, Desc: "Availability zone that was logged.", side: meta,
		Str: func(b *batch, r *record) string { return cloudOf(b, r).Zone }},
	{Name: "cloud.instance.id", Type: Keyword, Of: ECS, Desc: "Instance whose interface was logged.", side: meta,
		Str: func(b *batch, r *record) string { return cloudOf(b, r).Instance }},
	{Name: "cloud.instance.name", Type: Keyword, Of: ECS, Desc: "Name of the instance that was logged.", side: meta,
		Str: func(b *batch, r *record) string { return cloudOf(b, r).Name }},

	{Name: "threat.feed.name", Type: Keyword, Multi: true, Of: ECS, Desc: "Watchlists that matched.", side: enr,
		Strs: hits(func(h *flow.Hit) string { return h.List })},
	{Name: "threat.indicator.name", Type: Keyword, Multi: true, Of: ECS, Desc: "Indicators that matched: an address or a prefix.", side: enr,
		Strs: hits(func(h *flow.Hit) string { return h.Indicator })},
	{Name: "threat.indicator.type", Type: Keyword, Multi: true, Of: ECS, Desc: "Types of the indicators: ipv4-addr, ipv6-addr.", side: enr,
		Strs: hits(func(h *flow.Hit) string { return h.Type })},
	{Name: "threat.indicator.description", Type: Keyword, Multi: true, Of: ECS, Desc: "The lists' own words on the indicators.", side: enr,
		Strs: hits(func(h *flow.Hit) string { return h.Note })},

	{Name: "dns.type", Type: Keyword, Of: ECS, Desc: "answer when an answer was seen, else query.", side: meta,
		Str: dnsType},
	{Name: "dns.id", Type: Keyword, Of: ECS, Desc: "DNS transaction id.", side: meta,
		Text: func(dst []byte, b *batch, r *record) []byte {
			return appendNumber(dst, uint64(dnsOf(b, r).ID), metaOf(b, r).DNS != nil)
		}},
	{Name: "dns.op_code", Type: Keyword, Of: ECS, Desc: "Operation: QUERY, UPDATE …", side: meta,
		Str: func(b *batch, r *record) string { return dnsOf(b, r).Opcode }},
	{Name: "dns.header_flags", Type: Keyword, Multi: true, Of: ECS, Desc: "Flags of the answer, else of the question: AA, TC, RD, RA, AD, CD.", side: meta,
		Strs: func(dst []string, b *batch, r *record) []string { return append(dst, dnsOf(b, r).Flags...) }},
	{Name: "dns.question.name", Type: Keyword, Of: ECS, Desc: "Name asked for, lower case.", side: meta,
		Str: func(b *batch, r *record) string { return dnsOf(b, r).Question }},
	{Name: "dns.question.type", Type: Keyword, Of: ECS, Desc: "Type asked for: A, AAAA, TXT …", side: meta,
		Str: func(b *batch, r *record) string { return dnsOf(b, r).Type }},
	{Name: "dns.question.class", Type: Keyword, Of: ECS, Desc: "Class asked for: IN.", side: meta,
		Str: func(b *batch, r *record) string { return dnsOf(b, r).Class }},
	{Name: "dns.response_code", Type: Keyword, Of: ECS, Desc: "NOERROR, NXDOMAIN …", side: meta,
		Str: func(b *batch, r *record) string { return dnsOf(b, r).Rcode }},
	{Name: "dns.resolved_ip", Type: IP, Multi: true, Of: ECS, Desc: "Addresses in the answers.", side: meta,
		Addrs: resolved},
	{Name: "dns.answers.name", Type: Keyword, Multi: true, Of: ECS, Desc: "Names in the answer sections.", side: meta,
		Strs: answers(func(a *flow.Answer) string { return a.Name })},
	{Name: "dns.answers.type", Type: Keyword, Multi: true, Of: ECS, Desc: "Types in the answer sections.", side: meta,
		Strs: answers(func(a *flow.Answer) string { return a.Type })},
	{Name: "dns.answers.data", Type: Keyword, Multi: true, Of: ECS, Desc: "Data in the answer sections.", side: meta,
		Strs: answers(func(a *flow.Answer) string { return a.Data })},

	{Name: "http.version", Type: Keyword, Of: ECS, Desc: "HTTP version.", side: meta,
		Str: func(b *batch, r *record) string { return httpOf(b, r).Version }},
	{Name: "http.request.method", Type: Keyword, Of: ECS, Desc: "Method of the first request.", side: meta,
		Str: func(b *batch, r *record) string { return httpOf(b, r).Method }},
	{Name: "http.request.referrer", Type: Keyword, Of: ECS, Desc: "Referrer of the first request.", side: meta,
		Str: func(b *batch, r *record) string { return httpOf(b, r).Referrer }},
	{Name: "http.response.status_code", Type: Long, Of: ECS, Desc: "Status of the first response.", side: meta,
		Int: func(b *batch, r *record) (int64, bool) {
			s := httpOf(b, r).Status
			return int64(s), s != 0
		}},
	{Name: "http.response.mime_type", Type: Keyword, Of: ECS, Desc: "Content type of the first response, as the server gave it.", side: meta,
		Str: func(b *batch, r *record) string { return httpOf(b, r).ContentType }},
	{Name: "url.domain", Type: Keyword, Of: ECS, Desc: "Host of the first HTTP request, without the port.", side: meta,
		Str: func(b *batch, r *record) string { return hostname(httpOf(b, r).Host) }},
	{Name: "url.path", Type: Keyword, Of: ECS, Desc: "Path of the first HTTP request.", side: meta,
		Str: func(b *batch, r *record) string {
			path, _, _ := strings.Cut(httpOf(b, r).Path, "?")
			return path
		}},
	{Name: "url.query", Type: Keyword, Of: ECS, Desc: "Query of the first HTTP request, without the question mark.", side: meta,
		Str: func(b *batch, r *record) string {
			_, query, _ := strings.Cut(httpOf(b, r).Path, "?")
			return query
		}},
	{Name: "user_agent.original", Type: Keyword, Of: ECS, Desc: "User-Agent header of HTTP or SIP.", side: meta,
		Str: func(b *batch, r *record) string { return cmp.Or(httpOf(b, r).UserAgent, sipOf(b, r).UserAgent) }},
	{Name: "user.name", Type: Keyword, Of: ECS, Desc: "User as the exporter gave it, else who logs in: FTP, POP3, IMAP, RDP cookie, SMB, MQTT, MySQL, PostgreSQL, Kerberos client, LDAP bind, SNMP version 3, SIP digest.", side: meta,
		Str: func(b *batch, r *record) string { return cmp.Or(metaOf(b, r).User, talkOf(b, r).User) }},
	{Name: "user.domain", Type: Keyword, Of: ECS, Desc: "Directory that the user belongs to: domain of SMB, Kerberos realm.", side: meta,
		Str: func(b *batch, r *record) string { return talkOf(b, r).Domain }},

	{Name: "email.from.address", Type: Keyword, Multi: true, Of: ECS, Desc: "Envelope sender of the first message of a mail session.", side: meta,
		Strs: func(dst []string, b *batch, r *record) []string { return appendString(dst, mailOf(b, r).From) }},
	{Name: "email.to.address", Type: Keyword, Multi: true, Of: ECS, Desc: "Envelope recipients of a mail session.", side: meta,
		Strs: func(dst []string, b *batch, r *record) []string { return append(dst, mailOf(b, r).To...) }},
	{Name: "email.subject", Type: Keyword, Of: ECS, Desc: "Subject of the first message of a mail session.", side: meta,
		Str: func(b *batch, r *record) string { return mailOf(b, r).Subject }},

	{Name: "tls.client.server_name", Type: Keyword, Of: ECS, Desc: "Server name the client asked for (SNI).", side: meta,
		Str: func(b *batch, r *record) string { return tlsOf(b, r).ServerName }},
	{Name: "tls.client.ja3", Type: Keyword, Of: ECS, Desc: "JA3 fingerprint of the client.", side: meta,
		Str: func(b *batch, r *record) string { return tlsOf(b, r).JA3 }},
	{Name: "tls.client.subject", Type: Keyword, Of: ECS, Desc: "Whom the client's certificate is for, distinguished name.", side: meta,
		Str: func(b *batch, r *record) string { return clientCert(b, r).Subject }},
	{Name: "tls.client.issuer", Type: Keyword, Of: ECS, Desc: "Who issued the client's certificate, distinguished name.", side: meta,
		Str: func(b *batch, r *record) string { return clientCert(b, r).Issuer }},
	{Name: "tls.client.not_before", Type: Date, Of: ECS, Desc: "From when the client's certificate is valid.", side: meta,
		Int: func(b *batch, r *record) (int64, bool) {
			return clientCert(b, r).NotBefore, clientCert(b, r).NotBefore != 0
		}},
	{Name: "tls.client.not_after", Type: Date, Of: ECS, Desc: "Until when the client's certificate is valid.", side: meta,
		Int: func(b *batch, r *record) (int64, bool) {
			return clientCert(b, r).NotAfter, clientCert(b, r).NotAfter != 0
		}},
	{Name: "tls.client.x509.serial_number", Type: Keyword, Of: ECS, Desc: "Serial number of the client's certificate, upper-case hex.", side: meta,
		Str: func(b *batch, r *record) string { return clientCert(b, r).Serial }},
	{Name: "tls.client.hash.sha256", Type: Keyword, Of: ECS, Desc: "SHA-256 of the client's certificate, upper-case hex.", side: meta,
		Str: func(b *batch, r *record) string { return clientCert(b, r).SHA256 }},
	{Name: "tls.version_protocol", Type: Keyword, Of: ECS, Desc: "Always tls.", side: meta,
		Str: func(b *batch, r *record) string {
			if tlsOf(b, r).Version == "" {
				return ""
			}
			return "tls"
		}},
	{Name: "tls.version", Type: Keyword, Of: ECS, Desc: "Negotiated version: 1.0 … 1.3.", side: meta,
		Str: func(b *batch, r *record) string { return tlsOf(b, r).Version }},
	{Name: "tls.cipher", Type: Keyword, Of: ECS, Desc: "Chosen cipher suite.", side: meta,
		Str: func(b *batch, r *record) string { return tlsOf(b, r).Cipher }},
	{Name: "tls.resumed", Type: Boolean, Of: ECS, Desc: "The session goes on from an earlier one, so that no certificate was sent.", side: meta,
		Int: func(b *batch, r *record) (int64, bool) { return bit(tlsOf(b, r).Resumed), tlsOf(b, r).JA3S != "" }},
	{Name: "tls.server.ja3s", Type: Keyword, Of: ECS, Desc: "JA3S fingerprint of the server.", side: meta,
		Str: func(b *batch, r *record) string { return tlsOf(b, r).JA3S }},
	{Name: "tls.server.hash.sha1", Type: Keyword, Of: ECS, Desc: "SHA-1 of the server's certificate, upper-case hex.", side: meta,
		Str: func(b *batch, r *record) string { return tlsOf(b, r).SHA1 }},
	{Name: "tls.server.hash.sha256", Type: Keyword, Of: ECS, Desc: "SHA-256 of the server's certificate, upper-case hex.", side: meta,
		Str: func(b *batch, r *record) string { return tlsOf(b, r).SHA256 }},
	{Name: "tls.server.subject", Type: Keyword, Of: ECS, Desc: "Whom the server's certificate is for, distinguished name.", side: meta,
		Str: func(b *batch, r *record) string { return tlsOf(b, r).Subject }},
	{Name: "tls.server.issuer", Type: Keyword, Of: ECS, Desc: "Who issued the server's certificate, distinguished name.", side: meta,
		Str: func(b *batch, r *record) string { return tlsOf(b, r).Issuer }},
	{Name: "tls.server.not_before", Type: Date, Of: ECS, Desc: "From when the server's certificate is valid.", side: meta,
		Int: func(b *batch, r *record) (int64, bool) { return tlsOf(b, r).NotBefore, tlsOf(b, r).NotBefore != 0 }},
	{Name: "tls.server.not_after", Type: Date, Of: ECS, Desc: "Until when the server's certificate is valid.", side: meta,
		Int: func(b *batch, r *record) (int64, bool) { return tlsOf(b, r).NotAfter, tlsOf(b, r).NotAfter != 0 }},
	{Name: "tls.server.x509.serial_number", Type: Keyword, Of: ECS, Desc: "Serial number of the server's certificate, upper-case hex.", side: meta,
		Str: func(b *batch, r *record) string { return tlsOf(b, r).Serial }},
	{Name: "tls.server.x509.subject.common_name", Type: Keyword, Multi: true, Of: ECS, Desc: "Common name of the subject of the server's certificate.", side: meta,
		Strs: func(dst []string, b *batch, r *record) []string { return appendString(dst, tlsOf(b, r).CommonName) }},
	{Name: "tls.server.x509.issuer.common_name", Type: Keyword, Multi: true, Of: ECS, Desc: "Common name of the issuer of the server's certificate.", side: meta,
		Strs: func(dst []string, b *batch, r *record) []string { return appendString(dst, tlsOf(b, r).IssuerName) }},
	{Name: "tls.server.x509.alternative_names", Type: Keyword, Multi: true, Of: ECS, Desc: "Further names and addresses that the server's certificate is for, at most 64.", side: meta,
		Strs: func(dst []string, b *batch, r *record) []string { return append(dst, tlsOf(b, r).AltNames...) }},
	{Name: "tls.next_protocol", Type: Keyword, Of: ECS, Desc: "Protocol the server chose by ALPN.", side: meta,
		Str: func(b *batch, r *record) string { return tlsOf(b, r).NextProto }},
}

// appendNumber appends v in decimal if ok.
func appendNumber(dst []byte, v uint64, ok bool) []byte {
	if !ok {
		return dst
	}
	return strconv.AppendUint(dst, v, 10)
}

// appReason appends the label and what it rests on.
func appReason(dst []byte, _ *batch, r *record) []byte {
	if r.AppReason == flow.ReasonNone {
		return dst
	}
	dst = append(append(dst, r.App.String()...), ": "...)
	return append(dst, r.AppReason.String()...)
}
