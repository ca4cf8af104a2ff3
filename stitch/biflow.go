package stitch

import "github.com/flowferry/flowferry/flow"

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

// turnedRev puts the forward counts of half, which runs the other way, into the reverse counts
// of r. What only one of the two has counted is not kept for both.
func turnedRev(r, half *flow.Record) {
	const sided = flow.HasPayload | flow.HasFlags | flow.HasInitFlags | flow.HasToS | flow.HasTTL
	r.Rev = half.Fwd
	r.Has = r.Has&^sided | r.Has&half.Has&sided | flow.HasRev
	r.Start, r.End = min(r.Start, half.Start), max(r.End, half.End)
	r.Ord = min(r.Ord, half.Ord)
	r.Skewed = r.Skewed || half.Skewed
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
		h.App, h.AppConfidence, h.AppReason, h.AppHint = r.App, r.AppConfidence, r.AppReason, r.AppHint
	}
	h.Received = max(h.Received, r.Received)
	turnedRev(h, r)
	p.side[s] = reportOf(r, &r.Fwd, by)
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
