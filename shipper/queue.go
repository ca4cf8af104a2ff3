package shipper

import (
	"context"
	"sync"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// queue holds the bodies between Put, which fills them, and the senders, which take them. A body
// is open (being filled) until it has reached its target size or its time; a sender that finds
// no full one takes the oldest open one that is due. While all senders are busy, open bodies
// simply grow on, so that a cluster that is away meets few and large requests later.
type queue struct {
	batch    int           // target size of a body, in bytes
	interval time.Duration // how long a document may wait in an open body
	limit    int           // how many bytes may be held before Put waits or drops

	mu      sync.Mutex
	ready   []*body        // full, oldest first
	open    [kinds][]*body // at rest; one that Put is filling is not here
	used    int            // bytes in all bodies that Put has given back and release has not
	closing bool
	wake    chan struct{} // holds a token when there may be something to take
	room    chan struct{} // closed, and replaced, when used falls below limit
	closed  chan struct{} // closed when closing
	pool    sync.Pool     // of *body
}

func newQueue(batch, limit int, interval time.Duration) *queue {
	return &queue{batch: batch, limit: limit, interval: interval,
		wake: make(chan struct{}, 1), room: make(chan struct{}), closed: make(chan struct{})}
}

// admit says whether there is room. With block it waits for it, until ctx or stop ends.
func (q *queue) admit(ctx, stop context.Context, block bool) bool {
	for {
		q.mu.Lock()
		full, room := q.used >= q.limit, q.room
		q.mu.Unlock()
		if !full || !block {
			return !full
		}
		select {
		case <-room:
		case <-ctx.Done():
			return false
		case <-stop.Done():
			return false
		}
	}
}

// take gives a body to fill: an open one of the kind, or a new one.
func (q *queue) take(k flow.Kind) *body {
	q.mu.Lock()
	defer q.mu.Unlock()
	var b *body
	if n := len(q.open[k]); n > 0 {
		b = q.open[k][n-1]
		q.open[k] = q.open[k][:n-1]
	} else {
		b = q.empty()
		b.kind, b.opened = k, time.Now()
	}
	b.target = q.batch
	if len(q.ready) > 0 {
		b.target *= 2
	}
	return b
}

// empty gives an empty body.
func (q *queue) empty() *body {
	if b, ok := q.pool.Get().(*body); ok {
		return b
	}
	return new(body)
}

// give takes a body back from Put: it waits for a sender when it is full, else for more.
func (q *queue) give(b *body) {
	q.mu.Lock()
	q.used += len(b.lines) - b.size
	b.size = len(b.lines)
	if b.size >= b.target {
		q.ready = append(q.ready, b)
	} else {
		q.open[b.kind] = append(q.open[b.kind], b)
	}
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// next waits for a body to send. It gives nil when the queue is closed and empty, or ctx ends.
func (q *queue) next(ctx context.Context) *body {
	for ctx.Err() == nil {
		q.mu.Lock()
		b, wait := q.pick(time.Now())
		closing, more := q.closing, len(q.ready) > 0
		q.mu.Unlock()
		if more {
			q.signal()
		}
		if b != nil || closing {
			return b
		}
		select {
		case <-q.wake:
		case <-time.After(wait):
		case <-q.closed:
		case <-ctx.Done():
		}
	}
	return nil
}

// pick takes a full body, or the oldest open one if it is due; else it says how long to wait.
func (q *queue) pick(now time.Time) (b *body, wait time.Duration) {
	if len(q.ready) > 0 {
		b = q.ready[0]
		q.ready[0] = nil
		q.ready = q.ready[1:]
		return b, 0
	}
	wait = time.Hour // give wakes us
	kind, at := -1, 0
	for k := range q.open {
		for i, o := range q.open[k] {
			if d := o.opened.Add(q.interval).Sub(now); d < wait {
				wait, kind, at = d, k, i
			}
		}
	}
	if kind < 0 || (wait > 0 && !q.closing) {
		return nil, wait
	}
	list := q.open[kind]
	b = list[at]
	q.open[kind] = append(list[:at], list[at+1:]...)
	return b, 0
}

// release ends the life of a body whose documents have all come to their end. size is what the
// queue had it on account with.
func (q *queue) release(size int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	before := q.used
	q.used -= size
	if before >= q.limit && q.used < q.limit {
		close(q.room)
		q.room = make(chan struct{})
	}
}

func (q *queue) recycle(b *body) {
	b.reset()
	q.pool.Put(b)
}

// close lets the senders take what is open without waiting, and end when nothing is left.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closing {
		q.closing = true
		close(q.closed)
	}
}

// rest empties the queue and gives the number of documents that were still in it.
func (q *queue) rest() (docs int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range q.ready {
		docs += b.docs()
	}
	for k := range q.open {
		for _, b := range q.open[k] {
			docs += b.docs()
		}
		q.open[k] = nil
	}
	q.ready = nil
	return docs
}
