package stitch

import "github.com/flowferry/flowferry/flow"

// maxHeld is how many pieces of one conversation wait at once; the first leaves early then.
const maxHeld = 16

// absorb takes a flow into the table. It may write out others into t.batch, so r must not
// point into it.
func (t *Table) absorb(r *flow.Record, meta *flow.Meta) {
	key, fwd := r.Key()
	s := btoi(!fwd)
	by := t.reporterOf(r)
	i := t.match(&key, r, s, by)
	if i == 0 {
		i = t.open(&key, r)
	}
	c := t.convs.at(i)
	c.evidence(r, s)
	if !r.Has.Has(flow.HasRev) {
		if d := t.duplicateOf(c, r, s, by); d != notDuplicate {
			t.n.duplicates++
			t.merge(i, d, r, meta, s, by)
			return
		}
		t.add(i, r, meta, s, by)
		return
	}
	t.absorbBiflow(i, r, meta, s, by)
}

// absorbBiflow takes a flow with both directions into conversation i.
func (t *Table) absorbBiflow(i uint32, r *flow.Record, meta *flow.Meta, s int, by uint32) {
	if r.Rev.Packets > 0 {
		t.sawBoth(by)
	}
	c := t.convs.at(i)
	there, back := *r, *r
	turn(&back)
	dropReverse(&there)
	dropReverse(&back)
	a, b := t.duplicateOf(c, &there, s, by), t.duplicateOf(c, &back, 1-s, by)
	switch {
	case a == notDuplicate && b == notDuplicate:
		t.add(i, r, meta, s, by)
		return
	case a == b && !t.better(c, a, &there, s, by) && !t.better(c, b, &back, 1-s, by):
		t.n.duplicates++
		t.note(c, a, r, meta)
		for k := range c.side {
			c.side[k].heard = max(c.side[k].heard, r.End)
		}
		t.rearm(i, r)
		return
	}
	// Each direction has its own fate; the record is counted once.
	if a == notDuplicate {
		t.add(i, &there, meta, s, by)
		if b = t.duplicateOf(c, &back, 1-s, by); b == notDuplicate {
			b = emitted
		}
		t.merge(i, b, &back, nil, 1-s, by)
		return
	}
	t.merge(i, a, &there, meta, s, by)
	if b = t.duplicateOf(c, &back, 1-s, by); b == notDuplicate {
		t.add(i, &back, nil, 1-s, by)
		return
	}
	t.n.duplicates++
	t.merge(i, b, &back, nil, 1-s, by)
}

func dropReverse(r *flow.Record) { r.Rev, r.Has = flow.Counts{}, r.Has&^flow.HasRev }

// add takes r, which is no duplicate, into conversation i.
func (t *Table) add(i uint32, r *flow.Record, meta *flow.Meta, s int, by uint32) {
	c := t.convs.at(i)
	t.account(c, r, s, by)
	switch {
	case c.dead:
		t.straggle(i, r, meta, s, by)
		return
	case !t.pair(c, r, meta, s, by):
		t.hold(c, r, meta, s, by)
	}
	t.rearm(i, r)
}

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
	if t.same(&sd.last, &mine) || sd.last.by != by && t.same(&covered, &mine) {
		return emitted
	}
	return notDuplicate
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
// policy, as long as n is all there is of the conversation.
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
	if c.out > 0 || t.pieces.at(c.held).next != 0 {
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
	p.rec.Meta, p.rec.Ord, p.rec.Start, p.rec.End = old.Meta, min(old.Ord, r.Ord), start, end
	if old.Has.Has(flow.HasRev) {
		back := old
		back.Fwd = old.Rev
		turnedRev(&p.rec, &back)
	}
}

// turnedRev puts the forward counts of half, which runs the other way, into the reverse counts
// of r. What only one of the two has counted is not kept for both.
func turnedRev(r, half *flow.Record) {
	const sided = flow.HasPayload | flow.HasFlags | flow.HasInitFlags | flow.HasToS | flow.HasTTL
	r.Rev = half.Fwd
	r.Has = r.Has&^sided | r.Has&half.Has&sided | flow.HasRev
	r.Start, r.End = min(r.Start, half.Start), max(r.End, half.End)
	r.Ord = min(r.Ord, half.Ord)
}

