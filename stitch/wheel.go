package stitch

// The timer wheel: slots of half a second, each a list of the conversations to wake then.
const (
	tickBits = 29 // a tick is 2^29 ns = 0.54 s
	slots    = 1 << 12
)

// link is a conversation's place in a doubly linked list; 0 is the end.
type link struct{ prev, next uint32 }

// list is a doubly linked list through one of the links of the conversations.
type list struct {
	head, tail uint32
	of         func(*conv) *link
}

func timerLink(c *conv) *link { return &c.timer }
func ageLink(c *conv) *link   { return &c.age }

// push puts conversation i at the end.
func (t *Table) push(l *list, i uint32) {
	k := l.of(t.convs.at(i))
	k.prev, k.next = l.tail, 0
	if l.tail != 0 {
		l.of(t.convs.at(l.tail)).next = i
	} else {
		l.head = i
	}
	l.tail = i
}

// unlink takes conversation i out.
func (t *Table) unlink(l *list, i uint32) {
	k := l.of(t.convs.at(i))
	if k.prev != 0 {
		l.of(t.convs.at(k.prev)).next = k.next
	} else {
		l.head = k.next
	}
	if k.next != 0 {
		l.of(t.convs.at(k.next)).prev = k.prev
	} else {
		l.tail = k.prev
	}
	k.prev, k.next = 0, 0
}

// schedule puts conversation i into the slot of its wake time, or into the last slot of the
// wheel's turn if that is farther away.
func (t *Table) schedule(i uint32) {
	c := t.convs.at(i)
	tick := min(max(c.wake>>tickBits, t.now>>tickBits)+1, t.now>>tickBits+slots-1)
	c.slot = uint32(tick) & (slots - 1)
	t.push(&t.wheel[c.slot], i)
}

// wakeAt moves conversation i to another wake time, if that is earlier; a later one is found
// when it wakes.
func (t *Table) wakeAt(i uint32, when int64) {
	c := t.convs.at(i)
	if when >= c.wake {
		return
	}
	t.unlink(&t.wheel[c.slot], i)
	c.wake = when
	t.schedule(i)
}

// advance moves the clock and wakes what is due. A clock that goes back by a little stands
// still; one that goes back by more belongs to other data: what is held is written out.
func (t *Table) advance(now int64) {
	switch {
	case now == 0 || now == t.now:
		return
	case t.now == 0:
		t.now = now
		return
	case now < t.now-maxBack:
		t.flush()
		t.now = now
		return
	case now < t.now:
		return
	}
	from, to := t.now>>tickBits, now>>tickBits
	t.now = now
	for tick := max(from, to-slots) + 1; tick <= to; tick++ {
		t.turn(&t.wheel[tick&(slots-1)])
	}
}

// turn wakes the conversations of one slot.
func (t *Table) turn(l *list) {
	i := l.head
	l.head, l.tail = 0, 0
	for i != 0 {
		c := t.convs.at(i)
		next := c.timer.next
		if c.wake <= t.now {
			c.wake = t.review(i)
		}
		if c.wake != 0 {
			t.schedule(i)
		} else {
			t.forget(i)
		}
		i = next
	}
}
