package hunt

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/bits"
	"runtime"
	"strings"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/store"
)

// maxGroups is how many groups are held at once: some GB of memory.
const maxGroups = 1 << 24

// Store answers from the embedded store. Files that cannot be read are left out and named in
// the result's Warnings.
func (t Top) Store(ctx context.Context, s *store.Store, q *Query) (*Result, error) {
	p, err := t.plan()
	if err != nil {
		return nil, err
	}
	workers := runtime.GOMAXPROCS(0)
	aggs := make([]*agg, workers)
	for i := range aggs {
		aggs[i] = newAgg(p, q)
	}
	var warnings warnings
	err = s.Scan(ctx, store.ScanOptions{Stream: p.Stream, From: p.From, To: p.To, Columns: p.columns(q), Workers: workers, Bad: warnings.add},
		func(c *store.Chunk) error { return aggs[c.Worker].chunk(c) })
	if err != nil {
		return nil, fmt.Errorf("top by %s: %w", strings.Join(t.By, ", "), err)
	}
	for _, a := range aggs[1:] {
		if err := aggs[0].merge(a); err != nil {
			return nil, err
		}
	}
	rows, total := aggs[0].rows()
	res := p.result(rows, total)
	res.Warnings = warnings.lines
	return res, nil
}

// warnings collects what a scan could not read.
type warnings struct{ lines []string }

func (w *warnings) add(err error) { w.lines = append(w.lines, err.Error()) }

func (p *plan) columns(q *Query) []string {
	names := q.Columns()
	for _, fields := range [][]*ecs.Field{p.by, p.sum, p.distinct} {
		names = append(names, namesOf(fields)...)
	}
	if p.Seen {
		names = append(names, firstField, lastField)
	}
	return names
}

// agg gathers the groups that one worker meets.
type agg struct {
	p     *plan
	q     *Query
	index map[string]uint32 // key → group
	keys  []string
	count []int64
	ints  [][]int64   // per Sum of a Long
	reals [][]float64 // per Sum of a Float
	first []int64
	last  []int64
	sets  []set // per Distinct
	total Row
	tab   table
	pair  table
	key   []byte

	local struct { // of one chunk, by group of the chunk
		count []int64
		sum   []int64
		real  []float64
		gid   []uint32 // group over all chunks, +1
		rows  []uint32
	}
}

// set is the distinct values of a field in each group.
type set struct {
	ids   map[string]uint32 // value → number
	has   map[uint64]struct{}
	count []int64 // per group
}

func newAgg(p *plan, q *Query) *agg {
	a := &agg{p: p, q: q, index: map[string]uint32{}}
	a.ints, a.reals = make([][]int64, len(p.sum)), make([][]float64, len(p.sum))
	a.total.Sum = make([]float64, len(p.sum))
	for range p.distinct {
		a.sets = append(a.sets, set{ids: map[string]uint32{}, has: map[uint64]struct{}{}})
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
		keys[i] = code(f, col, &a.tab)
	}
	a.local.rows = selected(a.local.rows[:0], a.q, c)
	a.totals(c, keys)
	g := group(a.local.rows, keys, &a.tab)
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
			a.distinct(&a.sets[i], g, code(f, col, &a.tab))
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
	for gr, n := range l.count {
		if n == 0 {
			continue
		}
		a.key = a.key[:0]
		for k := range keys {
			a.key = appendKey(a.key, keys[k], g.entry(k, uint32(gr)), len(keys) > 1)
		}
		id, err := a.groupOf(a.key)
		if err != nil {
			return err
		}
		a.count[id] += n
		l.gid[gr] = id
	}
	return nil
}

// appendKey appends a part of a key; of several each has its length before it.
func appendKey(dst []byte, k *coded, entry uint32, several bool) []byte {
	if !several {
		return k.append(dst, entry)
	}
	at := len(dst)
	dst = k.append(append(dst, 0, 0, 0, 0), entry)
	binary.BigEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

func splitKey(key string, n int) []string {
	if n == 1 {
		return []string{key}
	}
	parts := make([]string, n)
	for i := range parts {
		size := binary.BigEndian.Uint32([]byte(key[:4]))
		parts[i], key = key[4:4+size], key[4+size:]
	}
	return parts
}

// groupOf gives the number of a group, a new one when the key is new.
func (a *agg) groupOf(key []byte) (uint32, error) {
	id, ok := a.index[string(key)]
	if ok {
		return id, nil
	}
	if len(a.keys) >= maxGroups {
		return 0, fmt.Errorf("more than %d groups: narrow the query or the time, or group by fewer fields", maxGroups)
	}
	id = uint32(len(a.keys))
	k := string(key)
	a.index[k] = id
	a.keys, a.count = append(a.keys, k), append(a.count, 0)
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
	n := uint64(k.entries)
	pair := func(gr, e uint32) {
		p, fresh := a.pair.put(uint64(gr)*n + uint64(e))
		_ = p
		if fresh && e != 0 {
			a.key = k.append(a.key[:0], e)
			s.add(a.local.gid[gr], s.id(a.key))
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

func (s *set) id(value []byte) uint32 {
	id, ok := s.ids[string(value)]
	if !ok {
		id = uint32(len(s.ids))
		s.ids[string(value)] = id
	}
	return id
}

func (s *set) add(group, value uint32) {
	p := uint64(group)<<32 | uint64(value)
	if _, ok := s.has[p]; !ok {
		s.has[p] = struct{}{}
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
	to := make([]uint32, len(b.keys))
	for i, k := range b.keys {
		id, err := a.groupOf([]byte(k))
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
	value := make([]uint32, len(o.ids))
	for v, id := range o.ids {
		value[id] = s.id([]byte(v))
	}
	for p := range o.has {
		s.add(group[p>>32], value[uint32(p)])
	}
}

// rows gives the groups and the total.
func (a *agg) rows() ([]Row, Row) {
	rows := make([]Row, len(a.keys))
	for i, k := range a.keys {
		r := &rows[i]
		r.Key, r.Count = splitKey(k, len(a.p.by)), a.count[i]
		for s := range a.p.sum {
			if a.reals[s] != nil {
				r.Sum = append(r.Sum, a.reals[s][i])
			} else {
				r.Sum = append(r.Sum, float64(a.ints[s][i]))
			}
		}
		for s := range a.sets {
			r.Distinct = append(r.Distinct, a.sets[s].count[i])
		}
		if a.p.Seen {
			r.First, r.Last = floorMs(a.first[i]), floorMs(a.last[i])
		}
	}
	return rows, a.total
}

