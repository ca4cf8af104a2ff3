package capture

import (
	"github.com/flowferry/flowferry/capture/app"
	"github.com/flowferry/flowferry/flow"
)

// inspects holds the first payload bytes of the flows whose label is not decided yet.
type inspects struct {
	list  []*inspect // index+1 is entry.inspect
	spare []uint32   // indexes that are free
	max   int
	blocks
}

// inspect is what is known of one flow's payload so far.
type inspect struct {
	side    [2]stream
	app     flow.App // what it is, when that is known but the metadata not whole
	packets int      // with payload, looked at so far
}

// maxInspect is after how many packets with payload an unknown flow is given up.
const maxInspect = 12

// get gives an empty inspect, 0 when there are too many.
func (x *inspects) get() uint32 {
	if n := len(x.spare); n > 0 {
		i := x.spare[n-1]
		x.spare = x.spare[:n-1]
		return i
	}
	if len(x.list) >= x.max {
		return 0
	}
	x.list = append(x.list, &inspect{})
	return uint32(len(x.list))
}

func (x *inspects) at(i uint32) *inspect { return x.list[i-1] }

// free gives an inspect back; 0 is none.
func (x *inspects) free(i uint32) {
	if i == 0 {
		return
	}
	in := x.at(i)
	in.side[0].reset(&x.blocks)
	in.side[1].reset(&x.blocks)
	in.app, in.packets = 0, 0
	x.spare = append(x.spare, i)
}

// turn exchanges the sides of an inspect; 0 is none.
func (x *inspects) turn(i uint32) {
	if i != 0 {
		in := x.at(i)
		in.side[0], in.side[1] = in.side[1], in.side[0]
	}
}

// metas holds the metadata of the flows that have some.
type metas struct {
	list  []flow.Meta
	spare []uint32
}

// put gives the index, from 1, of m.
func (x *metas) put(m flow.Meta) uint32 {
	if n := len(x.spare); n > 0 {
		i := x.spare[n-1]
		x.spare = x.spare[:n-1]
		x.list[i-1] = m
		return i
	}
	x.list = append(x.list, m)
	return uint32(len(x.list))
}

func (x *metas) free(i uint32) {
	if i != 0 {
		x.list[i-1] = flow.Meta{}
		x.spare = append(x.spare, i)
	}
}

// label looks at the payload in hand until the label of the flow is decided.
func (m *Meter) label(e *entry, dir int) {
	p := &m.p
	if e.proto != flow.ProtoTCP && e.proto != flow.ProtoUDP {
		e.seen |= seenLabel
		return
	}
	if e.inspect == 0 {
		if e.inspect = m.inspects.get(); e.inspect == 0 {
			m.n.uninspected++
			e.seen |= seenLabel
			return
		}
	}
	in := m.inspects.at(e.inspect)
	in.packets++
	s := &in.side[dir]
	seq := p.Seq
	if p.Flags&flow.SYN != 0 {
		seq++
	}
	if !s.begun {
		s.begun, s.base = true, seq
		if e.seen&(seenSYN0<<dir) != 0 {
			s.base = e.isn[dir] + 1
		}
	}
	x := &m.inspects.blocks
	if e.proto == flow.ProtoUDP { // datagrams stand for themselves: before the label is known the first of each side counts
		if len(s.buf) == 0 || in.app != flow.AppNone {
			s.datagram(x, p.Payload)
		}
	} else {
		s.add(x, seq, p.Payload)
	}
	m.judge(e, in, dir)
}

// judge asks the parsers what the payload so far is, and ends the inspection when it is clear.
func (m *Meter) judge(e *entry, in *inspect, dir int) {
	if in.app == flow.AppNone && !m.recognise(e, in, dir) {
		return
	}
	if v := in.view(e); v.Whole(in.app) || in.side[0].full() || in.side[1].full() || in.packets >= 4*maxInspect {
		m.conclude(e)
	}
}

// recognise finds the label; false when it is not known yet, or never will be.
func (m *Meter) recognise(e *entry, in *inspect, dir int) bool {
	v := in.view(e)
	label, turned, hopeless := v.Label()
	switch {
	case label != flow.AppNone:
		in.app = label
		if turned && e.by != flow.BySYN && e.segment == 1 && !isGroup(&e.dst) {
			e.turn()
			m.inspects.turn(e.inspect)
			e.by = flow.ByMessage
		}
		return true
	case in.packets >= maxInspect || hopeless && e.proto == flow.ProtoUDP:
		m.settle(e)
	case hopeless && e.seen&(seenSYN0<<dir) == 0: // in mid-stream: perhaps the next segment begins a message
		in.side[dir].reset(&m.inspects.blocks)
	case hopeless && len(v.Client) > 0 && len(v.Server) > 0: // both sides have begun
		m.settle(e)
	}
	return false
}

func (in *inspect) view(e *entry) app.View {
	c, s := &in.side[0], &in.side[1]
	return app.View{Proto: e.proto, Client: c.buf, Server: s.buf, ClientEnds: c.ends, ServerEnds: s.ends}
}

// conclude takes the metadata out of what was seen and ends the inspection.
func (m *Meter) conclude(e *entry) {
	if e.inspect == 0 {
		return
	}
	in := m.inspects.at(e.inspect)
	if e.app = in.app; e.app != flow.AppNone {
		var meta flow.Meta
		v := in.view(e)
		if v.Metadata(e.app, &meta) {
			e.meta = m.metas.put(meta)
		}
	}
	m.settle(e)
}

// follow reads a payload that comes after the inspection: most protocols say what they are once,
// some tell more with each message.
func (m *Meter) follow(e *entry, dir int) {
	if e.meta != 0 {
		app.Follow(e.app, e.proto, dir == 1, m.p.Payload, &m.metas.list[e.meta-1])
		return
	}
	var meta flow.Meta
	if app.Follow(e.app, e.proto, dir == 1, m.p.Payload, &meta) {
		e.meta = m.metas.put(meta)
	}
}

// settle ends the inspection of a flow.
func (m *Meter) settle(e *entry) {
	m.inspects.free(e.inspect)
	e.inspect, e.seen = 0, e.seen|seenLabel
}
