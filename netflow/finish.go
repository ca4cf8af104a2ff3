package netflow

import (
	"encoding/binary"
	"math"

	"github.com/flowferry/flowferry/flow"
)

// instant makes Unix ns of a count of units since 1970. Zero, and what does not fit, is zero.
func instant(v uint64, unit int64) int64 {
	if v > uint64(math.MaxInt64/unit) {
		return 0
	}
	return int64(v) * unit
}

// ntp makes Unix ns of an NTP time stamp: 32 bits of seconds since 1900 and 32 bits of fraction
// (RFC 7011 section 6.1.9), rounded as it was cut off. Seconds without the top bit are of the era from 2036 on.
func ntp(v uint64) int64 {
	const from1900to1970 = 2208988800
	if v == 0 {
		return 0
	}
	s := int64(v >> 32)
	if s < 1<<31 {
		s += 1 << 32
	}
	return (s-from1900to1970)*1e9 + int64(((v&math.MaxUint32)*1e9+1<<31)>>32)
}

// finish settles what depends on several elements of a record.
func (x *work) finish(r *flow.Record, g got) {
	x.times(r, g)
	if g&gotInfo != 0 {
		x.settle(r, g)
	}
	if r.Proto != flow.ProtoTCP && r.Proto != flow.ProtoUDP || g&gotICMP != 0 {
		portless(r, g)
	}
	if r.Proto != flow.ProtoTCP && r.Fwd.Flags|r.Rev.Flags == 0 && r.Has.Has(flow.HasProto) {
		r.Has &^= flow.HasFlags
	}
	if r.Has.Has(flow.HasRev) {
		x.biflow(r, g)
	}
	if r.Kind == flow.KindEvent {
		x.event(r)
	}
	if x.plain && !x.hasMeta && g&(gotSampler|gotRate|gotApp) == 0 {
		return
	}
	x.learned(r, g)
}

// learned enters what options have told and what stands in the record's Meta.
func (x *work) learned(r *flow.Record, g got) {
	if g&(gotSampler|gotRate) != 0 || x.byIf {
		x.e.rates.apply(r, g, x.sampler, x.rate)
	}
	c := alike{mode: x.e.rates.mode(g, x.sampler), app: x.app}
	if x.byName {
		c.names = x.namesOf(r, g)
	}
	switch {
	case x.hasMeta:
		x.meta.Sampler, x.meta.Names = c.mode, c.names
		if x.meta.AppName == "" {
			x.meta.AppName = c.app
		}
		x.keepMeta(r)
	case c != (alike{}):
		r.Meta = x.share(c)
	default:
		r.Meta = 0
	}
	x.app = ""
}

// spare makes an empty Meta for the record at hand. It is made in its place in the batch, and
// stays there if keepMeta comes before the batch gets another.
func (x *work) spare() { x.meta = x.b.SpareMeta() }

// own gives the Meta for the record at hand.
func (x *work) own() *flow.Meta {
	if x.meta == nil {
		x.spare()
	}
	return x.meta
}

// keepMeta gives the record the Meta that was made for it.
func (x *work) keepMeta(r *flow.Record) {
	if x.place != 0 {
		r.Meta = x.place
	} else {
		x.b.KeepMeta(r)
	}
	x.meta, x.hasMeta, x.place = nil, false, 0
}

// times settles Start and End: where one is missing the duration, or the other, stands in;
// where both are, it is the receive time and HasTimes stays away.
func (x *work) times(r *flow.Record, g got) {
	if g&(gotStartUp|gotEndUp) != 0 {
		x.uptimes(r, g)
	}
	switch {
	case r.Start != 0 && r.End != 0:
	case r.Start != 0:
		r.End = r.Start
		if g&gotDuration != 0 {
			r.End += x.duration
		}
	case r.End != 0:
		r.Start = r.End
		if g&gotDuration != 0 {
			r.Start -= x.duration
		}
	default:
		r.Start, r.End = r.Received, r.Received
		return
	}
	r.Has |= flow.HasTimes
}

