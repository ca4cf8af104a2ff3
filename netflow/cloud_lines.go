package netflow

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/unzip"
)

const (
	maxLogLine = 512 << 10    // bytes of one line
	maxLogJSON = 16 << 20     // bytes of one JSON value: an Azure record of a minute
	logHead    = 16 << 10     // bytes by which a format is known
	maxLogBack = int64(36e11) // ns: times that are older than the latest by more begin other data
)

// errJSONLong is a JSON value that is longer than maxLogJSON.
var errJSONLong = errors.New("a JSON value is too long")

// open opens what the log is read from. Standard input is read by a goroutine of its own, so
// that a read that waits can be left when ctx ends.
func (l *Log) open(ctx context.Context) (io.Reader, func(), error) {
	if !l.live {
		f, err := os.Open(l.path)
		if err != nil {
			return nil, nil, err
		}
		return f, func() { f.Close() }, nil
	}
	r, w := io.Pipe()
	go func() {
		_, err := io.Copy(w, l.stdin)
		w.CloseWithError(err) // nil is io.EOF
	}()
	stop := context.AfterFunc(ctx, func() { r.CloseWithError(ctx.Err()) })
	return r, func() { stop(); r.Close() }, nil
}

// reader counts the bytes of raw and decompresses them if they are gzip.
func (l *Log) reader(raw io.Reader) (*bufio.Reader, error) {
	in, _, err := unzip.Reader(&unzip.Counted{R: raw, N: &l.done}, maxLogLine)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", l.path, err)
	}
	return in, nil
}

// logRun is one reading of a log.
type logRun struct {
	log   *Log
	ctx   context.Context
	emit  func(*flow.Batch)
	in    *bufio.Reader
	b     *flow.Batch
	clock int64  // the latest time read, Unix ns
	polls uint32 // lines since the start, for looking at ctx now and then
	metas logMetas
}

// line gives the next line without its end; it is valid until the next call. A line that is
// too long is skipped and counted.
func (x *logRun) line() ([]byte, error) {
	for {
		if err := x.poll(); err != nil {
			return nil, err
		}
		line, err := x.in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			x.count()
			x.log.stats.tooLong.Add(1)
			if err := x.skip(); err != nil {
				return nil, err
			}
			continue
		}
		if err != nil && (err != io.EOF || len(line) == 0) {
			return nil, err
		}
		return bytes.TrimRight(line, "\r\n"), nil
	}
}

// skip reads to the end of a line.
func (x *logRun) skip() error {
	for {
		if err := x.poll(); err != nil {
			return err
		}
		if _, err := x.in.ReadSlice('\n'); err != bufio.ErrBufferFull {
			return err
		}
	}
}

// poll hands on what there is before a read of live input that may wait, and looks at ctx now
// and then.
func (x *logRun) poll() error {
	if x.log.live && x.in.Buffered() == 0 {
		x.flush()
	}
	if x.polls++; x.polls&63 == 0 {
		return x.ctx.Err()
	}
	return nil
}

// count counts a line of data and gives its number, from 1.
func (x *logRun) count() uint64 { return x.log.stats.lines.Add(1) }

// next counts a line of data and begins its record.
func (x *logRun) next() *flow.Record {
	r := x.b.Next()
	r.Origin, r.Ord, r.Via = x.log.origin, x.count(), flow.ViaLog
	return r
}

// bad takes back the record that was begun: its line does not have the format.
func (x *logRun) bad() {
	x.b.Undo()
	x.log.stats.malformed.Add(1)
}

// keep finishes a record. Its times are in Unix ns, 0 where they are not given.
func (x *logRun) keep(r *flow.Record, start, end int64) error {
	x.times(r, start, end)
	s := &x.log.stats
	if r.Kind == flow.KindFlow {
		s.records.Add(1)
	} else {
		s.events.Add(1)
		switch r.Event {
		case flow.EventNoData:
			s.noData.Add(1)
		case flow.EventSkipData:
			s.skipData.Add(1)
		}
	}
	if !x.b.Full() {
		return nil
	}
	x.flush()
	return x.ctx.Err()
}

// times settles Start, End and Received. A line far behind the latest begins other data.
func (x *logRun) times(r *flow.Record, start, end int64) {
	if start == 0 {
		start = end
	}
	if end < start {
		end = start
	}
	if start != 0 {
		r.Has |= flow.HasTimes
		if end > x.clock || end < x.clock-maxLogBack {
			x.clock = end
		}
	} else {
		if x.clock == 0 {
			x.clock = x.log.changed
		}
		start, end = x.clock, x.clock
	}
	r.Start, r.End, r.Received = start, end, x.clock
	x.b.Now = x.clock
}

func (x *logRun) flush() {
	if len(x.b.Recs) > 0 {
		x.emit(x.b)
		x.b, x.metas.last = flow.NewBatch(), nil
	}
}

// settlePorts says whether the two ports that a line has are ports: zeros of a protocol without
// any are not.
func settlePorts(r *flow.Record) {
	if r.SrcPort|r.DstPort != 0 || !r.Has.Has(flow.HasProto) || hasPorts(r.Proto) {
		r.Has |= flow.HasPorts
	}
}

// capped lets so many bytes through before its owner must raise left.
type capped struct {
	r    io.Reader
	left int
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errJSONLong
	}
	n, err := c.r.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}
