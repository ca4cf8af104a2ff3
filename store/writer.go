package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
)

// Defaults of WriterConfig.
const (
	defaultFlushRows     = 131072
	defaultFlushInterval = time.Minute
	defaultMemory        = 256 << 20
)

// WriterConfig says how a Writer writes. Only Name has no default.
type WriterConfig struct {
	Name    string `yaml:"-"` // unique stem of the file names: an import's digest, a live run's epoch
	Replace bool   `yaml:"-"` // all files appear at Close, in place of those an earlier writer of this Name left

	FlushRows     int           `yaml:"flush_rows" default:"131072" help:"a file is written when this many records of one hour are held"`
	FlushInterval time.Duration `yaml:"flush_interval" default:"1m" help:"a file is written when its first record is held this long; a crash loses at most what came since"`
	Memory        int           `yaml:"memory" default:"268435456" help:"bytes that records not yet in a file may take; beyond it the largest hour is written"`
}

// Validate names the field that is wrong and what to do.
func (c *WriterConfig) Validate() error {
	switch {
	case c.FlushRows < 0 || c.FlushRows > 1<<20:
		return fmt.Errorf("flush_rows is %d: give 1 to 1048576, or 0 for the default", c.FlushRows)
	case c.FlushInterval < 0:
		return fmt.Errorf("flush_interval is %v: give a positive duration such as 1m", c.FlushInterval)
	case c.Memory < 0:
		return fmt.Errorf("memory is %d: give a positive number of bytes", c.Memory)
	}
	return nil
}

func (c *WriterConfig) setDefaults() {
	if c.FlushRows == 0 {
		c.FlushRows = defaultFlushRows
	}
	if c.FlushInterval == 0 {
		c.FlushInterval = defaultFlushInterval
	}
	if c.Memory == 0 {
		c.Memory = defaultMemory
	}
}

// Writer is a flow.Sink that writes Parquet files. Put may be called by several goroutines.
type Writer struct {
	store  *Store
	cfg    WriterConfig
	fields []ecs.Field
	time   *ecs.Field
	out    *files
	report []string // what earlier writers left behind

	mu      sync.Mutex
	buffers map[part]*buffer
	size    int // bytes of all buffers
	scratch scratch
	closed  bool

	full  chan *buffer   // to the goroutine that encodes
	free  chan *buffer   // empty ones back from it
	done  chan struct{}  // closed when it has ended
	stop  chan struct{}  // ends the clock
	clock sync.WaitGroup // flushes what is old
	err   atomic.Pointer[error]
	stats struct {
		rows, flushed, files, bytes, lost atomic.Uint64
	}
}

// buffer holds the rows of one future file.
type buffer struct {
	part part
	rows int
	cols []column // as fields
	size int
	born time.Time
}

// bufferBase is about what an empty buffer takes, in bytes.
const bufferBase = 64 << 10

// Writer makes a writer of s. It clears up what crashed writers left and says so in Warnings.
func (s *Store) Writer(cfg WriterConfig) (*Writer, error) {
	return s.newWriter(cfg, ecs.Fields, ecs.Lookup(timeColumn))
}

func (s *Store) newWriter(cfg WriterConfig, fields []ecs.Field, time *ecs.Field) (*Writer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("store writer: %w", err)
	}
	if cfg.Name == "" || strings.ContainsAny(cfg.Name, "-/\\.*?[") {
		return nil, fmt.Errorf("store writer: name %q: give letters and digits", cfg.Name)
	}
	cfg.setDefaults()
	w := &Writer{store: s, cfg: cfg, fields: fields, time: time,
		buffers: map[part]*buffer{}, full: make(chan *buffer, 1), free: make(chan *buffer, 2), done: make(chan struct{}), stop: make(chan struct{})}
	end, err := s.begin()
	if err != nil {
		return nil, err
	}
	defer end()
	lost, report, err := s.recover()
	if err != nil {
		return nil, err
	}
	w.report = report
	w.stats.lost.Store(lost)
	if w.out, err = s.newFiles(cfg.Name, cfg.Replace); err != nil {
		return nil, err
	}
	go w.encode()
	if !cfg.Replace {
		w.clock.Go(w.tick)
	}
	return w, nil
}

// Warnings tells what was found of writers that ended without closing: one line each, with the
// number of rows that were not yet in a file.
func (w *Writer) Warnings() []string { return w.report }

// Stats gives the writer's account: rows = flushed once it is closed.
func (w *Writer) Stats() []flow.Stat {
	return []flow.Stat{
		{Name: "store.rows", Value: w.stats.rows.Load()},
		{Name: "store.flushed", Value: w.stats.flushed.Load()},
		{Name: "store.files", Value: w.stats.files.Load()},
		{Name: "store.bytes", Value: w.stats.bytes.Load()},
		{Name: "store.lost_in_crash", Value: w.stats.lost.Load()},
	}
}

// Put takes the batch. It blocks while the encoder is behind.
func (w *Writer) Put(ctx context.Context, b *flow.Batch) error {
	defer b.Free()
	if err := w.err.Load(); err != nil {
		return *err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errors.New("put into store: the writer is closed")
	}
	for i := 0; i < len(b.Recs); {
		p := w.partOf(b, &b.Recs[i])
		j := i + 1
		for j < len(b.Recs) && w.partOf(b, &b.Recs[j]) == p {
			j++
		}
		if err := w.add(ctx, p, b, b.Recs[i:j]); err != nil {
			return w.fail(err)
		}
		i = j
	}
	n := w.stats.rows.Add(uint64(len(b.Recs)))
	return w.fail(w.out.note(n, w.stats.flushed.Load()))
}

