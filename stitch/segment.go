package stitch

import "github.com/flowferry/flowferry/flow"

// review writes out what has waited long enough of conversation i and gives the time to look
// at it again, 0 if it can be forgotten.
func (t *Table) review(i uint32) int64 {
	c := t.convs.at(i)
	if c.dead {
		return 0
	}
	if t.now >= c.done {
		t.finish(i, flow.EndIdle)
		return t.bury(i)
	}
	for c.held != 0 {
		p := t.pieces.at(c.held)
		if p.due > t.now {
			return min(p.due, c.done)
		}
		if c.out == 0 && p.next == 0 && !t.goesOn(c, p) {
			break // it may be all there is: the end of the conversation will tell
		}
		t.emitPiece(c)
	}
	return c.done
}

// goesOn says whether p is known or likely to be continued.
func (t *Table) goesOn(c *conv, p *piece) bool {
	if c.ended() {
		return false
	}
	return c.side[0].cut || c.side[1].cut || p.rec.End-p.rec.Start >= t.shortest
}

// bury keeps conversation i in mind for what comes late.
func (t *Table) bury(i uint32) int64 {
	t.unlink(&t.live, i)
	t.convs.at(i).dead = true
	t.push(&t.dead, i)
	return t.now + t.linger
}

// finish writes out all that is held of conversation i. why is the end reason if neither the
// exporter nor the TCP flags told one.
func (t *Table) finish(i uint32, why flow.EndReason) {
	c := t.convs.at(i)
	if c.dead {
		return
	}
	if a, b := &c.side[0], &c.side[1]; a.seen() != b.seen() {
		t.sawOne(max(a.last.by, b.last.by))
	}
	if c.out == 0 && c.held != 0 && t.pieces.at(c.held).next == 0 {
		n := c.held
		c.held = 0
		p := t.pieces.at(n)
		t.finishRecord(c, p, why)
		t.emit(c, n)
		t.n.flows++
		t.held--
		return
	}
	c.told = c.end // the session itself follows
	for c.held != 0 {
		t.emitPiece(c)
	}
	if c.total != 0 {
		n := c.total
		c.total = 0
		p := t.pieces.at(n)
		p.rec.Kind, p.rec.Segments, p.rec.Segment, p.rec.State = flow.KindSession, c.out, 0, t.state(c)
		t.finishRecord(c, p, why)
		t.emit(c, n)
		t.n.sessions++
	}
}

// finishRecord marks p as the whole conversation.
func (t *Table) finishRecord(c *conv, p *piece, why flow.EndReason) {
	r := &p.rec
	r.Complete = true
	r.Segment = 0
	switch {
	case r.EndReason != flow.EndUnknown && r.EndReason != flow.EndActive:
	case r.Proto == flow.ProtoTCP && c.ended() && (c.side[0].flags|c.side[1].flags)&(flow.FIN|flow.RST) != 0:
		r.EndReason = flow.EndOfFlow
	case c.ended():
		r.EndReason = flow.EndIdle
	default:
		r.EndReason = why
	}
}

// emitPiece writes out the first waiting piece of c as one of several.
func (t *Table) emitPiece(c *conv) {
	n := c.held
	p := t.pieces.at(n)
	c.held = p.next
	c.out++
	t.decide(c)
	for s := range p.side {
		if p.has(s) {
			c.side[s].main = p.side[s].by
		}
	}
	p.rec.Segment, p.rec.Complete = c.out, false
	t.addTotal(c, p)
	ord := p.rec.Ord
	t.emit(c, n)
	t.n.flows++
	t.held--
	t.interim(c, ord)
}

// straggle writes out r, which came after its conversation was told: neither a new
// conversation nor part of the totals that have gone out.
func (t *Table) straggle(i uint32, r *flow.Record, meta *flow.Meta, s int, by uint32) {
	c := t.convs.at(i)
	n := t.newPiece(r, meta, s, by)
	c.out++
	if c.out == 1 {
		c.out = 2 // the first went out complete, without a number
	}
	p := t.pieces.at(n)
	p.rec.Segment, p.rec.Complete = c.out, false
	t.emit(c, n)
	t.n.flows++
	t.n.late++
	t.held--
}