// uptimes makes times of sysUptime values: by their signed distance from the exporter's uptime
// at export, so that the wrap after 49.7 days does no harm. IPFIX has no uptime in its header;
// there it comes from when the exporter started, or the times stay unknown and are kept as sent.
func (x *work) uptimes(r *flow.Record, g got) {
	export, uptime := x.export, x.uptime
	first, last := uint32(r.Start), uint32(r.End)
	switch {
	case g&gotBoot != 0 && x.boot != 0:
		uptime = uint32((export - x.boot) / 1e6)
		export = x.boot + (export-x.boot)/1e6*1e6
	case !x.hasUptime:
		r.Start, r.End = x.unknownUptime(r.Start, g&gotStartUp, ieFlowStartSysUpTime), x.unknownUptime(r.End, g&gotEndUp, ieFlowEndSysUpTime)
		return
	}
	if g&gotStartUp != 0 {
		r.Start = export + int64(int32(first-uptime))*1e6
	}
	if g&gotEndUp != 0 {
		r.End = export + int64(int32(last-uptime))*1e6
	}
}

// unknownUptime keeps what was given as sysUptime, in ms, and gives the time instead: none.
func (x *work) unknownUptime(t int64, given got, id uint16) int64 {
	if given == 0 {
		return t
	}
	x.keep(nameOf(penIANA, id), binary.BigEndian.AppendUint32(x.raw[:0], uint32(t)))
	return 0
}

// portless settles ports and ICMP of a record that is neither TCP nor UDP. Without an element
// of its own, ICMP type and code stand in the destination port (a habit from NetFlow v5).
func portless(r *flow.Record, g got) {
	switch icmp := r.Proto == flow.ProtoICMP || r.Proto == flow.ProtoICMPv6; {
	case icmp && g&gotICMP == 0 && r.Has.Has(flow.HasPorts):
		r.ICMPType, r.ICMPCode = uint8(r.DstPort>>8), uint8(r.DstPort)
		r.SrcPort, r.DstPort = 0, 0
		r.Has |= flow.HasICMP
	case icmp && g&gotICMP != 0:
		r.Has |= flow.HasICMP
		if r.DstPort == uint16(r.ICMPType)<<8|uint16(r.ICMPCode) {
			r.DstPort = 0
		}
	case g&gotICMP != 0:
		r.ICMPType, r.ICMPCode = 0, 0
	}
	if r.SrcPort|r.DstPort == 0 && r.Has.Has(flow.HasProto) && !hasPorts(r.Proto) {
		r.Has &^= flow.HasPorts
	}
}

// hasPorts says whether a protocol has ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
func hasPorts(proto uint8) bool {
	return proto == flow.ProtoTCP || proto == flow.ProtoUDP || proto == 33 || proto == flow.ProtoSCTP || proto == 136
}

// biflow settles who began a flow that was sent with both directions.
func (x *work) biflow(r *flow.Record, g got) {
	if g&gotArbitrary != 0 {
		return
	}
	r.InitiatorBy = flow.ByRFC5103
	if g&gotReversed != 0 {
		r.Reverse()
	}
}

// application names the record's application by what options said of its id; an id without a
// name is kept as it came.
func (x *work) application(id uint64, raw []byte) {
	if x.app = x.e.facts.apps[id].either(); x.app == "" {
		x.keep(nameOf(penIANA, ieApplicationID), raw)
	}
}

// vrf gives the VRF of an element if it has a name; if not, the element is kept as it came.
func (x *work) vrf(element uint16, v uint64, raw []byte) uint32 {
	if id := uint32(min(v, math.MaxUint32)); x.e.facts.vrfs[id].name != "" {
		return id
	}
	x.keep(nameOf(penIANA, element), raw)
	return 0
}

// keep puts an element without a field of its own aside.
func (x *work) keep(e flow.Element, raw []byte) {
	if x.keepNo || !x.keepAll && zero(raw) {
		return
	}
	e.Value = x.arena.bytes(raw)
	m := x.own()
	m.Unknown, x.hasMeta = x.arena.append(m.Unknown, e), true
}

// arena gives out small pieces of larger ones, so that records with unknown elements cost a
// fraction of an allocation each. What was given out is never touched again.
type arena struct {
	raw   []byte
	elems []flow.Element
}

func (a *arena) bytes(raw []byte) []byte {
	if len(a.raw)+len(raw) > cap(a.raw) {
		a.raw = make([]byte, 0, max(4096, len(raw)))
	}
	n := len(a.raw)
	a.raw = append(a.raw, raw...)
	return a.raw[n:len(a.raw):len(a.raw)]
}

// append adds e to the list that was given out last, or begins one.
func (a *arena) append(list []flow.Element, e flow.Element) []flow.Element {
	if len(a.elems) == cap(a.elems) {
		a.elems = make([]flow.Element, 0, max(64, 2*len(list)+2))
		a.elems = append(a.elems, list...)
	}
	a.elems = append(a.elems, e)
	n := len(a.elems)
	return a.elems[n-len(list)-1 : n : n]
}
