package netflow

import (
	"encoding/binary"
	"math"
	"sync"

	"github.com/flowferry/flowferry/flow"
)

// got says what one record named, beyond the record's own Has.
type got uint16

const (
	gotStart got = 1 << iota // Start is set
	gotEnd
	gotStartUp // work.first is set
	gotEndUp
	gotBoot // work.boot is set by this record
	gotDuration
	gotICMP
	gotSampler
	gotRate
	gotArbitrary // biflowDirection: which side is the source means nothing
	gotReversed  // biflowDirection: the source is the responder
	gotInVRF
	gotOutVRF
	gotApp
	gotInfo // what is of the Meta is to be settled
)

// work is the state of decoding one message. It is used again for the next, of whatever exporter,
// so that nothing of it is allocated per record, and an exporter that is silent holds none of it.
type work struct {
	d     *Decoder
	e     *exporter
	b     *flow.Batch
	proto flow.Record // what all records of the message have in common

	export    int64  // export time, Unix ns
	uptime    uint32 // sysUptime at export, ms. Valid iff hasUptime
	hasUptime bool
	byIf      bool // there are rates by interface

	first, last uint32 // sysUptime of first and last packet, ms
	boot        int64  // when the exporter started, Unix ns
	duration    int64  // ns
	sampler     uint64
	rate        uint32
	inVRF       uint32 // that has a name; 0 is none
	outVRF      uint32

	meta    flow.Meta // of the record at hand. Valid iff hasMeta
	hasMeta bool
	counts  counts  // what the message holds
	events  uint64  // of all records so far
	shared  shared  // Meta that records of the message share
	app     string  // what options call the application of the record at hand
	byName  bool    // options have named interfaces or VRFs
	plain   bool    // proto has all that options have told
	raw     [8]byte // room for a value
	sampled uint32  // sFlow: Meta that the samples of the datagram share; 0 is none yet
	ready   int     // sFlow: so far records stand prepared in the batch
	follow  bool    // sFlow: samples have numbers not seen before
	keepAll bool
	keepNo  bool
	names   names
	arena   arena
	hint    hint
	walk    walk
	https   slab[flow.HTTP]
	hosts   map[string]*flow.HTTP // of which nothing but the host is known
	lent    bool                  // the record's HTTP is one of hosts, which others share
	dnses   slab[flow.DNS]
	tlses   slab[flow.TLS]
}

// works are those that are free, at most maxWorks: what they hold of names and pieces of memory is
// bounded, and as many are seldom at work at once.
type works struct {
	mu   sync.Mutex
	free []*work
}

const maxWorks = 8

func (w *works) take(d *Decoder) *work {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.free); n > 0 {
		x := w.free[n-1]
		w.free = w.free[:n-1]
		return x
	}
	return &work{d: d, keepAll: d.cfg.Unknown == "all", keepNo: d.cfg.Unknown == "none"}
}

func (w *works) give(x *work) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.free) < maxWorks {
		w.free = append(w.free, x)
	}
}

// run decodes the record of p that begins at pos of buf, which ends where the set does. There
// must be at least p.first bytes behind pos and 8 before it. It gives where the next begins.
func (p *plan) run(x *work, buf []byte, pos int) (next int, ok bool) {
	b := x.b
	b.Recs = append(b.Recs, x.proto)
	r := &b.Recs[len(b.Recs)-1]
	r.Has |= p.has
	base, got, ok := p.exec(x, r, p.steps, buf, pos)
	if !ok {
		if r.Kind == flow.KindEvent {
			x.events--
		}
		b.Undo()
		x.hasMeta, x.meta, x.app, x.hint = false, flow.Meta{}, "", hint{}
		return 0, false
	}
	x.finish(r, got)
	return base + p.tail, true
}

