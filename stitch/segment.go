package stitch

import "github.com/flowferry/flowferry/flow"

// review writes out what has waited long enough of conversation i, and says when to look at it
// again; not at all if it was told completely.
func (t *Table) review(i uint32, c *conv) (wake uint32, again bool) {
	if t.past(c.done) {
		t.finish(c, flow.EndIdle)
		t.bury(i, c)
		return 0, false
	}
	for c.held != 0 {
		p := t.pieces.At(c.held)
		if !t.past(p.due) {
			return sooner(p.due, c.done), true
		}
		if c.out == 0 && p.next == 0 && !t.goesOn(c, p) {
			break // it may be all there is: the end of the conversation will tell
		}
		t.emitPiece(c, false)
	}
	return c.done, true
}

// goesOn says whether p is known or likely to be continued.
func (t *Table) goesOn(c *conv, p *piece) bool {
	if c.ended() {
		return false
	}
	return (c.saw[0]|c.saw[1])&cut != 0 || p.last()-p.first() >= t.shortest
}

// finish writes out all that is held of c, which is live. why is the end reason if neither the
// exporter nor the TCP flags told one.
func (t *Table) finish(c *conv, why flow.EndReason) {
	if a, b := &c.side[0], &c.side[1]; a.seen() != b.seen() {
		t.sawOne(max(a.by, b.by))
	}
	if c.out == 0 && c.held != 0 && t.pieces.At(c.held).next == 0 {
		n := c.held
		c.held = 0
		t.complete(c, t.emit(c, n, t.pieces.At(n)), why)
		return
	}
	for c.held != 0 {
		t.emitPiece(c, true)
	}
	if c.total != 0 {
		n := c.total
		c.total = 0
		sum := t.totals.At(n)
		out := t.say(c, &sum.content, sum.start, sum.last())
		out.Kind, out.Segments, out.State = flow.KindSession, c.out, t.state(c)
		t.complete(c, out, why)
		t.empty(&sum.content)
		t.totals.Drop(n)
		t.n.sessions++
	}
}

