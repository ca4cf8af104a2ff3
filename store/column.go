package store

import (
	"bytes"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
)

// column gathers the values of one field for one file. While levels is nil, either all rows so
// far have a value or none has.
type column struct {
	rows   int    // rows so far
	n      int    // values so far
	levels []byte // definition levels: per row 0 or 1; for Multi per entry 0 or 2
	spare  int    // capacity that levels had in the file before
	reps   []byte // Multi: repetition levels per entry, 1 for a further value of the same row

	nums   []int64   // Long, Date (ns), Boolean
	floats []float64 // Float; latitudes of a GeoPoint
	lons   []float64 // longitudes of a GeoPoint
	idx    []int32   // entries of text or addrs, one per value
	text   *textDict
	addrs  *addrDict
}

// reset empties the column and keeps its memory for the next file.
func (c *column) reset() {
	*c = column{nums: c.nums[:0], floats: c.floats[:0], lons: c.lons[:0], idx: c.idx[:0], reps: c.reps[:0],
		spare: max(c.spare, cap(c.levels)), text: c.text, addrs: c.addrs}
	if d := c.text; d != nil {
		d.data, d.ends, d.last, d.unique = d.data[:0], d.ends[:0], "", false
		clear(d.index)
	}
	if d := c.addrs; d != nil {
		d.addrs, d.last = d.addrs[:0], 0
		clear(d.index)
	}
}

// textDict numbers distinct strings. When it turns out that most values are distinct it stops
// looking for equal ones: unique is then set and every value is an entry of its own.
type textDict struct {
	data   []byte
	ends   []uint32 // entry i is data[ends[i-1]:ends[i]]
	index  map[string]int32
	last   string // the value before: many are the same in each row
	lastAt int32
	unique bool
}

// uniqueAfter is how many values a dictionary looks at before it judges whether values repeat.
const uniqueAfter = 4096

func (d *textDict) put(s []byte, n int) int32 {
	if !d.unique {
		if i, ok := d.index[string(s)]; ok {
			return i
		}
	}
	if !utf8.Valid(s) {
		return d.put(valid(s), n)
	}
	if d.unique {
		return d.add(s)
	}
	i := d.add(s)
	d.index[string(s)] = i
	if n >= uniqueAfter && len(d.ends) > n/4*3 {
		d.unique = true
		clear(d.index)
	}
	return i
}

func (d *textDict) putString(s string, n int) int32 {
	if s == d.last && s != "" {
		return d.lastAt
	}
	i, ok := d.index[s]
	if !ok {
		i = d.put([]byte(s), n)
	}
	d.last, d.lastAt = s, i
	return i
}

// valid puts U+FFFD in the place of each byte that is not UTF-8, as documents do.
func valid(s []byte) []byte {
	var out []byte
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		out, s = utf8.AppendRune(out, r), s[n:]
	}
	return out
}

func (d *textDict) add(s []byte) int32 {
	d.data = append(d.data, s...)
	d.ends = append(d.ends, uint32(len(d.data)))
	return int32(len(d.ends) - 1)
}

func (d *textDict) at(i int32) []byte {
	if i == 0 {
		return d.data[:d.ends[0]]
	}
	return d.data[d.ends[i-1]:d.ends[i]]
}

// addrDict numbers distinct addresses.
type addrDict struct {
	addrs []flow.Addr
	index map[flow.Addr]int32
	last  int32 // the entry before
}

func (d *addrDict) put(a flow.Addr) int32 {
	if len(d.addrs) > 0 && d.addrs[d.last] == a {
		return d.last
	}
	i, ok := d.index[a]
	if !ok {
		i = int32(len(d.addrs))
		d.addrs = append(d.addrs, a)
		d.index[a] = i
	}
	d.last = i
	return i
}

// null adds rows without a value.
func (c *column) null(rows int) {
	if c.levels == nil && c.n > 0 {
		c.levels = make([]byte, c.rows, max(c.spare, c.rows+256))
		for i := range c.levels {
			c.levels[i] = 1
		}
	}
	if c.levels != nil {
		c.levels = append(c.levels, make([]byte, rows)...)
	}
	c.rows += rows
}

// present tells that the next row has a value, which the caller adds.
func (c *column) present() {
	if c.levels == nil && c.n < c.rows {
		c.levels = make([]byte, c.rows, max(c.spare, c.rows+256))
	}
	if c.levels != nil {
		c.levels = append(c.levels, 1)
	}
	c.rows++
	c.n++
}

// noLists adds rows without a value to a Multi field.
func (c *column) noLists(rows int) {
	c.rows += rows
	c.levels, c.reps = append(c.levels, make([]byte, rows)...), append(c.reps, make([]byte, rows)...)
}

// list adds the levels of a row of a Multi field with n values.
func (c *column) list(n int) {
	if c.rows++; n == 0 {
		c.levels, c.reps = append(c.levels, 0), append(c.reps, 0)
		return
	}
	for i := range n {
		c.levels, c.reps = append(c.levels, 2), append(c.reps, byte(min(i, 1)))
	}
	c.n += n
}

func (c *column) putText(s []byte) {
	c.makeText()
	c.idx = append(c.idx, c.text.put(s, c.n))
}

