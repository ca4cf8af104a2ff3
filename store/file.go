package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/flowferry/flowferry/ecs"
)

// file is an open Parquet file.
type file struct {
	path string
	f    *os.File
	size int64
	pq   *parquet.File
	time int // index of the @timestamp column; -1 when there is none
}

// openFile opens a file of the store. Errors name the path.
func openFile(path string) (*file, error) {
	f, err := openParquet(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("read store: %w", err)
	case err != nil:
		return nil, fmt.Errorf("read store file %s: %w; move it away if it cannot be mended", path, err)
	}
	return f, nil
}

// openParquet opens a file and reads its footer.
func openParquet(path string) (f *file, err error) {
	o, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("footer: %v", e)
		}
		if err != nil {
			o.Close()
		}
	}()
	st, err := o.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkFooter(o, st.Size()); err != nil {
		return nil, err
	}
	pq, err := parquet.OpenFile(o, st.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(64<<10))
	if err != nil {
		return nil, err
	}
	f = &file{path: path, f: o, size: st.Size(), pq: pq, time: -1}
	if l, ok := pq.Schema().Lookup(timeColumn); ok {
		f.time = l.ColumnIndex
	}
	return f, nil
}

// checkFooter looks whether the footer's length, by which memory is taken, fits the file.
func checkFooter(r io.ReaderAt, size int64) error {
	var end [8]byte
	if size < 12 {
		return fmt.Errorf("of %d bytes, which is no Parquet file", size)
	}
	if _, err := r.ReadAt(end[:], size-8); err != nil {
		return err
	}
	if n := int64(binary.LittleEndian.Uint32(end[:])); string(end[4:]) != "PAR1" || n > size-12 {
		return errors.New("cut off or no Parquet file: no footer at its end")
	}
	return nil
}

func (f *file) close() { f.f.Close() }

// span gives the first and the last @timestamp of row group g, in Unix ns, by its statistics.
func (f *file) span(g int) (lo, hi int64, ok bool) {
	if f.time < 0 {
		return 0, 0, false
	}
	s := &f.pq.Metadata().RowGroups[g].Columns[f.time].MetaData.Statistics
	if len(s.MinValue) != 8 || len(s.MaxValue) != 8 {
		return 0, 0, false
	}
	unit := unitOf(f.pq.RowGroups()[g].ColumnChunks()[f.time])
	return int64(binary.LittleEndian.Uint64(s.MinValue)) * unit, int64(binary.LittleEndian.Uint64(s.MaxValue)) * unit, true
}

// unitOf gives the nanoseconds of a step of a timestamp column, 0 for any other column.
func unitOf(cc parquet.ColumnChunk) int64 {
	if t := cc.Type().LogicalType(); t != nil {
		if ts, ok := t.Value.(*format.TimestampType); ok && ts.Unit.Value != nil {
			return int64(ts.Unit.Value.Duration())
		}
	}
	return 0
}

// names lists the columns of the file under the name that Chunk.Column has for them.
func (f *file) names() []string {
	paths := f.pq.Schema().Columns()
	names := make([]string, len(paths))
	for i, p := range paths {
		names[i] = strings.TrimSuffix(strings.Join(p, "."), listSuffix)
	}
	return names
}

// chunk reads the wanted columns of row group g; nil wants all.
func (f *file) chunk(g int, want []string) (c *Chunk, err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("row group %d: %v", g, e)
		}
		if err != nil {
			err = fmt.Errorf("read store file %s: %w; move it away if it cannot be mended", f.path, err)
		}
	}()
	rg := f.pq.RowGroups()[g]
	c = &Chunk{File: f.path, group: g, Rows: int(rg.NumRows()), columns: map[string]*Column{}}
	columns := rg.ColumnChunks()
	for i, name := range f.names() {
		if want != nil && !slices.Contains(want, name) {
			continue
		}
		col, err := f.column(columns[i], name, c.Rows)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
		c.columns[name] = col
		c.names = append(c.names, name)
	}
	slices.Sort(c.names)
	return c, nil
}

func (f *file) column(cc parquet.ColumnChunk, name string, rows int) (*Column, error) {
	r := reader{rows: rows, maxDef: 1, unit: unitOf(cc), col: &Column{Name: name}}
	r.col.Type = columnType(cc, name)
	pages := cc.Pages()
	defer pages.Close()
	for {
		p, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		err = r.page(p)
		parquet.Release(p)
		if err != nil {
			return nil, err
		}
	}
	return r.finish()
}

// columnType gives the type of a column: that of its field, or what the file says.
func columnType(cc parquet.ColumnChunk, name string) ecs.Type {
	kind := cc.Type().Kind()
	f := ecs.Lookup(name)
	switch {
	case kind == parquet.Boolean:
		return ecs.Boolean
	case kind == parquet.Double || kind == parquet.Float:
		return ecs.Float
	case kind == parquet.Int64 || kind == parquet.Int32:
		if unitOf(cc) != 0 {
			return ecs.Date
		}
		return ecs.Long
	case f != nil && (f.Type == ecs.IP || f.Type == ecs.Flattened):
		return f.Type
	}
	return ecs.Keyword
}
