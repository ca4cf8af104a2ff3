package shipper

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// limiter bounds how many bulk requests are under way: one more for each round that went well,
// half as many when the cluster pushes back (AIMD).
type limiter struct {
	mu    sync.Mutex
	limit float64
	most  float64
	held  int
	free  chan struct{} // closed, and replaced, when one may go
}

func newLimiter(most int) *limiter {
	return &limiter{limit: float64(most), most: float64(most), free: make(chan struct{})}
}

// acquire waits for leave to send; it is false when ctx has ended.
func (l *limiter) acquire(ctx context.Context) bool {
	for ctx.Err() == nil {
		l.mu.Lock()
		if l.held < int(l.limit) {
			l.held++
			l.mu.Unlock()
			return true
		}
		free := l.free
		l.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
		}
	}
	return false
}

// release gives the leave back and says how the cluster took it.
func (l *limiter) release(busy bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held--
	if busy {
		l.limit = max(1, l.limit/2)
	} else {
		l.limit = min(l.most, l.limit+1/l.limit)
	}
	close(l.free)
	l.free = make(chan struct{})
}

// Back-off: full jitter under a ceiling that doubles from the first to the last.
const (
	firstDelay = time.Second
	lastDelay  = time.Minute
)

// delay is how long to wait before the given attempt, counted from 0, and at least after.
func delay(attempt int, after time.Duration) time.Duration {
	ceiling := min(lastDelay, firstDelay<<min(attempt, 10))
	return max(rand.N(ceiling), after)
}

// sleep waits, unless ctx ends before.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
