package store

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/flowferry/flowferry/ecs"
)

// DocumentOptions says which rows to give as documents.
type DocumentOptions struct {
	Stream   string                // "" is "flow"
	From, To int64                 // @timestamp in [From, To), Unix ns; 0 is no limit
	Columns  []string              // what Filter looks at
	Filter   func(c *Chunk) Bitmap // the rows wanted, those outside c.Select left out; nil is all
	Limit    int                   // documents to give; 0 is all, at the cost of holding an hour's in memory
	Newest   bool                  // the last first
	Bad      func(error)           // as of ScanOptions
}

// Documents gives rows as documents, the same JSON objects that a cluster would hold but for
// the order of their members and the nanoseconds of times, in the order of @timestamp. doc is
// valid until fn returns.
func (s *Store) Documents(ctx context.Context, o DocumentOptions, fn func(doc []byte) error) error {
	parts, err := s.asked(&o.Stream, &o.From, o.To)
	if err != nil {
		return err
	}
	if o.Newest {
		slices.Reverse(parts)
	}
	left := o.Limit
	for _, p := range parts {
		found := &found{newest: o.Newest, limit: left}
		if err := s.hour(ctx, p, &o, found); err != nil {
			return err
		}
		found.trim()
		for i := range found.docs {
			if err := fn(found.docs[i].text); err != nil {
				return err
			}
		}
		if left -= len(found.docs); o.Limit > 0 && left <= 0 {
			return nil
		}
	}
	return nil
}

// hour finds the documents of one part.
func (s *Store) hour(ctx context.Context, p part, o *DocumentOptions, to *found) error {
	var mu sync.Mutex
	so := ScanOptions{Stream: o.Stream, From: o.From, To: o.To, Columns: append([]string{timeColumn}, o.Columns...), Bad: o.Bad}
	return s.scanParts(ctx, []part{p}, so, func(c *Chunk) error {
		rows := to.best(c, o)
		if len(rows) == 0 {
			return nil
		}
		whole, err := wholeChunk(c)
		if err != nil {
			if o.Bad == nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			o.Bad(err)
			return nil
		}
		w := newDocWriter(whole)
		mu.Lock()
		defer mu.Unlock()
		for _, r := range rows {
			t, _ := c.Column(timeColumn).Int(r)
			to.docs = append(to.docs, document{t, c.File, r, w.append(nil, r)})
		}
		to.trim()
		return nil
	})
}

// wholeChunk reads all columns of a row group of which c has some.
func wholeChunk(c *Chunk) (*Chunk, error) {
	f, err := openFile(c.File)
	if err != nil {
		return nil, err
	}
	defer f.close()
	return f.chunk(c.group, nil)
}

// found gathers the documents of an hour.
type found struct {
	newest bool
	limit  int // 0 is none
	docs   []document
}

type document struct {
	time int64
	file string
	row  int
	text []byte
}

// before orders documents by time, those of one time by where they stand.
func (a *document) before(b *document, newest bool) int {
	c := 0
	switch {
	case a.time != b.time && (a.time < b.time) != newest:
		return -1
	case a.time != b.time:
		return 1
	case a.file != b.file:
		c = strings.Compare(a.file, b.file)
	default:
		c = a.row - b.row
	}
	return c
}

// best lists the rows of c that are wanted, of more than the limit the first by time.
func (d *found) best(c *Chunk, o *DocumentOptions) []int {
	t := c.Column(timeColumn)
	if t == nil {
		return nil
	}
	var pass Bitmap
	switch {
	case o.Filter != nil:
		pass = o.Filter(c)
	case c.Select != nil:
		pass = c.Select
	default:
		pass = NewBitmap(c.Rows)
		pass.Fill(c.Rows)
	}
	rows := make([]document, 0, pass.Count())
	for i := range c.Rows {
		if v, ok := t.Int(i); ok && pass.Get(i) {
			rows = append(rows, document{time: v, row: i})
		}
	}
	if d.limit > 0 && len(rows) > d.limit {
		slices.SortFunc(rows, func(a, b document) int { return a.before(&b, d.newest) })
		rows = rows[:d.limit]
	}
	out := make([]int, len(rows))
	for i := range rows {
		out[i] = rows[i].row
	}
	return out
}

// trim sorts the documents and cuts them to the limit.
func (d *found) trim() {
	slices.SortFunc(d.docs, func(a, b document) int { return a.before(&b, d.newest) })
	if d.limit > 0 && len(d.docs) > d.limit {
		clear(d.docs[d.limit:])
		d.docs = d.docs[:d.limit]
	}
}

// docWriter writes rows of a chunk as JSON objects.
type docWriter struct {
	cols  []*Column
	paths [][]string
}

func newDocWriter(c *Chunk) *docWriter {
	w := &docWriter{}
	for _, name := range c.Names() {
		w.cols = append(w.cols, c.Column(name))
		w.paths = append(w.paths, strings.Split(name, "."))
	}
	return w
}

// append appends the document of row i. The columns stand in the order of their names, so those
// of one object stand together.
func (w *docWriter) append(dst []byte, i int) []byte {
	dst = append(dst, '{')
	var open []string // objects that are open
	fresh := true     // nothing stands yet in the innermost
	for k, col := range w.cols {
		if !col.Has(i) {
			continue
		}
		path := w.paths[k]
		keep := 0
		for keep < len(open) && keep < len(path)-1 && open[keep] == path[keep] {
			keep++
		}
		for range len(open) - keep {
			dst, fresh = append(dst, '}'), false
		}
		open = append(open[:keep:keep], path[keep:len(path)-1]...)
		if !fresh {
			dst = append(dst, ',')
		}
		for _, name := range path[keep : len(path)-1] {
			dst = append(appendQuoted(dst, []byte(name)), ':', '{')
		}
		dst, fresh = append(appendQuoted(dst, []byte(path[len(path)-1])), ':'), false
		dst = col.appendJSON(dst, i)
	}
	for range len(open) + 1 {
		dst = append(dst, '}')
	}
	return dst
}

// appendJSON appends the value of row i, which has one.
func (c *Column) appendJSON(dst []byte, i int) []byte {
	switch {
	case c.Offsets != nil:
		dst = append(dst, '[')
		for k, e := range c.Index[c.Offsets[i]:c.Offsets[i+1]] {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = appendQuoted(dst, c.Text(e))
		}
		return append(dst, ']')
	case c.Type == ecs.Flattened:
		return append(dst, c.Text(c.Index[i])...)
	case c.ends != nil:
		return appendQuoted(dst, c.Text(c.Index[i]))
	case c.Floats != nil:
		return appendFloat(dst, c.Floats[i])
	}
	v, _ := c.Int(i)
	switch c.Type {
	case ecs.Date:
		return append(ecs.AppendTime(append(dst, '"'), v), '"')
	case ecs.Boolean:
		return strconv.AppendBool(dst, v != 0)
	}
	return strconv.AppendInt(dst, v, 10)
}

func appendFloat(dst []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// appendQuoted appends s, which is UTF-8, as a JSON string.
func appendQuoted(dst, s []byte) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