// exec does the steps on one record. A number is loaded as the 8 bytes that end with it, and
// the bytes before it are shifted out: one way for all lengths from 1 to 8.
func (p *plan) exec(x *work, r *flow.Record, steps []step, buf []byte, base int) (int, got, bool) {
	var g got
	has := r.Has
	for i := range steps {
		s := &steps[i]
		end := base + int(s.end)
		v := binary.BigEndian.Uint64(buf[end-8:end]) << (s.sh & 63) >> (s.sh & 63)
		switch s.op {
		case opBytes:
			r.Fwd.Bytes = v
		case opPackets:
			r.Fwd.Packets = v
		case opProto:
			r.Proto = uint8(v)
		case opToS:
			r.Fwd.ToS = uint8(v)
		case opFlags:
			r.Fwd.Flags |= uint8(v)
		case opSrcPort:
			r.SrcPort = uint16(v)
		case opDstPort:
			r.DstPort = uint16(v)
		case opSrc4:
			set4(&r.Src, v)
		case opDst4:
			set4(&r.Dst, v)
		case opSrcMask:
			r.SrcMask = max(r.SrcMask, uint8(v))
		case opDstMask:
			r.DstMask = max(r.DstMask, uint8(v))
		case opInIf:
			r.InIf = uint32(v)
		case opOutIf:
			r.OutIf = uint32(v)
		case opNextHop4:
			if v != 0 {
				r.NextHop.Set4(uint32(v))
				has |= flow.HasNextHop
			}
		case opSrcAS:
			r.SrcAS = uint32(v)
			has |= bit(v, flow.HasSrcAS)
		case opDstAS:
			r.DstAS = uint32(v)
			has |= bit(v, flow.HasDstAS)
		case opStartUp:
			x.first = uint32(v)
			g |= gotStartUp
		case opEndUp:
			x.last = uint32(v)
			g |= gotEndUp
		case opStartMs:
			r.Start = instant(v, 1e6)
			g |= gotStart
		case opEndMs:
			r.End = instant(v, 1e6)
			g |= gotEnd
		case opStartS:
			r.Start = instant(v, 1e9)
			g |= gotStart
		case opEndS:
			r.End = instant(v, 1e9)
			g |= gotEnd
		case opStartNTP:
			r.Start = ntp(v)
			g |= gotStart
		case opEndNTP:
			r.End = ntp(v)
			g |= gotEnd
		case opStartBefore:
			r.Start = x.export - int64(uint32(v))*1e3
			g |= gotStart
		case opEndBefore:
			r.End = x.export - int64(uint32(v))*1e3
			g |= gotEnd
		case opDirection:
			r.Direction = direction(v)
		case opVLAN:
			r.VLAN = uint16(v) & 0xfff
			has |= bit(v&0xfff, flow.HasVLAN)
		case opPostVLAN:
			r.PostVLAN = uint16(v) & 0xfff
			has |= bit(v&0xfff, flow.HasPostVLAN)
		case opEndReason:
			if v <= uint64(flow.EndLackResources) {
				r.EndReason = flow.EndReason(v)
			}
		case opICMP:
			if v != 0 || g&gotICMP == 0 {
				r.ICMPType, r.ICMPCode = uint8(v>>8), uint8(v)
			}
			g |= gotICMP
		case opSrc6:
			set6(&r.Src, buf[end-16:end])
		case opDst6:
			set6(&r.Dst, buf[end-16:end])
		case opNextHop6:
			if set6(&r.NextHop, buf[end-16:end]) {
				has |= flow.HasNextHop
			}
		case opSrcMAC:
			r.SrcMAC = flow.MAC(buf[end-6 : end])
			has |= bit(v, flow.HasMACs)
		case opDstMAC:
			r.DstMAC = flow.MAC(buf[end-6 : end])
			has |= bit(v, flow.HasMACs)
		case opSampler:
			x.sampler = v
			g |= gotSampler
		case opVar:
			n, at := int(v), end
			if n == 255 { // RFC 7011 section 7: 255 and two bytes of length
				if at += 2; at > len(buf) {
					return 0, g, false
				}
				n = int(binary.BigEndian.Uint16(buf[end:]))
			}
			base = at + n
			if base+int(s.tail) > len(buf) {
				return 0, g, false
			}
			r.Has = has
			g |= p.value(x, r, s, buf[at:base])
			has = r.Has
		default:
			r.Has = has
			g |= p.rare(x, r, s.op, s, v, buf[end-int(s.n):end])
			has = r.Has
		}
	}
	r.Has = has
	return base, g, true
}

// value does the step of an element of variable length.
func (p *plan) value(x *work, r *flow.Record, s *step, value []byte) got {
	switch sz := sizes[s.then]; {
	case s.then == opDrop || len(value) == 0:
		return 0
	case sz == sizeAny:
		return p.rare(x, r, s.then, s, 0, value)
	case !sz.fits(len(value)):
		return 0
	}
	var buf [24]byte
	one := [1]step{{op: s.then, n: uint16(len(value)), end: uint16(len(value)), sh: uint8(64 - 8*min(len(value), 8))}}
	_, g, _ := p.exec(x, r, one[:], buf[:8+copy(buf[8:], value)], 8)
	return g
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
		g = gotICMP
	case opICMPCode:
		r.ICMPCode = max(r.ICMPCode, uint8(v))
		g = gotICMP
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
			x.meta.AppName = x.names.get(text(raw))
			x.hasMeta = x.hasMeta || x.meta.AppName != ""
			return 0
		}
		return x.info(r, op, p.keeps[s.keep], v, raw)
	case opUser:
		if x.meta.User == "" {
			x.meta.User = x.names.get(text(raw))
			x.hasMeta = x.hasMeta || x.meta.User != ""
			return 0
		}
		return x.info(r, op, p.keeps[s.keep], v, raw)
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
