package stitch

import "github.com/flowferry/flowferry/flow"

// absorbBiflow takes a flow with both directions into c.
func (t *Table) absorbBiflow(c *conv, r *flow.Record, meta *flow.Meta, s int, by uint16) {
	if r.Rev.Packets > 0 {
		t.sawBoth(by)
	}
	var to, fro report
	to.of(r, by)
	fro.reverse(r, by)
	a, b := t.duplicateOf(c, &to, s), t.duplicateOf(c, &fro, 1-s)
	switch {
	case a == notDuplicate && b == notDuplicate:
		t.add(c, r, meta, s, &to, &fro)
		return
	case a == b && !t.better(c, a, r, &r.Fwd, s, by) && !t.better(c, b, r, &r.Rev, 1-s, by):
		t.repeated(t.keptOf(c, a, s), by, 1, r.Fwd.Bytes, r.Fwd.Packets)
		t.repeated(t.keptOf(c, a, 1-s), by, 0, r.Rev.Bytes, r.Rev.Packets)
		t.note(c, a, r, meta)
		c.overhear(s, &r.Fwd, r.End)
		c.overhear(1-s, &r.Rev, r.End)
		return
	}
	// Each direction has its own fate; the record is counted once.
	there, back := *r, *r
	turn(&back)
	dropReverse(&there)
	dropReverse(&back)
	if a == notDuplicate {
		t.add(c, &there, meta, s, &to, nil)
		if b = t.duplicateOf(c, &fro, 1-s); b == notDuplicate {
			b = emitted
		}
		t.merge(c, b, &back, nil, 1-s, by, 0)
		return
	}
	t.merge(c, a, &there, meta, s, by, 0)
	if b = t.duplicateOf(c, &fro, 1-s); b == notDuplicate {
		t.add(c, &back, nil, 1-s, &fro, nil)
		return
	}
	t.merge(c, b, &back, nil, 1-s, by, 1)
}

func dropReverse(r *flow.Record) { r.Rev, r.Has = flow.Counts{}, r.Has&^flow.HasRev }

// pair puts r, one direction, into the waiting piece that lacks it and has most time in common.
func (t *Table) pair(c *conv, r *flow.Record, meta *flow.Meta, s int, mine *report) bool {
	best, most := uint32(0), int64(0)
	for i := c.held; i != 0; {
		p := t.pieces.At(i)
		if !p.has(s) {
			if n := overlap(p.first(), p.last(), r.Start, r.End); t.near(p, r, n) && (best == 0 || n > most) {
				best, most = i, n
			}
		}
		i = p.next
	}
	if best == 0 {
		return false
	}
	p := t.pieces.At(best)
	if p.by[1-s] == mine.by {
		t.sawBoth(mine.by)
	} else {
		t.list(&p.content, r)
	}
	t.n.paired++
	p.due = later(t.in(t.window), later(t.candidate(c, s, mine.by), t.candidate(c, 1-s, p.by[1-s])))
	p.form |= merged
	t.addHalf(p, r, s, mine)
	t.addMeta(&p.content, meta)
	return true
}

// near says whether two directions that have n in common can be one piece: they overlap, or
// one is short and the other begins soon after.
func (t *Table) near(p *piece, r *flow.Record, n int64) bool {
	return n > 0 || -n <= t.window && min(p.last()-p.first(), r.End-r.Start) <= t.window
}

// addHalf puts r, the direction s that p lacks, into p.
func (t *Table) addHalf(p *piece, r *flow.Record, s int, mine *report) {
	if r.End > p.last() && r.EndReason != flow.EndUnknown || p.reason == flow.EndUnknown {
		p.reason = r.EndReason
	}
	t.adopt(&p.content, r)
	p.received = max(p.received, r.Received)
	t.put(p, r, &r.Fwd, s, mine)
	t.join(&p.content, r, p.gave&sidesOf(r.Has))
}

// adopt gives the template of x what only r, its other direction, tells.
func (t *Table) adopt(x *content, r *flow.Record) {
	m := &t.templates.At(x.what).traits
	const nats = flow.HasNATSrc | flow.HasNATDst
	if (m.app != flow.AppNone || r.App == flow.AppNone) && (r.Has&nats == 0 || m.has&nats == nats) {
		return
	}
	t.reform(x, func(m *traits) {
		if r.Has.Has(flow.HasNATSrc) && !m.has.Has(flow.HasNATDst) {
			m.natDst, m.has = r.NATSrc, m.has|flow.HasNATDst
		}
		if r.Has.Has(flow.HasNATDst) && !m.has.Has(flow.HasNATSrc) {
			m.natSrc, m.has = r.NATDst, m.has|flow.HasNATSrc
		}
		if m.app == flow.AppNone {
			m.app, m.appConfidence, m.appReason, m.appHint = r.App, r.AppConfidence, r.AppReason, r.AppHint
		}
	})
}

// waitsForHalf says whether the other direction of side s surely exists and is likely to be
// reported: the conversation has had it and goes on, or this side has acknowledged something
// and its reporter is not known to show one direction only.
func (t *Table) waitsForHalf(c *conv, s int, by uint16) bool {
	if c.side[1-s].seen() {
		return !c.ended()
	}
	return c.proto == flow.ProtoTCP && c.side[s].flags&flow.ACK != 0 && !t.showsOne(by)
}
