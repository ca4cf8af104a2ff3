package stitch

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/statefile"
)

// Shards are the tables of the shards of one pipeline, which go on where those of an earlier run
// stopped if Config.StateFile names a file.
type Shards struct {
	path   string
	tables []*Table
}

// Open makes the tables of so many shards of a pipeline with this seed. What an earlier run had
// parked is taken out of the state file, so that no other run takes it again; that a place can not
// be written to is an error now and not later. A broken file is set aside, which warning tells. For
// early see LoadState.
func Open(cfg Config, shards int, seed uint64, early func(*flow.Batch) error) (s *Shards, warning string, err error) {
	s = &Shards{path: cfg.StateFile}
	s.empty(cfg, shards)
	if s.path == "" {
		return s, "", nil
	}
	var failed error // not for what is in the file
	broken, err := statefile.Load("stitch.state_file", s.path, func(r io.ReadSeeker) error {
		err := LoadState(r, s.tables, seed, early)
		if err != nil && !errors.Is(err, ErrState) {
			failed, err = err, nil
		}
		return err
	})
	if err = cmp.Or(err, failed); err != nil {
		return nil, "", err
	}
	if broken != "" {
		s.empty(cfg, shards)
		warning = broken + "; conversations that were open then are not resumed"
	}
	for _, t := range s.tables {
		t.parks = true
	}
	return s, warning, s.save(nil)
}

func (s *Shards) empty(cfg Config, shards int) {
	s.tables = make([]*Table, shards)
	for i := range s.tables {
		s.tables[i] = New(cfg)
	}
}

// Table gives the table of a shard.
func (s *Shards) Table(shard int) *Table { return s.tables[shard] }

// Conversations is how many are held or remembered.
func (s *Shards) Conversations() (n int) {
	for _, t := range s.tables {
		n += t.index.n
	}
	return n
}

// Park saves what is held after the last batch of each table; no table may be used after that. On
// an error a batch marked Last writes out what is held, as without a state file.
func (s *Shards) Park() error {
	if s.path == "" {
		return nil
	}
	err := s.save(s.tables)
	for _, t := range s.tables {
		if t.parks = false; err == nil {
			t.n.parked = uint64(t.held)
			t.held = 0
			t.publish()
		}
	}
	return err
}

func (s *Shards) save(tables []*Table) error {
	if err := statefile.Replace(s.path, func(w io.Writer) error { return SaveState(w, tables) }); err != nil {
		return fmt.Errorf("save stitch.state_file: %w", err)
	}
	return nil
}
