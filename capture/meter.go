package capture

import (
	"sync/atomic"
	"time"

	"github.com/flowferry/flowferry/capture/app"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
)

// Meter makes flows of packets. It is used by one goroutine; Stats by any.
//
// A flow ends when it is idle; a TCP flow also when both sides have sent FIN or one has sent RST.
// A closed TCP flow stays in the table for Config.Linger, so that late packets are counted where
// they belong; only a SYN with another sequence number begins a new flow. An open TCP flow whose
// two sides were seen stays as long when it falls silent, but then only a FIN or RST without
// payload is still its own: anything else begins a new flow. The clock is the latest time of any
// packet: it never runs backwards.
type Meter struct {
	cfg    Config
	limits [lists]Timeouts
	inside bool // look into tunnels
	origin uint64
	file   string // name of the file whose packets these are; "" is live
	emit   func(*flow.Batch)
	table
	clock    int64 // Unix ns
	second   int64 // Unix ns: the begin of the second in which the lists were looked through last
	frags    []fragment
	held     []held
	batch    *flow.Batch
	inspects inspects
	metas    metas
	look     app.Look  // what the payload in hand shows, for package app
	view     app.View  // what was seen of its flow
	meta     flow.Meta // what it tells, of package app
	expects  expects
	tunnels  tunnels
	counted  func(flow, packet uint64) // when not nil: is told which packet was counted in which flow, by ordinals
	room     [maxAhead]Packet          // what Read reads into
	next     [maxAhead]upcoming        // packets that are counted next
	known    [maxAhead]uint32          // entries that they will need
	far      int                       // flows from which on there is reading ahead
	touched  uint64                    // a sum of what was read ahead: it makes the reading real
	p        *packet.Headers           // the packet in hand
	outside  tunnel                    // what it was carried in
	other    packet.Headers            // the packet that it quotes or carries
	n        counts
	stats    stats
}

// counts are the meter's counters; stats is what other goroutines see of them.
type counts struct {
	packets, bytes           uint64
	flows, records, segments uint64
	flowPackets, flowBytes   uint64
	evicted                  uint64
	cutHeaders               uint64
	fragments, strayFrags    uint64
	tunnelled                uint64
	icmpErrors, icmpUnquoted uint64
	uninspected              uint64
	rejects                  [packet.Rejects]uint64
}

type stats struct {
	packets, bytes           atomic.Uint64
	flows, records, segments atomic.Uint64
	flowPackets, flowBytes   atomic.Uint64
	evicted                  atomic.Uint64
	cutHeaders               atomic.Uint64
	fragments, strayFrags    atomic.Uint64
	tunnelled                atomic.Uint64
	icmpErrors, icmpUnquoted atomic.Uint64
	uninspected              atomic.Uint64
	rejects                  [packet.Rejects]atomic.Uint64
}

// NewMeter makes a meter whose records have the given origin. emit takes each batch.
func NewMeter(cfg Config, origin uint64, emit func(*flow.Batch)) *Meter {
	cfg = cfg.withDefaults()
	return &Meter{cfg: cfg, limits: cfg.listLimits(), inside: cfg.Tunnels == TunnelsInner, origin: origin, emit: emit, table: newTable(), batch: flow.NewBatch(), far: farFlows,
		inspects: inspects{max: cfg.Inspect, blocks: blocks{maxLarge: max(1, 2*cfg.Inspect/largeShare)}}}
}

// Packet counts one packet.
func (m *Meter) Packet(pkt *Packet) {
	m.read(&m.next[0], pkt)
	m.take(&m.next[0], pkt)
}

// Packets counts packets in order. It costs less than Packet for each of them.
func (m *Meter) Packets(pkts []Packet) {
	for len(pkts) > 0 {
		now := pkts[:min(len(pkts), maxAhead)]
		for i := range now {
			m.read(&m.next[i], &now[i])
		}
		m.takeAll(now)
		pkts = pkts[len(now):]
	}
}

