package flow

import "context"

// Sources runs several sources at once, as one. When one fails, the others are cancelled; the
// first error is that of all.
type Sources []Source

// Run returns when every source has.
func (all Sources) Run(ctx context.Context, emit func(*Batch)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make(chan error, len(all))
	for _, s := range all {
		go func() { errs <- s.Run(ctx, emit) }()
	}
	var first error
	for range all {
		if err := <-errs; err != nil && first == nil {
			first = err
			cancel()
		}
	}
	return first
}
