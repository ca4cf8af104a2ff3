package store

import (
	"errors"
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"

	"github.com/flowferry/flowferry/ecs"
)

// reader turns the pages of one column of a row group into a Column.
type reader struct {
	rows   int
	seen   int // rows read
	unit   int64
	maxDef byte
	col    *Column
	base   uint32 // entry of the current page's dictionary entry 0
	dict   parquet.Dictionary
	list   bool
}

// page appends a page. A page is of one of three forms: indexes into a dictionary, strings, or
// numbers; in each, values that are null are left out, which the definition levels tell.
func (r *reader) page(p parquet.Page) error {
	levels, reps := p.DefinitionLevels(), p.RepetitionLevels()
	if len(reps) > 0 {
		r.list = true
	}
	data := p.Data()
	if d := p.Dictionary(); d != nil {
		return r.indexed(d, data.Int32(), levels, reps)
	}
	if data.Kind() == encoding.ByteArray {
		return r.strings(&data, levels, reps)
	}
	if r.list {
		return errors.New("a list of numbers: not supported")
	}
	return r.numbers(&data, levels)
}

// indexed appends a page of dictionary indexes.
func (r *reader) indexed(d parquet.Dictionary, idx []int32, levels, reps []byte) error {
	if r.dict != d {
		if err := r.dictionary(d); err != nil {
			return err
		}
	}
	for _, v := range idx {
		if v < 0 || int(v) >= d.Len() {
			return fmt.Errorf("index %d in a dictionary of %d", v, d.Len())
		}
	}
	if r.list || len(levels) == 0 {
		return r.place(len(idx), func(i int) uint32 { return uint32(idx[i]) + r.base }, levels, reps)
	}
	return r.placeIndexes(idx, levels)
}

// placeIndexes is place for the form that nearly every page has.
func (r *reader) placeIndexes(idx []int32, levels []byte) error {
	c := r.col
	if c.Index == nil {
		c.Index = make([]uint32, 0, max(r.rows, len(levels)))
	}
	r.seen += len(levels)
	if len(idx) == len(levels) {
		for _, v := range idx {
			c.Index = append(c.Index, uint32(v)+r.base)
		}
		return nil
	}
	for _, l := range levels {
		e := uint32(0)
		if l == r.maxDef {
			if len(idx) == 0 {
				return errors.New("more levels than values")
			}
			e, idx = uint32(idx[0])+r.base, idx[1:]
		}
		c.Index = append(c.Index, e)
	}
	return nil
}

// dictionary appends the entries of a dictionary to the column's.
func (r *reader) dictionary(d parquet.Dictionary) error {
	c := r.col
	if c.Index == nil && len(c.Ints) > 0 {
		return errors.New("a dictionary after plain numbers: not supported")
	}
	page := d.Page().Data()
	switch page.Kind() {
	case encoding.ByteArray:
		data, offsets := page.ByteArray()
		r.base = r.texts(data, offsets)
	case encoding.Int64:
		if len(c.Ints) == 0 {
			c.Ints = append(c.Ints, 0)
		}
		r.base = uint32(len(c.Ints))
		c.Ints = append(c.Ints, page.Int64()...)
		scaleInts(c.Ints[r.base:], r.unit)
	default:
		return fmt.Errorf("a dictionary of %v: not supported", page.Kind())
	}
	r.dict = d
	return nil
}

// texts appends strings as entries and gives the number of the first.
func (r *reader) texts(data []byte, offsets []uint32) uint32 {
	c := r.col
	if len(c.ends) == 0 {
		c.ends = append(make([]uint32, 0, len(offsets)), 0)
	}
	first, at := uint32(len(c.ends)), uint32(len(c.text))
	if len(offsets) == 0 {
		return first
	}
	c.text = append(c.text, data[offsets[0]:offsets[len(offsets)-1]]...)
	for _, o := range offsets[1:] {
		c.ends = append(c.ends, at+o-offsets[0])
	}
	return first
}

// strings appends a page of plain strings: each value is an entry of its own.
func (r *reader) strings(v *encoding.Values, levels, reps []byte) error {
	data, offsets := v.ByteArray()
	r.base, r.dict = r.texts(data, offsets), nil
	return r.place(max(len(offsets)-1, 0), func(i int) uint32 { return uint32(i) + r.base }, levels, reps)
}

