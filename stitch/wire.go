package stitch

import "github.com/flowferry/flowferry/flow"

// keepWire gives the new piece p a copy of what the meter told of its record.
func (t *Table) keepWire(p *piece) {
	p.rec.Wire = 0
	if t.wire == nil {
		return
	}
	p.rec.Wire = t.wires.take()
	*t.wires.at(p.rec.Wire) = *t.wire
}

// addWire adds what the meter told of r to the waiting record sum.
func (t *Table) addWire(sum, r *flow.Record) {
	switch {
	case r.Wire == 0:
		return
	case sum.Wire == 0:
		sum.Wire = t.wires.take()
		*t.wires.at(sum.Wire) = *t.wires.at(r.Wire)
		return
	}
	w := *t.wires.at(r.Wire)
	if keyForward(r) != keyForward(sum) {
		w.Reverse()
	}
	t.wires.at(sum.Wire).Add(&w)
}

// sayWire gives out, a record in the batch that was waiting as r, what the meter told of it.
func (t *Table) sayWire(out, r *flow.Record, turned bool) {
	if out.Wire = 0; r.Wire == 0 {
		out.Has &^= flow.HasWire
		return
	}
	w := t.batch.AddWire(out)
	*w = *t.wires.at(r.Wire)
	if turned {
		w.Reverse()
	}
}

func (t *Table) freeWire(r *flow.Record) {
	if r.Wire != 0 {
		*t.wires.at(r.Wire) = flow.Wire{}
		t.wires.drop(r.Wire)
		r.Wire = 0
	}
}
