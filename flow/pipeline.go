package flow

import (
	"context"
	"sync"
	"sync/atomic"
)

// Source fills batches. Run returns when the input has ended, or soon after ctx is cancelled,
// with all it had read handed to emit. emit takes the batch; a source with several goroutines
// may call it from each. The order of one goroutine's batches is kept.
type Source interface {
	Run(ctx context.Context, emit func(*Batch)) error
}

// Stage edits a batch in place. It never blocks and never keeps the batch. A stage belongs to
// one shard and is called by one goroutine.
type Stage interface {
	Do(*Batch)
}

// Sink keeps what a batch holds. Put takes the batch; it may be called by several goroutines
// and may block to hold back a file source. Close writes out all that Put took and returns once
// it is safe, or when ctx ends. An error of Put or Close is final.
type Sink interface {
	Put(ctx context.Context, b *Batch) error
	Close(ctx context.Context) error
}

// Stat is one number of an account: what was received, kept or lost, by name.
type Stat struct {
	Name  string // "netflow.no_template": package, dot, what is counted
	Value uint64
}

// queued is how many batches may wait for a shard.
const queued = 64

// Pipeline carries batches from a source through the stages of each shard into one sink.
type Pipeline struct {
	Shards int                        // how many goroutines run stages; 0 is 1
	Stages func(shard int) []Stage    // makes the stages of a shard
	Sink   Sink                       // shared by the shards; the caller closes it
	Block  bool                       // a full shard holds the source back (files) instead of losing the batch (sockets)
	Seed   uint64                     // of the hash by which records find their shard
	Lost   func(exporter Addr, n int) // told of records lost to a full shard; may be nil; must be safe for concurrent use

	handled, dropped, abandoned atomic.Uint64
}

// Stats gives the pipeline's own counts: records taken from the source, lost to a full shard,
// and let go after the sink had failed.
func (p *Pipeline) Stats() []Stat {
	return []Stat{
		{"pipeline.records", p.handled.Load()},
		{"pipeline.queue_drops", p.dropped.Load()},
		{"pipeline.abandoned", p.abandoned.Load()},
	}
}

// Run lets src run until it ends or ctx is cancelled, flushes the stages and returns the first
// error of source or sink. Cancelling ctx stops the source only: what was read is still
// carried to the sink.
func (p *Pipeline) Run(ctx context.Context, src Source) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sinkCtx := context.WithoutCancel(ctx)
	if p.Block && p.Shards <= 1 {
		return p.runPlain(ctx, sinkCtx, cancel, src)
	}
	shards := make([]*shard, max(p.Shards, 1))
	var wg sync.WaitGroup
	for i := range shards {
		shards[i] = &shard{p: p, in: make(chan *Batch, queued), stages: p.Stages(i)}
		wg.Go(func() { shards[i].run(sinkCtx, cancel) })
	}
	err := src.Run(ctx, func(b *Batch) { p.split(ctx, b, shards) })
	for _, s := range shards {
		b := NewBatch()
		b.Last = true
		s.in <- b
		close(s.in)
	}
	wg.Wait()
	return firstError(ctx, err, shards)
}

func firstError(ctx context.Context, err error, shards []*shard) error {
	for _, s := range shards {
		if s.err != nil {
			return s.err
		}
	}
	if err == context.Canceled && ctx.Err() != nil {
		return nil
	}
	return err
}

// runPlain is the way of a file: no channel, plain calls, one order.
func (p *Pipeline) runPlain(ctx, sinkCtx context.Context, cancel context.CancelCauseFunc, src Source) error {
	s := &shard{p: p, stages: p.Stages(0)}
	err := src.Run(ctx, func(b *Batch) {
		p.handled.Add(uint64(len(b.Recs)))
		s.do(sinkCtx, b, cancel)
	})
	b := NewBatch()
	b.Last = true
	s.do(sinkCtx, b, cancel)
	return firstError(ctx, err, []*shard{s})
}

// split hands the records of b to their shards. A batch without records is a tick for all.
func (p *Pipeline) split(ctx context.Context, b *Batch, shards []*shard) {
	p.handled.Add(uint64(len(b.Recs)))
	if len(shards) == 1 {
		p.send(shards[0], b)
		return
	}
	parts := make([]*Batch, len(shards))
	part := func(r *Record) *Batch {
		n := r.Hash(p.Seed) % uint64(len(shards))
		if parts[n] == nil {
			parts[n] = NewBatch()
		}
		return parts[n]
	}
	for i := range b.Recs {
		r := &b.Recs[i]
		to := part(r)
		to.Copy(b, r)
		if r.Kind != KindFlow || r.Has&(HasNATSrc|HasNATDst) == 0 {
			continue
		}
		if other, ok := r.Translated(); ok {
			if there := part(&other); there != to {
				there.Told = append(there.Told, other)
			}
		}
	}
	for i, part := range parts {
		if part == nil && len(b.Recs) == 0 {
			part = NewBatch()
		}
		if part != nil {
			part.Now = b.Now
			p.send(shards[i], part)
		}
	}
	b.Free()
}

func (p *Pipeline) send(s *shard, b *Batch) {
	if p.Block {
		s.in <- b
		return
	}
	select {
	case s.in <- b:
	default:
		p.lose(b)
	}
}

// lose counts the records of a batch for which there was no room.
func (p *Pipeline) lose(b *Batch) {
	p.dropped.Add(uint64(len(b.Recs)))
	if p.Lost != nil {
		for i, j := 0, 0; i < len(b.Recs); i = j {
			for j = i; j < len(b.Recs) && b.Recs[j].Exporter == b.Recs[i].Exporter; j++ {
			}
			p.Lost(b.Recs[i].Exporter, j-i)
		}
	}
	b.Free()
}

// shard owns the stages for its part of the 5-tuples.
type shard struct {
	p      *Pipeline
	in     chan *Batch
	stages []Stage
	err    error
}

func (s *shard) run(ctx context.Context, cancel context.CancelCauseFunc) {
	for b := range s.in {
		s.do(ctx, b, cancel)
	}
}

// do carries one batch, and what the stages give in more than one, into the sink.
func (s *shard) do(ctx context.Context, b *Batch, cancel context.CancelCauseFunc) {
	for now, more := b.Now, true; more; {
		more = s.carry(ctx, b, cancel)
		if more {
			b = NewBatch()
			b.Now, b.Last = now, true
		}
	}
}

// carry carries one batch through the stages into the sink, and says whether a stage has more. After
// an error of the sink the source is cancelled and what it still gives is let go and counted.
func (s *shard) carry(ctx context.Context, b *Batch, cancel context.CancelCauseFunc) (more bool) {
	if s.err != nil {
		s.p.abandoned.Add(uint64(len(b.Recs)))
		b.Free()
		return false
	}
	for _, st := range s.stages {
		st.Do(b)
	}
	more = b.More
	if len(b.Recs) == 0 && !b.Last {
		b.Free()
		return false
	}
	if s.err = s.p.Sink.Put(ctx, b); s.err != nil {
		cancel(s.err)
	}
	return more && s.err == nil
}
