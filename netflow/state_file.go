package netflow

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/flowferry/flowferry/internal/statefile"
)

// The pace of saving.
const (
	stateEvery = 5 * time.Second  // after a change
	stateIdle  = 10 * time.Minute // without one, so that the file tells who was heard lately
	statePause = 20               // at least so many times as long as the last saving took
)

// stateFile keeps the state of a Decoder in a file.
type stateFile struct {
	dec   *Decoder
	path  string
	saved uint64    // dec.changes when it was last saved
	at    time.Time // when
	took  time.Duration
}

// openState loads the state and writes it again at once, so that a place that can not be written
// to is an error now and not later. A broken file is set aside, which warning tells.
func openState(d *Decoder, path string) (s *stateFile, warning string, err error) {
	s = &stateFile{dec: d, path: path}
	broken, err := statefile.Load("netflow.state_file", path, func(r io.ReadSeeker) error {
		return d.loadState(io.LimitReader(r, stateLimit(d)), time.Now().UnixNano())
	})
	if err != nil {
		return nil, "", err
	}
	if broken != "" {
		warning = broken + "; exporters send their templates again"
	}
	return s, warning, s.save()
}

// stateLimit is the most bytes that are read of a state file: base64 and JSON make of the state
// in memory at most so much.
func stateLimit(d *Decoder) int64 { return 4*int64(d.cfg.MaxState) + 1<<20 }

// keep saves the state whenever it has changed, until ctx is cancelled, and then once more. A
// saving that fails is counted and tried again; the last one's error is given.
func (s *stateFile) keep(ctx context.Context) error {
	tick := time.NewTicker(stateEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.save()
		case now := <-tick.C:
			if s.due(now) {
				_ = s.save() // counted
			}
		}
	}
}

func (s *stateFile) due(now time.Time) bool {
	since := now.Sub(s.at)
	return since >= statePause*s.took && (s.dec.changes.Load() != s.saved || since >= stateIdle)
}

// save writes the state to a new file and puts it in place of the old one.
func (s *stateFile) save() error {
	begin, changes := time.Now(), s.dec.changes.Load()
	err := statefile.Replace(s.path, s.dec.saveState)
	s.at = time.Now()
	s.took = s.at.Sub(begin)
	if err != nil {
		s.dec.stats.stateErrors.Add(1)
		return fmt.Errorf("save netflow.state_file: %w", err)
	}
	s.saved = changes
	s.dec.stats.stateSaves.Add(1)
	return nil
}
