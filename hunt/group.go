package hunt

import (
	"math"
	"strconv"
	"time"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/store"
)

// This file turns the rows of a chunk into groups, with small numbers in the place of values.
// A value's number is its entry in the column's dictionary; of a column without one, its place
// in a dictionary that is made here.

// coded is a column as numbers: entry 0 is null.
type coded struct {
	col     *store.Column
	f       *ecs.Field
	index   []uint32
	entries int
	first   []uint32 // for a dictionary made here: the row that holds the value
}

// code gives a column's numbers.
func code(f *ecs.Field, col *store.Column, t *table) *coded {
	if col.Index != nil {
		return &coded{col: col, f: f, index: col.Index, entries: col.Entries()}
	}
	n := max(len(col.Ints), len(col.Floats))
	c := &coded{col: col, f: f, index: make([]uint32, n), first: []uint32{0}}
	t.reset()
	for i := range n {
		if col.Valid != nil && !col.Valid.Get(i) {
			continue
		}
		e, fresh := t.put(bitsOf(col, i))
		if fresh {
			c.first = append(c.first, uint32(i))
		}
		c.index[i] = e + 1
	}
	c.entries = len(c.first)
	return c
}

func bitsOf(col *store.Column, i int) uint64 {
	if col.Floats != nil {
		return uint64(math.Float32bits(float32(col.Floats[i])))
	}
	return uint64(col.Ints[i])
}

// append appends the text of an entry.
func (c *coded) append(dst []byte, entry uint32) []byte {
	switch c.f.Type {
	case ecs.Keyword, ecs.IP:
		return append(dst, c.col.Text(entry)...)
	}
	if c.first != nil {
		entry = c.first[entry]
	}
	switch c.f.Type {
	case ecs.Float:
		return appendFloat(dst, c.col.Floats[entry])
	case ecs.Date:
		return appendMillis(dst, floorMs(c.col.Ints[entry])/1e6)
	case ecs.Boolean:
		return strconv.AppendBool(dst, c.col.Ints[entry] != 0)
	}
	return strconv.AppendInt(dst, c.col.Ints[entry], 10)
}

func appendFloat(dst []byte, v float64) []byte {
	return strconv.AppendFloat(dst, float64(float32(v)), 'f', -1, 32)
}

func appendMillis(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
}

// table numbers 64-bit values in the order of their first appearance. The value stands in the
// slot, so that a look at a table larger than the cache is one miss and not two.
type table struct {
	slots []tableSlot
	keys  []uint64
}

type tableSlot struct {
	key uint64
	n   uint32 // number+1; 0 is free
}

func newTable() *table { return &table{slots: make([]tableSlot, 1024)} }

func (t *table) reset() {
	clear(t.slots)
	t.keys = t.keys[:0]
}

func hash64(k uint64) uint64 {
	h := k * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

func (t *table) put(k uint64) (n uint32, fresh bool) {
	mask := uint64(len(t.slots) - 1)
	h := hash64(k) & mask
	for t.slots[h].n != 0 {
		if t.slots[h].key == k {
			return t.slots[h].n - 1, false
		}
		h = (h + 1) & mask
	}
	t.keys = append(t.keys, k)
	t.slots[h] = tableSlot{k, uint32(len(t.keys))}
	if 3*len(t.keys) > 2*len(t.slots) {
		t.grow()
	}
	return uint32(len(t.keys) - 1), true
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]tableSlot, 2*len(old))
	mask := uint64(len(t.slots) - 1)
	for _, s := range old {
		if s.n == 0 {
			continue
		}
		h := hash64(s.key) & mask
		for t.slots[h].n != 0 {
			h = (h + 1) & mask
		}
		t.slots[h] = s
	}
}

// groups is the rows of a chunk that have a key, and for each the group it belongs to. A row
// with several values of a key stands there for each.
type groups struct {
	rows  []uint32
	group []uint32
	n     int        // groups
	keys  [][]uint32 // keys[k][g]: entry of key k in group g
}

