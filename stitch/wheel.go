package stitch

import (
	"math"

	"github.com/flowferry/flowferry/flow"
)

// The timer wheel: slots of a tick, each the conversations to wake then. A conversation
// that is moved to an earlier time stays in its old slot too; there its entry means nothing. A later
// time is found when it wakes.
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
	if s.last != 0 {
		if p := t.sheets.At(s.last); p.n < uint32(len(p.conv)) {
			p.conv[p.n] = i
			p.n++
			return
		}
	}
	k := t.sheets.Take()
	if s.last == 0 {
		s.first = k
	} else {
		t.sheets.At(s.last).next = k
	}
	s.last = k
	p := t.sheets.At(k)
	p.next, p.n, p.conv[0] = 0, 1, i
}

// nowhere ticks from now stands what is not in the wheel.
const nowhere = 1 << 30

// arm has conversation i woken at a tick, unless that happens earlier anyway. For what waits it
// has an entry of its own, so that the one for its end stays where it is: with one entry for both,
// each piece would leave one behind that means nothing and is read.
func (t *Table) arm(i uint32, c *conv, when uint32) {
	when = sooner(later(when, t.tick+1), uint32(t.turned)+slots-1)
	if int32(when-c.near) >= 0 || int32(when-c.far) >= 0 {
		return
	}
	if c.held != 0 {
		c.near = when
	} else {
		c.far = when
	}
	t.enter(&t.wheel[when&(slots-1)], i)
}

// farAhead is a time (ns) after which all that is held now has ended, and by which ticks can be compared.
const farAhead = nowhere << tickBits

// advance moves the clock and wakes what is due. A clock that goes back by a little stands
// still; one that goes back by more belongs to other data: what is held is written out.
func (t *Table) advance(now int64) {
	if now != 0 && now != t.now {
		t.move(now)
	}
}

func (t *Table) move(now int64) {
	switch {
	case t.now == 0 || now < t.now-maxBack:
		t.flush(math.MaxInt)
		t.now, t.turned = now, now>>tickBits
		t.tick = uint32(t.turned)
		return
	case now < t.now:
		return
	}
	if now-t.now > farAhead { // past may take what is due for what is to come
		t.advance(t.now + farAhead)
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
		due := t.due[:0]
		for k != 0 && len(due) < flow.BatchSize {
			p := t.sheets.At(k)
			due = append(due, p.conv[:p.n]...)
			t.sheets.Drop(k)
			k = p.next
		}
		t.due = due
		for _, i := range t.readyToWake(due, tick) {
			t.wake(i, tick)
		}
	}
}

// due says whether to look at c at a tick: an entry of the wheel may mean nothing any more.
func (c *conv) due(tick uint32) bool {
	return c.is&(used|dead) == used && (int32(tick-c.near) >= 0 || int32(tick-c.far) >= 0)
}

// wake looks at conversation i, unless it only stands at later ticks by now.
func (t *Table) wake(i, tick uint32) {
	c := t.convs.At(i)
	if !c.due(tick) { // it stands in this slot twice
		return
	}
	if int32(tick-c.near) >= 0 {
		c.near = tick + nowhere
	}
	if int32(tick-c.far) >= 0 {
		c.far = tick + nowhere
	}
	if when, again := t.review(i, c); again {
		t.arm(i, c, when)
	}
}
