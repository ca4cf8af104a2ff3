package shipper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
)

// Shipper writes flows into the cluster. It is a flow.Sink: Put may be called by several
// goroutines, but not after Close has been called.
type Shipper struct {
	engine *Engine
	cfg    Config
	queue  *queue
	limit  *limiter
	packer packer
	dead   deadLetters

	ctx     context.Context // ends when Close gives up
	stop    context.CancelFunc
	senders sync.WaitGroup
	closed  atomic.Bool
	largest atomic.Int64       // longest body that the cluster takes, learnt from 413; 0 is not known
	ensured [kinds]atomic.Bool // the data stream has been seen
	notices notices
	stats   stats
}

// stats counts documents, but for the last four. Each document is counted in in once and, when
// its end has come, in one of the seven that stand beside it.
type stats struct {
	in, indexed, alreadyThere, failureStore, deadLetters, queueDrops, turnedAway, unsent atomic.Uint64

	foundAfterResend atomic.Uint64 // of alreadyThere: a lost answer may have been to our own writing
	lettersNotKept   atomic.Uint64 // of deadLetters: the file was full or could not be written
	retriedItems     atomic.Uint64 // sent again because the engine had asked for it
	requests         atomic.Uint64 // bulk requests
	failed           atomic.Uint64 // of requests: without an answer, or with none of success
	bytes, bytesSent atomic.Uint64 // of requests, before and after compression
}

// New starts a Shipper. The engine stays the caller's.
func New(e *Engine, cfg Config) *Shipper {
	cfg = cfg.withDefaults()
	s := &Shipper{engine: e, cfg: cfg,
		queue: newQueue(cfg.BatchBytes, cfg.QueueBytes, cfg.FlushInterval),
		limit: newLimiter(cfg.Workers)}
	s.packer.level = cfg.Compression
	s.dead.path, s.dead.limit = cfg.DeadLetter, int64(cfg.DeadLetterBytes)
	s.notices.log = cfg.Log
	s.ctx, s.stop = context.WithCancel(context.Background())
	for range cfg.Workers {
		s.senders.Go(s.work)
	}
	return s
}

// errClosed is the answer to a Put that came too late.
var errClosed = errors.New("put into shipper: it is closed")

// Put appends the batch's documents to open bodies and frees the batch. When the queue is full
// it waits, if Config.Block says so, else it drops and counts.
func (s *Shipper) Put(ctx context.Context, b *flow.Batch) error {
	defer b.Free()
	if s.closed.Load() {
		return errClosed
	}
	for from := 0; from < len(b.Recs); from += flow.BatchSize {
		recs := b.Recs[from:min(from+flow.BatchSize, len(b.Recs))]
		s.stats.in.Add(uint64(len(recs)))
		if room, err := s.room(ctx, len(recs)); err != nil {
			return fmt.Errorf("put into shipper: %w", err)
		} else if room {
			s.encode(b, recs)
		}
	}
	return nil
}

// Ship appends documents that are ready, those of exporters, which have a data stream of their own.
// It does with them what Put does with flows, and may be called as Put may.
func (s *Shipper) Ship(ctx context.Context, docs []ecs.Document) error {
	if s.closed.Load() {
		return errClosed
	}
	s.stats.in.Add(uint64(len(docs)))
	for len(docs) > 0 {
		n := min(len(docs), flow.BatchSize)
		room, err := s.room(ctx, n)
		if err != nil {
			s.stats.unsent.Add(uint64(len(docs) - n))
			return fmt.Errorf("ship documents: %w", err)
		}
		if room {
			s.encodeReady(docs[:n])
		}
		docs = docs[n:]
	}
	return nil
}

// room says whether n documents, which count as given, may be appended. Those that may not are
// counted as lost here; an error says that the same will happen to all that follow.
func (s *Shipper) room(ctx context.Context, n int) (bool, error) {
	switch {
	case s.queue.admit(ctx, s.ctx, s.cfg.Block):
		return true, nil
	case ctx.Err() != nil || s.ctx.Err() != nil:
		s.stats.unsent.Add(uint64(n))
		return false, cmp.Or(ctx.Err(), s.ctx.Err())
	}
	s.stats.queueDrops.Add(uint64(n))
	s.notices.say("drop", "queue of %d MB is full: documents are dropped; the cluster takes them too slowly, or is away", s.cfg.QueueBytes>>20)
	return false, nil
}