// complete marks r as the whole conversation.
func (t *Table) complete(c *conv, r *flow.Record, why flow.EndReason) {
	r.Complete = true
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

// emitPiece writes out the first waiting piece of c as one of several. The totals so far are told
// now and then unless the session itself follows at once.
func (t *Table) emitPiece(c *conv, last bool) {
	n := c.held
	p := t.pieces.At(n)
	c.held = p.next
	c.out++
	for s := range p.by {
		if p.has(s) {
			c.side[s].main = p.by[s]
		}
	}
	passed := t.addTotal(c, p)
	out := t.emit(c, n, p)
	out.Segment = c.out
	if passed && !last {
		t.interim(c, out.Origin, out.Ord)
	}
}

// straggle writes out r, which came after its conversation was told: neither a new
// conversation nor part of the totals that have gone out.
func (t *Table) straggle(c *conv, r *flow.Record, meta *flow.Meta, s int, to, fro *report) {
	c.out++
	if c.out == 1 {
		c.out = 2 // the first went out complete, without a number
	}
	n, p := t.newPiece(r, meta, s, to, fro)
	t.emit(c, n, p).Segment = c.out
	t.n.late++
}

// addTotal adds piece p to the sums of c, and says whether an Interim has passed in it.
func (t *Table) addTotal(c *conv, p *piece) bool {
	first, last := p.first(), p.last()
	if c.total == 0 {
		c.total = t.totals.Take()
		sum := t.totals.At(c.total)
		*sum = total{content: p.content, start: first}
		sum.covers(p)
		sum.form &^= merged
		sum.aside, sum.lists = 0, 0
		t.templates.At(sum.what).refs++
		t.addAside(&sum.content, &p.content)
		return t.interims(sum) > 0
	}
	sum := t.totals.At(c.total)
	before := t.interims(sum)
	if last >= sum.last() {
		sum.reason = p.reason
	}
	sum.covers(p)
	sum.add(&p.content, first < sum.start)
	sum.start = min(sum.start, first)
	if sum.what == p.what {
		sum.ord = min(sum.ord, p.ord)
	} else {
		from := &t.templates.At(p.what).traits
		t.numbered(&sum.content, from.origin, p.ord)
		if from.app != flow.AppNone && t.templates.At(sum.what).app == flow.AppNone {
			t.reform(&sum.content, func(m *traits) {
				m.app, m.appConfidence, m.appReason, m.appHint = from.app, from.appConfidence, from.appReason, from.appHint
			})
		}
	}
	t.addAside(&sum.content, &p.content)
	return t.interims(sum) > before
}

// addAside adds what x has beside others to sum.
func (t *Table) addAside(sum, x *content) {
	if x.aside != 0 {
		t.addMeta(sum, t.metaOf(x))
		t.addExtra(sum, x)
		t.copySeen(sum, x)
	}
}

// covers notes the times of piece p.
func (x *total) covers(p *piece) {
	for s := range p.end {
		if p.has(s) {
			x.marks[s] |= markOf(p.start[s])
			x.end[s] = max(x.end[s], p.end[s])
		}
	}
}

// add adds the counts of o, which begins earlier or not. What was not given for a direction that
// comes in only now is not kept for both.
func (x *content) add(o *content, earlier bool) {
	for s := range x.bytes {
		if !o.has(s) {
			continue
		}
		if !x.has(s) || earlier {
			x.init[s] = o.init[s]
		}
		if !x.has(s) {
			x.gave &= o.gave
			x.tos[s] = o.tos[s]
		}
		x.bytes[s] += o.bytes[s]
		x.packets[s] += o.packets[s]
		x.flags[s] |= o.flags[s]
		if ttl := o.ttl[s]; ttl != 0 && (x.ttl[s] == 0 || ttl < x.ttl[s]) {
			x.ttl[s] = ttl
		}
	}
	x.form |= o.form & (withA | withB | skewed | mixed)
	x.received = max(x.received, o.received)
}

// emit appends piece n, which is p, to the batch, frees it and gives the record.
func (t *Table) emit(c *conv, n uint32, p *piece) *flow.Record {
	t.own.start, t.own.end = p.start[p.forward()], p.end[p.forward()]
	out := t.say(c, &p.content, p.first(), p.last())
	t.own.start, t.own.end = 0, 0
	t.free(n, p)
	t.n.flows++
	t.held--
	return out
}

// say appends the record that x is to the batch, turned so that Src is the initiator, and gives it.
func (t *Table) say(c *conv, x *content, start, end int64) *flow.Record {
	t.decide(c)
	b := t.batch
	out := b.Next()
	t.record(out, c, x, start, end)
	if out.State == flow.StateUnknown {
		out.State = t.state(c)
	}
	turned := orient(out, c, x.forward())
	if x.aside != 0 {
		t.sayWire(out, x, turned)
	}
	nat := ""
	if len(t.links.list) != 0 {
		nat = t.linkedID(c, start, end)
	}
	if b := t.besides(x); b.meta|b.seen != 0 || nat != "" {
		t.sayMeta(out, t.metaOf(x), x, nat)
	}
	return out
}

// interims is how often Interim has passed in sum.
func (t *Table) interims(sum *total) int64 {
	if lasted := sum.last() - sum.start; lasted >= t.interimAfter {
		return lasted / t.interimAfter
	}
	return 0
}

// interim tells what conversation c, of which a piece with this id has just gone out, came to so
// far. Its id is that of the piece: the session has that of the conversation's first record.
func (t *Table) interim(c *conv, origin, ord uint64) {
	sum := t.totals.At(c.total)
	out := t.say(c, &sum.content, sum.start, sum.last())
	out.Kind, out.Segments, out.Origin, out.Ord = flow.KindSession, c.out, origin, ord
	out.EndReason, out.Complete = flow.EndActive, false
	t.n.interims++
}