// Read counts the next packets of a file: one, and some of those behind it that are in memory. The error
// is that of File.Read. It costs less than File.Read and Packets: where the next packet stands is known when the
// header of this one has come from memory, and that is waited for while the packet before is decoded.
func (m *Meter) Read(f *File) (n int, err error) {
	pkts := &m.room
	if err := f.advance(&pkts[0]); err != nil {
		return 0, err
	}
	for more := true; more; n++ {
		if more = n+1 < len(pkts); more {
			more, err = f.format.step(f, &pkts[n+1])
		}
		m.read(&m.next[n], &pkts[n])
	}
	m.takeAll(pkts[:n])
	return n, err
}

// takeAll counts packets that were decoded.
func (m *Meter) takeAll(pkts []Packet) {
	m.ready(m.next[:len(pkts)])
	for i := range pkts {
		m.take(&m.next[i], &pkts[i])
	}
}

// take counts a packet that was decoded.
func (m *Meter) take(u *upcoming, pkt *Packet) {
	m.n.packets++
	m.n.bytes += uint64(pkt.Wire)
	if m.n.packets%1024 == 0 {
		m.publish()
	}
	m.tick(pkt.Time)
	if u.reject != packet.Accepted {
		m.n.rejects[u.reject]++
		return
	}
	p := &u.Headers
	m.p, m.outside.depth = p, 0
	if !u.plain && m.inside && p.MayCarry() {
		m.unwrap()
	}
	if p.CutHeaders {
		m.n.cutHeaders++
	}
	switch {
	case u.plain:
		m.place(pkt, kindPorts, u.hash, u.likely)
	case p.Frag:
		m.defragment(pkt)
	default:
		m.deliver(pkt)
	}
}

// deliver counts the packet in hand in its flow.
func (m *Meter) deliver(pkt *Packet) {
	k := flowKind(m.p)
	m.place(pkt, k, m.hash(m.p), none)
}

// place counts the packet in hand in the flow of its kind and hash, which is likely that of an entry.
func (m *Meter) place(pkt *Packet, k kind, hash, likely uint32) {
	p, i, dir := m.p, likely, -1
	if i != none {
		dir = m.at(i).side(p, k)
	}
	if dir < 0 {
		i, dir = m.find(p, k, hash)
	}
	if i == none || m.cut(i, m.at(i), dir, pkt.Time) {
		i, dir = m.open(p, k, hash)
	}
	m.count(i, m.at(i), dir, pkt)
	if p.HasICMP {
		m.quoted(p)
	}
}

// flowKind says what the ports of p are, and for ICMP sets them: a request and its answer get
// the two types, anything else type and code.
func flowKind(p *packet.Headers) kind {
	switch {
	case p.HasPorts:
		return kindPorts
	case !p.HasICMP:
		p.SrcPort, p.DstPort = 0, 0
		return kindNone
	}
	if partner, _, ok := flow.ICMPPartner(p.Proto, p.ICMPType); ok {
		p.SrcPort, p.DstPort = uint16(p.ICMPType), uint16(partner)
		return kindRequest
	}
	p.SrcPort, p.DstPort = uint16(p.ICMPType), uint16(p.ICMPCode)
	return kindMessage
}

// cut exports flow i if the packet in hand is not part of it any more; over says that the packet
// begins a new flow. After the active time-out the flow stays and the packet begins its next piece.
func (m *Meter) cut(i uint32, e *entry, dir int, t int64) (over bool) {
	if why := m.ended(e, dir); why != flow.EndUnknown {
		m.export(i, why)
		m.drop(i)
		return true
	}
	if t-e.start >= int64(m.limit(e).Active) {
		m.export(i, flow.EndActive)
		e.count = [2]flow.Counts{}
		e.nextPiece()
	}
	return false
}

