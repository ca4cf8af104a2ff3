package stitch

import "github.com/flowferry/flowferry/flow"

// content is what a waiting flow, or the sum of those that went out, holds beyond its times and
// the key of its conversation. What is by side is from A to B and from B to A.
type content struct {
	bytes, packets        [2]uint64
	ord                   uint64 // as in flow.Record, as the next
	received              int64
	what                  uint32    // template
	aside                 uint32    // number in Table.asides; 0 is none
	marks                 [2]uint16 // of a total, by side: those of the records in it
	flags, init, tos, ttl [2]uint8
	gave                  sides // what both directions gave
	reason                flow.EndReason
	lists                 uint8 // how many other reports are listed
	form                  form
}

// form is how a content makes a record.
type form uint8

const (
	withA    form = 1 << iota // it holds counts of A to B
	withB                     // it holds counts of B to A
	backward                  // the template is of a record from B to A
	skewed
	mixed  // its directions are counted from two reporters
	merged // of two records, one for each direction; the last, see coder.content
)

// aside is what few contents have. Its numbers are 0 for none.
type aside struct {
	seen  uint32 // first of the other reports
	meta  uint32 // number in Table.metas
	extra uint32 // number in Table.extras
}

// piece is a flow that waits. Each of its directions is a report.
type piece struct {
	content
	start, end [2]int64
	place      [2]place
	by         [2]uint16
	came, due  uint32 // ticks: when it arrived, and when it has waited long enough
	next       uint32 // by start
}

// total is the sum of the pieces of a conversation that went out.
type total struct {
	content
	start int64
	end   [2]int64 // by side; 0 if it does not have that
}

// last is the time of the last packet in x.
func (x *total) last() int64 { return max(x.end[0], x.end[1]) }

// markOf gives one bit for a record that begins at that time.
func markOf(start int64) uint16 {
	h := uint64(start) * 0x9e3779b97f4a7c15
	return 1 << ((h ^ h>>32) * 0xe7037ed1a0b428db >> 60)
}

// extra is what few records have: what a meter told, and counts of payload by side.
type extra struct {
	wire    flow.Wire
	payload [2]uint64
	metered bool // wire is valid
}

// has says whether x holds counts of side s.
func (x *content) has(s int) bool { return x.form>>s&1 != 0 }

// both says whether x holds counts of both sides.
func (x *content) both() bool { return x.form&(withA|withB) == withA|withB }

// forward is the side whose direction the template has.
func (x *content) forward() int { return btoi(x.form&backward != 0) }

// first and last are the times of the first and the last packet of p.
func (p *piece) first() int64 {
	if p.both() {
		return min(p.start[0], p.start[1])
	}
	return p.start[p.only()]
}

func (p *piece) last() int64 {
	if p.both() {
		return max(p.end[0], p.end[1])
	}
	return p.end[p.only()]
}

// only is the side of a piece that has one.
func (p *piece) only() int { return btoi(p.form&withB != 0) }

// report is what tells one exporter's report of one direction from another.
type report struct {
	start, end int64
	place      place
	counts     uint16 // digest of packets and bytes
	by         uint16 // number of the reporter
	flags      uint8  // TCP flags, and the end reason; not known of one that has left
	reason     flow.EndReason
}

// last says whether x tells that nothing of its direction follows it.
func (x *report) last() bool {
	return final(x.reason) || x.flags&(flow.FIN|flow.RST) != 0
}

// is says whether a and b are equal, as far as it is known of both.
func (a *report) is(b *report) bool {
	return a.start == b.start && a.end == b.end && a.place == b.place && a.counts == b.counts && a.by == b.by
}

// place is where a report was made: a digest of the interfaces, the direction there, and whether
// the exporter gave times.
type place uint32

func placeOf(r *flow.Record) place      { return placeAt(r, r.InIf, r.OutIf) }
func reversePlace(r *flow.Record) place { return placeAt(r, r.OutIf, r.InIf) }

func placeAt(r *flow.Record, in, out uint32) place {
	h := (uint64(in)<<32 | uint64(out)) * 0x9e3779b97f4a7c15
	p := place(h>>35)<<3 | place(r.Direction&3)<<1
	if r.Has.Has(flow.HasTimes) {
		p |= 1
	}
	return p
}

func (p place) timed() bool               { return p&1 != 0 }
func (p place) direction() flow.Direction { return flow.Direction(p >> 1 & 3) }

// is says whether the interfaces and the direction there are the same.
func (p place) is(q place) bool { return (p^q)>>1 == 0 }

func digest(packets, bytes uint64) uint16 {
	return uint16((packets*0x9e3779b97f4a7c15 ^ bytes*0xe7037ed1a0b428db) >> 48)
}

// of makes x what r reports of its forward direction, reverse what of the other one.
func (x *report) of(r *flow.Record, by uint16) {
	x.start, x.end, x.place, x.counts, x.by = r.Start, r.End, placeOf(r), digest(r.Fwd.Packets, r.Fwd.Bytes), by
	x.flags, x.reason = r.Fwd.Flags, r.EndReason
}

func (x *report) reverse(r *flow.Record, by uint16) {
	x.start, x.end, x.place, x.counts, x.by = r.Start, r.End, reversePlace(r), digest(r.Rev.Packets, r.Rev.Bytes), by
	x.flags, x.reason = r.Rev.Flags, r.EndReason
}

// report makes x the report that direction s of p is.
func (p *piece) report(x *report, s int) {
	x.start, x.end, x.place, x.counts, x.by = p.start[s], p.end[s], p.place[s], digest(p.packets[s], p.bytes[s]), p.by[s]
	x.flags, x.reason = p.flags[s], p.reason
}