// account takes over what r tells of the conversation.
func (t *Table) account(c *conv, r *flow.Record, s int, by uint32) {
	c.start, c.end = min(c.start, r.Start), max(c.end, r.End)
	t.accountSide(&c.side[s], r, &r.Fwd, by)
	if r.Has.Has(flow.HasRev) {
		t.accountSide(&c.side[1-s], r, &r.Rev, by)
	}
}

func (t *Table) accountSide(sd *side, r *flow.Record, n *flow.Counts, by uint32) {
	tcp := r.Proto == flow.ProtoTCP
	opens := !sd.seen() || r.Start < sd.firstAt
	if opens {
		sd.firstAt, sd.first = r.Start, r.Ord
		sd.init, sd.hasInit = n.InitFlags, tcp && r.Has.Has(flow.HasInitFlags)
	}
	if !sd.seen() {
		sd.start, sd.end = r.Start, r.End
	}
	if r.End >= sd.end { // the latest so far
		sd.ended = t.last(r)
		sd.cut = r.EndReason == flow.EndActive
	}
	sd.start, sd.end, sd.heard = min(sd.start, r.Start), max(sd.end, r.End), max(sd.heard, r.End)
	if tcp && r.Has.Has(flow.HasFlags) {
		sd.flags, sd.hasFlags = sd.flags|n.Flags, true
	}
	sd.ended = sd.ended || sd.flags&(flow.FIN|flow.RST) != 0
	sd.traffic += n.Packets + n.Bytes
	sd.last = reportOf(r, n, by)
	if sd.main == 0 || sd.main == by {
		sd.main, sd.until = by, t.expect(r)
	}
}