// ended says why flow e is over now that the packet in hand has come; EndUnknown if it is not.
func (m *Meter) ended(e *entry, dir int) flow.EndReason {
	p, gap := m.p, time.Duration(m.clock-e.touched)
	if gap <= m.limit(e).Idle && p.Flags&flow.SYN == 0 && e.list != listClosed {
		return flow.EndUnknown // as most are
	}
	newSYN := p.Flags&flow.SYN != 0 && !e.knows(dir, p.Seq)
	switch {
	case e.list == listClosed:
		if gap > m.cfg.Linger || newSYN {
			return flow.EndOfFlow
		}
	case gap > m.limit(e).Idle:
		late := e.list == listHeld && gap <= m.hold() && p.PayLen == 0 && p.Flags&(flow.RST|flow.FIN) != 0
		if !late {
			return flow.EndIdle
		}
	case newSYN && e.seen&(seenSent1|seenData0) != 0 && p.Flags&flow.ACK == 0:
		return flow.EndOfFlow // a new connection on the ports of one whose end was not seen
	}
	return flow.EndUnknown
}

// knows says whether a SYN of this side with this sequence number belongs to the flow: it is the
// one that was seen, or just before the first packet seen, which overtook it, or the side's first.
func (e *entry) knows(dir int, seq uint32) bool {
	switch {
	case e.seen&(seenSYN0<<dir) != 0:
		return e.wire[dir].ISN == seq
	case e.seen&(seenSent0<<dir) != 0:
		return e.wire[dir].ISN-seq < 1<<20
	}
	return true
}

// open makes a flow for the packet in hand and decides who began it.
func (m *Meter) open(p *packet.Headers, k kind, hash uint32) (i uint32, dir int) {
	if m.entries.Held() >= m.cfg.MaxFlows {
		m.evict()
	}
	i, e := m.insert(hash)
	e.proto, e.kind, e.segment = p.Proto, k, 1
	e.by, dir = initiator(p, k)
	e.src, e.dst, e.sport, e.dport = p.Src, p.Dst, p.SrcPort, p.DstPort
	if p.HasMACs {
		e.srcMAC, e.dstMAC, e.link = p.SrcMAC, p.DstMAC, linkMACs
	}
	if dir == 1 {
		e.turn()
		e.history.Append('^')
	}
	e.icmpCode = p.ICMPCode
	if p.VLANs > 0 {
		e.vlan, e.link = p.VLAN, e.link|linkVLAN
	}
	if p.VLANs > 1 {
		e.vin, e.link = p.InnerVLAN, e.link|linkInner
	}
	if p.HasMPLS {
		e.mpls, e.link = p.MPLS, e.link|linkMPLS
	}
	e.touched = m.clock
	m.announced(i, e)
	m.push(i, e, listID(classOf(e.proto)))
	if m.outside.depth > 0 {
		e.tunnel = m.tunnels.put(m.outside, dir)
	}
	m.n.flows++
	return i, dir
}

// turn exchanges the two ends of a flow of which nothing went out. What is in the history is turned by
// its caller.
func (e *entry) turn() {
	e.src, e.dst, e.sport, e.dport = e.dst, e.src, e.dport, e.sport
	e.srcMAC, e.dstMAC = e.dstMAC, e.srcMAC
	e.count[0], e.count[1] = e.count[1], e.count[0]
	e.tcp[0], e.tcp[1] = e.tcp[1], e.tcp[0]
	e.traits[0], e.traits[1] = e.traits[1], e.traits[0]
	e.wire[0], e.wire[1] = e.wire[1], e.wire[0]
	e.letters[0], e.letters[1] = e.letters[1], e.letters[0]
	e.entropy[0], e.entropy[1] = e.entropy[1], e.entropy[0]
	const side0 = seenSent0 | seenSYN0 | seenFIN0 | seenRST0 | seenData0 | seenEntropy0
	e.seen = e.seen&^(side0|side0<<1) | e.seen&side0<<1 | e.seen>>1&side0
}