// place appends n values, of which at gives the entries, to the rows they belong to.
func (r *reader) place(n int, at func(int) uint32, levels, reps []byte) error {
	c := r.col
	switch {
	case r.list:
		return r.lists(n, at, levels, reps)
	case len(levels) == 0: // required: no nulls
		for i := range n {
			c.Index = append(c.Index, at(i))
		}
		r.seen += n
		return nil
	}
	k := 0
	if c.Index == nil {
		c.Index = make([]uint32, 0, r.rows)
	}
	for _, l := range levels {
		e := uint32(0)
		if l == r.maxDef {
			if k == n {
				return errors.New("more levels than values")
			}
			e = at(k)
			k++
		}
		c.Index = append(c.Index, e)
	}
	r.seen += len(levels)
	return nil
}

// lists appends the values of list rows. The deepest level seen is a value; what is less is an
// empty or missing list.
func (r *reader) lists(n int, at func(int) uint32, levels, reps []byte) error {
	c := r.col
	if c.Offsets == nil {
		c.Index, c.Offsets = make([]uint32, 0, n), make([]uint32, 1, r.rows+1)
	}
	k := 0
	for i, l := range levels {
		if reps[i] == 0 {
			r.seen++
			c.Offsets = append(c.Offsets, uint32(len(c.Index)))
		}
		if l < 2 {
			continue
		}
		if k == n || r.seen == 0 {
			return errors.New("more levels than values")
		}
		c.Index = append(c.Index, at(k))
		k++
		c.Offsets[len(c.Offsets)-1] = uint32(len(c.Index))
	}
	return nil
}

// numbers appends a page of plain numbers: one value per row.
func (r *reader) numbers(v *encoding.Values, levels []byte) error {
	c := r.col
	if c.Index != nil {
		return errors.New("plain numbers after a dictionary: not supported")
	}
	switch v.Kind() {
	case encoding.Int64:
		at := len(c.Ints)
		var err error
		c.Ints, err = spread(r, c.Ints, v.Int64(), levels)
		scaleInts(c.Ints[at:], r.unit)
		return err
	case encoding.Double:
		var err error
		c.Floats, err = spread(r, c.Floats, v.Double(), levels)
		return err
	case encoding.Boolean:
		return r.booleans(v.Boolean(), levels)
	}
	return fmt.Errorf("numbers of type %v: not supported", v.Kind())
}

// spread appends values to the rows they belong to, and notes the rows that have none.
func spread[T int64 | float64](r *reader, dst, values []T, levels []byte) ([]T, error) {
	if len(levels) == 0 || len(values) == len(levels) {
		dst = append(dst, values...)
		r.seen += len(values)
		return dst, nil
	}
	if r.col.Valid == nil {
		r.col.Valid = NewBitmap(r.rows)
		r.col.Valid.Fill(r.seen)
	}
	k := 0
	var zero T
	for i, l := range levels {
		if l == 0 {
			dst = append(dst, zero)
			continue
		}
		if k == len(values) || r.seen+i >= r.rows {
			return dst, errors.New("more levels than values")
		}
		dst = append(dst, values[k])
		r.col.Valid.Set(r.seen + i)
		k++
	}
	r.seen += len(levels)
	return dst, nil
}

// booleans gives a dictionary of null, false and true.
func (r *reader) booleans(bits []byte, levels []byte) error {
	c := r.col
	c.Ints = append(c.Ints[:0], 0, 0, 1)
	n := len(levels)
	for _, l := range levels {
		if l == 0 {
			n--
		}
	}
	if len(levels) == 0 || n > 8*len(bits) {
		return errors.New("more levels than values")
	}
	return r.place(n, func(i int) uint32 { return 1 + uint32(bits[i>>3]>>(i&7)&1) }, levels, nil)
}

func scaleInts(vs []int64, unit int64) {
	if unit <= 1 {
		return
	}
	for i := range vs {
		vs[i] *= unit
	}
}

// finish checks that every row was there.
func (r *reader) finish() (*Column, error) {
	c := r.col
	if r.seen != r.rows {
		return nil, fmt.Errorf("%d rows of %d", r.seen, r.rows)
	}
	if c.Type == ecs.Keyword && c.Index == nil && c.Floats == nil {
		return nil, errors.New("no strings")
	}
	if c.Valid != nil && c.Index == nil {
		if n := len(c.Ints) + len(c.Floats); n != r.rows {
			return nil, fmt.Errorf("%d values of %d", n, r.rows)
		}
	}
	return c, nil
}
