package capture

import (
	"github.com/flowferry/flowferry/capture/app"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/huge"
)

// inspects holds the first payload bytes of the flows whose label is not decided yet.
type inspects struct {
	all huge.Slab[inspect] // entry.detail is the index
	max int
	blocks
}

// inspect is what is known of one flow's payload so far.
type inspect struct {
	side    [2]stream
	packets uint8 // with payload, looked at so far
	weak    uint8 // what a look leaves to the next
}

const (
	maxInspect = 12 // packets with payload after which an unknown flow is given up
	maxDoubt   = 6  // packets with payload after which a label of medium confidence stays
)

// get gives an empty inspect, 0 when there are too many.
func (x *inspects) get() uint32 {
	if x.all.Held() >= x.max {
		return 0
	}
	return x.all.Take()
}

func (x *inspects) at(i uint32) *inspect { return x.all.At(i) }

// free gives an inspect back; 0 is none.
func (x *inspects) free(i uint32) {
	if i == 0 {
		return
	}
	in := x.at(i)
	in.side[0].reset(&x.blocks)
	in.side[1].reset(&x.blocks)
	in.packets, in.weak = 0, 0
	x.all.Drop(i)
}

// turn exchanges the sides of an inspect; 0 is none.
func (x *inspects) turn(i uint32) {
	if i != 0 {
		in := x.at(i)
		in.side[0], in.side[1] = in.side[1], in.side[0]
	}
}

// inspect is the index of what the flow is inspected with; 0 is none.
func (e *entry) inspect() uint32 {
	if e.seen&seenLabel != 0 {
		return 0
	}
	return e.detail
}

// meta is the index of the flow's metadata; 0 is none.
func (e *entry) meta() uint32 {
	if e.seen&seenLabel == 0 {
		return 0
	}
	return e.detail
}

// label looks at the payload in hand until the label of the flow is decided.
func (m *Meter) label(e *entry, dir int) {
	p := m.p
	if e.proto != flow.ProtoTCP && e.proto != flow.ProtoUDP {
		if e.proto == flow.ProtoESP {
			e.app, e.sure, e.why = flow.AppESP, flow.ConfidenceHigh, flow.ReasonProtocol
		}
		e.seen |= seenLabel
		return
	}
	if e.detail == 0 {
		if e.detail = m.inspects.get(); e.detail == 0 {
			m.n.uninspected++
			e.seen |= seenLabel
			return
		}
	}
	in := m.inspects.at(e.detail)
	in.packets++
	s := &in.side[dir]
	fresh := !s.begun
	seq := p.Seq
	if p.Flags&flow.SYN != 0 {
		seq++
	}
	if fresh {
		s.begun, s.base = true, seq
		if e.seen&(seenSYN0<<dir) != 0 {
			s.base = e.wire[dir].ISN + 1
		}
	}
	x, grew := &m.inspects.blocks, false
	switch {
	case e.proto == flow.ProtoTCP:
		grew = s.add(x, seq, p.Payload)
	case len(s.buf) == 0 || e.app == flow.AppQUIC: // datagrams stand for themselves: the first of each side is kept
		grew = s.datagram(x, p.Payload)
	}
	m.judge(e, in, dir, fresh, grew)
}

// judge asks what the payload so far is; fresh says that it is the first of its side, more that
// what is known of the side has grown. It ends the inspection when the label is decided and its
// metadata are whole.
func (m *Meter) judge(e *entry, in *inspect, dir int, fresh, more bool) {
	was := e.decided(in.packets - 1)
	if !e.decided(0) {
		m.recognise(e, in, dir, fresh)
	}
	switch {
	case in.packets >= 4*maxInspect:
	case !e.decided(in.packets), !more && was: // nothing is new
		return
	case !m.whole(e, in):
		return
	}
	m.conclude(e)
}

// decided says whether the label is final after so many packets with payload. One that is not sure
// may be replaced by a surer one, and STUN by what it made way for.
func (e *entry) decided(packets uint8) bool {
	switch {
	case e.sure == flow.ConfidenceHigh && e.app != flow.AppSTUN:
		return true
	case e.sure == flow.ConfidenceMedium:
		return packets >= maxDoubt
	}
	return packets >= maxInspect
}

