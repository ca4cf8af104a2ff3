package stitch

import "github.com/flowferry/flowferry/flow"

// maxHeld is how many pieces of one conversation wait at once; the first leaves early then.
const maxHeld = 16

// absorb takes a flow into the table. It may write out others into t.batch, so r must not
// point into it.
func (t *Table) absorb(r *flow.Record, hash uint32, meta *flow.Meta) {
	key, fwd := r.Key()
	s := btoi(!fwd)
	by := t.reporterOf(r)
	i := t.match(&key, hash, r, s, by)
	if i == 0 {
		i = t.open(&key, hash, r)
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

func (t *Table) newPiece(r *flow.Record, meta *flow.Meta, s int, by uint32) uint32 {
	i := t.pieces.take()
	p := t.pieces.at(i)
	*p = piece{rec: *r}
	p.rec.Meta, p.rec.Enr = 0, 0
	t.addMeta(&p.rec, meta)
	t.keepWire(p)
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
	c.heard = true
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