// addTotal adds piece p to the sums of c.
func (t *Table) addTotal(c *conv, p *piece) {
	if c.total == 0 {
		c.total = t.pieces.take()
		sum := t.pieces.at(c.total)
		*sum = *p
		sum.rec.Meta, sum.rec.Wire, sum.seen, sum.lists, sum.next = 0, 0, 0, 0, 0
		t.addMeta(&sum.rec, t.metaOf(&p.rec))
		t.addWire(&sum.rec, &p.rec)
		t.copySeen(sum, p)
		return
	}
	sum, r := &t.pieces.at(c.total).rec, &p.rec
	add := *r
	if _, fwd := r.Key(); fwd != keyForward(sum) {
		if !add.Has.Has(flow.HasRev) {
			add.Fwd, add.Rev = flow.Counts{}, add.Fwd
			addReverse(sum, &add)
			add.Rev = flow.Counts{}
		} else {
			turn(&add)
		}
	}
	if add.Has.Has(flow.HasRev) {
		addReverse(sum, &add)
	}
	if add.Start < sum.Start {
		add.Fwd.InitFlags, sum.Fwd.InitFlags = sum.Fwd.InitFlags, add.Fwd.InitFlags
	}
	sum.Fwd.Add(&add.Fwd)
	if r.End >= sum.End {
		sum.EndReason = r.EndReason
	}
	sum.Start, sum.End = min(sum.Start, r.Start), max(sum.End, r.End)
	sum.Ord = min(sum.Ord, r.Ord)
	sum.Skewed = sum.Skewed || r.Skewed
	sum.Received = max(sum.Received, r.Received)
	if sum.App == flow.AppNone {
		sum.App, sum.AppConfidence, sum.AppReason, sum.AppHint = r.App, r.AppConfidence, r.AppReason, r.AppHint
	}
	t.addMeta(sum, t.metaOf(r))
	t.addWire(sum, r)
	t.copySeen(t.pieces.at(c.total), p)
}

func keyForward(r *flow.Record) bool {
	_, fwd := r.Key()
	return fwd
}

// addReverse adds the reverse counts of r to those of sum, which may have had none.
func addReverse(sum, r *flow.Record) {
	if sum.Has.Has(flow.HasRev) {
		sum.Rev.Add(&r.Rev)
		return
	}
	half := *r
	half.Fwd = r.Rev
	half.Start, half.End, half.Ord = sum.Start, sum.End, sum.Ord
	turnedRev(sum, &half)
}

// emit appends piece n to the batch and frees it.
func (t *Table) emit(c *conv, n uint32) {
	t.say(c, t.pieces.at(n))
	t.free(n)
}

// say appends a copy of piece p to the batch, turned so that Src is the initiator, and gives it.
func (t *Table) say(c *conv, p *piece) *flow.Record {
	t.decide(c)
	b := t.batch
	b.Recs = append(b.Recs, p.rec)
	out := &b.Recs[len(b.Recs)-1]
	out.Meta = 0
	if out.State == flow.StateUnknown {
		out.State = t.state(c)
	}
	t.sayWire(out, &p.rec, orient(out, c))
	if meta := t.metaOf(&p.rec); meta != nil || p.seen != 0 {
		t.sayMeta(out, meta, p)
	}
	return out
}

// interim tells what conversation c, of which a piece with this ordinal has just gone out, came to
// so far, if it has not been told for long. Its id is of its own: the session has that of the
// conversation's first record.
func (t *Table) interim(c *conv, ord uint64) {
	sum := &t.pieces.at(c.total).rec
	if c.told == 0 {
		c.told = sum.Start
	}
	if sum.End-c.told < t.interimAfter {
		return
	}
	c.told = sum.End
	out := t.say(c, t.pieces.at(c.total))
	out.Kind, out.Segments, out.Segment, out.Ord = flow.KindSession, c.out, 0, ord
	out.EndReason, out.Complete = flow.EndActive, false
	t.n.interims++
}

// free gives piece n back with all that it holds.
func (t *Table) free(n uint32) {
	p := t.pieces.at(n)
	t.freeMeta(&p.rec)
	t.freeWire(&p.rec)
	t.freeSeen(p)
	t.pieces.drop(n)
}
