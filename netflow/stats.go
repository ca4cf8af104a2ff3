package netflow

import (
	"sync/atomic"

	"github.com/flowferry/flowferry/flow"
)

// stats is the account of a Decoder; a message of a stream or file counts as a datagram:
//
//	datagrams   = decoded + short + unknown_version + unknown_scheme + malformed_* + denied
//	no_template = held + held_decoded + held_dropped   (in sets)
type stats struct {
	datagrams, bytes, decoded          atomic.Uint64
	records, events, options           atomic.Uint64
	optionsDropped, templatesLoaded    atomic.Uint64
	stateSaves, stateErrors            atomic.Uint64
	templates, templatesEvicted        atomic.Uint64
	templatesExpired                   atomic.Uint64
	noTemplate, heldDecoded, heldDrops atomic.Uint64
	held                               atomic.Int64 // sets that wait now
	reserved                           atomic.Uint64
	exportersEvicted, trailing, skewed atomic.Uint64
	listsRefused                       atomic.Uint64

	short, version, scheme, length, set, template, record, denied atomic.Uint64

	sflowFlowSamples, sflowCounterSamples, sflowDiscards atomic.Uint64
	sflowNotIP, sflowSkipped, sflowSkippedRecords        atomic.Uint64
	sflowDrops                                           atomic.Uint64
	sflowLostSamples                                     atomic.Int64 // may go down, as the next

	// These may go down: a late datagram was not lost.
	lostRecords, lostDatagrams, reordered, duplicate, restarts atomic.Int64
}

// done counts the outcome of a datagram: each once.
func (s *stats) done(err error) {
	switch err {
	case nil:
		s.decoded.Add(1)
	case ErrShort:
		s.short.Add(1)
	case ErrVersion:
		s.version.Add(1)
	case ErrScheme:
		s.scheme.Add(1)
	case ErrLength:
		s.length.Add(1)
	case ErrSet:
		s.set.Add(1)
	case ErrTemplate:
		s.template.Add(1)
	case ErrRecord:
		s.record.Add(1)
	case ErrDenied:
		s.denied.Add(1)
	}
}

// Stats gives the account over all exporters since the start.
func (d *Decoder) Stats() []flow.Stat {
	s := &d.stats
	d.mu.RLock()
	exporters := uint64(len(d.exporters))
	d.mu.RUnlock()
	return []flow.Stat{
		{Name: "netflow.datagrams", Value: s.datagrams.Load()},
		{Name: "netflow.bytes", Value: s.bytes.Load()},
		{Name: "netflow.decoded", Value: s.decoded.Load()}, // datagrams without fault
		{Name: "netflow.denied", Value: s.denied.Load()},   // datagrams, by the allow-list
		{Name: "netflow.short", Value: s.short.Load()},     // this and the next: datagrams with a fault
		{Name: "netflow.unknown_version", Value: s.version.Load()},
		{Name: "netflow.unknown_scheme", Value: s.scheme.Load()}, // aggregation of v8
		{Name: "netflow.malformed_length", Value: s.length.Load()},
		{Name: "netflow.malformed_set", Value: s.set.Load()},
		{Name: "netflow.malformed_template", Value: s.template.Load()},
		{Name: "netflow.malformed_record", Value: s.record.Load()},
		{Name: "netflow.records", Value: s.records.Load()},                // flows handed on
		{Name: "netflow.events", Value: s.events.Load()},                  // firewall and NAT events handed on
		{Name: "netflow.options_records", Value: s.options.Load()},        // data about the exporter, used and not handed on
		{Name: "netflow.options_dropped", Value: s.optionsDropped.Load()}, // names beyond what is kept of one exporter
		{Name: "netflow.templates", Value: s.templates.Load()},            // new or changed ones
		{Name: "netflow.templates_evicted", Value: s.templatesEvicted.Load()},
		{Name: "netflow.templates_expired", Value: s.templatesExpired.Load()}, // not sent again in time, found when data came
		{Name: "netflow.templates_loaded", Value: s.templatesLoaded.Load()},   // from the state file
		{Name: "netflow.state_saves", Value: s.stateSaves.Load()},
		{Name: "netflow.state_errors", Value: s.stateErrors.Load()},
		{Name: "netflow.reserved_sets", Value: s.reserved.Load()},    // sets of an id that means nothing, skipped
		{Name: "netflow.trailing", Value: s.trailing.Load()},         // datagrams with bytes behind the end that they state
		{Name: "netflow.no_template", Value: s.noTemplate.Load()},    // sets: the next three together
		{Name: "netflow.held", Value: uint64(max(s.held.Load(), 0))}, // waiting now
		{Name: "netflow.held_decoded", Value: s.heldDecoded.Load()},
		{Name: "netflow.held_dropped", Value: s.heldDrops.Load()},
		{Name: "netflow.sequence_lost", Value: uint64(max(s.lostRecords.Load(), 0))},             // records of v5 to v8; data records of IPFIX
		{Name: "netflow.sequence_lost_datagrams", Value: uint64(max(s.lostDatagrams.Load(), 0))}, // datagrams of v9, sFlow
		{Name: "netflow.sequence_reordered", Value: uint64(max(s.reordered.Load(), 0))},          // datagrams that came late
		{Name: "netflow.sequence_duplicate", Value: uint64(max(s.duplicate.Load(), 0))},          // datagrams that came again
		{Name: "netflow.restarts", Value: uint64(max(s.restarts.Load(), 0))},
		{Name: "netflow.skewed", Value: s.skewed.Load()},                             // datagrams whose export time is more than 5 minutes off
		{Name: "netflow.lists_refused", Value: s.listsRefused.Load()},                // lists of RFC 6313 kept as they came: malformed, too deep or long, or without a template
		{Name: "netflow.sflow_flow_samples", Value: s.sflowFlowSamples.Load()},       // each a record
		{Name: "netflow.sflow_counter_samples", Value: s.sflowCounterSamples.Load()}, // of interfaces, kept for the exporter's account
		{Name: "netflow.sflow_discards", Value: s.sflowDiscards.Load()},              // discarded packets, each an event
		{Name: "netflow.sflow_not_ip", Value: s.sflowNotIP.Load()},                   // records and events without addresses: not IP, or cut
		{Name: "netflow.sflow_skipped_samples", Value: s.sflowSkipped.Load()},        // of an unknown form
		{Name: "netflow.sflow_skipped_records", Value: s.sflowSkippedRecords.Load()}, // of an unknown form, within samples
		{Name: "netflow.sflow_lost_samples", Value: uint64(max(s.sflowLostSamples.Load(), 0))},
		{Name: "netflow.sflow_agent_drops", Value: s.sflowDrops.Load()}, // samples that agents say they had to drop
		{Name: "netflow.exporters", Value: exporters},
		{Name: "netflow.exporters_evicted", Value: s.exportersEvicted.Load()},
	}
}
