package store

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
)

// ScanOptions says what to read.
type ScanOptions struct {
	Stream   string // "" is "flow"
	From, To int64  // @timestamp in [From, To), Unix ns; 0 is no limit
	Columns  []string
	All      bool // all columns; Columns is then not looked at
	Workers  int  // goroutines; 0 is one per processor

	// Bad is told of each file that cannot be read, and the scan goes on without it. It is
	// called by one goroutine at a time. When it is nil such a file ends the scan.
	Bad func(error)
}

// Scan reads the rows of a time range and hands them to fn, row group by row group. fn is
// called by Workers goroutines at the same time, but not for two chunks of the same Worker.
// Hours, row groups and columns that are not needed are not read. A row group of which one
// column cannot be read is not handed out at all.
func (s *Store) Scan(ctx context.Context, o ScanOptions, fn func(*Chunk) error) error {
	parts, err := s.asked(&o.Stream, &o.From, o.To)
	if err != nil {
		return err
	}
	return s.scanParts(ctx, parts, o, fn)
}

// asked sets what has a default and lists the hours of a stream.
func (s *Store) asked(stream *string, from *int64, to int64) ([]part, error) {
	if *stream == "" {
		*stream = "flow"
	}
	if *from == 0 {
		*from = math.MinInt64
	}
	return s.parts(*stream, *from, to)
}

// scanParts is Scan over some hours.
func (s *Store) scanParts(ctx context.Context, parts []part, o ScanOptions, fn func(*Chunk) error) error {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sc := &scan{o: o, fn: fn, stop: cancel}
	if !o.All {
		sc.want = append([]string{}, o.Columns...)
		if !slices.Contains(sc.want, timeColumn) {
			sc.want = append(sc.want, timeColumn)
		}
	}
	paths := make(chan string)
	var wg sync.WaitGroup
	for i := range o.Workers {
		wg.Go(func() { sc.work(ctx, i, paths) })
	}
	err := s.feed(ctx, parts, paths)
	close(paths)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// feed hands the files to the workers.
func (s *Store) feed(ctx context.Context, parts []part, paths chan<- string) error {
	for _, p := range parts {
		files, err := s.files(p)
		if err != nil {
			return err
		}
		for _, path := range files {
			select {
			case paths <- path:
			case <-ctx.Done():
				return nil
			}
		}
	}
	return nil
}

// scan is one run of Scan.
type scan struct {
	o    ScanOptions
	want []string // columns to read; nil is all
	fn   func(*Chunk) error
	stop context.CancelCauseFunc
	mu   sync.Mutex // for o.Bad
}

func (sc *scan) work(ctx context.Context, worker int, paths <-chan string) {
	for path := range paths {
		if ctx.Err() == nil {
			sc.file(ctx, worker, path)
		}
	}
}

func (sc *scan) file(ctx context.Context, worker int, path string) {
	f, err := openFile(path)
	if err != nil {
		sc.bad(err)
		return
	}
	defer f.close()
	for g := range f.pq.RowGroups() {
		if ctx.Err() != nil {
			return
		}
		lo, hi, known := f.span(g)
		if known && (hi < sc.o.From || sc.o.To != 0 && lo >= sc.o.To) {
			continue
		}
		inside := known && lo >= sc.o.From && (sc.o.To == 0 || hi < sc.o.To)
		if err := sc.group(f, g, worker, inside); err != nil {
			sc.stop(err)
			return
		}
	}
}

// group reads one row group and hands it out. The error is that of fn.
func (sc *scan) group(f *file, g, worker int, inside bool) error {
	want := sc.want
	if inside && want != nil && !slices.Contains(sc.o.Columns, timeColumn) {
		want = sc.want[:len(sc.want)-1] // the time was for the limits alone
	}
	c, err := f.chunk(g, want)
	if err != nil {
		sc.bad(err)
		return nil
	}
	c.Worker, c.Stream = worker, sc.o.Stream
	if !inside {
		c.limit(sc.o.From, sc.o.To)
	}
	return sc.fn(c)
}

func (sc *scan) bad(err error) {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if sc.o.Bad == nil {
		sc.stop(fmt.Errorf("scan store: %w", err))
		return
	}
	sc.o.Bad(err)
}

// limit selects the rows with a time in [from, to).
func (c *Chunk) limit(from, to int64) {
	if from == math.MinInt64 && to == 0 {
		return
	}
	c.Select = NewBitmap(c.Rows)
	t := c.Column(timeColumn)
	if t == nil {
		return
	}
	for i := range c.Rows {
		if v, ok := t.Int(i); ok && v >= from && (to == 0 || v < to) {
			c.Select.Set(i)
		}
	}
}
