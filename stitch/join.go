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
	if r.Has.Has(flow.HasRev) && r.Rev.Packets > 0 {
		t.sawBoth(by)
	}
	if p := t.duplicateOf(c, r, s, by); p != notDuplicate {
		t.n.duplicates++
		t.merge(c, p, r, meta, s, by)
		c.side[s].heard = max(c.side[s].heard, r.End)
		if !c.dead {
			t.rearm(i, c, r)
		}
		return
	}
	c.evidence(r, s)
	t.account(c, r, s, by)
	switch {
	case c.dead:
		t.straggle(i, r, meta, s, by)
		return
	case !t.pair(c, r, meta, s, by):
		t.hold(c, r, meta, s, by)
	}
	t.rearm(i, c, r)
}

// notDuplicate and emitted are answers of duplicateOf beside the number of a waiting piece.
const (
	notDuplicate = ^uint32(0)
	emitted      = 0
)

// duplicateOf finds the waiting piece of which r is another report, or emitted if that has left.
func (t *Table) duplicateOf(c *conv, r *flow.Record, s int, by uint32) uint32 {
	if !c.side[s].seen() {
		if s = 1 - s; !r.Has.Has(flow.HasRev) || !c.side[s].seen() {
			return notDuplicate
		}
	}
	_, fwd := r.Key()
	counts := &r.Fwd
	if fwd != (s == 0) {
		counts = &r.Rev
	}
	mine := reportOf(r, counts, by)
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
	sd := &c.side[s]
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
			return n > t.skew // long ones, one after the other, may touch
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

// merge notes r as another report of waiting piece i, from which the policy may take the counts.
func (t *Table) merge(c *conv, i uint32, r *flow.Record, meta *flow.Meta, s int, by uint32) {
	if i == emitted {
		if c.total == 0 || c.dead {
			return
		}
		i = c.total
	}
	p := t.pieces.at(i)
	if i != c.total {
		t.fill(c, p, r, s, by)
	}
	other := *r
	if i != c.total && t.better(c, p, r, s, by) {
		other = p.rec
		t.replace(c, p, r, s, by)
	}
	p.rec.Ord = min(p.rec.Ord, r.Ord)
	t.addMeta(&p.rec, meta)
	if !sameSource(&p.rec, &other) {
		t.list(p, &other)
	}
}

func sameSource(a, b *flow.Record) bool {
	return a.Exporter == b.Exporter && a.Domain == b.Domain && a.InIf == b.InIf && a.OutIf == b.OutIf && a.Direction == b.Direction
}

// fill takes from a biflow r the direction that piece p lacks.
func (t *Table) fill(c *conv, p *piece, r *flow.Record, s int, by uint32) {
	if !r.Has.Has(flow.HasRev) || p.rec.Has.Has(flow.HasRev) {
		return
	}
	half, missing := *r, s
	if p.has(s) {
		turn(&half)
		missing = 1 - s
	}
	if c.side[missing].seen() {
		return
	}
	half.Has &^= flow.HasRev
	half.Rev = flow.Counts{}
	c.evidence(r, s)
	t.account(c, &half, missing, by)
	t.addHalf(p, &half, missing, by)
}

// better says whether the policy prefers the counts of r to those of piece p. It is asked only
// while p is all there is of its direction: after that the reporter stays.
func (t *Table) better(c *conv, p *piece, r *flow.Record, s int, by uint32) bool {
	if c.out > 0 || t.pieces.at(c.held).next != 0 || p.side[s].by == by || !p.has(s) {
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

// replace takes the counts of r instead of those that p has for the same directions.
func (t *Table) replace(c *conv, p *piece, r *flow.Record, s int, by uint32) {
	if _, fwd := p.rec.Key(); r.Has.Has(flow.HasRev) && fwd != (s == 0) {
		turned := *r
		turn(&turned)
		r, s = &turned, 1-s
	}
	start, end := min(p.rec.Start, r.Start), max(p.rec.End, r.End)
	c.evidence(r, s)
	c.side[s].traffic = 0
	t.account(c, r, s, by)
	p.side[s] = reportOf(r, &r.Fwd, by)
	if r.Has.Has(flow.HasRev) {
		p.side[1-s] = reportOf(r, &r.Rev, by)
	}
	if _, fwd := p.rec.Key(); fwd != (s == 0) { // r is p's reverse direction
		turnedRev(&p.rec, r)
		return
	}
	old := p.rec
	p.rec = *r
	p.rec.Meta, p.rec.Ord, p.rec.Start, p.rec.End = old.Meta, old.Ord, start, end
	if old.Has.Has(flow.HasRev) && !r.Has.Has(flow.HasRev) {
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
	p.due = t.now + t.window
	if c.side[1-s].seen() && !p.has(1-s) && !c.ended() {
		p.due = max(p.due, t.now+t.half)
	}
	c.due = max(c.due, p.due)
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
func (t *Table) rearm(i uint32, c *conv, r *flow.Record) {
	t.unlink(&t.live, i)
	t.push(&t.live, i)
	lasted := min(r.End-r.Start, t.active)
	switch {
	case c.ended():
		c.done = max(c.due, t.now)
	case c.side[0].cut || c.side[1].cut:
		c.done = t.now + t.active + t.idle(r.Proto)
	default:
		c.done = t.now + lasted + t.idle(r.Proto)
	}
	c.done = max(c.done, c.due)
	if c.held != 0 {
		t.wakeAt(i, min(c.done, max(t.pieces.at(c.held).due, t.now)))
	} else {
		t.wakeAt(i, c.done)
	}
}
