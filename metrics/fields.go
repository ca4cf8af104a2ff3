package metrics

import (
	"slices"

	"github.com/flowferry/flowferry/ecs"
)

// Fields is the table. What flows have too has the same name here.
//
// To add a field: a row here; then go generate ./mappings.
var Fields = slices.Concat(about, report,
	countRows("flow.exporter.interval.", " In the interval.", func(d *Document) *Counts { return &d.Interval }),
	countRows("flow.exporter.total.", " Since the exporter was first heard.", func(d *Document) *Counts { return &d.Total }),
	iface,
	trafficRows("flow.exporter.interface.interval.", " Since the counters came before.", partInterval, func(d *Document) *Traffic { return &d.IfInterval }),
	trafficRows("flow.exporter.interface.total.", " As the agent counts.", partInterface, func(d *Document) *Traffic { return &d.IfTotal }),
	ethernetRows(), facts, repeatRows())

// fixed is the accessor of a text that is the same in all documents.
func fixed(text string) func(*Document) any {
	return func(*Document) any { v := text; return &v }
}

func fixedList(text string) func(*Document) any {
	return func(*Document) any { return &[]string{text} }
}

// about is what every document says of itself, and of whom.
var about = []Field{
	{Name: "@timestamp", Type: ecs.Date, Of: ecs.ECS, Desc: "End of the interval; of interface counters, when they came; of what options told, when the document was made. On import, when the exporter was last heard.",
		at: func(d *Document) any { return &d.Time }},
	{Name: "tags", Type: ecs.Keyword, Multi: true, Of: ecs.ECS, Desc: "clock_skew: the exporter's clock is more than 5 minutes off.",
		at: func(d *Document) any { return &d.Tags }},
	{Name: "ecs.version", Type: ecs.Keyword, Of: ecs.ECS, Desc: "Version of the Elastic Common Schema the names are taken from.", at: fixed(ecs.Version)},
	{Name: "event.kind", Type: ecs.Keyword, Of: ecs.ECS, Desc: "metric; state of what options told.",
		at: func(d *Document) any { return &d.Kind }},
	{Name: "event.category", Type: ecs.Keyword, Multi: true, Of: ecs.ECS, Desc: "Always network.", at: fixedList("network")},
	{Name: "event.type", Type: ecs.Keyword, Multi: true, Of: ecs.ECS, Desc: "Always info.", at: fixedList("info")},
	{Name: "event.action", Type: ecs.Keyword, Of: ecs.ECS, Desc: "What the document tells: exporter_report, interface_counters, options_learned or duplicate_reports.",
		at: func(d *Document) any { return &d.Action }},
	{Name: "event.dataset", Type: ecs.Keyword, Of: ecs.ECS, Desc: "Always flowferry.exporter.", at: fixed("flowferry.exporter")},
	{Name: "event.sequence", Type: ecs.Long, Of: ecs.ECS, Desc: "Number of the document within flow.origin, from 1.",
		at: func(d *Document) any { return &d.Sequence }},
	{Name: "event.start", Type: ecs.Date, Of: ecs.ECS, Desc: "Begin of the interval.", some: true,
		at: func(d *Document) any { return &d.Start }},
	{Name: "event.end", Type: ecs.Date, Of: ecs.ECS, Desc: "End of the interval.", some: true,
		at: func(d *Document) any { return &d.End }},
	{Name: "event.duration", Type: ecs.Long, Of: ecs.ECS, Desc: "Length of the interval, in nanoseconds.", some: true,
		at: func(d *Document) any { return &d.Duration }},
	{Name: "observer.ip", Type: ecs.IP, Of: ecs.ECS, Desc: "The exporter: who sent the datagrams.",
		at: func(d *Document) any { return &d.Exporter }},
	{Name: "flow.origin", Type: ecs.Keyword, Of: ecs.Ours, Desc: "Whence: XXH64 digest of the imported file or epoch of the live run, 16 hex digits, as in the documents of flows.",
		at: func(d *Document) any { return &d.Origin }},
	{Name: "flow.via", Type: ecs.Keyword, Of: ecs.Ours, Desc: "Protocol and version: netflow_v5, netflow_v9, ipfix, sflow_v5 …",
		at: func(d *Document) any { return &d.Via }},
	{Name: "flow.observation_domain", Type: ecs.Long, Of: ecs.Ours, Desc: "Observation domain (IPFIX), source id (NetFlow v9), engine type and id (v5 to v8), sub-agent (sFlow).",
		at: func(d *Document) any { return &d.Domain }},
	{Name: "flow.exporter.transport", Type: ecs.Keyword, Of: ecs.Ours, Desc: "How the exports came: udp, tcp, tls or file.",
		at: func(d *Document) any { return &d.Transport }},
	{Name: "flow.exporter.agent", Type: ecs.IP, Of: ecs.Ours, Desc: "Of sFlow through a relay: the agent that sampled, where that is not observer.ip.",
		at: func(d *Document) any { return &d.Agent }},
}

