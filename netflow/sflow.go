package netflow

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// versionSFlow stands for sFlow among the versions: the first two bytes of its version word,
// which is of four bytes, so that NetFlow v5 begins 00 05 and sFlow v5 begins 00 00 00 05.
const versionSFlow = 0

// Forms of samples of enterprise 0 (sflow_version_5.txt; sflow_drops.txt has the last). A form is
// 20 bits of enterprise and 12 of number.
const (
	sampleFlow             = 1
	sampleCounter          = 2
	sampleFlowExpanded     = 3
	sampleCounterExpanded  = 4
	sampleDiscarded        = 5
	sflowShortest          = 28 // bytes of a header with an IPv4 agent
	sampleShortest         = 40 // bytes of a flow sample without records
	sflowAddr4, sflowAddr6 = 1, 2
)

// sflow decodes an sFlow v5 datagram (sflow_version_5.txt, section 5):
//
//	 0           4              8         12 or 24    +4         +8           +12       +16
//	│ 0 0 0 5   │ address type │ agent   │ sub-agent │ sequence │ uptime, ms │ samples │ form, length, sample …
//
// All numbers are big-endian, all lengths those of XDR (RFC 4506): what is shorter than a multiple
// of 4 bytes is padded to one. A sample that contradicts itself gives no record; those beside it do.
func (d *Decoder) sflow(src *source, p []byte, b *flow.Batch) error {
	if len(p) < 8 {
		return ErrShort
	}
	if binary.BigEndian.Uint32(p) != 5 {
		return ErrVersion
	}
	var agent flow.Addr
	rest, ok := xdrAddr(&agent, p[4:])
	if !ok || len(rest) < 16 {
		return ErrShort
	}
	e := d.agent(src, &agent, binary.BigEndian.Uint32(rest))
	defer d.release(e)
	x := e.work
	x.begin(message{received: src.received, export: src.received}, b)
	x.proto.Start, x.proto.End = src.received, src.received
	x.follow = d.sflowSequence(e, binary.BigEndian.Uint32(rest[4:]), binary.BigEndian.Uint32(rest[8:]))
	first, events := len(b.Recs), x.events
	x.rate = e.rates.common.n
	err := x.samples(rest[16:], binary.BigEndian.Uint32(rest[12:]))
	n := len(b.Recs) - first
	ord := d.ordinals(n)
	for i := range n {
		b.Recs[first+i].Ord = ord + uint64(i)
	}
	discards := x.events - events
	x.counted(n, discards)
	if x.rate != e.rates.common.n {
		e.rates.common = sflowRate(x.rate)
	}
	if discards > 0 {
		d.stats.sflowDiscards.Add(discards)
	}
	d.stats.sflowFlowSamples.Add(uint64(n) - discards)
	e.count.FlowSamples += uint64(n) - discards
	return e.done(err)
}

// agent finds or makes the state of an sFlow agent. The exporter is who sent the datagram; an
// agent of another address, as behind a relay, has a state of its own. Where the sender is not
// known the agent stands for it.
func (d *Decoder) agent(src *source, agent *flow.Addr, sub uint32) *exporter {
	if src.addr.IsZero() {
		src.addr = *agent
	}
	var key exporterKey
	key.addr, key.domain, key.version = src.addr, sub, versionSFlow
	if *agent != src.addr {
		key.agent = *agent
	}
	return d.exporterOf(&key, src)
}

// originalExporter is the element that tells of an agent whose address is not the sender's:
// originalExporterIPv4Address (403) or …IPv6Address (404), the address before a mediator.
func originalExporter(agent flow.Addr) []flow.Element {
	if agent.IsZero() {
		return nil
	}
	e := nameOf(penIANA, ieOriginalExporterIPv6Address)
	if agent.Is4() {
		e = nameOf(penIANA, ieOriginalExporterIPv4Address)
	}
	e.Value = agent.Wire()
	return []flow.Element{e}
}

// sflowSequence judges the number of a datagram. It says whether the samples' own numbers mean
// anything: those of a datagram that came twice have been seen.
func (d *Decoder) sflowSequence(e *exporter, n, uptime uint32) (follow bool) {
	v := d.sequence(e, n, counts{1, 1}, uptime)
	if v == restarted {
		e.sources.restart()
	}
	return v != again
}

// samples walks the samples of a datagram.
func (x *work) samples(p []byte, count uint32) (err error) {
	x.prepare(min(int(count), len(p)/sampleShortest))
	for ; count > 0; count-- {
		form, body, rest, ok := xdrData(p)
		if !ok {
			if len(p) == 0 {
				return ErrLength
			}
			return ErrSet
		}
		ok = true
		switch form {
		case sampleFlow, sampleFlowExpanded:
			ok = x.flowSample(body, form == sampleFlowExpanded)
		case sampleCounter, sampleCounterExpanded:
			ok = x.counterSample(body, form == sampleCounterExpanded)
		case sampleDiscarded:
			ok = x.discarded(body)
		default:
			x.d.stats.sflowSkipped.Add(1)
		}
		if !ok {
			err = ErrRecord
		}
		p = rest
	}
	if !zero(p) {
		x.d.stats.trailing.Add(1)
	}
	return err
}

// xdrData takes a form, a length and so many bytes off p: the shape of samples and of the
// records in them.
func xdrData(p []byte) (form uint32, body, rest []byte, ok bool) {
	if len(p) < 8 {
		return 0, nil, nil, false
	}
	n := uint64(binary.BigEndian.Uint32(p[4:])) + 8
	if n > uint64(len(p)) {
		return 0, nil, nil, false
	}
	return binary.BigEndian.Uint32(p), p[8:n], p[min((n+3)&^3, uint64(len(p))):], true
}

// xdrOpaque takes a length and so many bytes off p, and the padding behind them as far as it is
// there (RFC 4506 section 4.10).
func xdrOpaque(p []byte) (body, rest []byte, ok bool) {
	if len(p) < 4 {
		return nil, nil, false
	}
	n := uint64(binary.BigEndian.Uint32(p))
	if p = p[4:]; n > uint64(len(p)) {
		return nil, nil, false
	}
	return p[:n], p[min((n+3)&^3, uint64(len(p))):], true
}

// xdrAddr takes an address, which is written to a, off p: its type, then nothing, 4 or 16 bytes.
func xdrAddr(a *flow.Addr, p []byte) (rest []byte, ok bool) {
	if len(p) < 4 {
		return nil, false
	}
	kind, p := binary.BigEndian.Uint32(p), p[4:]
	switch {
	case kind == 0:
		*a = flow.Addr{}
		return p, true
	case kind == sflowAddr4 && len(p) >= 4:
		a.Set4(binary.BigEndian.Uint32(p))
		return p[4:], true
	case kind == sflowAddr6 && len(p) >= 16:
		*a = flow.Addr(p)
		return p[16:], true
	}
	return nil, false
}

// isSFlow says whether p is a whole sFlow v5 datagram: samples of known length up to its end.
func isSFlow(p []byte) bool {
	if len(p) < sflowShortest || binary.BigEndian.Uint32(p) != 5 {
		return false
	}
	var agent flow.Addr
	rest, ok := xdrAddr(&agent, p[4:])
	if !ok || agent.IsZero() || len(rest) < 16 {
		return false
	}
	count := binary.BigEndian.Uint32(rest[12:])
	for rest = rest[16:]; count > 0; count-- {
		if _, _, rest, ok = xdrData(rest); !ok {
			return false
		}
	}
	return len(rest) == 0
}