// expect gives the time by which the next piece must have come if r is continued: its exporter
// cuts it when it has lasted as long as r, or ends it after a silence.
func (t *Table) expect(r *flow.Record) int64 {
	if r.EndReason == flow.EndActive {
		return t.now + t.active + t.idle(r.Proto)
	}
	return t.now + min(r.End-r.Start, t.active) + t.idle(r.Proto)
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

// candidate gives the time until which a report by another exporter than the one that side s
// is counted from must wait, because that one may still report the same.
func (t *Table) candidate(c *conv, s int, by uint32) int64 {
	sd := &c.side[s]
	if !sd.seen() || sd.main == by || sd.until < t.now {
		return 0
	}
	return sd.until
}

// last says whether the exporter's word or its silence tells that nothing follows r.
func (t *Table) last(r *flow.Record) bool {
	switch r.EndReason {
	case flow.EndIdle, flow.EndOfFlow, flow.EndForced:
		return true
	case flow.EndUnknown:
		return t.quietEnd(r)
	}
	return false
}

// quietEnd says whether only an idle time-out can have sent r.
func (t *Table) quietEnd(r *flow.Record) bool {
	return r.Has.Has(flow.HasTimes) && r.Received-r.End >= t.quiet && r.Received-r.Start < t.shortest
}

// pair puts r, one direction, into the waiting piece that lacks it and has most time in common.
func (t *Table) pair(c *conv, r *flow.Record, meta *flow.Meta, s int, by uint32) bool {
	if r.Has.Has(flow.HasRev) {
		return false
	}
	best, most := uint32(0), int64(0)
	for i := c.held; i != 0; i = t.pieces.at(i).next {
		p := t.pieces.at(i)
		n := overlap(p.rec.Start, p.rec.End, r.Start, r.End)
		if !p.has(s) && t.near(p, r, n) && (best == 0 || n > most) {
			best, most = i, n
		}
	}
	if best == 0 {
		return false
	}
	p := t.pieces.at(best)
	if p.side[1-s].by == by {
		t.sawBoth(by)
	} else {
		t.list(p, r)
	}
	t.n.paired++
	p.due = max(p.came+t.window, t.candidate(c, s, by), t.candidate(c, 1-s, p.side[1-s].by))
	p.merged = true
	t.addHalf(p, r, s, by)
	t.addMeta(&p.rec, meta)
	return true
}

// near says whether two directions that have n in common can be one piece: they overlap, or
// one is short and the other begins soon after.
func (t *Table) near(p *piece, r *flow.Record, n int64) bool {
	return n > 0 || -n <= t.window && min(p.rec.End-p.rec.Start, r.End-r.Start) <= t.window
}

// addHalf puts r, the direction s that p lacks, into p.
func (t *Table) addHalf(p *piece, r *flow.Record, s int, by uint32) {
	if r.End > p.rec.End && r.EndReason != flow.EndUnknown || p.rec.EndReason == flow.EndUnknown {
		p.rec.EndReason = r.EndReason
	}
	h := &p.rec
	if r.Has.Has(flow.HasNATSrc) && !h.Has.Has(flow.HasNATDst) {
		h.NATDst, h.Has = r.NATSrc, h.Has|flow.HasNATDst
	}
	if r.Has.Has(flow.HasNATDst) && !h.Has.Has(flow.HasNATSrc) {
		h.NATSrc, h.Has = r.NATDst, h.Has|flow.HasNATSrc
	}
	if h.App == flow.AppNone {
		h.App = r.App
	}
	h.Received = max(h.Received, r.Received)
	turnedRev(h, r)
	p.side[s] = reportOf(r, &r.Fwd, by)
}

// hold makes a waiting piece of r, in the order of their starts.
func (t *Table) hold(c *conv, r *flow.Record, meta *flow.Meta, s int, by uint32) {
	i := t.newPiece(r, meta, s, by)
	p := t.pieces.at(i)
	p.came = t.now
	p.due = t.now + t.window
	if !p.has(1-s) && t.waitsForHalf(c, s, by) {
		p.due = max(p.due, t.now+t.half)
	}
	for k := range p.side {
		if p.has(k) {
			p.due = max(p.due, t.candidate(c, k, by))
		}
	}
	at, n := &c.held, 0
	for *at != 0 {
		q := t.pieces.at(*at)
		if q.rec.Start > r.Start || q.rec.Start == r.Start && q.rec.Ord > r.Ord {
			break
		}
		at = &q.next
	}
	p.next, *at = *at, i
	for j := c.held; j != 0; j = t.pieces.at(j).next {
		n++
	}
	if n > maxHeld {
		t.emitPiece(c)
	}
}

// waitsForHalf says whether the other direction of side s surely exists and is likely to be
// reported: the conversation has had it and goes on, or this side has acknowledged something
// and its reporter is not known to show one direction only.
func (t *Table) waitsForHalf(c *conv, s int, by uint32) bool {
	if c.side[1-s].seen() {
		return !c.ended()
	}
	return c.key.Proto == flow.ProtoTCP && c.side[s].flags&flow.ACK != 0 && !t.showsOne(by)
}

func (t *Table) newPiece(r *flow.Record, meta *flow.Meta, s int, by uint32) uint32 {
	i := t.pieces.take()
	p := t.pieces.at(i)
	*p = piece{rec: *r}
	p.rec.Meta, p.rec.Enr = 0, 0
	t.addMeta(&p.rec, meta)
	p.side[s] = reportOf(r, &r.Fwd, by)
	if r.Has.Has(flow.HasRev) {
		p.side[1-s] = reportOf(r, &r.Rev, by)
	}
	t.held++
	return i
}

// rearm sets anew when c is over and when to look at it.
func (t *Table) rearm(i uint32, r *flow.Record) {
	c := t.convs.at(i)
	if c.dead {
		return
	}
	t.unlink(&t.live, i)
	t.push(&t.live, i)
	c.done = t.now
	for j := c.held; j != 0; j = t.pieces.at(j).next {
		c.done = max(c.done, t.pieces.at(j).due)
	}
	if !c.ended() {
		c.done = max(c.done, t.expect(r))
	}
	if c.held != 0 {
		t.wakeAt(i, min(c.done, max(t.pieces.at(c.held).due, t.now)))
	} else {
		t.wakeAt(i, c.done)
	}
}
