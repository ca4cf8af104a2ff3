package hunt

import (
	"github.com/flowferry/flowferry/store"
)

// Select gives the rows of c that pass the query and are within the time range of the scan.
// The chunk must have the query's Columns.
func (q *Query) Select(c *store.Chunk) store.Bitmap {
	rows := q.root.eval(c)
	if c.Select != nil {
		rows.And(c.Select)
	}
	return rows
}

func (n *node) eval(c *store.Chunk) store.Bitmap {
	switch n.op {
	case opLeaf:
		return n.leaf.eval(c)
	case opNot:
		rows := n.kids[0].eval(c)
		rows.Not(c.Rows)
		return rows
	case opAnd, opOr:
		rows := n.kids[0].eval(c)
		for _, k := range n.kids[1:] {
			if n.op == opAnd {
				rows.And(k.eval(c))
			} else {
				rows.Or(k.eval(c))
			}
		}
		return rows
	}
	rows := store.NewBitmap(c.Rows)
	rows.Fill(c.Rows)
	return rows
}

// eval tests a column: each entry of a dictionary once, else each row.
func (l *leaf) eval(c *store.Chunk) store.Bitmap {
	rows := store.NewBitmap(c.Rows)
	col := c.Column(l.column())
	switch {
	case col == nil:
	case col.Offsets != nil:
		pass := l.entries(col)
		for i := range c.Rows {
			var any uint8
			for _, e := range col.Index[col.Offsets[i]:col.Offsets[i+1]] {
				any |= pass[e]
			}
			rows[i>>6] |= uint64(any) << (i & 63)
		}
	case col.Index != nil:
		gather(rows, l.entries(col), col.Index)
	case col.Floats != nil:
		l.plain(rows, col, func(i int) bool { return l.float64(col.Floats[i]) })
	default:
		l.plain(rows, col, func(i int) bool { return l.int(l.value64(col.Ints[i])) })
	}
	return rows
}

// gather sets the rows whose entry passes.
func gather(rows store.Bitmap, pass []uint8, index []uint32) {
	for w := range rows {
		part := index[w*64 : min(w*64+64, len(index))]
		var word uint64
		for j, e := range part {
			word |= uint64(pass[e]) << (j & 63)
		}
		rows[w] = word
	}
}

func (l *leaf) plain(rows store.Bitmap, col *store.Column, pass func(int) bool) {
	n := max(len(col.Ints), len(col.Floats))
	for i := range n {
		if pass(i) {
			rows.Set(i)
		}
	}
	if col.Valid != nil {
		rows.And(col.Valid)
	}
}

// entries tests each entry of the dictionary; entry 0 is null and never passes.
func (l *leaf) entries(col *store.Column) []uint8 {
	pass := make([]uint8, col.Entries())
	test := func(i int) bool { return l.bytes(col.Text(uint32(i))) }
	switch {
	case l.test == testExists:
		test = func(int) bool { return true }
	case l.test == testAddrs:
		addrs := col.Addrs()
		test = func(i int) bool { return l.addr(&addrs[i]) }
	case l.test == testInts:
		test = func(i int) bool { return l.int(l.value64(col.Ints[i])) }
	}
	for i := 1; i < len(pass); i++ {
		if test(i) {
			pass[i] = 1
		}
	}
	return pass
}