// report is the account of an exporter but for what is counted.
var report = []Field{
	{Name: "flow.exporter.port", Type: ecs.Long, Of: ecs.Ours, Desc: "Source port of its last datagram.", part: partReport, some: true,
		at: func(d *Document) any { return &d.Port }},
	{Name: "flow.exporter.connections", Type: ecs.Long, Of: ecs.Ours, Desc: "TCP or TLS connections that it has open; absent over UDP.", part: partReport, some: true,
		at: func(d *Document) any { return &d.Connections }},
	{Name: "flow.exporter.first_seen", Type: ecs.Date, Of: ecs.Ours, Desc: "When its first datagram came; absent when none came since the collector started.", part: partReport, some: true,
		at: func(d *Document) any { return &d.First }},
	{Name: "flow.exporter.last_seen", Type: ecs.Date, Of: ecs.Ours, Desc: "When its last datagram came.", part: partReport, some: true,
		at: func(d *Document) any { return &d.Last }},
	{Name: "flow.exporter.started", Type: ecs.Date, Of: ecs.Ours, Desc: "When it started, as it says itself.", part: partReport, some: true,
		at: func(d *Document) any { return &d.Boot }},
	{Name: "flow.exporter.lost_unit", Type: ecs.Keyword, Of: ecs.Ours, Desc: "What lost counts: flows, records (those of options too) or datagrams.", part: partSequence,
		at: func(d *Document) any { return &d.LostUnit }},
	{Name: "flow.exporter.clock_skew", Type: ecs.Long, Of: ecs.Ours, Desc: "Receive time less export time, median of the last 31 datagrams, in milliseconds: positive where its clock is behind.", part: partClock,
		at: func(d *Document) any { return &d.Skew }},
	{Name: "flow.exporter.templates", Type: ecs.Long, Of: ecs.Ours, Desc: "Templates known now, those of options too.", part: partReport,
		at: func(d *Document) any { return &d.Templates }},
	{Name: "flow.exporter.waiting_sets", Type: ecs.Long, Of: ecs.Ours, Desc: "Data sets held now until their template comes.", part: partReport,
		at: func(d *Document) any { return &d.Waiting }},
	{Name: "flow.exporter.held_bytes", Type: ecs.Long, Of: ecs.Ours, Desc: "Bytes of those sets.", part: partReport,
		at: func(d *Document) any { return &d.Held }},
	{Name: "flow.exporter.names", Type: ecs.Long, Of: ecs.Ours, Desc: "Interfaces, VRFs and applications that options have named.", part: partReport,
		at: func(d *Document) any { return &d.Names }},
	{Name: "flow.exporter.samplers", Type: ecs.Long, Of: ecs.Ours, Desc: "Samplers with a rate of their own.", part: partReport,
		at: func(d *Document) any { return &d.Samplers }},
	{Name: "flow.exporter.sampled_interfaces", Type: ecs.Long, Of: ecs.Ours, Desc: "Interfaces with a sampling rate of their own.", part: partReport,
		at: func(d *Document) any { return &d.SampledIfs }},
	{Name: "flow.sampling_interval", Type: ecs.Long, Of: ecs.Ours, Desc: "One packet in so many is looked at; absent where that is unknown, or differs by sampler or interface.", some: true,
		at: func(d *Document) any { return &d.Rate }},
	{Name: "flow.sampling_method", Type: ecs.Keyword, Of: ecs.Ours, Desc: "How packets are chosen: deterministic, random.",
		at: func(d *Document) any { return &d.Mode }},
}

