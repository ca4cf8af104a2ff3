package flowfiles

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/flowferry/flowferry/flow"
)

// maxLine is the longest line that is looked at, bytes; a longer one is a bad row.
const maxLine = 1 << 20

var (
	errOther = errors.New("no flow")           // a row that is rightly there and no flow
	errLong  = errors.New("longer than 1 MiB") // of a line
)

// lineParser makes a record of a line. The error errOther says that the line is no flow, any
// other that it is not understood.
type lineParser interface {
	parse(line []byte, b *flow.Batch, r *flow.Record, c *stats) error
}

// eachLine gives every line of in to p.
func eachLine(ctx context.Context, in io.Reader, o *out, p lineParser) error {
	r := bufio.NewReaderSize(in, maxLine)
	for n := uint64(1); ; n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		line, err := r.ReadSlice('\n')
		if len(line) == 0 && err != nil {
			endOfLines(o.s, n, err)
			return nil
		}
		o.s.stats.rows.Add(1)
		if errors.Is(err, bufio.ErrBufferFull) {
			err = skipLine(r)
			o.bad("line", n, errLong)
		} else {
			o.line(p, bytes.TrimRight(line, "\r\n"), n)
		}
		if err != nil {
			endOfLines(o.s, n, err)
			return nil
		}
	}
}

// skipLine reads on behind the next line end.
func skipLine(r *bufio.Reader) error {
	for {
		if _, err := r.ReadSlice('\n'); !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func endOfLines(s *Source, n uint64, err error) {
	if !errors.Is(err, io.EOF) {
		s.stop("it is broken after line %d: %v", n-1, err)
	}
}

// line gives one line to p and counts what became of it.
func (o *out) line(p lineParser, line []byte, n uint64) {
	if n == 1 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if len(line) == 0 {
		o.s.stats.other.Add(1)
		return
	}
	r := o.b.Next()
	switch err := p.parse(line, o.b, r, &o.s.stats); err {
	case nil:
		o.keep(r)
	case errOther:
		o.b.Undo()
		o.s.stats.other.Add(1)
	default:
		o.b.Undo()
		o.bad("line", n, err)
	}
}

// bad counts a row that is not understood.
func (o *out) bad(what string, n uint64, err error) {
	o.s.stats.bad.Add(1)
	o.s.note(what, n, err)
}
