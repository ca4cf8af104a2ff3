package netflow

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// sample is what the head of a sample and its records tell, beyond the Record at hand.
type sample struct {
	class, index uint32 // data source; class 0 is an ifIndex
	in, out      sflowIf
	ip           bool   // the addresses are known
	frame        uint32 // bytes of the sampled frame on the wire; 0 is unknown
	ether        uint16 // its EtherType behind all tags; 0 is unknown
	natSrc       flow.Addr
	natDst       flow.Addr
}

// sflowIf is an interface as sFlow has it: 2 bits of format and 30 of value, or a word of each.
type sflowIf struct{ format, value uint32 }

// Formats of an interface, and the value that stands for the agent itself.
const (
	ifIndex    = 0
	ifDiscard  = 1 // value is why
	ifSeveral  = 2 // value is how many; which ones is not told
	ifInternal = 0x3fffffff
)

func compactIf(v uint32) sflowIf { return sflowIf{v >> 30, v & ifInternal} }

// known says whether it is one interface with an ifIndex.
func (i sflowIf) known() bool { return i.format == ifIndex && i.value != 0 && i.value != ifInternal }

// flowSample makes the record of one sampled packet:
//
//	 0         4                     8      12     16      20      24       28
//	│ number  │ class 8, index 24   │ rate │ pool │ drops │ in    │ out    │ records …
//	│ number  │ class    │ index    │ rate │ pool │ drops │ in, 2 words │ out, 2 words │ records …   expanded
//
// Counts are those of the one packet; scaled by Sampling they give the estimate. There is no time
// in sFlow but the uptime of the agent: Start and End are the receive time, without HasTimes.
func (x *work) flowSample(p []byte, expanded bool) bool {
	var s sample
	var rate, drops uint32
	switch {
	case !expanded && len(p) >= 32:
		s.class, s.index = uint32(p[4]), binary.BigEndian.Uint32(p[4:])&0xffffff
		rate, drops = binary.BigEndian.Uint32(p[8:]), binary.BigEndian.Uint32(p[16:])
		s.in, s.out = compactIf(binary.BigEndian.Uint32(p[20:])), compactIf(binary.BigEndian.Uint32(p[24:]))
	case expanded && len(p) >= 44:
		s.class, s.index = binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[8:])
		rate, drops = binary.BigEndian.Uint32(p[12:]), binary.BigEndian.Uint32(p[20:])
		s.in = sflowIf{binary.BigEndian.Uint32(p[24:]), binary.BigEndian.Uint32(p[28:])}
		s.out = sflowIf{binary.BigEndian.Uint32(p[32:]), binary.BigEndian.Uint32(p[36:])}
	default:
		return false
	}
	x.source(sourceFlows, s.class, s.index, binary.BigEndian.Uint32(p), drops)
	r := x.sampledRecord()
	if x.e.rates.override == 0 {
		r.Sampling = rate
		x.e.rates.common = sflowRate(rate)
	} else {
		r.Sampling = x.e.rates.override
	}
	head := 28
	if expanded {
		head = 40
	}
	if !x.sampleRecords(r, &s, p[head:]) {
		x.undo()
		return false
	}
	if s.out.format == ifDiscard {
		x.forwarding(s.out.value)
	}
	x.interfaces(r, &s)
	x.sampleDone(r, &s)
	if !x.hasMeta {
		r.Meta = x.sflowMeta()
		return true
	}
	x.meta.Sampler = random
	x.ownMeta(r)
	return true
}

// sflowRate is the rate of a sample; sFlow samples at random.
func sflowRate(n uint32) rate {
	if n == 0 {
		return rate{}
	}
	return rate{n: n, mode: random}
}

