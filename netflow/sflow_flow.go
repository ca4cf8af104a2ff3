package netflow

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// sample is what the records of a sample tell, beyond the Record at hand.
type sample struct {
	ip     bool   // the addresses are known
	ether  uint16 // EtherType of the sampled frame behind all tags; 0 is unknown
	frame  uint32 // its bytes on the wire; 0 is unknown
	natSrc flow.Addr
	natDst flow.Addr
}

// path is where a sample was taken, and the way of its packet.
type path struct {
	class, index uint32 // data source; class 0 is an ifIndex
	in, out      sflowIf
}

// sflowIf is an interface as sFlow has it: a word of format and one of value, or 2 bits and 30.
type sflowIf uint64

// Formats of an interface, and the value that stands for the agent itself.
const (
	ifIndex    = 0
	ifDiscard  = 1 // value is why
	ifSeveral  = 2 // value is how many; which ones is not told
	ifInternal = 0x3fffffff
)

func compactIf(v uint32) sflowIf { return sflowIf(v>>30)<<32 | sflowIf(v&ifInternal) }

func (i sflowIf) format() uint32 { return uint32(i >> 32) }

// known says whether it is one interface with an ifIndex.
func (i sflowIf) known() bool { return i.format() == ifIndex && i != 0 && i != ifInternal }

// flowSample makes the record of one sampled packet:
//
//	 0         4                     8      12     16      20      24       28
//	│ number  │ class 8, index 24   │ rate │ pool │ drops │ in    │ out    │ records …
//	│ number  │ class    │ index    │ rate │ pool │ drops │ in, 2 words │ out, 2 words │ records …   expanded
//
// Counts are those of the one packet; scaled by Sampling they give the estimate. There is no time
// in sFlow but the uptime of the agent: Start and End are the receive time, without HasTimes.
func (x *work) flowSample(p []byte, expanded bool) bool {
	var at path
	var rate, drops uint32
	head := 28
	switch {
	case !expanded && len(p) >= 32:
		at.class, at.index = uint32(p[4]), binary.BigEndian.Uint32(p[4:])&0xffffff
		rate, drops = binary.BigEndian.Uint32(p[8:]), binary.BigEndian.Uint32(p[16:])
		at.in, at.out = compactIf(binary.BigEndian.Uint32(p[20:])), compactIf(binary.BigEndian.Uint32(p[24:]))
	case expanded && len(p) >= 44:
		at.class, at.index = binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[8:])
		rate, drops = binary.BigEndian.Uint32(p[12:]), binary.BigEndian.Uint32(p[20:])
		at.in, at.out = sflowIf(binary.BigEndian.Uint64(p[24:])), sflowIf(binary.BigEndian.Uint64(p[32:]))
		head = 40
	default:
		return false
	}
	x.source(sourceFlows, at.class, at.index, binary.BigEndian.Uint32(p), drops)
	r := x.sampledRecord()
	if o := x.e.rates.override; o != 0 {
		r.Sampling = o
	} else {
		r.Sampling, x.rate = rate, rate
	}
	at.enter(r)
	if (x.general || !plainRecords(r, p[head:])) && !x.sampleRecords(r, p[head:]) {
		x.undo()
		return false
	}
	if at.out.format() == ifDiscard {
		x.forwarding(uint32(at.out))
	}
	if x.hasMeta {
		x.meta.Sampler = random
		x.ownMeta(r)
		return true
	}
	if x.sampled == 0 {
		x.shareMeta(r)
	}
	r.Meta = x.sampled
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
	at := path{
		class: binary.BigEndian.Uint32(p[4:]), index: binary.BigEndian.Uint32(p[8:]),
		in: sflowIf(binary.BigEndian.Uint32(p[16:])), out: sflowIf(binary.BigEndian.Uint32(p[20:])),
	}
	x.source(sourceDiscards, at.class, at.index, binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[12:]))
	r := x.sampledRecord()
	at.enter(r)
	if !x.sampleRecords(r, p[28:]) {
		x.undo()
		return false
	}
	reason := binary.BigEndian.Uint32(p[24:])
	r.Kind, r.Event = flow.KindEvent, flow.EventDropped
	if forbidden(reason) {
		r.Event = flow.EventDenied
	}
	x.forwarding(reason)
	x.events++
	x.ownMeta(r)
	return true
}

// prepare puts n records, as they are before a sample is read, behind the end of the batch: at least
// as many as will be appended.
func (x *work) prepare(n int) {
	x.proto.Fwd.Packets = 1
	x.proto.Has |= flow.HasPackets
	end := len(x.b.Recs)
	x.b.Repeat(&x.proto, n)
	x.b.Recs = x.b.Recs[:end]
}

// sampledRecord appends the record of one packet, which stands prepared.
func (x *work) sampledRecord() *flow.Record {
	n := len(x.b.Recs)
	x.b.Recs = x.b.Recs[:n+1]
	return &x.b.Recs[n]
}

// undo takes the record of a bad sample back, and prepares it for the next one.
func (x *work) undo() {
	x.b.Recs[len(x.b.Recs)-1] = x.proto
	x.b.Undo()
	x.meta, x.hasMeta = nil, false
}

// enter sets the interfaces and where the agent looked: a sample is taken by its data source,
// which is the interface of entry, or one of those of exit.
func (at path) enter(r *flow.Record) {
	has, way := r.Has, 0 // an int is chosen without a branch: which way the next packet goes cannot be foreseen
	if at.in.known() {
		r.InIf = uint32(at.in)
		has |= flow.HasInIf
	}
	if at.out.known() {
		r.OutIf = uint32(at.out)
		has |= flow.HasOutIf
	}
	r.Has = has
	source := sflowIf(at.index)
	if at.out.format() == ifSeveral && at.in.known() || at.out == source {
		way = int(flow.Egress)
	}
	if at.in == source {
		way = int(flow.Ingress)
	}
	if at.class == 0 && at.index != 0 && at.in != at.out {
		r.Direction = flow.Direction(way)
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

// shareMeta makes the Meta that the samples of a datagram share.
func (x *work) shareMeta(r *flow.Record) {
	m := x.own()
	m.Sampler, m.Unknown = random, x.original()
	x.keepMeta(r)
	x.sampled = r.Meta
}

// ownMeta gives the record the Meta that was gathered for it.
func (x *work) ownMeta(r *flow.Record) {
	for _, e := range x.original() {
		m := x.own()
		m.Unknown, x.hasMeta = x.arena.append(m.Unknown, e), true
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