// counted are the numbers of an exporter.
var counted = []struct {
	name, desc string
	part       part
	at         func(c *Counts) *int64
}{
	{"datagrams", "Datagrams, or messages of a stream, that came.", partReport, func(c *Counts) *int64 { return &c.Datagrams }},
	{"faulty", "Those of them with a fault.", partReport, func(c *Counts) *int64 { return &c.Faulty }},
	{"records", "Flow records.", partReport, func(c *Counts) *int64 { return &c.Records }},
	{"events", "Firewall and NAT events, discarded packets.", partReport, func(c *Counts) *int64 { return &c.Events }},
	{"options_records", "Records that tell of the exporter.", partReport, func(c *Counts) *int64 { return &c.Options }},
	{"no_template", "Data sets that came before their template.", partReport, func(c *Counts) *int64 { return &c.NoTemplate }},
	{"template_changes", "Templates that were new or changed.", partReport, func(c *Counts) *int64 { return &c.TemplateChanges }},
	{"template_withdrawals", "Templates that it took back.", partReport, func(c *Counts) *int64 { return &c.Withdrawals }},
	{"lost", "What its sequence numbers say never came, in lost_unit.", partSequence, func(c *Counts) *int64 { return &c.Lost }},
	{"reordered", "Datagrams that came late.", partSequence, func(c *Counts) *int64 { return &c.Reordered }},
	{"duplicates", "Datagrams that came again.", partSequence, func(c *Counts) *int64 { return &c.Duplicates }},
	{"restarts", "How often it began to count anew.", partSequence, func(c *Counts) *int64 { return &c.Restarts }},
	{"skewed", "Datagrams whose export time was more than 5 minutes off.", partClock, func(c *Counts) *int64 { return &c.Skewed }},
	{"flow_samples", "Flow samples of sFlow.", partAgent, func(c *Counts) *int64 { return &c.FlowSamples }},
	{"counter_samples", "Counter samples of sFlow.", partAgent, func(c *Counts) *int64 { return &c.CounterSamples }},
	{"lost_samples", "Samples of sFlow that never came, by their numbers.", partAgent, func(c *Counts) *int64 { return &c.LostSamples }},
	{"agent_drops", "Samples that the agent says it had to drop.", partAgent, func(c *Counts) *int64 { return &c.AgentSampleDrops }},
}

func countRows(prefix, when string, of func(d *Document) *Counts) (rows []Field) {
	for _, c := range counted {
		rows = append(rows, Field{Name: prefix + c.name, Type: ecs.Long, Of: ecs.Ours, Desc: c.desc + when, part: c.part,
			at: func(d *Document) any { return c.at(of(d)) }})
	}
	return rows
}

// iface is an interface: whose counters these are, or that options have named or given a rate.
var iface = []Field{
	{Name: "flow.exporter.interface.id", Type: ecs.Keyword, Of: ecs.Ours, Desc: "SNMP index of the interface (ifIndex): observer.ingress.interface.id of flows.",
		at: func(d *Document) any { return &d.IfID }},
	{Name: "flow.exporter.interface.name", Type: ecs.Keyword, Of: ecs.Ours, Desc: "Its name.",
		at: func(d *Document) any { return &d.IfName }},
	{Name: "flow.exporter.interface.alias", Type: ecs.Keyword, Of: ecs.Ours, Desc: "Its description, where it differs from the name.",
		at: func(d *Document) any { return &d.IfAlias }},
	{Name: "flow.exporter.interface.type", Type: ecs.Long, Of: ecs.Ours, Desc: "IANAifType: 6 is Ethernet.", part: partInterface,
		at: func(d *Document) any { return &d.IfType }},
	{Name: "flow.exporter.interface.speed", Type: ecs.Long, Of: ecs.Ours, Desc: "Bits per second.", part: partInterface,
		at: func(d *Document) any { return &d.IfSpeed }},
	{Name: "flow.exporter.interface.duplex", Type: ecs.Keyword, Of: ecs.Ours, Desc: "full, half, in or out.",
		at: func(d *Document) any { return &d.IfDuplex }},
	{Name: "flow.exporter.interface.admin_status", Type: ecs.Keyword, Of: ecs.Ours, Desc: "up or down, as it is configured.",
		at: func(d *Document) any { return &d.IfAdmin }},
	{Name: "flow.exporter.interface.oper_status", Type: ecs.Keyword, Of: ecs.Ours, Desc: "up or down, as it is.",
		at: func(d *Document) any { return &d.IfOper }},
}

// ways are the numbers of one direction of an interface.
var ways = []struct {
	name, desc string
	total      bool // not for the interval
	at         func(w *Way) *int64
}{
	{"octets", "Octets, those of link headers too.", false, func(w *Way) *int64 { return &w.Octets }},
	{"packets", "Packets.", false, func(w *Way) *int64 { return &w.Packets }},
	{"unicast", "Packets to one receiver.", true, func(w *Way) *int64 { return &w.Unicast }},
	{"multicast", "Packets to a group.", true, func(w *Way) *int64 { return &w.Multicast }},
	{"broadcast", "Packets to all.", true, func(w *Way) *int64 { return &w.Broadcast }},
	{"discards", "Packets dropped that had no error.", false, func(w *Way) *int64 { return &w.Discards }},
	{"errors", "Packets with an error.", false, func(w *Way) *int64 { return &w.Errors }},
}