// newPiece makes a piece of r, whose forward direction is side s. to and fro are as in add.
func (t *Table) newPiece(r *flow.Record, meta *flow.Meta, s int, to, fro *report) (uint32, *piece) {
	i := t.pieces.Take()
	p := t.pieces.At(i)
	*p = piece{came: t.in(0)}
	p.ord, p.received, p.reason, p.gave = r.Ord, r.Received, r.EndReason, sidesOf(r.Has)
	p.what = t.intern(r)
	if s == 1 {
		p.form = backward
	}
	if r.Skewed {
		p.form |= skewed
	}
	t.put(p, r, &r.Fwd, s, to)
	if fro != nil {
		t.put(p, r, &r.Rev, 1-s, fro)
	}
	t.addMeta(&p.content, meta)
	t.keepWire(&p.content)
	t.held++
	return i, p
}

// put makes mine, a direction of r that has counted n, the direction s of p.
func (t *Table) put(p *piece, r *flow.Record, n *flow.Counts, s int, mine *report) {
	p.start[s], p.end[s], p.place[s], p.by[s] = mine.start, mine.end, mine.place, mine.by
	form := p.form&^mixed | withA<<s
	if form&(withA|withB) == withA|withB && p.by[0] != p.by[1] {
		form |= mixed
	}
	p.form = form
	p.bytes[s], p.packets[s] = n.Bytes, n.Packets
	p.flags[s], p.init[s], p.tos[s], p.ttl[s] = n.Flags, n.InitFlags, n.ToS, n.TTL
	if r.Has.Has(flow.HasPayload) || t.besides(&p.content).extra != 0 {
		t.extraOf(&p.content).payload[s] = n.Payload
	}
}

// drop takes the direction s out of p, which has both.
func (t *Table) drop(p *piece, s int) {
	if p.forward() == s {
		t.reform(&p.content, (*traits).turn)
		p.form ^= backward
		if x := t.besides(&p.content).extra; x != 0 {
			t.extras.At(x).wire.Reverse()
		}
	}
	p.form &^= withA << s
	p.bytes[s], p.packets[s] = 0, 0
	p.flags[s], p.init[s], p.tos[s], p.ttl[s] = 0, 0, 0, 0
	if x := t.besides(&p.content).extra; x != 0 {
		t.extras.At(x).payload[s] = 0
	}
}

// free gives piece n, which is p, back with all that it holds.
func (t *Table) free(n uint32, p *piece) {
	t.empty(&p.content)
	t.pieces.Drop(n)
}

// empty gives back what x holds.
func (t *Table) empty(x *content) {
	t.release(x.what)
	if x.aside != 0 {
		t.emptyAside(t.asides.At(x.aside))
		t.asides.Drop(x.aside)
	}
}

func (t *Table) emptyAside(x *aside) {
	if x.meta != 0 {
		*t.metas.At(x.meta) = flow.Meta{}
		t.metas.Drop(x.meta)
	}
	if x.extra != 0 {
		*t.extras.At(x.extra) = extra{}
		t.extras.Drop(x.extra)
	}
	for x.seen != 0 {
		next := t.seens.At(x.seen).then
		t.seens.Drop(x.seen)
		x.seen = next
	}
}

// besides gives what x has beside others.
func (t *Table) besides(x *content) (b aside) {
	if x.aside != 0 {
		b = *t.asides.At(x.aside)
	}
	return b
}

// asideOf gives the aside of x, a new one if it has none.
func (t *Table) asideOf(x *content) *aside {
	if x.aside == 0 {
		x.aside = t.asides.Take()
		*t.asides.At(x.aside) = aside{}
	}
	return t.asides.At(x.aside)
}

// record makes r, which is empty, the record that x, of conversation c, holds.
func (t *Table) record(r *flow.Record, c *conv, x *content, start, end int64) {
	t.templates.At(x.what).give(r)
	r.Start, r.End, r.Received, r.Ord = start, end, x.received, x.ord
	has := x.gave.set()
	r.EndReason, r.Skewed = x.reason, x.form&skewed != 0
	s := x.forward()
	src, dst, ports := &r.Src, &r.Dst, c.ports
	if s == 1 {
		src, dst, ports = dst, src, ports<<16|ports>>16
	}
	r.Proto, r.SrcPort, r.DstPort = c.proto, uint16(ports>>16), uint16(ports)
	if c.has(long) {
		p := t.longs.At(c.a)
		*src, *dst = p.a, p.b
	} else {
		src.Set4(c.a)
		dst.Set4(c.b)
	}
	x.counts(&r.Fwd, s)
	if x.both() {
		has |= flow.HasRev
		x.counts(&r.Rev, 1-s)
	}
	r.Has |= has
	if n := t.besides(x).extra; n != 0 {
		e := t.extras.At(n)
		r.Fwd.Payload, r.Rev.Payload = e.payload[s], e.payload[1-s]
	}
}

func (x *content) counts(n *flow.Counts, s int) {
	n.Bytes, n.Packets = x.bytes[s], x.packets[s]
	n.Flags, n.InitFlags, n.ToS, n.TTL = x.flags[s], x.init[s], x.tos[s], x.ttl[s]
}

// numbered notes that x has a record with this id. It keeps that of the first; ids of several origins,
// as those of two runs, have no order, and the one that it has stays.
func (t *Table) numbered(x *content, origin, ord uint64) {
	if t.templates.At(x.what).origin == origin {
		x.ord = min(x.ord, ord)
	}
}
