package hunt

import (
	"fmt"
	"math/bits"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/store"
)

// maxGroups is how many groups are held at once: some GB of memory.
const maxGroups = 1 << 24

// agg gathers the groups that one worker meets.
type agg struct {
	p     *plan
	q     *Query
	keys  *keyset
	count []int64
	ints  [][]int64   // per Sum of a Long
	reals [][]float64 // per Sum of a Float
	first []int64
	last  []int64
	sets  []set // per Distinct
	total Row   // counted apart where a row may be in several groups
	multi bool  // so it is here
	tab   *table
	pair  *table
	ids   []uint32
	tmp   Row

	local struct { // of one chunk, by group of the chunk
		count []int64
		sum   []int64
		real  []float64
		gid   []uint32 // group over all chunks
		rows  []uint32
	}
}

// set is the distinct values of a field in each group.
type set struct {
	ids   *interner // of values
	has   *table    // pairs of group and value
	count []int64   // per group
}

func newAgg(p *plan, q *Query) *agg {
	a := &agg{p: p, q: q, keys: newKeyset(len(p.by)), tab: newTable(), pair: newTable()}
	a.ints, a.reals = make([][]int64, len(p.sum)), make([][]float64, len(p.sum))
	a.total.Sum = make([]float64, len(p.sum))
	for _, f := range p.by {
		a.multi = a.multi || f.Multi
	}
	for range p.distinct {
		a.sets = append(a.sets, set{ids: newInterner(), has: newTable()})
	}
	return a
}

// chunk adds the rows of a chunk.
func (a *agg) chunk(c *store.Chunk) error {
	keys := make([]*coded, len(a.p.by))
	for i, f := range a.p.by {
		col := c.Column(f.Name)
		if col == nil {
			return nil // no row has all keys
		}
		keys[i] = code(f, col, a.tab)
	}
	a.local.rows = selected(a.local.rows[:0], a.q, c)
	if a.multi {
		a.totals(c, keys)
	}
	g := group(a.local.rows, keys, a.tab)
	if err := a.number(g, keys); err != nil {
		return err
	}
	for i, f := range a.p.sum {
		if col := c.Column(f.Name); col != nil {
			a.sum(i, g, col)
		}
	}
	if a.p.Seen {
		a.seen(c, g)
	}
	for i, f := range a.p.distinct {
		if col := c.Column(f.Name); col != nil {
			a.distinct(&a.sets[i], g, code(f, col, a.tab))
		}
	}
	return nil
}

// selected lists the rows that pass the query.
func selected(dst []uint32, q *Query, c *store.Chunk) []uint32 {
	if q.IsAll() && c.Select == nil {
		for i := range c.Rows {
			dst = append(dst, uint32(i))
		}
		return dst
	}
	for w, word := range q.Select(c) {
		for ; word != 0; word &= word - 1 {
			dst = append(dst, uint32(w*64+bits.TrailingZeros64(word)))
		}
	}
	return dst
}

// totals leaves out the rows that lack a key and counts the rest, each once.
func (a *agg) totals(c *store.Chunk, keys []*coded) {
	rows, at := a.local.rows, 0
next:
	for _, r := range rows {
		for _, k := range keys {
			if !has(k, r) {
				continue next
			}
		}
		rows[at] = r
		at++
	}
	a.local.rows = rows[:at]
	a.total.Count += int64(at)
	for i, f := range a.p.sum {
		col := c.Column(f.Name)
		if col == nil {
			continue
		}
		for _, r := range rows[:at] {
			a.total.Sum[i] += value(col, r)
		}
	}
}

func has(k *coded, r uint32) bool {
	if o := k.col.Offsets; o != nil {
		return o[r] < o[r+1]
	}
	return k.index[r] != 0
}

// value gives a number of a row, 0 for null.
func value(col *store.Column, r uint32) float64 {
	switch {
	case col.Index != nil:
		return float64(col.Ints[col.Index[r]])
	case col.Floats != nil:
		return float64(float32(col.Floats[r]))
	}
	return float64(col.Ints[r])
}

