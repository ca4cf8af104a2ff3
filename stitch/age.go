package stitch

import "github.com/flowferry/flowferry/flow"

// bury keeps conversation i, which was told completely, in mind for what comes late. All that are
// buried are remembered for the same time, so they stand in a queue and not in the wheel.
func (t *Table) bury(i uint32, c *conv) {
	c.is |= dead
	c.done = t.in(t.linger)
	t.queue(i, c)
}

// queue puts conversation i, which is dead, at the end of the queue.
func (t *Table) queue(i uint32, c *conv) {
	c.far = 0
	if t.dead.tail != 0 {
		t.convs.At(t.dead.tail).far = i
	} else {
		t.dead.head = i
	}
	t.dead.tail = i
}

// forgetOldest forgets the conversation that was buried first.
func (t *Table) forgetOldest() {
	i := t.dead.head
	if t.dead.head = t.convs.At(i).far; t.dead.head == 0 {
		t.dead.tail = 0
	}
	t.forget(i)
}

// forgetDead forgets what was remembered long enough.
func (t *Table) forgetDead() {
	for {
		due := t.due[:0]
		for i := t.dead.head; i != 0 && len(due) < flow.BatchSize; {
			c := t.convs.At(i)
			if !t.past(c.done) {
				break
			}
			due = append(due, i)
			i = c.far
		}
		t.due = due
		t.readyToForget(due)
		for range due {
			t.forgetOldest()
		}
		if len(due) < flow.BatchSize {
			return
		}
	}
}

// oldest gives a live conversation that was not heard of for long: a hand goes round over all, and
// passes by those that were heard of since it came by last.
func (t *Table) oldest() uint32 {
	for {
		if t.hand++; t.hand > t.convs.Last() {
			t.hand = 1
		}
		c := t.convs.At(t.hand)
		if c.is&(used|dead|heard) == used {
			return t.hand
		}
		c.is &^= heard
	}
}

// evict makes room: what is only remembered goes first, then the oldest is written out early.
func (t *Table) evict() {
	if t.dead.head != 0 {
		t.forgetOldest()
		return
	}
	i := t.oldest()
	t.n.evicted++
	t.finish(t.convs.At(i), flow.EndLackResources)
	t.forget(i)
}
