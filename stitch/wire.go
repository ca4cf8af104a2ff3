package stitch

import "github.com/flowferry/flowferry/flow"

// extraOf gives the extra of x, a new one if it has none.
func (t *Table) extraOf(x *content) *extra {
	a := t.asideOf(x)
	if a.extra == 0 {
		a.extra = t.extras.Take()
		*t.extras.At(a.extra) = extra{}
	}
	return t.extras.At(a.extra)
}

// keepWire gives the new piece x a copy of what the meter told of its record.
func (t *Table) keepWire(x *content) {
	if t.wire != nil {
		e := t.extraOf(x)
		e.wire, e.metered = *t.wire, true
	}
}

// addExtra adds what x has beyond others to sum.
func (t *Table) addExtra(sum, x *content) {
	n := t.besides(x).extra
	if n == 0 {
		return
	}
	to, from := t.extraOf(sum), t.extras.At(n)
	for s := range to.payload {
		to.payload[s] += from.payload[s]
	}
	if !from.metered {
		return
	}
	w := from.wire
	if x.forward() != sum.forward() {
		w.Reverse()
	}
	if !to.metered {
		to.wire, to.metered = w, true
		return
	}
	to.wire.Add(&w)
}

// sayWire gives out, a record in the batch that was waiting as x, what the meter told of it.
func (t *Table) sayWire(out *flow.Record, x *content, turned bool) {
	n := t.besides(x).extra
	if n == 0 || !t.extras.At(n).metered {
		return
	}
	w := t.batch.AddWire(out)
	*w = t.extras.At(n).wire
	if turned {
		w.Reverse()
	}
}
