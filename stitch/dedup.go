package stitch

import "github.com/flowferry/flowferry/flow"

// notDuplicate and emitted are answers of duplicateOf beside the number of a waiting piece.
const (
	notDuplicate = ^uint32(0)
	emitted      = 0
)

// duplicateOf finds the waiting piece of which mine, of direction s, is another report, or emitted
// if that has left.
func (t *Table) duplicateOf(c *conv, mine *report, s int) uint32 {
	sd := &c.side[s]
	if !sd.seen() {
		return notDuplicate
	}
	best, most := notDuplicate, int64(0)
	for i := c.held; i != 0; {
		p := t.pieces.At(i)
		if p.has(s) {
			var its report
			if p.report(&its, s); t.same(&its, mine) {
				if n := overlap(p.first(), p.last(), mine.start, mine.end); best == notDuplicate || n > most {
					best, most = i, n
				}
			}
		}
		i = p.next
	}
	if best != notDuplicate {
		return best
	}
	if sd.main != mine.by && t.toldOf(c, s, mine) {
		return emitted
	}
	another := sd.by != mine.by
	if another && t.ahead(c, s, mine) {
		return notDuplicate
	}
	var its report
	if another || mine.end == sd.end || !mine.place.is(sd.place) { // at one place an exporter tells of a time once
		if sd.latest(&its, mine); t.same(&its, mine) {
			return emitted
		}
	}
	if !another && mine.end <= sd.began() && t.resent(c, s, mine) {
		return emitted
	}
	if its.start = sd.start; another && t.same(&its, mine) { // of all that is covered
		return emitted
	}
	return notDuplicate
}

// ahead says whether r is of the reporter that this side is counted from, and of a time of which
// nothing was told: what other reporters said of later times still waits, and left a hole.
func (t *Table) ahead(c *conv, s int, r *report) bool {
	if c.side[s].main != r.by || c.has(dead) {
		return false
	}
	return c.total == 0 || r.start > t.totals.At(c.total).end[s]
}

// resent says whether r, of a time before the latest report by its reporter, may be one of the records
// that were told. Most others that come so late, such as a share of a flow by its ToS, are told apart.
func (t *Table) resent(c *conv, s int, r *report) bool {
	if c.total == 0 {
		return c.has(dead) && r.start >= c.side[s].start
	}
	sum := t.totals.At(c.total)
	return r.end <= sum.end[s] && sum.marks[s]&markOf(r.start) != 0
}

// toldOf says whether r, of another reporter than the one that side s is counted from, is of a time that
// has been told.
func (t *Table) toldOf(c *conv, s int, r *report) bool {
	var its report
	switch {
	case c.has(dead):
		its.start, its.end = c.side[s].start, c.side[s].end
	case c.total != 0 && t.totals.At(c.total).has(s):
		sum := t.totals.At(c.total)
		its.start, its.end = sum.start, sum.end[s]
	default:
		return false
	}
	its.by = c.side[s].main
	return t.same(&its, r)
}

// same says whether b reports the same traffic as a.
func (t *Table) same(a, b *report) bool {
	n := overlap(a.start, a.end, b.start, b.end)
	if a.by != b.by {
		if min(a.end-a.start, b.end-b.start) > 2*t.skew {
			return n >= 0 || a.last() && b.last() && -n <= t.skew // long ones may follow each other, but not an end
		}
		return -n <= t.skew
	}
	if a.is(b) {
		return a.place.timed()
	}
	if a.place.is(b.place) || -n > t.skew {
		return false
	}
	if x, y := a.place.direction(), b.place.direction(); x != 0 && y != 0 && x != y {
		return true // at ingress and at egress
	}
	return a.counts == b.counts && abs(a.start-b.start) <= t.skew && abs(a.end-b.end) <= t.skew
}

func abs(n int64) int64 { return max(n, -n) }

// merge takes r, one direction, as another report of waiting piece n, from which the counts may
// be taken instead. records is 0 where the rest of the record is told elsewhere.
func (t *Table) merge(c *conv, n uint32, r *flow.Record, meta *flow.Meta, s int, by uint16, records uint64) {
	if !t.better(c, n, r, &r.Fwd, s, by) {
		t.repeated(t.keptOf(c, n, s), by, records, r.Fwd.Bytes, r.Fwd.Packets)
		t.note(c, n, r, meta)
	} else {
		p := t.pieces.At(n)
		t.repeated(by, p.by[s], records, p.bytes[s], p.packets[s])
		var old flow.Record
		t.record(&old, c, &p.content, p.first(), p.last())
		t.replace(c, p, r, s, by)
		t.strip(c, n, r, s, by)
		t.numbered(&p.content, old.Origin, old.Ord)
		t.listOther(&p.content, &old)
		t.addMeta(&p.content, meta)
	}
	c.overhear(s, &r.Fwd, r.End)
}

