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
}

// inspect is what is known of one flow's payload so far.
type inspect struct {
	side    [2]stream
	app     flow.App // what it is, when that is known but the metadata not whole
	packets int      // with payload, looked at so far
}

// stream is the beginning of what one side sent, in order. A segment that comes early is kept in
// its place; the hole before it is filled when the missing one comes.
type stream struct {
	buf     []byte // in order from the first byte
	base    uint32 // sequence number of buf[0]
	begun   bool
	early   []byte // bytes of one stretch beyond a hole
	earlyAt int    // offset of early from base
}

const (
	maxStream  = 4096 // bytes of a side that are looked at
	maxInspect = 12   // packets with payload after which an unknown flow is given up
)

func (s *stream) reset() { s.buf, s.early, s.begun = s.buf[:0], s.early[:0], false }

// add puts a segment into the stream.
func (s *stream) add(seq uint32, b []byte) {
	at := int(int32(seq - s.base))
	switch {
	case at > len(s.buf):
		if len(s.early) == 0 && at+len(b) <= maxStream {
			s.early, s.earlyAt = append(s.early, b...), at
		}
		return
	case at+len(b) <= len(s.buf) || at < -maxStream:
		return // seen before
	}
	s.take(b[len(s.buf)-at:])
	if n := len(s.early); n > 0 && s.earlyAt <= len(s.buf) {
		if s.earlyAt+n > len(s.buf) {
			s.take(s.early[len(s.buf)-s.earlyAt:])
		}
		s.early = s.early[:0]
	}
}

// take appends what still fits.
func (s *stream) take(b []byte) { s.buf = append(s.buf, b[:min(len(b), maxStream-len(s.buf))]...) }

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
	in.side[0].reset()
	in.side[1].reset()
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
			s.base = e.wire[dir].ISN + 1
		}
	}
	if e.proto == flow.ProtoUDP { // datagrams stand for themselves: the first of each side counts
		if len(s.buf) == 0 {
			s.take(p.Payload)
		}
	} else {
		s.add(seq, p.Payload)
	}
	m.judge(e, in, dir)
}

// judge asks the parsers what the payload so far is, and ends the inspection when it is clear.
func (m *Meter) judge(e *entry, in *inspect, dir int) {
	if in.app == flow.AppNone && !m.recognise(e, in, dir) {
		return
	}
	if v := in.view(e); v.Whole(in.app) || in.packets >= 4*maxInspect {
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
			m.turn(e)
			e.by = flow.ByMessage
		}
		return true
	case in.packets >= maxInspect || hopeless && e.proto == flow.ProtoUDP:
		m.settle(e)
	case hopeless && e.seen&(seenSYN0<<dir) == 0: // in mid-stream: perhaps the next segment begins a message
		in.side[dir].reset()
	case hopeless && len(v.Client) > 0 && len(v.Server) > 0: // both sides have begun
		m.settle(e)
	}
	return false
}

func (in *inspect) view(e *entry) app.View {
	return app.View{Proto: e.proto, Client: in.side[0].buf, Server: in.side[1].buf}
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

// settle ends the inspection of a flow.
func (m *Meter) settle(e *entry) {
	m.inspects.free(e.inspect)
	e.inspect, e.seen = 0, e.seen|seenLabel
}
