package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/parquet-go/parquet-go"
)

// Table reads a Parquet file of another program, row by row, as text. It takes columns of numbers,
// booleans and texts; structs give one column for each of their members, joined by dots.
type Table struct {
	f       *file
	columns []string
	buf     []parquet.Row
	cells   [][]byte
	text    []byte // what cells point into
	done    atomic.Int64
}

// tableRows is how many rows are read at once.
const tableRows = 256

// IsParquet says whether a file that begins with head is Parquet.
func IsParquet(head []byte) bool { return bytes.HasPrefix(head, []byte("PAR1")) }

// OpenTable opens a file and reads its footer.
func OpenTable(path string) (*Table, error) {
	f, err := openParquet(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	t := &Table{f: f, buf: make([]parquet.Row, tableRows)}
	for _, path := range f.pq.Schema().Columns() {
		t.columns = append(t.columns, strings.Join(path, "."))
	}
	for i, c := range f.pq.RowGroups() {
		for j, chunk := range c.ColumnChunks() {
			if kind := chunk.Type().Kind(); kind == parquet.Int96 || kind == parquet.FixedLenByteArray {
				f.close()
				return nil, fmt.Errorf("read %s: column %s of row group %d is of type %v, which is not read", f.path, t.columns[j], i, kind)
			}
		}
	}
	t.cells = make([][]byte, len(t.columns))
	return t, nil
}

// Columns gives the names of the columns, in the order of a row's cells.
func (t *Table) Columns() []string { return t.columns }

// Rows gives the cells of each row, nil where there is no value; they are good until the next row.
// A broken file gives an error behind the rows that could be read. The file is closed at the end.
func (t *Table) Rows() iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		defer t.f.close()
		for _, g := range t.f.pq.RowGroups() {
			if !t.group(g, yield) {
				return
			}
		}
	}
}

// group gives the rows of one row group. It says whether to go on.
func (t *Table) group(g parquet.RowGroup, yield func([][]byte, error) bool) bool {
	rows := g.Rows()
	defer rows.Close()
	for {
		n, err := readRows(rows, t.buf)
		for _, row := range t.buf[:n] {
			t.done.Add(1)
			if !yield(t.cut(row), nil) {
				return false
			}
		}
		switch {
		case errors.Is(err, io.EOF) || err == nil && n == 0:
			return true
		case err != nil:
			yield(nil, err)
			return false
		}
	}
}

// readRows makes an error of a panic: the reader's own checks do not find all that can be wrong.
func readRows(rows parquet.Rows, buf []parquet.Row) (n int, err error) {
	defer func() {
		if e := recover(); e != nil {
			n, err = 0, fmt.Errorf("page: %v", e)
		}
	}()
	return rows.ReadRows(buf)
}

// cut makes the cells of a row. Of a list the first value counts.
func (t *Table) cut(row parquet.Row) [][]byte {
	clear(t.cells)
	t.text = t.text[:0]
	for _, v := range row {
		c := v.Column()
		if v.IsNull() || c < 0 || c >= len(t.cells) || t.cells[c] != nil {
			continue
		}
		from := len(t.text)
		t.text = appendCell(t.text, v)
		t.cells[c] = t.text[from:] // also when text grows later: what it was stays
	}
	return t.cells
}

func appendCell(dst []byte, v parquet.Value) []byte {
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.AppendBool(dst, v.Boolean())
	case parquet.Int32:
		return strconv.AppendInt(dst, int64(v.Int32()), 10)
	case parquet.Int64:
		return strconv.AppendInt(dst, v.Int64(), 10)
	case parquet.Float:
		return strconv.AppendFloat(dst, float64(v.Float()), 'g', -1, 32)
	case parquet.Double:
		return strconv.AppendFloat(dst, v.Double(), 'g', -1, 64)
	}
	return append(dst, v.ByteArray()...)
}

// Close closes the file of a Table whose rows are not asked for.
func (t *Table) Close() { t.f.close() }

// Progress says how many of the file's bytes were read, as far as the rows tell.
func (t *Table) Progress() (done, total int64) {
	rows := t.f.pq.NumRows()
	if rows == 0 {
		return t.f.size, t.f.size
	}
	return int64(float64(t.f.size) * float64(t.done.Load()) / float64(rows)), t.f.size
}
