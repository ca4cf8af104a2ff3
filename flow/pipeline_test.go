package flow

import (
	"context"
	"errors"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counter is a source of n records in batches, over many 5-tuples.
type counter struct{ n int }

func (c counter) Run(ctx context.Context, emit func(*Batch)) error {
	b := NewBatch()
	for i := range c.n {
		if ctx.Err() != nil {
			break
		}
		r := b.Next()
		*r = Record{Src: Addr4(uint32(i % 97)), Dst: Addr4(1 << 31), Proto: 17, Ord: uint64(i + 1), Has: HasProto, Exporter: Addr4(9)}
		b.SetMeta(r, Meta{User: r.Src.String()})
		if b.Full() {
			emit(b)
			b = NewBatch()
		}
	}
	emit(b)
	return ctx.Err()
}

// keeper is a sink that remembers what it took, in order per source address.
type keeper struct {
	mu    sync.Mutex
	seen  map[Addr][]uint64
	lasts int
	fail  error
	t     *testing.T
}

func (k *keeper) Put(_ context.Context, b *Batch) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer b.Free()
	for i := range b.Recs {
		r := &b.Recs[i]
		if m := b.Metadata(r); m == nil || m.User != r.Src.String() {
			k.t.Errorf("record %d lost its metadata", r.Ord)
		}
		k.seen[r.Src] = append(k.seen[r.Src], r.Ord)
	}
	if b.Last && !b.More {
		k.lasts++
	}
	return k.fail
}

func (k *keeper) Close(context.Context) error { return nil }

func (k *keeper) total() (n int) {
	for _, ords := range k.seen {
		n += len(ords)
		for i := 1; i < len(ords); i++ {
			if ords[i] <= ords[i-1] {
				k.t.Errorf("order of a tuple was lost: %d after %d", ords[i], ords[i-1])
			}
		}
	}
	return n
}

// held is a stage that keeps records back until the end and then gives a few at a time, as the stitch
// table does.
type held struct {
	own  *Batch
	gave int
}

func (h *held) Do(b *Batch) {
	for i := range b.Recs {
		h.own.Copy(b, &b.Recs[i])
	}
	b.Recs, b.Meta = b.Recs[:0], b.Meta[:0]
	for ; b.Last && h.gave < len(h.own.Recs); h.gave++ {
		if b.More = len(b.Recs) == 100; b.More {
			return
		}
		b.Copy(h.own, &h.own.Recs[h.gave])
	}
}

func TestPipelineKeepsAll(t *testing.T) {
	f := func(shards, n int, stage bool) {
		t.Helper()
		k := &keeper{seen: map[Addr][]uint64{}, t: t}
		p := Pipeline{Shards: shards, Block: true, Sink: k, Stages: func(int) []Stage {
			if stage {
				return []Stage{&held{own: &Batch{}}}
			}
			return nil
		}}
		if err := p.Run(context.Background(), counter{n}); err != nil {
			t.Fatal(err)
		}
		if got := k.total(); got != n {
			t.Errorf("%d shards: kept %d of %d", shards, got, n)
		}
		if k.lasts != max(shards, 1) {
			t.Errorf("%d shards: %d last batches", shards, k.lasts)
		}
		if s := p.Stats(); s[0].Value != uint64(n) || s[1].Value != 0 {
			t.Errorf("stats %v", s)
		}
	}
	f(0, 1000, false)
	f(1, 1000, true)
	f(2, 100_000, false)
	f(4, 10_000, true)
	f(4, 0, true)
}

// What a full shard loses is counted, by exporter: received = kept + lost.
func TestPipelineCountsLoss(t *testing.T) {
	k := &keeper{seen: map[Addr][]uint64{}, t: t}
	var mu sync.Mutex
	lost := map[Addr]int{}
	gate := make(chan struct{})
	p := Pipeline{Shards: 2, Sink: k, Stages: func(int) []Stage { return []Stage{waits{gate}} },
		Lost: func(e Addr, n int) { mu.Lock(); lost[e] += n; mu.Unlock() }}
	const n = 200_000
	src := sourceFunc(func(ctx context.Context, emit func(*Batch)) error {
		err := counter{n}.Run(ctx, emit)
		close(gate)
		return err
	})
	if err := p.Run(context.Background(), src); err != nil {
		t.Fatal(err)
	}
	drops := int(p.Stats()[1].Value)
	if drops == 0 || k.total()+drops != n || lost[Addr4(9)] != drops {
		t.Errorf("kept %d, dropped %d, told of %v", k.total(), drops, lost)
	}
}

type waits struct{ gate chan struct{} }

func (w waits) Do(*Batch) { <-w.gate }

type sourceFunc func(context.Context, func(*Batch)) error

func (f sourceFunc) Run(ctx context.Context, emit func(*Batch)) error { return f(ctx, emit) }

func TestPipelineStopsOnSinkError(t *testing.T) {
	f := func(shards int) {
		t.Helper()
		full := errors.New("disk full")
		k := &keeper{seen: map[Addr][]uint64{}, t: t, fail: full}
		p := Pipeline{Shards: shards, Block: true, Sink: k, Stages: func(int) []Stage { return nil }}
		if err := p.Run(context.Background(), counter{1 << 30}); !errors.Is(err, full) {
			t.Errorf("%d shards: got %v", shards, err)
		}
	}
	f(1)
	f(3)
}

func TestPipelineCancelIsNoError(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	k := &keeper{seen: map[Addr][]uint64{}, t: t}
	p := Pipeline{Shards: 2, Sink: k, Stages: func(int) []Stage { return nil }}
	if err := p.Run(ctx, counter{10}); err != nil {
		t.Errorf("got %v", err)
	}
	if k.lasts != 2 {
		t.Errorf("%d last batches", k.lasts)
	}
}

func BenchmarkPipeline(b *testing.B) {
	p := Pipeline{Shards: 2, Block: true, Sink: freeSink{}, Stages: func(int) []Stage { return nil }}
	src := sourceFunc(func(_ context.Context, emit func(*Batch)) error {
		for i := 0; i < b.N; {
			batch := NewBatch()
			for ; !batch.Full(); i++ {
				r := batch.Next()
				r.SrcPort = uint16(i)
			}
			emit(batch)
		}
		return nil
	})
	if err := p.Run(context.Background(), src); err != nil {
		b.Fatal(err)
	}
}

type freeSink struct{}

func (freeSink) Put(_ context.Context, b *Batch) error { b.Free(); return nil }
func (freeSink) Close(context.Context) error           { return nil }
