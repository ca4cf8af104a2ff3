package stitch

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

func open(t testing.TB, cfg Config, shards int) (s *Shards, warning string) {
	t.Helper()
	s, warning, err := Open(cfg, shards, 1, func(b *flow.Batch) error { b.Free(); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return s, warning
}

// halfOpen gives the table of shard 0 a flow that waits.
func halfOpen(s *Shards, last bool) *flow.Batch {
	b := flow.NewBatch()
	uniflow(b.Next(), 1, false, minute)
	b.Now, b.Last = b.Recs[0].Received, last
	s.Table(0).Do(b)
	return b
}

func stat(s *Shards, name string) (n uint64) {
	for _, t := range s.tables {
		for _, st := range t.Stats() {
			if st.Name == "stitch."+name {
				n += st.Value
			}
		}
	}
	return n
}

// A file keeps what is open from one run to the next, once.
func TestStateFile(t *testing.T) {
	cfg := Config{StateFile: filepath.Join(t.TempDir(), "stitch.state")}
	s, warning := open(t, cfg, 1)
	if b := halfOpen(s, true); warning != "" || len(b.Recs) != 0 || stat(s, "held") != 1 {
		t.Errorf("warning %q, %d records", warning, len(b.Recs))
	}
	if err := s.Park(); err != nil || stat(s, "held") != 0 || stat(s, "parked") != 1 || stat(s, "in") != 1 {
		t.Errorf("%v, parked %d", err, stat(s, "parked"))
	}
	s, warning = open(t, cfg, 4)
	if warning != "" || s.Conversations() != 1 || stat(s, "resumed") != 1 || stat(s, "held") != 1 {
		t.Errorf("warning %q, %d conversations", warning, s.Conversations())
	}
	again, warning := open(t, cfg, 4)
	if warning != "" || again.Conversations() != 0 {
		t.Errorf("without a stop: warning %q, %d conversations", warning, again.Conversations())
	}
	if st, err := os.Stat(cfg.StateFile); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v: %v", st.Mode(), err)
	}
	left, err := filepath.Glob(cfg.StateFile + "?*")
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// Without a state file the last batch writes out what is held.
func TestNoStateFile(t *testing.T) {
	s, warning := open(t, Config{}, 2)
	if b := halfOpen(s, true); warning != "" || len(b.Recs) != 1 || b.Recs[0].EndReason != flow.EndForced {
		t.Errorf("warning %q, %v", warning, b.Recs)
	}
	if err := s.Park(); err != nil || stat(s, "parked") != 0 {
		t.Error(err, stat(s, "parked"))
	}
}

// A broken file is set aside with one line, and the shards start empty.
func TestStateFileBroken(t *testing.T) {
	cfg := Config{StateFile: filepath.Join(t.TempDir(), "stitch.state")}
	s, _ := open(t, cfg, 1)
	halfOpen(s, true)
	if err := s.Park(); err != nil {
		t.Fatal(err)
	}
	state, err := os.ReadFile(cfg.StateFile)
	if err != nil {
		t.Fatal(err)
	}
	state = state[:len(state)-1]
	if err := os.WriteFile(cfg.StateFile, state, 0o600); err != nil {
		t.Fatal(err)
	}
	s, warning := open(t, cfg, 2)
	if !strings.Contains(warning, cfg.StateFile+".broken") || strings.Contains(warning, "\n") || s.Conversations() != 0 || stat(s, "resumed") != 0 {
		t.Errorf("warning %q, %d conversations", warning, s.Conversations())
	}
	if b, err := os.ReadFile(cfg.StateFile + ".broken"); err != nil || string(b) != string(state) {
		t.Errorf("set aside: %q %v", b, err)
	}
	if _, warning := open(t, cfg, 2); warning != "" {
		t.Errorf("the next start: warning %q", warning)
	}
}

func TestStateFileImpossible(t *testing.T) {
	dir := t.TempDir()
	f := func(path, says string) {
		t.Helper()
		if _, _, err := Open(Config{StateFile: path}, 1, 1, nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v", path, err)
		}
	}
	f(filepath.Join(dir, "none", "state"), "save stitch.state_file")
	f(dir, "is no file")
}

// What can not be saved is written out.
func TestParkFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, _ := open(t, Config{StateFile: filepath.Join(dir, "state")}, 1)
	halfOpen(s, false)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Park(); err == nil || !strings.Contains(err.Error(), "save stitch.state_file") || stat(s, "parked") != 0 {
		t.Errorf("error %v, parked %d", err, stat(s, "parked"))
	}
	b := flow.NewBatch()
	b.Last = true
	if s.Table(0).Do(b); len(b.Recs) != 1 || stat(s, "flows") != 1 || stat(s, "held") != 0 {
		t.Errorf("%d records", len(b.Recs))
	}
}

// BenchmarkPark saves and loads a million conversations that go on in pieces, a part of which wait.
// The heap is what saving needs beyond the table, and what is live after loading, a conversation.
func BenchmarkPark(b *testing.B) {
	const live = 1_000_000
	table := New(Config{MaxFlows: 1 << 21})
	batch := flow.NewBatch()
	for next := uint32(0); next < 3*live; {
		batch.Recs = batch.Recs[:0]
		for range flow.BatchSize / 2 {
			now := minute*int64(1+next/live) + minute/int64(live)*int64(next%live)
			uniflow(batch.Next(), next%live, false, now)
			uniflow(batch.Next(), next%live, true, now)
			next++
			batch.Now = epoch + now
		}
		table.Do(batch)
	}
	path := filepath.Join(b.TempDir(), "state")
	for b.Loop() {
		heap, begin := heapInUse(), time.Now()
		f, err := os.Create(path)
		if err != nil {
			b.Fatal(err)
		}
		most := &watching{w: f}
		if err := SaveState(most, []*Table{table}); err != nil {
			b.Fatal(err)
		}
		size, saved := most.n, time.Since(begin)
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			b.Fatal(err)
		}
		need := most.heap - heap
		heap, begin = heapInUse(), time.Now()
		loaded := []*Table{New(table.cfg), New(table.cfg)}
		if err := LoadState(f, loaded, 1, nil); err != nil {
			b.Fatal(err)
		}
		took := time.Since(begin)
		b.ReportMetric(float64(heapInUse()-heap)/live, "B/live")
		b.ReportMetric(float64(need), "B-to-save")
		b.ReportMetric(float64(size)/live, "B/saved")
		b.ReportMetric(float64(saved.Milliseconds()), "save-ms")
		b.ReportMetric(float64(took.Milliseconds()), "load-ms")
		runtime.KeepAlive(loaded)
		f.Close()
	}
	runtime.KeepAlive(table)
}

// watching looks at the heap while it writes.
type watching struct {
	w    io.Writer
	n    int64
	next int64
	heap int64
}

func (x *watching) Write(p []byte) (int, error) {
	if x.n += int64(len(p)); x.n > x.next {
		x.next += 16 << 20
		x.heap = max(x.heap, heapInUse())
	}
	return x.w.Write(p)
}
