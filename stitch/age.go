package stitch

import "github.com/flowferry/flowferry/flow"

// age is a list of conversations, the one that was queued longest ago at its head.
type age struct{ head, tail uint32 }

// push puts conversation i at the end.
func (t *Table) push(l *age, i uint32) {
	c := t.convs.at(i)
	c.prev, c.next, c.heard = l.tail, 0, false
	if l.tail != 0 {
		t.convs.at(l.tail).next = i
	} else {
		l.head = i
	}
	l.tail = i
}

// unlink takes conversation i out.
func (t *Table) unlink(l *age, i uint32) {
	c := t.convs.at(i)
	if c.prev != 0 {
		t.convs.at(c.prev).next = c.next
	} else {
		l.head = c.next
	}
	if c.next != 0 {
		t.convs.at(c.next).prev = c.prev
	} else {
		l.tail = c.prev
	}
	c.prev, c.next = 0, 0
}

// ages is the list in which c stands.
func (t *Table) ages(c *conv) *age {
	if c.dead {
		return &t.dead
	}
	return &t.live
}

// oldest gives the live conversation that was not heard of for longest, to within one round of the
// list: one that was heard of since it was queued is queued again, once.
func (t *Table) oldest() uint32 {
	i := t.live.head
	for t.convs.at(i).heard {
		t.unlink(&t.live, i)
		t.push(&t.live, i)
		i = t.live.head
	}
	return i
}

// evict makes room: what is only remembered goes first, then the oldest is written out early.
func (t *Table) evict() {
	i := t.dead.head
	if i == 0 {
		i = t.oldest()
		t.n.evicted++
		t.finish(i, flow.EndLackResources)
	}
	t.forget(i)
}
