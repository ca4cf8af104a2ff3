package stitch

import "github.com/flowferry/flowferry/flow"

// notDuplicate and emitted are answers of duplicateOf beside the number of a waiting piece.
const (
	notDuplicate = ^uint32(0)
	emitted      = 0
)

// duplicateOf finds the waiting piece of which r, one direction, is another report, or emitted
// if that has left.
func (t *Table) duplicateOf(c *conv, r *flow.Record, s int, by uint32) uint32 {
	sd := &c.side[s]
	if !sd.seen() {
		return notDuplicate
	}
	mine := reportOf(r, &r.Fwd, by)
	best, most := notDuplicate, int64(0)
	for i := c.held; i != 0; i = t.pieces.at(i).next {
		p := t.pieces.at(i)
		if p.has(s) && t.same(&p.side[s], &mine) {
			if n := overlap(p.rec.Start, p.rec.End, r.Start, r.End); best == notDuplicate || n > most {
				best, most = i, n
			}
		}
	}
	if best != notDuplicate {
		return best
	}
	covered := report{start: sd.start, end: sd.end, by: sd.last.by}
	if t.same(&sd.last, &mine) || sd.last.by != by && t.same(&covered, &mine) && !t.ahead(c, sd, &mine) {
		return emitted
	}
	return notDuplicate
}

// ahead says whether r is of the reporter that this side is counted from, and of a time of which
// nothing was told: what other reporters said of later times still waits, and left a hole.
func (t *Table) ahead(c *conv, sd *side, r *report) bool {
	return sd.main == r.by && !c.dead && (c.total == 0 || r.start > t.pieces.at(c.total).rec.End)
}

// same says whether b reports the same traffic as a.
func (t *Table) same(a, b *report) bool {
	n := overlap(a.start, a.end, b.start, b.end)
	if a.by != b.by {
		if min(a.end-a.start, b.end-b.start) > 2*t.skew {
			return n >= 0 // long ones may follow each other
		}
		return -n <= t.skew
	}
	if *a == *b {
		return a.timed
	}
	if a.in == b.in && a.out == b.out && a.dir == b.dir || -n > t.skew {
		return false
	}
	if a.dir != 0 && b.dir != 0 && a.dir != b.dir {
		return true // at ingress and at egress
	}
	return a.packets == b.packets && a.bytes == b.bytes && abs(a.start-b.start) <= t.skew && abs(a.end-b.end) <= t.skew
}

func abs(n int64) int64 { return max(n, -n) }

// merge takes r, one direction, as another report of waiting piece n, from which the counts may
// be taken instead.
func (t *Table) merge(i, n uint32, r *flow.Record, meta *flow.Meta, s int, by uint32) {
	c := t.convs.at(i)
	if !t.better(c, n, r, s, by) {
		t.note(c, n, r, meta)
	} else {
		p := t.pieces.at(n)
		old := p.rec
		t.replace(c, p, r, s, by)
		t.strip(c, n, r, s, by)
		t.note(c, n, &old, nil)
		t.addMeta(&p.rec, meta)
	}
	c.side[s].heard = max(c.side[s].heard, r.End)
	t.rearm(i, r)
}

// note lists r as another report of waiting piece n, or of the conversation if that has left.
func (t *Table) note(c *conv, n uint32, r *flow.Record, meta *flow.Meta) {
	if n == emitted {
		n = c.total
	}
	if n == 0 { // told already
		return
	}
	p := t.pieces.at(n)
	p.rec.Ord = min(p.rec.Ord, r.Ord)
	t.addMeta(&p.rec, meta)
	if !sameSource(&p.rec, r) {
		t.list(p, r)
	}
}

func sameSource(a, b *flow.Record) bool {
	return a.Exporter == b.Exporter && a.Domain == b.Domain && a.InIf == b.InIf && a.OutIf == b.OutIf && a.Direction == b.Direction
}

// better says whether the counts of r are preferred to those of waiting piece n: if r comes from the
// reporter that this side is counted from, and n from another that seemed to take over; or by
// policy, as long as n is all there is of the conversation and r tells of all of its time.
func (t *Table) better(c *conv, n uint32, r *flow.Record, s int, by uint32) bool {
	if n == emitted {
		return false
	}
	p := t.pieces.at(n)
	if p.side[s].by == by {
		return false
	}
	if c.side[s].main == by {
		return true
	}
	if c.out > 0 || t.pieces.at(c.held).next != 0 || r.Start-p.side[s].start > t.skew || p.side[s].end-r.End > t.skew || t.continues(p, r) {
		return false
	}
	switch t.cfg.Counts {
	case "max":
		bytes, packets := r.Fwd.Bytes, r.Fwd.Packets
		return bytes > p.side[s].bytes || bytes == p.side[s].bytes && packets > p.side[s].packets
	case "order":
		return t.rankOf(by) < t.rankOf(p.side[s].by)
	}
	return false
}

// continues says whether the reporter of r told of an earlier time of piece p in another report.
func (t *Table) continues(p *piece, r *flow.Record) bool {
	for i := p.seen; i != 0; i = t.seens.at(i).next {
		if q := t.seens.at(i); q.Exporter == r.Exporter && q.Domain == r.Domain && q.End <= r.Start {
			return true
		}
	}
	return false
}

// replace takes the counts of r, one direction, instead of those that p has.
func (t *Table) replace(c *conv, p *piece, r *flow.Record, s int, by uint32) {
	start, end := min(p.rec.Start, r.Start), max(p.rec.End, r.End)
	c.side[s].traffic, c.side[s].main = 0, by
	t.account(c, r, s, by)
	p.due = t.now + t.window
	p.side[s] = reportOf(r, &r.Fwd, by)
	if keyForward(&p.rec) != (s == 0) { // r is p's reverse direction
		turnedRev(&p.rec, r)
		return
	}
	old := p.rec
	p.rec = *r
	p.rec.Meta, p.rec.Wire = old.Meta, old.Wire
	p.rec.Ord, p.rec.Start, p.rec.End = min(old.Ord, r.Ord), start, end
	if old.Has.Has(flow.HasRev) {
		back := old
		back.Fwd = old.Rev
		turnedRev(&p.rec, &back)
	}
}

// strip takes out of the other waiting pieces what r, which counts, has reported too.
func (t *Table) strip(c *conv, except uint32, r *flow.Record, s int, by uint32) {
	mine := reportOf(r, &r.Fwd, by)
	for at := &c.held; *at != 0; {
		i := *at
		p := t.pieces.at(i)
		if i == except || !p.has(s) || p.side[s].by == by || !t.same(&p.side[s], &mine) {
			at = &p.next
			continue
		}
		t.list(t.pieces.at(except), &p.rec)
		if !p.has(1 - s) {
			*at = p.next
			t.free(i)
			t.held--
			t.n.duplicates++
			continue
		}
		if keyForward(&p.rec) == (s == 0) {
			turn(&p.rec)
		}
		dropReverse(&p.rec)
		p.side[s] = report{}
		if p.merged {
			t.n.duplicates++
			t.n.paired--
			p.merged = false
		}
		at = &p.next
	}
}
