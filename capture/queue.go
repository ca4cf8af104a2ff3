package capture

import "github.com/flowferry/flowferry/internal/huge"

// queues are the lists in which flows wait, each in order of the last packet, oldest first, to within a second.
type queues struct {
	strips huge.Slab[strip]
	ends   [lists]struct{ head, tail uint32 } // strips; 0 is none
}

// strip is a piece of a list, a cache line of it. In place of a flow that has left it has none; one at least has
// not.
type strip struct {
	prev, next uint32
	from, to   uint8 // flows[from:to] are in use, and the first has not left
	flows      [stripSize]uint32
}

const (
	stripBits = 4 // of an entry's place that tell where in its strip it stands
	stripSize = 13
	maxFlows  = 1 << (32 - stripBits) // whose places there can be, each in a strip of its own
)

// push appends an entry to a list.
func (q *queues) push(i uint32, e *entry, l listID) {
	n := q.ends[l].tail
	if n == 0 || q.strips.At(n).to == stripSize {
		n = q.extend(l)
	}
	r := q.strips.At(n)
	e.list, e.place = l, n<<stripBits|uint32(r.to)
	r.flows[r.to] = i
	r.to++
}

// extend appends an empty strip to a list.
func (q *queues) extend(l listID) uint32 {
	n, ends := q.strips.Take(), &q.ends[l]
	*q.strips.At(n) = strip{prev: ends.tail}
	if ends.tail != 0 {
		q.strips.At(ends.tail).next = n
	} else {
		ends.head = n
	}
	ends.tail = n
	return n
}

// unlink takes an entry out of its list.
func (q *queues) unlink(e *entry) {
	n := e.place >> stripBits
	r := q.strips.At(n)
	r.flows[e.place%(1<<stripBits)] = none
	for r.from < r.to && r.flows[r.from] == none {
		r.from++
	}
	if r.from == r.to {
		q.dissolve(n, r, e.list)
	}
}

// dissolve takes an empty strip out of its list.
func (q *queues) dissolve(n uint32, r *strip, l listID) {
	if r.prev != 0 {
		q.strips.At(r.prev).next = r.next
	} else {
		q.ends[l].head = r.next
	}
	if r.next != 0 {
		q.strips.At(r.next).prev = r.prev
	} else {
		q.ends[l].tail = r.prev
	}
	q.strips.Drop(n)
}

// first gives the oldest entry of a list; none when it is empty.
func (q *queues) first(l listID) uint32 {
	n := q.ends[l].head
	if n == 0 {
		return none
	}
	r := q.strips.At(n)
	return r.flows[r.from]
}

// walker goes along a list. Meanwhile entries may leave it that it has passed.
type walker struct {
	strip uint32 // 0 is the end
	at    uint8  // where the next entry stands in it
}

func (q *queues) walk(l listID) (w walker) {
	w.enter(q, q.ends[l].head)
	return w
}

func (w *walker) enter(q *queues, n uint32) {
	if w.strip = n; n != 0 {
		w.at = q.strips.At(n).from
	}
}

// next gives the next entry; none at the end.
func (w *walker) next(q *queues) uint32 {
	if w.strip == 0 {
		return none
	}
	r := q.strips.At(w.strip)
	i := r.flows[w.at]
	for w.at++; w.at < r.to && r.flows[w.at] == none; {
		w.at++
	}
	if w.at == r.to {
		w.enter(q, r.next)
	}
	return i
}