// recognise looks for the label in what the side has sent, and in the segment in hand alone: with it
// perhaps a message begins.
func (m *Meter) recognise(e *entry, in *inspect, dir int, fresh bool) {
	s := &in.side[dir]
	look := in.look(e, dir, m.p.Payload, fresh, &m.look)
	var found app.Found
	if !s.lost {
		found, s.lost = look.Label()
		s.lost = s.lost && e.proto == flow.ProtoTCP
	}
	if found.App == flow.AppNone && e.proto == flow.ProtoTCP && len(look.B) > len(m.p.Payload) {
		look.B = m.p.Payload
		if f, _ := look.Label(); f.Confidence == flow.ConfidenceHigh {
			found = f
			s.restart(&m.inspects.blocks, m.p.Seq, m.p.Payload)
		}
	}
	in.weak = look.Weak
	switch {
	case found.Confidence > e.sure, e.app == flow.AppSTUN && found.App == flow.AppDTLS:
		m.found(e, found)
		in.side[0].asked, in.side[1].asked = 0, 0 // another label asks for something else
	case s.lost && e.app == flow.AppNone && e.seen&(seenSYN0<<dir) == 0:
		s.reset(&m.inspects.blocks) // in mid-stream: the next segment may begin a message
	}
}

// found gives the flow a label.
func (m *Meter) found(e *entry, f app.Found) {
	e.app, e.sure, e.why = f.App, f.Confidence, f.Reason
	if f.Turned && e.by != flow.BySYN && e.segment == 1 && !isGroup(&e.dst) {
		m.turn(e)
		e.by = flow.ByMessage
	}
}

// look puts what the side that sent the payload shows into l.
func (in *inspect) look(e *entry, dir int, payload []byte, fresh bool, l *app.Look) *app.Look {
	own, peer := &in.side[dir], &in.side[1-dir]
	l.Proto, l.Server, l.B, l.First, l.Peer, l.Weak = e.proto, dir == 1, own.buf, nil, peer.buf, in.weak
	if l.From, l.To = e.sport, e.dport; dir == 1 {
		l.From, l.To = l.To, l.From
	}
	if e.proto == flow.ProtoUDP {
		if l.B = payload; !fresh {
			l.First = own.buf
		}
	}
	return l
}

// whole says whether the metadata would gain nothing from more payload, or no more is kept.
func (m *Meter) whole(e *entry, in *inspect) bool {
	c, s := &in.side[0], &in.side[1]
	if c.full() || s.full() {
		return true
	}
	v := in.view(e, &m.view)
	v.Latest, v.Asked = m.p.Payload, c.asked
	c.asked, s.asked = len(c.buf), len(s.buf)
	return v.Whole(e.app)
}

// view puts what was seen of the flow into v.
func (in *inspect) view(e *entry, v *app.View) *app.View {
	c, s := &in.side[0], &in.side[1]
	v.Proto, v.Client, v.Server, v.ClientEnds, v.ServerEnds, v.Latest, v.Asked = e.proto, c.buf, s.buf, c.ends, s.ends, nil, 0
	return v
}

// conclude takes the metadata out of what was seen and ends the inspection.
func (m *Meter) conclude(e *entry) {
	i := e.inspect()
	if i == 0 {
		return
	}
	meta := uint32(0)
	if e.app != flow.AppNone {
		v := m.inspects.at(i).view(e, &m.view)
		m.metas.none.give(&m.meta)
		if v.Metadata(e.app, &m.meta) {
			meta = m.metas.get()
			m.metas.at(meta).take(&m.meta)
		}
	}
	m.inspects.free(i)
	e.detail, e.seen = meta, e.seen|seenLabel
}

// readOn reads a payload that comes after the inspection: most protocols say what they are once,
// some tell more with each message.
func (m *Meter) readOn(e *entry, dir int) {
	have := &m.metas.none
	if e.detail != 0 {
		have = m.metas.at(e.detail)
	}
	have.give(&m.meta)
	m.view.Proto = e.proto
	if !m.view.Follow(e.app, dir == 1, m.p.Payload, &m.meta) {
		return
	}
	if e.detail == 0 {
		e.detail = m.metas.get()
	}
	m.metas.at(e.detail).take(&m.meta)
}