// discarded makes an event of a packet that the agent threw away (sflow_drops.txt):
//
//	 0         4       8       12      16   20    24       28
//	│ number  │ class │ index │ drops │ in │ out │ reason │ records …
//
// Such packets are not taken at random but all of them, as far as a limit of their rate lets
// them through: they are never scaled.
func (x *work) discarded(p []byte) bool {
	if len(p) < 32 {
		return false
	}
	s := sample{
		class: binary.BigEndian.Uint32(p[4:]), index: binary.BigEndian.Uint32(p[8:]),
		in: sflowIf{ifIndex, binary.BigEndian.Uint32(p[16:])}, out: sflowIf{ifIndex, binary.BigEndian.Uint32(p[20:])},
	}
	x.source(sourceDiscards, s.class, s.index, binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[12:]))
	r := x.sampledRecord()
	if !x.sampleRecords(r, &s, p[28:]) {
		x.undo()
		return false
	}
	reason := binary.BigEndian.Uint32(p[24:])
	r.Kind, r.Event = flow.KindEvent, flow.EventDropped
	if forbidden(reason) {
		r.Event = flow.EventDenied
	}
	x.forwarding(reason)
	x.interfaces(r, &s)
	x.sampleDone(r, &s)
	x.events++
	x.ownMeta(r)
	return true
}

// prepare puts n records, as they are before a sample is read, behind the end of the batch.
func (x *work) prepare(n int) {
	x.proto.Fwd.Packets = 1
	x.proto.Has |= flow.HasPackets
	end := len(x.b.Recs)
	x.b.Repeat(&x.proto, n)
	x.b.Recs, x.ready = x.b.Recs[:end], end+n
}

// sampledRecord appends the record of one packet.
func (x *work) sampledRecord() *flow.Record {
	if x.meta == nil {
		x.spare()
	}
	n := len(x.b.Recs)
	if n < x.ready {
		x.b.Recs = x.b.Recs[:n+1]
	} else {
		x.b.Recs = append(x.b.Recs, x.proto)
	}
	return &x.b.Recs[n]
}

// undo takes the record of a bad sample back. What was prepared has been written to.
func (x *work) undo() {
	x.b.Undo()
	x.ready = 0
	x.meta, x.hasMeta = nil, false
}

// interfaces sets the interfaces and where the agent looked: a sample is taken by its data
// source, which is the interface of entry, or one of those of exit.
func (x *work) interfaces(r *flow.Record, s *sample) {
	if s.in.known() {
		r.InIf = s.in.value
		r.Has |= flow.HasInIf
	}
	if s.out.known() {
		r.OutIf = s.out.value
		r.Has |= flow.HasOutIf
	}
	at := sflowIf{ifIndex, s.index}
	in, out := s.in == at, s.out == at || s.out.format == ifSeveral && s.in.known()
	switch {
	case s.class != 0 || s.index == 0 || s.in == s.out:
	case in:
		r.Direction = flow.Ingress
	case out:
		r.Direction = flow.Egress
	}
}

// sampleDone settles what depends on several records of a sample. A frame without IP keeps its
// type and length as the elements that IPFIX has for them.
func (x *work) sampleDone(r *flow.Record, s *sample) {
	if !s.ip {
		x.d.stats.sflowNotIP.Add(1)
		if s.ether != 0 {
			x.keep(nameOf(penIANA, ieEthernetType), binary.BigEndian.AppendUint16(x.raw[:0], s.ether))
		}
		if s.frame != 0 {
			x.keep(nameOf(penIANA, ieLayer2OctetDeltaCount), binary.BigEndian.AppendUint32(x.raw[:0], s.frame))
		}
		return
	}
	if !s.natSrc.IsZero() && s.natSrc != r.Src {
		r.NATSrc = s.natSrc
		r.Has |= flow.HasNATSrc
	}
	if !s.natDst.IsZero() && s.natDst != r.Dst {
		r.NATDst = s.natDst
		r.Has |= flow.HasNATDst
	}
}

// sflowMeta gives the Meta that the samples of a datagram share.
func (x *work) sflowMeta() uint32 {
	if x.sampled == 0 {
		x.b.Meta = append(x.b.Meta, flow.Meta{Sampler: random, Unknown: x.original()})
		x.sampled, x.meta = uint32(len(x.b.Meta)), nil
	}
	return x.sampled
}

// ownMeta gives the record the Meta that was gathered for it.
func (x *work) ownMeta(r *flow.Record) {
	for _, e := range x.original() {
		x.meta.Unknown, x.hasMeta = x.arena.append(x.meta.Unknown, e), true
	}
	if x.hasMeta {
		x.keepMeta(r)
	}
}

// original is the agent's address where it is not the exporter's.
func (x *work) original() []flow.Element {
	if x.keepNo {
		return nil
	}
	return x.e.original
}