// group makes the groups of the selected rows by the keys.
func group(selected []uint32, keys []*coded, t *table) *groups {
	g := &groups{}
	g.rows, g.group = spread(selected, keys[0])
	g.n = keys[0].entries
	if len(keys) == 1 {
		g.keys = [][]uint32{nil} // the entry is the group
		return g
	}
	codes := make([]uint64, len(g.rows))
	for i, e := range g.group {
		codes[i] = uint64(e)
	}
	parts := make([][]uint32, 0, len(keys)) // per key: entry of each position
	parts = append(parts, g.group)
	for _, k := range keys[1:] {
		codes, parts, g.rows = k.cross(codes, parts, g.rows)
		codes, g.group = compact(codes, t)
	}
	g.n = len(t.keys)
	g.keys = make([][]uint32, len(keys))
	for i, part := range parts {
		g.keys[i] = make([]uint32, g.n)
		for j, gr := range g.group {
			g.keys[i][gr] = part[j]
		}
	}
	return g
}

// entry gives the entry of key k in group g.
func (g *groups) entry(k int, gr uint32) uint32 {
	if g.keys[k] == nil {
		return gr
	}
	return g.keys[k][gr]
}

// spread gives the rows that have a value of k, and its entry.
func spread(selected []uint32, k *coded) (rows, entries []uint32) {
	rows, entries = make([]uint32, 0, len(selected)), make([]uint32, 0, len(selected))
	for _, r := range selected {
		if k.col.Offsets == nil {
			if e := k.index[r]; e != 0 {
				rows, entries = append(rows, r), append(entries, e)
			}
			continue
		}
		for _, e := range k.values(r) {
			rows, entries = append(rows, r), append(entries, e)
		}
	}
	return rows, entries
}

// values gives the distinct values of a row of a column with several.
func (c *coded) values(r uint32) []uint32 {
	vs := c.index[c.col.Offsets[r]:c.col.Offsets[r+1]]
	for i, v := range vs {
		for _, w := range vs[:i] {
			if v == w {
				return distinct(vs)
			}
		}
	}
	return vs
}

func distinct(vs []uint32) (out []uint32) {
next:
	for i, v := range vs {
		for _, w := range vs[:i] {
			if v == w {
				continue next
			}
		}
		out = append(out, v)
	}
	return out
}

// cross adds the key k to each position: a position whose row has no value goes, one whose row
// has several is repeated.
func (k *coded) cross(codes []uint64, parts [][]uint32, rows []uint32) ([]uint64, [][]uint32, []uint32) {
	n := uint64(k.entries)
	if k.col.Offsets == nil {
		return k.crossOne(codes, parts, rows)
	}
	var out []uint64
	var outRows, last []uint32
	outParts := make([][]uint32, len(parts))
	for i, r := range rows {
		for _, e := range k.values(r) {
			out, outRows, last = append(out, codes[i]*n+uint64(e)), append(outRows, r), append(last, e)
			for p := range parts {
				outParts[p] = append(outParts[p], parts[p][i])
			}
		}
	}
	return out, append(outParts, last), outRows
}

// crossOne is cross for a column of one value per row, in place.
func (k *coded) crossOne(codes []uint64, parts [][]uint32, rows []uint32) ([]uint64, [][]uint32, []uint32) {
	n, at := uint64(k.entries), 0
	last := make([]uint32, len(rows))
	for i, r := range rows {
		e := k.index[r]
		if e == 0 {
			continue
		}
		codes[at], rows[at], last[at] = codes[i]*n+uint64(e), r, e
		for p := range parts {
			parts[p][at] = parts[p][i]
		}
		at++
	}
	for p := range parts {
		parts[p] = parts[p][:at]
	}
	return codes[:at], append(parts, last[:at]), rows[:at]
}

// compact numbers the codes, so that they stay small when another key is multiplied in.
func compact(codes []uint64, t *table) ([]uint64, []uint32) {
	t.reset()
	small := make([]uint32, len(codes))
	for i, c := range codes {
		small[i], _ = t.put(c)
		codes[i] = uint64(small[i])
	}
	return codes, small
}