// number finds the group over all chunks of each group of this one that has rows, and adds
// the counts.
func (a *agg) number(g *groups, keys []*coded) error {
	l := &a.local
	l.count, l.gid = resize(l.count, g.n), resize(l.gid, g.n)
	for _, gr := range g.group {
		l.count[gr]++
	}
	maps := make([]*mapped, len(keys))
	for i, k := range keys {
		maps[i] = newMapped(k, a.keys.values[i])
	}
	for gr, n := range l.count {
		if n == 0 {
			continue
		}
		a.ids = a.ids[:0]
		for k, m := range maps {
			a.ids = append(a.ids, m.id(g.entry(k, uint32(gr))))
		}
		id, err := a.groupOf(a.ids)
		if err != nil {
			return err
		}
		a.count[id] += n
		l.gid[gr] = id
	}
	return nil
}

// groupOf gives the number of a group, a new one when the key is new.
func (a *agg) groupOf(values []uint32) (uint32, error) {
	id := a.keys.put(values)
	if int(id) < len(a.count) {
		return id, nil
	}
	if id >= maxGroups {
		return 0, fmt.Errorf("more than %d groups: narrow the query or the time, or group by fewer fields", maxGroups)
	}
	a.count = append(a.count, 0)
	for i, f := range a.p.sum {
		if f.Type == ecs.Float {
			a.reals[i] = append(a.reals[i], 0)
		} else {
			a.ints[i] = append(a.ints[i], 0)
		}
	}
	for i := range a.sets {
		a.sets[i].count = append(a.sets[i].count, 0)
	}
	if a.p.Seen {
		a.first, a.last = append(a.first, 0), append(a.last, 0)
	}
	return id, nil
}

// sum adds a field of the rows to their groups.
func (a *agg) sum(i int, g *groups, col *store.Column) {
	l := &a.local
	if a.p.sum[i].Type == ecs.Float {
		l.real = resize(l.real, g.n)
		for j, r := range g.rows {
			l.real[g.group[j]] += value(col, r)
		}
		for gr, v := range l.real {
			if v != 0 {
				a.reals[i][l.gid[gr]] += v
			}
		}
		return
	}
	l.sum = resize(l.sum, g.n)
	if col.Index != nil {
		for j, r := range g.rows {
			l.sum[g.group[j]] += col.Ints[col.Index[r]]
		}
	} else {
		for j, r := range g.rows {
			l.sum[g.group[j]] += col.Ints[r]
		}
	}
	for gr, v := range l.sum {
		if v != 0 {
			a.ints[i][l.gid[gr]] += v
		}
	}
}

// seen notes the first start and the last end of each group.
func (a *agg) seen(c *store.Chunk, g *groups) {
	if col := c.Column(firstField); col != nil {
		for j, r := range g.rows {
			id := a.local.gid[g.group[j]]
			if v, ok := col.Int(int(r)); ok && (a.first[id] == 0 || v < a.first[id]) {
				a.first[id] = v
			}
		}
	}
	if col := c.Column(lastField); col != nil {
		for j, r := range g.rows {
			id := a.local.gid[g.group[j]]
			if v, ok := col.Int(int(r)); ok && v > a.last[id] {
				a.last[id] = v
			}
		}
	}
}

// distinct adds the values of a field to the sets of the rows' groups: each pair of group and
// value of the chunk once.
func (a *agg) distinct(s *set, g *groups, k *coded) {
	a.pair.reset()
	n, m := uint64(k.entries), newMapped(k, s.ids)
	pair := func(gr, e uint32) {
		if _, fresh := a.pair.put(uint64(gr)*n + uint64(e)); fresh && e != 0 {
			s.add(a.local.gid[gr], m.id(e))
		}
	}
	for j, r := range g.rows {
		if k.col.Offsets == nil {
			pair(g.group[j], k.index[r])
			continue
		}
		for _, e := range k.values(r) {
			pair(g.group[j], e)
		}
	}
}

