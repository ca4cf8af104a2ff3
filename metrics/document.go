package metrics

import (
	"math"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
)

// What a document tells: its event.action.
const (
	Report     = "exporter_report"    // what came from an exporter, and what was lost
	Interface  = "interface_counters" // what an interface of an sFlow agent has counted
	Learned    = "options_learned"    // one thing that options have told
	Duplicates = "duplicate_reports"  // what an exporter reported that was counted from another
)

// Document is a document before it is JSON. Times are Unix ns, 0 is none.
type Document struct {
	parts part

	Time, Start, End, Duration int64
	Kind, Action               string
	Origin                     string // 16 hex digits
	Sequence                   int64
	Tags                       []string

	Exporter    flow.Addr
	Via         string
	Domain      int64
	Transport   string
	Agent       flow.Addr
	Port        int64
	Connections int64

	First, Last, Boot           int64
	Interval, Total             Counts
	LostUnit                    string
	Templates, Waiting, Held    int64
	Names, Samplers, SampledIfs int64
	Rate                        int64  // one packet in Rate; 0 is unknown
	Mode                        string // of sampling
	Skew                        int64  // ms

	IfID, IfName, IfAlias, IfDuplex string
	IfType, IfSpeed                 int64
	IfAdmin, IfOper                 string
	IfInterval, IfTotal             Traffic
	Ethernet                        Ethernet

	VRFID, VRFName          string
	AppID, AppName, AppDesc string
	Sampler                 string

	Kept                  flow.Addr
	RepeatsOf             string
	Repeats, RepeatsTotal Repeats
}

// Counts is what is counted of an exporter.
type Counts struct {
	Datagrams, Faulty, Records, Events, Options, NoTemplate    int64
	TemplateChanges, Withdrawals                               int64
	Lost, Reordered, Duplicates, Restarts, Skewed              int64
	FlowSamples, CounterSamples, LostSamples, AgentSampleDrops int64
}

// counts gives the numbers of an account.
func counts(s *netflow.ExporterStats) Counts {
	return Counts{
		Datagrams: long(s.Datagrams), Faulty: long(s.Faulty), Records: long(s.Records), Events: long(s.Events), Options: long(s.Options),
		NoTemplate: long(s.NoTemplate), TemplateChanges: long(s.TemplateChanges), Withdrawals: long(s.Withdrawals),
		Lost: s.Lost, Reordered: s.Reordered, Duplicates: s.Duplicate, Restarts: s.Restarts, Skewed: long(s.Skewed),
		FlowSamples: long(s.FlowSamples), CounterSamples: long(s.CounterSamples), LostSamples: s.LostSamples, AgentSampleDrops: long(s.SampleDrops),
	}
}

// each calls fn with each number of c and the same of o.
func (c *Counts) each(o *Counts, fn func(c, o *int64)) {
	for i := range counted {
		fn(counted[i].at(c), counted[i].at(o))
	}
}

func (c *Counts) add(o *Counts) { c.each(o, func(c, o *int64) { *c += *o }) }
func (c *Counts) sub(o *Counts) { c.each(o, func(c, o *int64) { *c -= *o }) }

// Traffic is what an interface has counted, in and out.
type Traffic struct{ In, Out Way }

// Way is one direction. A number that the agent does not have is unknown.
type Way struct {
	Octets                        int64
	Packets                       int64 // the sum of the next three
	Unicast, Multicast, Broadcast int64
	Discards, Errors              int64
	UnknownProtos                 int64 // of In only
}

// Ethernet is what an interface of Ethernet has counted; see netflow.EthernetErrors.
type Ethernet struct {
	Alignment, FCS, SingleCollision, MultipleCollision, SQETest, Deferred, LateCollision int64
	ExcessiveCollision, InternalTransmit, CarrierSense, TooLong, InternalReceive, Symbol int64
}

// long is the most that an index holds where v is more.
func long(v uint64) int64 { return int64(min(v, math.MaxInt64)) }
