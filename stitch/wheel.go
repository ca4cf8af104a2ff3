package stitch

// The timer wheel: slots of a tick, each the conversations to wake then. A conversation
// that is moved to an earlier time stays in its old slot too; there its entry means nothing.
const slots = 1 << 15

// slot is the conversations of one tick, in sheets.
type slot struct{ first, last uint32 }

// sheet holds some of the entries of a slot, in 64 bytes.
type sheet struct {
	next uint32
	n    uint32
	conv [14]uint32
}

// enter puts conversation i at the end of a slot.
func (t *Table) enter(s *slot, i uint32) {
	if s.last == 0 || t.sheets.at(s.last).n == uint32(len(sheet{}.conv)) {
		k := t.sheets.take()
		*t.sheets.at(k) = sheet{}
		if s.last == 0 {
			s.first = k
		} else {
			t.sheets.at(s.last).next = k
		}
		s.last = k
	}
	p := t.sheets.at(s.last)
	p.conv[p.n] = i
	p.n++
}

// nowhere ticks from now stands what is not in the wheel.
const nowhere = 1 << 30

// schedule puts conversation i into the slot of its wake time, or into the last slot of the
// wheel's turn if that is farther away.
func (t *Table) schedule(i uint32) {
	c := t.convs.at(i)
	c.tick = sooner(later(c.wake, t.tick+1), uint32(t.turned)+slots-1)
	t.enter(&t.wheel[c.tick&(slots-1)], i)
}

// wakeAt moves conversation i to another wake time, if that is earlier; a later one is found
// when it wakes.
func (t *Table) wakeAt(i, when uint32) {
	if c := t.convs.at(i); int32(when-c.wake) < 0 {
		c.wake = when
		t.schedule(i)
	}
}

// advance moves the clock and wakes what is due. A clock that goes back by a little stands
// still; one that goes back by more belongs to other data: what is held is written out.
func (t *Table) advance(now int64) {
	switch {
	case now == 0 || now == t.now:
		return
	case t.now == 0 || now < t.now-maxBack:
		t.flush()
		t.now, t.turned = now, now>>tickBits
		t.tick = uint32(t.turned)
		return
	case now < t.now:
		return
	}
	t.now = now
	to := now >> tickBits
	if t.tick = uint32(to); t.turned == to {
		return
	}
	for t.turned = max(t.turned, to-slots); t.turned < to; {
		t.turned++
		t.turn(uint32(t.turned))
	}
	t.forgetDead()
}

// turn wakes the conversations of one tick, and of earlier ones that had its slot.
func (t *Table) turn(tick uint32) {
	s := &t.wheel[tick&(slots-1)]
	k := s.first
	*s = slot{}
	for k != 0 {
		p := *t.sheets.at(k)
		t.sheets.drop(k)
		t.readySheet(p.conv[:p.n])
		for _, i := range p.conv[:p.n] {
			t.wake(i, tick)
		}
		k = p.next
	}
}

// wake looks at conversation i, unless it stands at a later tick by now.
func (t *Table) wake(i, tick uint32) {
	c := t.convs.at(i)
	if int32(tick-c.tick) < 0 {
		return
	}
	if t.past(c.wake) {
		wake, again := t.review(i)
		if !again {
			return
		}
		c.wake = wake
	}
	t.schedule(i)
}
