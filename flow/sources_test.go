package flow

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestSources(t *testing.T) {
	ends := func(ctx context.Context, emit func(*Batch)) error { emit(NewBatch()); return nil }
	waits := func(ctx context.Context, emit func(*Batch)) error { <-ctx.Done(); emit(NewBatch()); return nil }
	failed := errors.New("failed")
	fails := func(ctx context.Context, emit func(*Batch)) error { return failed }
	f := func(want error, batches int, cancelled bool, all ...sourceFunc) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if cancelled {
				cancel()
			}
			got := make(chan *Batch, 8)
			var s Sources
			for _, fn := range all {
				s = append(s, fn)
			}
			if err := s.Run(ctx, func(b *Batch) { got <- b }); err != want || len(got) != batches {
				t.Errorf("got %v and %d batches, want %v and %d", err, len(got), want, batches)
			}
		})
	}
	f(nil, 0, false)
	f(nil, 2, false, ends, ends)
	f(nil, 2, true, waits, ends)
	f(failed, 2, false, waits, fails, ends) // one that fails ends all
}
