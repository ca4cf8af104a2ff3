package watch

import (
	"sync/atomic"

	"github.com/flowferry/flowferry/flow"
)

type stats struct {
	files, bytes, failed, skipped, notCleared, stateErrors, waiting atomic.Uint64
}

// Stats gives the account of files.
func (w *Watcher) Stats() []flow.Stat {
	s := &w.stats
	return []flow.Stat{
		{Name: "watch.files", Value: s.files.Load()},              // done
		{Name: "watch.bytes", Value: s.bytes.Load()},              // of them
		{Name: "watch.failed", Value: s.failed.Load()},            // that can not be read
		{Name: "watch.skipped", Value: s.skipped.Load()},          // that were there before
		{Name: "watch.not_cleared", Value: s.notCleared.Load()},   // of files: could not be moved or deleted
		{Name: "watch.state_errors", Value: s.stateErrors.Load()}, // savings of the state that failed
		{Name: "watch.waiting", Value: s.waiting.Load()},          // complete and not yet begun
	}
}
