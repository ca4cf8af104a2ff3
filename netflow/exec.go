package netflow

import (
	"encoding/binary"
	"math"

	"github.com/flowferry/flowferry/flow"
)

// records decodes the records of a set, which ends with buf, from pos on. At least lead bytes stand
// before pos.
func (p *plan) records(x *work, buf []byte, pos int) error {
	x.at.grow(len(p.vars) + 1)
	like := x.proto
	like.Has |= p.has
	if p.srcIs4 {
		like.Src.Set4(0)
	}
	if p.dstIs4 {
		like.Dst.Set4(0)
	}
	for {
		n, next, ok := p.locate(x.at, buf, pos)
		p.exec(x, x.b.Repeat(&like, n), buf)
		switch pos = next; {
		case !ok:
			return ErrRecord
		case n < chunk:
			return nil
		}
	}
}

// chunk is how many records are decoded side by side: as many as stay in the nearest cache.
const chunk = 32

// places says where in a set each part of each record of a chunk begins: the first at the record's
// start, each next behind an element of variable length.
type places [][]int

func (at *places) grow(parts int) {
	for len(*at) < parts {
		*at = append(*at, make([]int, chunk))
	}
}

// locate finds the next records, at most chunk, and where the one after them begins. ok is false
// if that one runs beyond the set.
func (p *plan) locate(at places, buf []byte, pos int) (n, next int, ok bool) {
	for n < chunk && len(buf)-pos >= p.min && !padding(p, buf[pos:]) {
		at[0][n] = pos
		base := pos
		for i := range p.vars {
			if base, ok = p.vars[i].skip(buf, base); !ok {
				return n, pos, false
			}
			at[i+1][n] = base
		}
		pos = base + p.tail
		n++
	}
	return n, pos, true
}

// skip gives where the part behind an element of variable length begins.
func (v *varlen) skip(buf []byte, base int) (next int, ok bool) {
	at := base + v.end
	n := int(buf[at-1])
	if n == 255 { // RFC 7011 section 7: 255 and two bytes of length
		if at += 2; at > len(buf) {
			return 0, false
		}
		n = int(binary.BigEndian.Uint16(buf[at-2:]))
	}
	next = at + n
	return next, next+v.tail <= len(buf)
}

// exec does p's steps on records whose parts begin where x.at says.
func (p *plan) exec(x *work, recs []flow.Record, buf []byte) {
	x.columns(p.cols, recs, buf, x.at)
	metas := p.lookUp(x, len(recs), buf)
	ord := x.d.ordinals(len(recs))
	for i := range recs {
		r, g := &recs[i], p.got
		r.Ord = ord + uint64(i)
		switch {
		case len(p.texts) > 0:
			g |= x.told(metas + i)
		case x.meta == nil:
			x.spare()
		}
		if len(p.rows) > 0 {
			x.one = recs[i : i+1]
			g |= p.row(x, r, i, buf)
		}
		x.finish(r, g)
	}
	if len(p.texts) > 0 {
		x.meta, x.place = nil, 0
	}
}

// row does what is to be done record by record, on the record r, number i of the chunk.
func (p *plan) row(x *work, r *flow.Record, i int, buf []byte) (g got) {
	for j := range p.rows {
		s := &p.rows[j]
		end := x.at[s.part][i] + int(s.end)
		if s.op == opVar {
			if value := buf[s.from(x.at, i, buf):x.at[s.part+1][i]]; len(value) > 0 {
				g |= p.value(x, r, s, value)
			}
			continue
		}
		g |= p.rare(x, r, s.op, s, number8(buf, end, s.sh), buf[end-int(s.n):end])
	}
	return g
}

// from says where the value of variable length in record i of the chunk begins.
func (s *step) from(at places, i int, buf []byte) int {
	from := at[s.part][i] + int(s.end)
	if buf[from-1] == 255 {
		from += 2
	}
	return from
}

// alone is the place of a value that stands alone, behind lead bytes of nothing.
var alone = places{{lead}}

// value does the step of an element of variable length.
func (p *plan) value(x *work, r *flow.Record, s *step, value []byte) got {
	switch size := sizes[s.then]; {
	case size == sizeAny:
		return p.rare(x, r, s.then, s, 0, value)
	case !size.fits(len(value)):
		return 0
	}
	one := [1]step{{op: s.then, n: uint16(len(value)), end: uint16(len(value)), sh: uint8(64 - 8*min(len(value), 8))}}
	if !s.then.columnar() {
		return tells[s.then] | p.rare(x, r, s.then, s, number(value), value)
	}
	var buf [lead + 16]byte
	x.columns(one[:], x.one, buf[:lead+copy(buf[lead:], value)], alone)
	return tells[s.then]
}