// keptOf gives the reporter from which side s of waiting piece n is counted, or of the conversation if
// that has left.
func (t *Table) keptOf(c *conv, n uint32, s int) uint16 {
	if n == emitted {
		return c.side[s].main
	}
	return t.pieces.At(n).by[s]
}

// note lists r as another report of waiting piece n, or of the conversation if that has left. One
// that comes later than Window after the piece is taken as if the piece had left: how much longer
// that waits depends on what else came, and when.
func (t *Table) note(c *conv, n uint32, r *flow.Record, meta *flow.Meta) {
	var x *content
	switch {
	case n != emitted && !t.late(t.pieces.At(n)):
		x = &t.pieces.At(n).content
	case c.total != 0:
		x = &t.totals.At(c.total).content
	default: // told already
		return
	}
	t.numbered(x, r.Origin, r.Ord)
	t.addMeta(x, meta)
	t.listOther(x, r)
}

// late says whether Window has passed since p came.
func (t *Table) late(p *piece) bool { return int32(t.tick-p.came-t.windowTicks) > 0 }

// better says whether counts by a reporter are preferred to those of waiting piece n: if it is the
// reporter that this side is counted from, and n from another that seemed to take over; or by
// policy, as long as n is all there is of the conversation and r tells of all of its time.
func (t *Table) better(c *conv, n uint32, r *flow.Record, counts *flow.Counts, s int, by uint16) bool {
	if n == emitted {
		return false
	}
	p := t.pieces.At(n)
	if p.by[s] == by {
		return false
	}
	if c.side[s].main == by {
		return true
	}
	if c.out > 0 || t.late(p) || t.pieces.At(c.held).next != 0 || r.Start-p.start[s] > t.skew || p.end[s]-r.End > t.skew || t.continues(p, r, s) {
		return false
	}
	switch t.cfg.Counts {
	case "max":
		return counts.Bytes > p.bytes[s] || counts.Bytes == p.bytes[s] && counts.Packets > p.packets[s]
	case "order":
		return t.rankOf(by) < t.rankOf(p.by[s])
	}
	return false
}

// continues says whether the reporter of r told of more of direction s of piece p in other reports.
func (t *Table) continues(p *piece, r *flow.Record, s int) bool {
	for i := t.besides(&p.content).seen; i != 0; i = t.seens.At(i).then {
		if q := t.seens.At(i); q.Exporter == r.Exporter && q.Domain == r.Domain && q.last[s] != 0 && (q.first[s] < r.Start || q.last[s] > r.End) {
			return true
		}
	}
	return false
}

// replace takes the counts of r, one direction, instead of those that p has.
func (t *Table) replace(c *conv, p *piece, r *flow.Record, s int, by uint16) {
	c.saw[s] &^= traffic
	c.side[s].main = by
	var mine report
	mine.of(r, by)
	t.accountSide(c, s, r, &r.Fwd, &mine)
	p.due = t.wait(c, p, s, by)
	if p.has(1 - s) {
		p.due = later(p.due, t.candidate(c, 1-s, p.by[1-s]))
	}
	gave := sidesOf(r.Has)
	if p.both() {
		gave &= p.gave
	} else {
		p.form &^= skewed
	}
	if p.forward() == s {
		old := p.what
		if t.templates.At(old).origin != r.Origin {
			p.ord = r.Ord // the old one means nothing there
		}
		p.what = t.intern(r)
		t.release(old)
		p.received, p.reason = r.Received, r.EndReason
	}
	t.put(p, r, &r.Fwd, s, &mine)
	t.join(&p.content, r, gave)
}

// join takes over of r, a direction of which the counts were put into x, what is of the whole.
// What only one of two directions has counted is not kept for both.
func (t *Table) join(x *content, r *flow.Record, gave sides) {
	x.gave = gave
	t.numbered(x, r.Origin, r.Ord)
	if r.Skewed {
		x.form |= skewed
	}
}

// strip takes out of the other waiting pieces what r, which counts, has reported too.
func (t *Table) strip(c *conv, except uint32, r *flow.Record, s int, by uint16) {
	var mine report
	mine.of(r, by)
	for at := &c.held; *at != 0; {
		i := *at
		p := t.pieces.At(i)
		if i == except || !p.has(s) || p.by[s] == by {
			at = &p.next
			continue
		}
		var its report
		if p.report(&its, s); !t.same(&its, &mine) {
			at = &p.next
			continue
		}
		var old flow.Record
		t.record(&old, c, &p.content, p.first(), p.last())
		t.list(&t.pieces.At(except).content, &old)
		gone, bytes, packets, records := p.by[s], p.bytes[s], p.packets[s], uint64(1)
		if !p.both() {
			*at = p.next
			t.free(i, p)
			t.held--
			t.repeated(by, gone, records, bytes, packets)
			continue
		}
		t.drop(p, s)
		if p.form&merged != 0 {
			t.n.paired--
			p.form &^= merged
		} else {
			records = 0 // the other direction of the record stays
		}
		t.repeated(by, gone, records, bytes, packets)
		at = &p.next
	}
}