func (s *set) add(group, value uint32) {
	if _, fresh := s.has.put(uint64(group)<<32 | uint64(value)); fresh {
		s.count[group]++
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	s = s[:n]
	clear(s)
	return s
}

// merge adds what another worker gathered.
func (a *agg) merge(b *agg) error {
	to := make([]uint32, b.keys.len())
	values := make([][]uint32, len(a.p.by))
	for k, v := range b.keys.values {
		values[k] = a.keys.values[k].adopt(v)
	}
	for i := range to {
		a.ids = b.keys.split(uint32(i), a.ids[:0])
		for k, v := range a.ids {
			a.ids[k] = values[k][v]
		}
		id, err := a.groupOf(a.ids)
		if err != nil {
			return err
		}
		to[i] = id
		a.count[id] += b.count[i]
		for s := range a.p.sum {
			if a.reals[s] != nil {
				a.reals[s][id] += b.reals[s][i]
			} else {
				a.ints[s][id] += b.ints[s][i]
			}
		}
		if a.p.Seen {
			if f := b.first[i]; f != 0 && (a.first[id] == 0 || f < a.first[id]) {
				a.first[id] = f
			}
			a.last[id] = max(a.last[id], b.last[i])
		}
	}
	for i := range a.sets {
		a.sets[i].merge(&b.sets[i], to)
	}
	a.total.Count += b.total.Count
	for s := range a.total.Sum {
		a.total.Sum[s] += b.total.Sum[s]
	}
	return nil
}

func (s *set) merge(o *set, group []uint32) {
	value := s.ids.adopt(o.ids)
	for _, p := range o.has.keys {
		s.add(group[p>>32], value[uint32(p)])
	}
}

// row gives group i.
func (a *agg) row(i int) Row {
	r := Row{Key: a.keys.key(uint32(i)), Count: a.count[i]}
	for s := range a.p.sum {
		r.Sum = append(r.Sum, a.sumOf(s, i))
	}
	for s := range a.sets {
		r.Distinct = append(r.Distinct, a.sets[s].count[i])
	}
	if a.p.Seen {
		r.First, r.Last = floorMs(a.first[i]), floorMs(a.last[i])
	}
	return r
}

func (a *agg) sumOf(s, i int) float64 {
	if a.reals[s] != nil {
		return a.reals[s][i]
	}
	return float64(a.ints[s][i])
}

// result makes rows of those groups only that stand on top.
func (a *agg) result() *Result {
	n := a.keys.len()
	if !a.multi {
		for i := range n {
			a.total.Count += a.count[i]
			for s := range a.p.sum {
				a.total.Sum[s] += a.sumOf(s, i)
			}
		}
	}
	best := &heap{p: a.p}
	for i := range n {
		if best.full() && !a.mayEnter(i, &best.rows[0]) {
			continue
		}
		best.push(a.row(i))
	}
	res := a.p.result(best.rows, a.total)
	res.Groups = n
	return res
}

// mayEnter says whether group i may stand before the least row of those on top.
func (a *agg) mayEnter(i int, least *Row) bool {
	v, l := a.p.value(a.bare(i)), a.p.value(least)
	return v == l || (v < l) == a.p.Asc
}

// bare is row i without its key.
func (a *agg) bare(i int) *Row {
	r := &a.tmp
	r.Count = a.count[i]
	r.Sum, r.Distinct = r.Sum[:0], r.Distinct[:0]
	for s := range a.p.sum {
		r.Sum = append(r.Sum, a.sumOf(s, i))
	}
	for s := range a.sets {
		r.Distinct = append(r.Distinct, a.sets[s].count[i])
	}
	if a.p.Seen {
		r.First, r.Last = a.first[i], a.last[i]
	}
	return r
}