func (s *Shipper) encodeReady(docs []ecs.Document) {
	open := s.queue.take(kindExporter)
	for i := range docs {
		open.addReady(&docs[i])
		if len(open.lines) >= open.target {
			s.queue.give(open)
			open = s.queue.take(kindExporter)
		}
	}
	s.queue.give(open)
}

func (s *Shipper) encode(b *flow.Batch, recs []flow.Record) {
	var open [kinds]*body
	for i := range recs {
		k := recs[i].Kind
		if k > flow.KindEvent {
			k = flow.KindEvent
		}
		if open[k] == nil {
			open[k] = s.queue.take(k)
		}
		open[k].add(b, &recs[i])
		if len(open[k].lines) >= open[k].target {
			s.queue.give(open[k])
			open[k] = nil
		}
	}
	for _, o := range open {
		if o != nil {
			s.queue.give(o)
		}
	}
}

// Close sends what is in the queue and returns when all of it has come to its end, or when ctx
// ends; the error then tells how many documents are unsent.
func (s *Shipper) Close(ctx context.Context) error {
	if s.closed.Swap(true) {
		return nil
	}
	s.queue.close()
	done := make(chan struct{})
	go func() {
		s.senders.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	s.stop()
	<-done
	s.stats.unsent.Add(uint64(s.queue.rest()))
	err := s.dead.close()
	if n := s.stats.unsent.Load(); n > 0 {
		err = errors.Join(fmt.Errorf("close shipper: %d documents are not written to %s: %s", n, s.engine, s.notices.last()), err)
	}
	return err
}

// Stats gives the account: documents_in = indexed + already_there + failure_store + dead_letters
// + queue_drops + turned_away + unsent + pending.
func (s *Shipper) Stats() []flow.Stat {
	st := &s.stats
	ends := []flow.Stat{
		{Name: "shipper.indexed", Value: st.indexed.Load()},
		{Name: "shipper.already_there", Value: st.alreadyThere.Load()},
		{Name: "shipper.failure_store", Value: st.failureStore.Load()},
		{Name: "shipper.dead_letters", Value: st.deadLetters.Load()},
		{Name: "shipper.queue_drops", Value: st.queueDrops.Load()},
		{Name: "shipper.turned_away", Value: st.turnedAway.Load()}, // documents of exporters, for want of rights or set-up
		{Name: "shipper.unsent", Value: st.unsent.Load()},
	}
	in := st.in.Load() // read after its parts, so that pending is not negative
	pending := in
	for _, e := range ends {
		pending -= e.Value
	}
	list := append([]flow.Stat{{Name: "shipper.documents_in", Value: in}}, ends...)
	return append(list,
		flow.Stat{Name: "shipper.pending", Value: pending},
		flow.Stat{Name: "shipper.found_after_resend", Value: st.foundAfterResend.Load()},
		flow.Stat{Name: "shipper.dead_letters_not_kept", Value: st.lettersNotKept.Load()},
		flow.Stat{Name: "shipper.retried_items", Value: st.retriedItems.Load()},
		flow.Stat{Name: "shipper.requests", Value: st.requests.Load()},
		flow.Stat{Name: "shipper.failed", Value: st.failed.Load()},
		flow.Stat{Name: "shipper.bytes", Value: st.bytes.Load()},
		flow.Stat{Name: "shipper.bytes_sent", Value: st.bytesSent.Load()},
	)
}

// Trouble tells why the last bulk request did not go well; "" when it did.
func (s *Shipper) Trouble() string { return s.notices.trouble() }

// notices passes on what the operator should know, each kind of it once a minute.
type notices struct {
	log func(format string, args ...any)

	mu     sync.Mutex
	said   map[string]time.Time
	reason string // why the last bulk request did not go well; "" when it did
	before string // the last reason there was
}

// say logs a line, unless one of its kind was logged less than a minute ago.
func (n *notices) say(kind, format string, args ...any) {
	n.mu.Lock()
	now := time.Now()
	quiet := now.Sub(n.said[kind]) < time.Minute
	if !quiet {
		if n.said == nil {
			n.said = map[string]time.Time{}
		}
		n.said[kind] = now
	}
	n.mu.Unlock()
	if !quiet {
		n.log(format, args...)
	}
}

// note keeps the outcome of a bulk request: err is nil when it went well.
func (n *notices) note(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.reason = ""
	if err != nil {
		n.reason = err.Error()
		n.before = n.reason
	}
}

func (n *notices) trouble() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.reason
}

func (n *notices) last() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.before == "" {
		return "there was no time"
	}
	return n.before
}