func trafficRows(prefix, when string, part part, of func(d *Document) *Traffic) (rows []Field) {
	row := func(name, desc string, at func(*Document) any) {
		rows = append(rows, Field{Name: prefix + name, Type: ecs.Long, Of: ecs.Ours, Desc: desc + when, part: part, at: at})
	}
	for _, w := range ways {
		if part == partInterval && w.total {
			continue
		}
		row("in."+w.name, w.desc, func(d *Document) any { return w.at(&of(d).In) })
		row("out."+w.name, w.desc, func(d *Document) any { return w.at(&of(d).Out) })
	}
	if part != partInterval {
		row("in.unknown_protocols", "Packets of a protocol that the interface does not know.", func(d *Document) any { return &of(d).In.UnknownProtos })
	}
	return rows
}

// ethernetErrors names the counters of Ethernet.
var ethernetErrors = []struct {
	name, desc string
	at         func(e *Ethernet) *int64
}{
	{"alignment_errors", "Frames that are no whole number of octets, with a wrong checksum.", func(e *Ethernet) *int64 { return &e.Alignment }},
	{"fcs_errors", "Frames with a wrong checksum.", func(e *Ethernet) *int64 { return &e.FCS }},
	{"single_collisions", "Frames sent after one collision.", func(e *Ethernet) *int64 { return &e.SingleCollision }},
	{"multiple_collisions", "Frames sent after several collisions.", func(e *Ethernet) *int64 { return &e.MultipleCollision }},
	{"sqe_test_errors", "Errors of the signal quality test.", func(e *Ethernet) *int64 { return &e.SQETest }},
	{"deferred_transmissions", "Frames that waited for the medium.", func(e *Ethernet) *int64 { return &e.Deferred }},
	{"late_collisions", "Collisions later than one slot time.", func(e *Ethernet) *int64 { return &e.LateCollision }},
	{"excessive_collisions", "Frames given up after too many collisions.", func(e *Ethernet) *int64 { return &e.ExcessiveCollision }},
	{"internal_transmit_errors", "Frames not sent for an error inside the interface.", func(e *Ethernet) *int64 { return &e.InternalTransmit }},
	{"carrier_sense_errors", "How often carrier sense was lost while sending.", func(e *Ethernet) *int64 { return &e.CarrierSense }},
	{"too_long", "Frames longer than allowed.", func(e *Ethernet) *int64 { return &e.TooLong }},
	{"internal_receive_errors", "Frames not received for an error inside the interface.", func(e *Ethernet) *int64 { return &e.InternalReceive }},
	{"symbol_errors", "Invalid symbols on the medium.", func(e *Ethernet) *int64 { return &e.Symbol }},
}

func ethernetRows() (rows []Field) {
	for _, e := range ethernetErrors {
		rows = append(rows, Field{Name: "flow.exporter.interface.ethernet." + e.name, Type: ecs.Long, Of: ecs.Ours, Desc: e.desc + " As the agent counts.",
			part: partEthernet, at: func(d *Document) any { return e.at(&d.Ethernet) }})
	}
	return rows
}

// facts are what options have told, beside the names of interfaces and the rates.
var facts = []Field{
	{Name: "flow.exporter.vrf.id", Type: ecs.Keyword, Of: ecs.Ours, Desc: "VRF that options have named, by its number.",
		at: func(d *Document) any { return &d.VRFID }},
	{Name: "flow.exporter.vrf.name", Type: ecs.Keyword, Of: ecs.Ours, Desc: "Its name: flow.ingress.vrf of flows.",
		at: func(d *Document) any { return &d.VRFName }},
	{Name: "flow.exporter.application.id", Type: ecs.Keyword, Of: ecs.Ours, Desc: "Application that options have named: applicationId as a number.",
		at: func(d *Document) any { return &d.AppID }},
	{Name: "flow.exporter.application.name", Type: ecs.Keyword, Of: ecs.Ours, Desc: "Its name: network.application of flows, there in lower case.",
		at: func(d *Document) any { return &d.AppName }},
	{Name: "flow.exporter.application.description", Type: ecs.Keyword, Of: ecs.Ours, Desc: "Its description, where it differs from the name.",
		at: func(d *Document) any { return &d.AppDesc }},
	{Name: "flow.exporter.sampler.id", Type: ecs.Keyword, Of: ecs.Ours, Desc: "Sampler or selector whose flow.sampling_interval options have told.",
		at: func(d *Document) any { return &d.Sampler }},
}