// initiator decides which end of the first packet's flow began it: dir is the side that sent it.
func initiator(p *packet.Headers, k kind) (by flow.InitiatorBy, dir int) {
	switch {
	case isGroup(&p.Dst): // a group of receivers begins nothing
		return flow.ByFirstSeen, 0
	case k == kindRequest:
		if _, asks, _ := flow.ICMPPartner(p.Proto, p.ICMPType); asks {
			return flow.ByMessage, 0
		}
		return flow.ByMessage, 1
	case p.HasTCP && p.Flags&(flow.SYN|flow.ACK) == flow.SYN:
		return flow.BySYN, 0
	case p.HasTCP && p.Flags&(flow.SYN|flow.ACK) == flow.SYN|flow.ACK:
		return flow.BySYN, 1
	case k != kindPorts || p.SrcPort == p.DstPort:
		return flow.ByFirstSeen, 0
	}
	known, dknown := packet.IsServerPort(p.SrcPort), packet.IsServerPort(p.DstPort)
	switch {
	case dknown && !known:
		return flow.ByServerPort, 0
	case known && !dknown:
		return flow.ByServerPort, 1
	case p.DstPort < p.SrcPort:
		return flow.ByLowerPort, 0
	}
	return flow.ByLowerPort, 1
}

// isGroup says whether an address is multicast or the limited broadcast.
func isGroup(a *flow.Addr) bool {
	if a.Is4() {
		return a[12]>>4 == 14 || a.As4() == 1<<32-1
	}
	return a[0] == 0xff
}

// count adds the packet in hand to flow i, sent by side dir.
func (m *Meter) count(i uint32, e *entry, dir int, pkt *Packet) {
	p, was := m.p, e.seen
	if e.ord == 0 {
		e.start, e.last, e.ord = pkt.Time, pkt.Time, pkt.Ord
		e.off, e.lastOff = pkt.Offset, pkt.Offset
	}
	e.start, e.last = min(e.start, pkt.Time), max(e.last, pkt.Time)
	if p.Flags&(flow.SYN|flow.ACK) == flow.SYN && e.seen&(seenSYN0|seenSYN1) == 0 && e.by != flow.BySYN {
		if dir == 1 { // its answer overtook it
			m.turn(e)
		}
		dir, e.by = 0, flow.BySYN
	}
	c, s := &e.count[dir], &e.traits[dir]
	if c.Packets == 0 {
		c.InitFlags, c.ToS, c.TTL = p.Flags, p.ToS, p.TTL
	} else {
		s.SessionFlags |= p.Flags
	}
	s.MaxTTL = max(s.MaxTTL, p.TTL)
	e.lastOff = max(e.lastOff, pkt.Offset)
	m.follow(e, dir, pkt.Time)
	c.Packets++
	c.Bytes += uint64(p.IPLen)
	c.Payload += uint64(p.PayLen)
	c.Flags |= p.Flags
	c.TTL = min(c.TTL, p.TTL)
	e.seen |= happened(p) << dir
	if len(p.Payload) > 0 {
		m.payload(e, dir)
	}
	if e.seen != was || e.touched < m.second {
		m.enlist(i, e)
	}
	e.touched = max(e.touched, m.clock)
	if m.counted != nil {
		m.counted(e.ord, pkt.Ord)
	}
}

// payload looks into the payload in hand.
func (m *Meter) payload(e *entry, dir int) {
	if b := m.p.Payload; len(b) >= minEntropy && e.seen&(seenEntropy0<<dir) == 0 {
		e.entropy[dir] = entropyOf(b)
		e.seen |= seenEntropy0 << dir
	}
	switch {
	case e.seen&seenLabel == 0:
		m.label(e, dir)
	case app.Follows(e.app, e.proto):
		m.readOn(e, dir)
	}
	if app.Announces(e.app) {
		m.announce(e)
	}
}

// happened gives what the packet shows, as of side 0.
func happened(p *packet.Headers) seen {
	s := seenSent0
	if p.PayLen > 0 {
		s |= seenData0
	}
	if p.Flags&flow.SYN != 0 {
		s |= seenSYN0
	}
	if p.Flags&flow.FIN != 0 {
		s |= seenFIN0
	}
	if p.Flags&flow.RST != 0 {
		s |= seenRST0
	}
	return s
}
