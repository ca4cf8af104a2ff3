package flowfiles

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/unzip"
)

// Source reads the flows of one file. It is a flow.Source: the same file gives the same records
// in the same order, each with the same Origin and Ord.
type Source struct {
	path   string
	format Format
	origin uint64
	size   int64
	day    int64 // Unix ns of the file's last change: what dates times of day
	done   atomic.Int64
	stats  stats
	broken string // what was wrong, in words. Read by Warnings after Run
	first  string // the first bad row, in words
}

// stats is the account of a Source: rows = records + events + other + bad.
type stats struct {
	rows, records, events, other, bad atomic.Uint64

	partial, scaled, frames, dated atomic.Uint64 // of records
	badBlocks, brokenFiles         atomic.Uint64
}

// Open reads the file, whose format Sniff has found, once for its digest and gives its source.
func Open(path string, format Format) (*Source, error) {
	if format == Unknown {
		return nil, fmt.Errorf("read %s: no flow file of Zeek, Suricata, Argus or nfdump", path)
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	origin, size, err := flow.FileOrigin(path)
	if err != nil {
		return nil, err
	}
	return &Source{path: path, format: format, origin: origin, size: size, day: st.ModTime().UnixNano()}, nil
}

// Origin gives Record.Origin of all records: the XXH64 digest of the file.
func (s *Source) Origin() uint64 { return s.origin }

// Progress gives how many of the file's bytes, as on disk, were read.
func (s *Source) Progress() (done, total int64) { return s.done.Load(), s.size }

// Stats gives the account.
func (s *Source) Stats() []flow.Stat {
	c := &s.stats
	return []flow.Stat{
		{Name: "flowfiles.rows", Value: c.rows.Load()},                // lines and records read: the next four together
		{Name: "flowfiles.records", Value: c.records.Load()},          // flows handed on
		{Name: "flowfiles.events", Value: c.events.Load()},            // firewall and NAT events handed on
		{Name: "flowfiles.other", Value: c.other.Load()},              // headers, comments, exporters, events of other kinds
		{Name: "flowfiles.bad", Value: c.bad.Load()},                  // not understood
		{Name: "flowfiles.partial", Value: c.partial.Load()},          // records with an extension that was not understood
		{Name: "flowfiles.frame_bytes", Value: c.frames.Load()},       // records whose bytes are those of frames
		{Name: "flowfiles.already_scaled", Value: c.scaled.Load()},    // records whose tool multiplied by the sampling rate
		{Name: "flowfiles.dated_by_file", Value: c.dated.Load()},      // records with a time of day only
		{Name: "flowfiles.bad_blocks", Value: c.badBlocks.Load()},     // nfcapd blocks that could not be read
		{Name: "flowfiles.broken_files", Value: c.brokenFiles.Load()}, // files that end too early
	}
}

// Warnings tells in words what was wrong with the file. To be called after Run.
func (s *Source) Warnings() (lines []string) {
	warn := func(format string, args ...any) {
		lines = append(lines, fmt.Sprintf("read %s: ", s.path)+fmt.Sprintf(format, args...))
	}
	if n := s.stats.bad.Load() + s.stats.badBlocks.Load(); n > 0 {
		warn("%d rows or blocks were not understood; the first: %s", n, s.first)
	}
	if n := s.stats.dated.Load(); n > 0 {
		warn("%d records have a time of day and no date: they were put into the 24 hours before the file's last change (%s UTC); `ra -u` prints whole times",
			n, time.Unix(0, s.day).UTC().Format(time.DateTime))
	}
	if s.broken != "" {
		warn("%s; what stands before it was kept", s.broken)
	}
	return lines
}

// Run reads the file to its end, or to where it is broken: that is counted and found in
// Warnings, and is no error.
func (s *Source) Run(ctx context.Context, emit func(*flow.Batch)) error {
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	o := &out{s: s, emit: emit, b: flow.NewBatch()}
	defer o.flush()
	in, _, err := unzip.Reader(&unzip.Counted{R: f, N: &s.done}, sniffed)
	if err != nil {
		s.stop("it can not be decompressed: %v", err)
		return nil
	}
	if s.format == Nfcapd {
		err = nfcapd(ctx, in, o)
	} else {
		err = s.lines(ctx, in, o)
	}
	if err == nil {
		s.done.Store(s.size)
	}
	return err
}

func (s *Source) lines(ctx context.Context, in io.Reader, o *out) error {
	p, err := s.parser(ctx)
	if err != nil {
		return err
	}
	return eachLine(ctx, in, o, p)
}

// parser makes the parser of a format of lines.
func (s *Source) parser(ctx context.Context) (lineParser, error) {
	switch s.format {
	case ZeekTSV:
		return newZeekTSV(), nil
	case ZeekJSON:
		return &zeekJSON{}, nil
	case Suricata:
		both, err := s.hasFlows(ctx)
		return &suricata{skipNetflow: both}, err
	}
	return &argus{day: s.day}, nil
}

// stop says why the file was not read to its end.
func (s *Source) stop(format string, args ...any) {
	s.stats.brokenFiles.Add(1)
	s.broken = fmt.Sprintf(format, args...)
}

// note keeps the words of the first bad row.
func (s *Source) note(what string, n uint64, err error) {
	if s.first == "" {
		s.first = fmt.Sprintf("%s %d: %v", what, n, err)
	}
}

// out fills batches and hands them on.
type out struct {
	s    *Source
	emit func(*flow.Batch)
	b    *flow.Batch
	ord  uint64 // records and events so far
	now  int64  // the latest Received, Unix ns
}

// keep finishes the last record of the batch.
func (o *out) keep(r *flow.Record) {
	o.ord++
	r.Origin, r.Ord, r.Via = o.s.origin, o.ord, flow.ViaLog
	if !r.Has.Has(flow.HasTimes) {
		r.Start, r.End = r.Received, r.Received
	}
	o.now = max(o.now, r.Received)
	if r.Kind == flow.KindEvent {
		o.s.stats.events.Add(1)
	} else {
		o.s.stats.records.Add(1)
	}
	if o.b.Full() {
		o.flush()
	}
}

func (o *out) flush() {
	o.b.Now = o.now
	o.emit(o.b)
	o.b = flow.NewBatch()
}
