package stitch

import "github.com/flowferry/flowferry/flow"

// maxHeld is how many pieces of one conversation wait at once; the first leaves early then.
const maxHeld = 16

// absorb takes a flow into the table. It may write out others behind those in t.batch.
func (t *Table) absorb(r *flow.Record, hash, hint uint32, meta *flow.Meta) {
	var k key
	s := k.of(r)
	by := t.reporterOf(r)
	i, c := t.match(&k, hash, hint, r, s, by)
	if i == 0 {
		i, c = t.open(&k, hash)
	}
	c.evidence(r, s)
	if r.Has.Has(flow.HasRev) {
		t.absorbBiflow(c, r, meta, s, by)
	} else {
		var mine report
		mine.of(r, by)
		if d := t.duplicateOf(c, &mine, s); d != notDuplicate {
			t.merge(c, d, r, meta, s, by, 1)
		} else {
			t.add(c, r, meta, s, &mine, nil)
		}
	}
	t.rearm(i, c, r)
}

// add takes r, which is no duplicate, into c. to and fro are its directions as reports; fro is nil if
// it has one.
func (t *Table) add(c *conv, r *flow.Record, meta *flow.Meta, s int, to, fro *report) {
	t.accountSide(c, s, r, &r.Fwd, to)
	if fro != nil {
		t.accountSide(c, 1-s, r, &r.Rev, fro)
	}
	switch {
	case c.has(dead):
		t.straggle(c, r, meta, s, to, fro)
	case fro != nil || !t.pair(c, r, meta, s, to):
		t.hold(c, r, meta, s, to, fro)
	}
}

// accountSide takes over what mine, a direction of r that has counted n, tells of side s of the
// conversation.
func (t *Table) accountSide(c *conv, s int, r *flow.Record, n *flow.Counts, mine *report) {
	sd, saw := &c.side[s], c.saw[s]
	tcp := r.Proto == flow.ProtoTCP
	first := !sd.seen()
	if first || r.Start < sd.start {
		sd.start = r.Start
		sd.init = n.InitFlags
		saw = saw.with(hasInit, tcp && r.Has.Has(flow.HasInitFlags))
		if c.is &^= bFirst; s == 0 && c.side[1].seen() || s == 1 && !c.side[0].seen() {
			c.is |= bFirst
		}
	}
	if first || r.End >= sd.end { // the latest so far
		sd.heard = spanUp(sd.heardAt() - r.End)
		sd.end, sd.lasted = r.End, spanOf(r.End-r.Start)
		sd.place, sd.counts, sd.by = mine.place, mine.counts, mine.by
		saw = saw.with(ended, t.last(r))
		saw = saw.with(cut, r.EndReason == flow.EndActive)
	}
	if tcp && r.Has.Has(flow.HasFlags) {
		sd.flags |= n.Flags
		saw |= hasFlags
	}
	if sd.flags&(flow.FIN|flow.RST) != 0 {
		saw |= ended
	}
	if n.Packets|n.Bytes != 0 {
		saw |= traffic
	}
	c.saw[s] = saw
	if sd.main == 0 || sd.main == mine.by {
		sd.main, sd.until = mine.by, t.expect(r)
	}
}

// expect gives the tick by which the next piece must have come if r is continued: its exporter
// cuts it when it has lasted as long as r, or ends it after a silence.
func (t *Table) expect(r *flow.Record) uint32 {
	if r.EndReason == flow.EndActive {
		return t.in(t.active + t.idle(r.Proto))
	}
	return t.in(min(r.End-r.Start, t.active) + t.idle(r.Proto))
}

// candidate gives the tick until which a report by another exporter than the one that side s
// is counted from must wait, because that one may still report the same.
func (t *Table) candidate(c *conv, s int, by uint16) uint32 {
	sd := &c.side[s]
	if !sd.seen() || sd.main == by || t.past(sd.until) {
		return t.tick
	}
	return sd.until
}

// last says whether the exporter's word or its silence tells that nothing follows r.
func (t *Table) last(r *flow.Record) bool {
	return final(r.EndReason) || r.EndReason == flow.EndUnknown && t.quietEnd(r)
}

// final says whether it is an exporter's word that nothing follows.
func final(why flow.EndReason) bool {
	switch why {
	case flow.EndIdle, flow.EndOfFlow, flow.EndForced:
		return true
	}
	return false
}

// quietEnd says whether only an idle time-out can have sent r, whose exporter's clock may be wrong.
func (t *Table) quietEnd(r *flow.Record) bool {
	return r.Has.Has(flow.HasTimes) && r.Received-r.End >= t.quiet && r.Received-r.Start < t.shortest-t.skew
}

// hold makes a waiting piece of r, in the order of their starts.
func (t *Table) hold(c *conv, r *flow.Record, meta *flow.Meta, s int, to, fro *report) {
	i, p := t.newPiece(r, meta, s, to, fro)
	p.due = later(t.wait(c, p, s, to.by), t.candidate(c, s, to.by))
	if fro != nil {
		p.due = later(p.due, t.candidate(c, 1-s, fro.by))
	}
	at, n := &c.held, 1
	for *at != 0 {
		q := t.pieces.At(*at)
		if first := q.first(); first > r.Start || first == r.Start && q.ord > r.Ord {
			break
		}
		at = &q.next
		n++
	}
	p.next, *at = *at, i
	for j := p.next; j != 0; j = t.pieces.At(j).next {
		n++
	}
	if n > maxHeld {
		t.emitPiece(c, false)
	}
}

// wait gives the tick until which piece p, of which a report by this reporter has given side s, waits
// for its other direction and for other reports.
func (t *Table) wait(c *conv, p *piece, s int, by uint16) uint32 {
	if !p.has(1-s) && t.waitsForHalf(c, s, by) {
		return t.in(max(t.window, t.half))
	}
	return t.in(t.window)
}

// rearm sets anew, after r, when conversation i is over and when to look at it. A piece that waits for
// longer than Window, for its other direction say, is looked at after that: mostly what it waits for has
// come by then, and the later time needs no entry in the wheel.
func (t *Table) rearm(i uint32, c *conv, r *flow.Record) {
	if c.has(dead) {
		return
	}
	c.is |= heard
	done := t.in(0)
	wake := done
	if c.held != 0 {
		p := t.pieces.At(c.held)
		done = later(p.due, done)
		wake = done
		if first := sooner(p.came+t.windowTicks, t.in(t.window)); !t.past(first) {
			wake = sooner(first, wake)
		}
		for p.next != 0 {
			p = t.pieces.At(p.next)
			done = later(done, p.due)
		}
	}
	if !c.ended() {
		done = later(done, t.expect(r))
	}
	if c.done = done; c.held == 0 {
		wake = done
	}
	t.arm(i, c, wake)
}