// rare does what few templates ask for. raw is the value as it came, v the same as a number.
func (p *plan) rare(x *work, r *flow.Record, op op, s *step, v uint64, raw []byte) (g got) {
	switch op {
	case opKeep:
		x.keep(p.keeps[s.keep], raw)
	case opRevBytes:
		r.Rev.Bytes = v
	case opRevPackets:
		r.Rev.Packets = v
	case opRevToS:
		r.Rev.ToS = uint8(v)
	case opRevFlags, opRevUnionFlags:
		r.Rev.Flags |= uint8(v)
	case opRevInitFlags:
		r.Rev.InitFlags = uint8(v)
		r.Rev.Flags |= uint8(v)
	case opRevTTL:
		r.Rev.TTL = uint8(v)
	case opDSCP:
		r.Fwd.ToS = uint8(v) << 2
	case opTTL:
		r.Fwd.TTL = uint8(v)
	case opUnionFlags:
		r.Fwd.Flags |= uint8(v)
	case opInitFlags:
		r.Fwd.InitFlags = uint8(v)
		r.Fwd.Flags |= uint8(v)
	case opSrcPortIf:
		r.SrcPort = max(r.SrcPort, uint16(v))
	case opDstPortIf:
		r.DstPort = max(r.DstPort, uint16(v))
	case opMPLS: // 20 bits of label, 3 of class, 1 of stack end (RFC 3032 section 2.1)
		r.MPLS = uint32(v >> 4)
		r.Has |= bit(v, flow.HasMPLS)
	case opICMPType:
		r.ICMPType = max(r.ICMPType, uint8(v))
	case opICMPCode:
		r.ICMPCode = max(r.ICMPCode, uint8(v))
	case opNATSrc4, opNATSrc6:
		if a, ok := flow.AddrBytes(raw); ok && !zero(raw) {
			r.NATSrc = a
			r.Has |= flow.HasNATSrc
		}
	case opNATDst4, opNATDst6:
		if a, ok := flow.AddrBytes(raw); ok && !zero(raw) {
			r.NATDst = a
			r.Has |= flow.HasNATDst
		}
	case opNATSrcPort:
		r.NATSrcPort = uint16(v)
		r.Has |= bit(v, flow.HasNATPorts)
	case opNATDstPort:
		r.NATDstPort = uint16(v)
		r.Has |= bit(v, flow.HasNATPorts)
	case opFirewallEvent:
		if v <= uint64(flow.EventUpdated) {
			p.event(x, r, flow.Event(v))
		}
	case opNATEvent:
		if r.Event == flow.EventNone {
			p.event(x, r, natEvent(v))
		}
	case opBiflow:
		g = biflow(v)
	case opBoot:
		x.boot = instant(v, 1e6)
		g = gotBoot
	case opDurationMs:
		x.duration = instant(v, 1e6)
		g = gotDuration
	case opDurationUs:
		x.duration = instant(v, 1e3)
		g = gotDuration
	case opSampler:
		x.sampler = v
		g = gotSampler
	case opRate:
		if v != 0 {
			x.rate = uint32(min(v, math.MaxUint32))
			g = gotRate
		}
	case opInVRF:
		x.inVRF = x.vrf(ieIngressVRFID, v, raw)
		g = gotInVRF
	case opOutVRF:
		x.outVRF = x.vrf(ieEgressVRFID, v, raw)
		g = gotOutVRF
	case opApp:
		x.application(v, raw)
		g = gotApp
	case opAppName:
		if x.meta.AppName == "" {
			x.meta.AppName = x.names.get(raw)
			x.hasMeta = x.hasMeta || x.meta.AppName != ""
			return 0
		}
		return x.info(r, op, p.keeps[s.keep], v, raw)
	case opUser:
		if x.meta.User == "" {
			x.meta.User = x.names.get(raw)
			x.hasMeta = x.hasMeta || x.meta.User != ""
			return 0
		}
		return x.info(r, op, p.keeps[s.keep], v, raw)
	case opHTTPHost:
		if !x.httpHost(raw) {
			x.keep(p.keeps[s.keep], raw)
		}
		return gotInfo
	case opFlows: // templates also send a 1, or 0, of a plain flow
		if v > 1 || r.Has.Has(flow.HasFlows) {
			r.Flows = v
			r.Has |= flow.HasFlows
		}
	default:
		return x.info(r, op, p.keeps[s.keep], v, raw)
	}
	return g
}

// event makes the record an event. A record with delta counts is a flow that also tells what
// happened to it, as firewalls of Palo Alto and Barracuda send them: only a denial is an event.
func (p *plan) event(x *work, r *flow.Record, ev flow.Event) {
	r.Event = ev
	if ev == flow.EventDenied || ev != flow.EventNone && !p.delta {
		if r.Kind != flow.KindEvent {
			x.events++
		}
		r.Kind = flow.KindEvent
	}
}

// bit is set where a value is given, and zero stands for "none" by the element's meaning.
func bit(v uint64, set flow.Set) flow.Set {
	if v == 0 {
		return 0
	}
	return set
}

// set4 and set6 fill an address. Templates with both families leave one of them zero.
func set4(a *flow.Addr, v uint64) {
	if v != 0 || a.IsZero() {
		a.Set4(uint32(v))
	}
}

func set6(a *flow.Addr, b []byte) bool {
	if zero(b) {
		return false
	}
	*a = flow.Addr(b)
	return true
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func direction(v uint64) flow.Direction {
	switch v {
	case 0:
		return flow.Ingress
	case 1:
		return flow.Egress
	}
	return flow.DirectionUnknown
}

// biflow reads biflowDirection (RFC 5103 section 6.3): 0 arbitrary, 1 initiator, 2 reverse
// initiator, 3 perimeter.
func biflow(v uint64) got {
	switch v {
	case 1:
		return 0
	case 2:
		return gotReversed
	}
	return gotArbitrary
}

// text cuts the padding off a string.
func text(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}