func (c *column) putString(s string) {
	c.makeText()
	c.idx = append(c.idx, c.text.putString(s, c.n))
}

func (c *column) makeText() {
	if c.text == nil {
		c.text = &textDict{index: map[string]int32{}}
	}
}

func (c *column) putAddr(a flow.Addr) {
	if c.addrs == nil {
		c.addrs = &addrDict{index: map[flow.Addr]int32{}}
	}
	c.idx = append(c.idx, c.addrs.put(a))
}

// size estimates the memory that the column holds.
func (c *column) size() int {
	n := len(c.levels) + len(c.reps) + 8*(len(c.nums)+len(c.floats)+len(c.lons)) + 4*len(c.idx)
	if c.text != nil {
		n += 2*len(c.text.data) + 40*len(c.text.ends)
	}
	if c.addrs != nil {
		n += 56 * len(c.addrs.addrs)
	}
	return n
}

// scratch is reused from record to record.
type scratch struct {
	text  []byte
	addrs []flow.Addr
	strs  []string
}

// fill adds field f of recs, which are records of b.
func (c *column) fill(f *ecs.Field, b *flow.Batch, recs []flow.Record, s *scratch) {
	for i := range recs {
		r := &recs[i]
		if !f.Possible(r.Has, r.Meta != 0, r.Enr != 0) || !c.put(f, b, r, s) {
			c.null(1)
		}
	}
}

// fillList is fill for a Multi field.
func (c *column) fillList(f *ecs.Field, b *flow.Batch, recs []flow.Record, s *scratch) {
	for i := range recs {
		r := &recs[i]
		s.addrs, s.strs = s.addrs[:0], s.strs[:0]
		switch {
		case !f.Possible(r.Has, r.Meta != 0, r.Enr != 0):
		case f.Addrs != nil:
			s.addrs = f.Addrs(s.addrs, b, r)
		case f.Strs != nil:
			s.strs = f.Strs(s.strs, b, r)
		case f.Lines != nil:
			c.list(c.putLines(f.Lines(s.text[:0], b, r), s))
			continue
		}
		for _, a := range s.addrs {
			c.putAddr(a)
		}
		for _, t := range s.strs {
			c.putString(t)
		}
		c.list(len(s.addrs) + len(s.strs))
	}
}

// putLines adds the values of a field that are made on the fly, and gives how many they are.
func (c *column) putLines(lines []byte, s *scratch) (n int) {
	s.text = lines
	for line := range bytes.Lines(lines) {
		c.putText(line[:len(line)-1])
		n++
	}
	return n
}

// put adds the record's value, if it has one.
func (c *column) put(f *ecs.Field, b *flow.Batch, r *flow.Record, s *scratch) bool {
	switch {
	case f.Int != nil:
		v, ok := f.Int(b, r)
		if !ok {
			return false
		}
		c.nums = append(c.nums, v)
	case f.Addr != nil:
		a, ok := f.Addr(b, r)
		if !ok {
			return false
		}
		c.putAddr(a)
	case f.Str != nil:
		v := f.Str(b, r)
		if v == "" {
			return false
		}
		c.putString(v)
	default:
		return c.putOther(f, b, r, s)
	}
	c.present()
	return true
}

func (c *column) putOther(f *ecs.Field, b *flow.Batch, r *flow.Record, s *scratch) bool {
	switch {
	case f.Text != nil:
		if s.text = f.Text(s.text[:0], b, r); len(s.text) == 0 {
			return false
		}
		c.putText(s.text)
	case f.Float != nil:
		v, ok := f.Float(b, r)
		if !ok || math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
		c.floats = append(c.floats, v)
	case f.Point != nil:
		lat, lon, ok := f.Point(b, r)
		if !ok || !(math.Abs(lat) <= 90 && math.Abs(lon) <= 180) {
			return false
		}
		c.floats, c.lons = append(c.floats, lat), append(c.lons, lon)
	case f.Flat != nil:
		if s.strs = f.AppendValues(s.strs[:0], b, r); len(s.strs) == 0 {
			return false
		}
		c.putString(s.strs[0])
	default:
		return false
	}
	c.present()
	return true
}

// numDict looks whether few distinct numbers stand for all: it gives them in the order of
// their first appearance and for each value its entry. ok is false when there are more than
// limit, as then the numbers themselves are shorter.
func numDict(nums []int64, limit int) (entries []int64, idx []int32, ok bool) {
	size := 1024
	for size < 4*limit {
		size *= 2
	}
	table := make([]int32, size) // entry+1; 0 is free
	idx = make([]int32, len(nums))
	for i, v := range nums {
		h := int(uint64(v)*0x9e3779b97f4a7c15>>32) & (size - 1)
		for table[h] != 0 && entries[table[h]-1] != v {
			h = (h + 1) & (size - 1)
		}
		if table[h] == 0 {
			if len(entries) == limit {
				return nil, nil, false
			}
			entries = append(entries, v)
			table[h] = int32(len(entries))
		}
		idx[i] = table[h] - 1
	}
	return entries, idx, true
}

func appendInts(dst []byte, nums []int64) []byte {
	for _, v := range nums {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	return dst
}

func appendFloats(dst []byte, vs []float64) []byte {
	for _, v := range vs {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
	}
	return dst
}

func appendText(dst, s []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}
