package netflow

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync/atomic"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// Log is a source over one flow log of a cloud: AWS VPC, Azure NSG or VNet, GCP VPC. It is a
// file, plain or gzipped, or standard input. One line of data (for Azure: one tuple, for GCP:
// one entry) becomes one record; Record.Ord is its number. A log tells no time of arrival:
// Received is the latest time read so far.
type Log struct {
	path    string
	live    bool                       // standard input, which has no digest and no size
	layout  *awsLayout                 // of AWS lines before a header line, and of rows
	rows    iter.Seq2[[][]byte, error] // of a table; nil for a log of lines
	stdin   io.Reader
	origin  uint64
	size    int64 // bytes, as on disk
	changed int64 // when the file was written last, Unix ns: the time of records without any
	done    atomic.Int64
	warning atomic.Pointer[string]
	stats   logStats
}

// Stdin is the path that stands for standard input.
const Stdin = "-"

// logKind is one format of flow logs.
type logKind struct {
	name string
	is   func(head []byte, layout *awsLayout) bool
	read func(x *logRun) error // until an error, at the end io.EOF
}

// logKinds are the formats, in the order in which they are tried.
var logKinds = [...]logKind{
	{"Azure flow log", isAzure, readAzure},
	{"GCP VPC flow log", isGCP, readGCP},
	{"AWS VPC flow log", isAWS, readAWS},
}

// IsLog says whether a file that begins with head is a flow log.
func IsLog(head []byte, cfg Config) bool {
	l, err := newLog("", cfg)
	if err != nil {
		return false // Validate says why
	}
	in, err := l.reader(bytes.NewReader(head))
	return err == nil && l.kind(in) != nil // else it begins like a compressed file and is not one
}

// NewLog reads the file once for its XXH64 digest, which is the Origin of its records.
// Standard input has no digest; there it is the time of the call.
func NewLog(path string, cfg Config) (*Log, error) {
	l, err := newLog(path, cfg)
	if err != nil || path == Stdin {
		return l, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	l.changed = info.ModTime().UnixNano()
	l.origin, l.size, err = flow.FileOrigin(path)
	return l, err
}

// NewLogOf makes a log of what r gives; it stands for standard input.
func NewLogOf(r io.Reader, cfg Config) (*Log, error) {
	l, err := newLog(Stdin, cfg)
	if err == nil {
		l.stdin = r
	}
	return l, err
}

func newLog(path string, cfg Config) (*Log, error) {
	layout, err := parseLayout(cfg.LogFormat)
	if err != nil {
		return nil, fmt.Errorf("netflow.%w", err)
	}
	l := &Log{path: path, layout: layout, stdin: os.Stdin}
	if path == Stdin {
		l.path, l.live, l.changed = "standard input", true, time.Now().UnixNano()
		l.origin = uint64(l.changed)
		l.warn("standard input has no digest: the same data again are other documents")
	}
	return l, nil
}

// Origin gives Record.Origin of all records.
func (l *Log) Origin() uint64 { return l.origin }

// Progress says how many of the file's bytes were read; the total of standard input is not known.
func (l *Log) Progress() (done, total int64) {
	done = l.done.Load()
	return done, max(l.size, done)
}

// Warnings tells what was wrong and did not stop the work.
func (l *Log) Warnings() []string {
	if w := l.warning.Load(); w != nil {
		return []string{*w}
	}
	return nil
}

func (l *Log) warn(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.warning.Store(&text)
}

// tables is the format of a log that came as a table.
var tables = logKind{name: "AWS VPC flow log", read: readTable}

// Run reads the log. Where it is broken what stands before was kept, and Warnings tells.
func (l *Log) Run(ctx context.Context, emit func(*flow.Batch)) error {
	if l.rows != nil {
		return l.run(ctx, emit, &tables, nil)
	}
	raw, closeRaw, err := l.open(ctx)
	if err != nil {
		return err
	}
	defer closeRaw()
	in, err := l.reader(raw)
	if err != nil {
		return err
	}
	kind := l.kind(in)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if kind == nil {
		return fmt.Errorf("read %s: not a flow log of AWS, Azure or GCP; for AWS lines of an own format without a header line set netflow.log_format", l.path)
	}
	return l.run(ctx, emit, kind, in)
}

func (l *Log) run(ctx context.Context, emit func(*flow.Batch), kind *logKind, in *bufio.Reader) error {
	x := &logRun{log: l, ctx: ctx, emit: emit, in: in, b: flow.NewBatch()}
	err := kind.read(x)
	x.flush()
	x.b.Free()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.Is(err, io.EOF):
		l.stats.broken.Add(1)
		l.warn("read %s: %s is broken: %v; the records before it were kept", l.path, kind.name, err)
	}
	return nil
}

// kind finds the format by the first bytes, nil for none.
func (l *Log) kind(in *bufio.Reader) *logKind {
	head, _ := in.Peek(logHead)
	for i := range logKinds {
		if logKinds[i].is(head, l.layout) {
			return &logKinds[i]
		}
	}
	return nil
}

// logStats is the account of a Log: lines = records + events + malformed + tooLong.
type logStats struct {
	lines, records, events, malformed, tooLong atomic.Uint64
	headers, noData, skipData, broken          atomic.Uint64
}

// Stats gives the account.
func (l *Log) Stats() []flow.Stat {
	s := &l.stats
	return []flow.Stat{
		{Name: "netflow.bytes", Value: uint64(l.done.Load())},      // as on disk
		{Name: "netflow.log_lines", Value: s.lines.Load()},         // with data: the next four together
		{Name: "netflow.records", Value: s.records.Load()},         // flows handed on
		{Name: "netflow.events", Value: s.events.Load()},           // events handed on
		{Name: "netflow.log_malformed", Value: s.malformed.Load()}, // lines that do not have the format
		{Name: "netflow.log_too_long", Value: s.tooLong.Load()},    // lines of more than maxLogLine bytes
		{Name: "netflow.log_headers", Value: s.headers.Load()},     // lines that name the columns
		{Name: "netflow.log_nodata", Value: s.noData.Load()},       // events: no traffic
		{Name: "netflow.log_skipdata", Value: s.skipData.Load()},   // events: the cloud lost records
		{Name: "netflow.log_broken", Value: s.broken.Load()},       // logs that could not be read to the end
	}
}