// fail keeps the first error, as it is final.
func (w *Writer) fail(err error) error {
	if err != nil {
		w.err.CompareAndSwap(nil, &err)
	}
	return err
}

func (w *Writer) partOf(b *flow.Batch, r *flow.Record) part {
	t := r.End
	if w.time != nil {
		t, _ = w.time.Int(b, r)
	}
	return part{ecs.Stream(r.Kind), floorDiv(t, nsHour)}
}

// add appends recs, all of part p, and hands a buffer on that is full.
func (w *Writer) add(ctx context.Context, p part, b *flow.Batch, recs []flow.Record) error {
	for len(recs) > 0 {
		buf := w.buffers[p]
		if buf == nil {
			buf = w.empty()
			buf.part, buf.size, buf.born = p, bufferBase, time.Now()
			w.buffers[p] = buf
			w.size += bufferBase
		}
		n := min(len(recs), w.cfg.FlushRows-buf.rows)
		w.fill(buf, b, recs[:n])
		recs = recs[n:]
		if buf.rows >= w.cfg.FlushRows {
			if err := w.hand(ctx, buf); err != nil {
				return err
			}
		}
	}
	for w.size > w.cfg.Memory && len(w.buffers) > 0 {
		if err := w.hand(ctx, w.largest()); err != nil {
			return err
		}
	}
	return nil
}

// empty gives a buffer, one that was written if there is one.
func (w *Writer) empty() *buffer {
	select {
	case buf := <-w.free:
		return buf
	default:
		return &buffer{cols: make([]column, len(w.fields))}
	}
}

// recycle gives back a buffer that is written, unless enough wait already.
func (w *Writer) recycle(buf *buffer) {
	buf.rows = 0
	for i := range buf.cols {
		buf.cols[i].reset()
	}
	select {
	case w.free <- buf:
	default:
	}
}

func (w *Writer) fill(buf *buffer, b *flow.Batch, recs []flow.Record) {
	var have flow.Set
	var meta, enr bool
	for i := range recs {
		r := &recs[i]
		have, meta, enr = have|r.Has, meta || r.Meta != 0, enr || r.Enr != 0
	}
	size := bufferBase
	for i := range w.fields {
		f, c := &w.fields[i], &buf.cols[i]
		possible := f.Possible(have, meta, enr)
		switch {
		case f.Type == ecs.Alias:
			continue
		case f.Multi && possible:
			c.fillList(f, b, recs, &w.scratch)
		case f.Multi:
			c.noLists(len(recs))
		case possible:
			c.fill(f, b, recs, &w.scratch)
		default:
			c.null(len(recs))
		}
		size += c.size()
	}
	buf.rows += len(recs)
	w.size += size - buf.size
	buf.size = size
}

func (w *Writer) largest() (big *buffer) {
	for _, buf := range w.buffers {
		if big == nil || buf.size > big.size {
			big = buf
		}
	}
	return big
}

// hand gives a buffer to the encoder.
func (w *Writer) hand(ctx context.Context, buf *buffer) error {
	delete(w.buffers, buf.part)
	w.size -= buf.size
	select {
	case w.full <- buf:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("put into store: %d rows not written: %w", buf.rows, ctx.Err())
	}
}

// encode writes the full buffers, one after the other.
func (w *Writer) encode() {
	defer close(w.done)
	for buf := range w.full {
		if w.err.Load() == nil {
			w.fail(w.write(buf))
		}
		w.recycle(buf)
	}
}

func (w *Writer) write(buf *buffer) error {
	data, err := encodeFile(w.fields, buf)
	if err != nil {
		return err
	}
	if err := w.out.write(buf.part, data); err != nil {
		return err
	}
	w.stats.files.Add(1)
	w.stats.bytes.Add(uint64(len(data)))
	return w.out.note(w.stats.rows.Load(), w.stats.flushed.Add(uint64(buf.rows)))
}

// tick hands on the buffers that are older than the flush interval.
func (w *Writer) tick() {
	t := time.NewTicker(min(w.cfg.FlushInterval/4+1, time.Second))
	defer t.Stop()
	for {
		select {
		case <-w.stop:
			return
		case now := <-t.C:
			w.flushOld(now)
		}
	}
}

func (w *Writer) flushOld(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, buf := range w.buffers {
		if !w.closed && now.Sub(buf.born) >= w.cfg.FlushInterval {
			w.fail(w.hand(context.Background(), buf))
		}
	}
}

// Close writes what is held, waits until it is safe and, for an import, puts all files in
// place. When ctx ends before that an import leaves nothing, a live writer what is written.
func (w *Writer) Close(ctx context.Context) error {
	if err := w.finish(ctx, true); err != nil {
		w.out.abort()
		return err
	}
	return w.out.commit()
}

// Abort ends the writer without writing what it holds. An import leaves nothing behind.
func (w *Writer) Abort() error {
	err := w.finish(context.Background(), false)
	w.out.abort()
	return err
}

func (w *Writer) finish(ctx context.Context, flush bool) error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return errors.New("close store: the writer is closed")
	}
	w.closed = true
	for _, buf := range w.buffers {
		if flush && w.err.Load() == nil {
			w.fail(w.hand(ctx, buf))
		}
	}
	w.mu.Unlock()
	close(w.stop)
	w.clock.Wait()
	close(w.full)
	<-w.done
	if err := w.err.Load(); err != nil {
		return fmt.Errorf("close store %s: %w", filepath.Base(w.store.dir), *err)
	}
	return nil
}
