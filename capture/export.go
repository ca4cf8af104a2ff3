package capture

import (
	"github.com/flowferry/flowferry/capture/app"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
)

// export writes flow i into the open batch. The entry stays as it is.
func (m *Meter) export(i uint32, why flow.EndReason) {
	e := m.at(i)
	if why != flow.EndActive {
		m.conclude(e)
	}
	r := m.batch.Next()
	r.Start, r.End, r.Received = e.start, e.last, m.clock
	r.Origin, r.Ord = m.origin, e.ord
	r.Src, r.Dst, r.Proto = e.src, e.dst, e.proto
	r.Fwd, r.Rev = e.count[0], e.count[1]
	r.Has = flow.HasTimes | flow.HasProto | flow.HasBytes | flow.HasPackets | flow.HasPayload | flow.HasRev | flow.HasToS | flow.HasTTL
	r.Sampling, r.Segment = 1, e.segment
	r.Via, r.App, r.EndReason, r.InitiatorBy = flow.ViaCapture, e.app, why, e.by
	r.AppConfidence, r.AppReason = e.sure, e.why
	if e.app == flow.AppNone && e.kind == kindPorts {
		r.AppHint = app.Hint(e.proto, e.sport, e.dport)
	}
	r.State = e.state()
	m.exportWire(e, r)
	r.Complete = e.segment == 1 && why != flow.EndActive
	e.exportKind(r)
	e.exportLink(r)
	if meta := e.meta(); meta != 0 {
		have, own := m.batch.SpareMeta(), m.metas.at(meta)
		own.give(have)
		if why == flow.EndActive { // later payloads may change it: the flow goes on with a copy
			now := app.Snapshot(have)
			own.take(&now)
		}
		m.batch.KeepMeta(r)
	}
	m.n.records++
	if e.segment > 1 || why == flow.EndActive {
		m.n.segments++
	}
	m.n.flowPackets += r.Fwd.Packets + r.Rev.Packets
	m.n.flowBytes += r.Fwd.Bytes + r.Rev.Bytes
	if m.batch.Full() {
		m.send()
	}
}

func (e *entry) exportKind(r *flow.Record) {
	switch e.kind {
	case kindPorts:
		r.Has |= flow.HasPorts
		r.SrcPort, r.DstPort = e.sport, e.dport
	case kindRequest, kindMessage:
		r.Has |= flow.HasICMP
		r.ICMPType, r.ICMPCode = uint8(e.sport), e.icmpCode
	}
	if e.proto == flow.ProtoTCP {
		r.Has |= flow.HasFlags | flow.HasInitFlags
	}
}

func (e *entry) exportLink(r *flow.Record) {
	if e.link&linkMACs != 0 {
		r.Has |= flow.HasMACs
		r.SrcMAC, r.DstMAC = e.srcMAC, e.dstMAC
	}
	if e.link&linkVLAN != 0 {
		r.Has |= flow.HasVLAN
		r.VLAN = e.vlan
	}
	if e.link&linkInner != 0 {
		r.Has |= flow.HasPostVLAN
		r.PostVLAN = e.vin
	}
	if e.link&linkMPLS != 0 {
		r.Has |= flow.HasMPLS
		r.MPLS = e.mpls
	}
}

// state says how far the conversation came.
func (e *entry) state() flow.State {
	both := e.seen&(seenSent0|seenSent1) == seenSent0|seenSent1
	switch {
	case e.seen&seenRefuse != 0 && !both:
		return flow.StateRejected
	case e.proto == flow.ProtoTCP:
		return e.stateTCP(both)
	case e.kind == kindMessage:
		return flow.StateUnknown // a message that is not answered
	case both:
		return flow.StateEstablished
	case e.seen&seenSent0 == 0:
		return flow.StateOneway
	}
	return flow.StateAttempt
}

func (e *entry) stateTCP(both bool) flow.State {
	syn := e.seen&seenSYN0 != 0
	switch {
	case both && syn && e.seen&seenRST1 != 0 && e.seen&(seenSYN1|seenData1) == 0:
		return flow.StateRejected
	case both && e.seen&(seenSYN0|seenSYN1) != 0:
		return flow.StateEstablished
	case both:
		return flow.StateMidstream
	case syn:
		return flow.StateAttempt
	}
	return flow.StateOneway
}

// drop forgets flow i, which was exported.
func (m *Meter) drop(i uint32) {
	e := m.at(i)
	m.inspects.free(e.inspect())
	m.metas.free(e.meta())
	m.tunnels.free(e.tunnel)
	m.remove(i)
}

// send hands the open batch on.
func (m *Meter) send() {
	b := m.batch
	b.Now = m.clock
	m.batch = flow.NewBatch()
	m.emit(b)
}

// publish makes the counts visible to Stats.
func (m *Meter) publish() {
	n, s := &m.n, &m.stats
	s.packets.Store(n.packets)
	s.bytes.Store(n.bytes)
	s.flows.Store(n.flows)
	s.records.Store(n.records)
	s.segments.Store(n.segments)
	s.flowPackets.Store(n.flowPackets)
	s.flowBytes.Store(n.flowBytes)
	s.evicted.Store(n.evicted)
	s.cutHeaders.Store(n.cutHeaders)
	s.fragments.Store(n.fragments)
	s.strayFrags.Store(n.strayFrags)
	s.tunnelled.Store(n.tunnelled)
	s.icmpErrors.Store(n.icmpErrors)
	s.icmpUnquoted.Store(n.icmpUnquoted)
	s.uninspected.Store(n.uninspected)
	for i := range n.rejects {
		s.rejects[i].Store(n.rejects[i])
	}
}

// rejectNames are the counters of packets that are in no flow.
var rejectNames = func() (names [packet.Rejects]string) {
	for r := packet.RejectLink; r < packet.Rejects; r++ {
		names[r] = "capture." + r.String()
	}
	return names
}()

// Stats gives the meter's account, at most 1,024 packets behind. After Flush
//
//	packets = flow_packets + unsupported_link + not_ip + truncated + bad_header
func (m *Meter) Stats() []flow.Stat {
	s := &m.stats
	out := []flow.Stat{
		{Name: "capture.packets", Value: s.packets.Load()},
		{Name: "capture.bytes", Value: s.bytes.Load()},
		{Name: "capture.flows", Value: s.flows.Load()},
		{Name: "capture.records", Value: s.records.Load()},
		{Name: "capture.segments", Value: s.segments.Load()},
		{Name: "capture.flow_packets", Value: s.flowPackets.Load()},
		{Name: "capture.flow_bytes", Value: s.flowBytes.Load()},
		{Name: "capture.evicted", Value: s.evicted.Load()},
		{Name: "capture.cut_transport", Value: s.cutHeaders.Load()},
		{Name: "capture.fragments", Value: s.fragments.Load()},
		{Name: "capture.stray_fragments", Value: s.strayFrags.Load()},
		{Name: "capture.tunnelled", Value: s.tunnelled.Load()},
		{Name: "capture.icmp_errors", Value: s.icmpErrors.Load()},
		{Name: "capture.icmp_errors_without_flow", Value: s.icmpUnquoted.Load()},
		{Name: "capture.not_inspected", Value: s.uninspected.Load()},
	}
	for i := packet.RejectLink; i < packet.Rejects; i++ {
		out = append(out, flow.Stat{Name: rejectNames[i], Value: s.rejects[i].Load()})
	}
	return out
}
