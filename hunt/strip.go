package hunt

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/store"
)

// Strip plots when flows started, one strip per conversation or whatever else they are grouped
// by: a beacon shows as a comb, a person's work as a day.
type Strip struct {
	By       []string // fields; nil is source.ip, destination.ip, destination.port
	Steps    int      // cells of a strip; 0 is 96: a quarter of an hour each of a day
	Least    int64    // strips with fewer flows are left out; 0 is 1
	Limit    int      // strips to give, those with the most flows; 0 is 20
	From, To int64    // Unix ns; 0 is the first, the last record of the store
	Stream   string   // "" is "flow"
}

// Strips is the answer to a Strip.
type Strips struct {
	By       []string
	Start    int64 // Unix ns
	Step     time.Duration
	Strips   []OneStrip // in the order of their first flow
	Groups   int        // how many there are, of which Strips gives some
	Warnings []string
}

// OneStrip is the starts of one group.
type OneStrip struct {
	Key   []string
	Count int64
	Cells []uint32 // starts per step
}

// Store answers from the embedded store. A flow without a start counts at its @timestamp.
func (t Strip) Store(ctx context.Context, s *store.Store, q *Query) (*Strips, error) {
	if t.By == nil {
		t.By = []string{"source.ip", "destination.ip", "destination.port"}
	}
	by, err := fieldsOf("group by", t.By, scalar)
	if err != nil {
		return nil, fmt.Errorf("strip: %w", err)
	}
	if err := setSpan(s, &t.Stream, &t.From, &t.To); err != nil {
		return nil, fmt.Errorf("strip: %w", err)
	}
	t.setDefaults()
	workers := runtime.GOMAXPROCS(0)
	sets := make([]stripSet, workers)
	for i := range sets {
		sets[i] = stripSet{t: &t, by: by, q: q, keys: newKeyset(len(by)), tab: newTable(), cells: newTable()}
	}
	columns := append(append(q.Columns(), namesOf(by)...), firstField, timeField)
	var warnings warnings
	err = s.Scan(ctx, store.ScanOptions{Stream: t.Stream, From: t.From, To: t.To, Columns: columns, Workers: workers, Bad: warnings.add},
		func(c *store.Chunk) error { return sets[c.Worker].chunk(c) })
	if err != nil {
		return nil, fmt.Errorf("strip: %w", err)
	}
	for i := range sets[1:] {
		sets[0].merge(&sets[1+i])
	}
	return &Strips{By: namesOf(by), Start: t.From, Step: t.step(), Strips: sets[0].result(), Groups: sets[0].keys.len(), Warnings: warnings.lines}, nil
}

func (t *Strip) setDefaults() {
	if t.Steps <= 0 || t.Steps > 4096 {
		t.Steps = 96
	}
	if t.Limit == 0 {
		t.Limit = 20
	}
}

func (t *Strip) step() time.Duration {
	return time.Duration((t.To - t.From + int64(t.Steps) - 1) / int64(t.Steps))
}

// stripSet gathers the strips of one worker: how many starts in each pair of group and cell.
type stripSet struct {
	t     *Strip
	by    []*ecs.Field
	q     *Query
	keys  *keyset
	cells *table // group << 32 | cell
	count []uint32
	total []int64 // per group
	tab   *table
	rows  []uint32
	ids   []uint32
}

func (s *stripSet) chunk(c *store.Chunk) error {
	keys := make([]*coded, len(s.by))
	for i, f := range s.by {
		col := c.Column(f.Name)
		if col == nil {
			return nil
		}
		keys[i] = code(f, col, s.tab)
	}
	s.rows = selected(s.rows[:0], s.q, c)
	g := group(s.rows, keys, s.tab)
	maps := make([]*mapped, len(keys))
	for i, k := range keys {
		maps[i] = newMapped(k, s.keys.values[i])
	}
	to := make([]uint32, g.n) // number+1
	start, end := c.Column(firstField), c.Column(timeField)
	for i, r := range g.rows {
		gr := g.group[i]
		if to[gr] == 0 {
			s.ids = s.ids[:0]
			for k, m := range maps {
				s.ids = append(s.ids, m.id(g.entry(k, gr)))
			}
			to[gr] = s.keys.put(s.ids) + 1
		}
		s.add(to[gr]-1, s.cell(start, end, r), 1)
	}
	if s.keys.len() > maxGroups {
		return fmt.Errorf("more than %d groups: narrow the query or the time", maxGroups)
	}
	return nil
}

// cell gives the step in which a flow started; one that started before the time is in the
// first.
func (s *stripSet) cell(start, end *store.Column, r uint32) uint32 {
	var v int64
	ok := false
	if start != nil {
		v, ok = start.Int(int(r))
	}
	if !ok && end != nil {
		v, _ = end.Int(int(r))
	}
	return uint32(min(max((v-s.t.From)/int64(s.t.step()), 0), int64(s.t.Steps-1)))
}

func (s *stripSet) add(group, cell, n uint32) {
	i, fresh := s.cells.put(uint64(group)<<32 | uint64(cell))
	if fresh {
		s.count = append(s.count, 0)
	}
	s.count[i] += n
	for len(s.total) <= int(group) {
		s.total = append(s.total, 0)
	}
	s.total[group] += int64(n)
}

func (s *stripSet) merge(o *stripSet) {
	values := make([][]uint32, len(s.by))
	for k, v := range o.keys.values {
		values[k] = s.keys.values[k].adopt(v)
	}
	to := make([]uint32, o.keys.len())
	for i := range to {
		s.ids = o.keys.split(uint32(i), s.ids[:0])
		for k, v := range s.ids {
			s.ids[k] = values[k][v]
		}
		to[i] = s.keys.put(s.ids)
	}
	for i, c := range o.cells.keys {
		s.add(to[c>>32], uint32(c), o.count[i])
	}
}

// result gives the strips with the most flows, in the order of their first.
func (s *stripSet) result() []OneStrip {
	order := make([]uint32, 0, len(s.total))
	for g, n := range s.total {
		if n >= s.t.Least {
			order = append(order, uint32(g))
		}
	}
	slices.SortFunc(order, func(a, b uint32) int {
		if c := cmp.Compare(s.total[b], s.total[a]); c != 0 {
			return c
		}
		return slices.Compare(s.keys.key(a), s.keys.key(b))
	})
	if s.t.Limit > 0 && len(order) > s.t.Limit {
		order = order[:s.t.Limit]
	}
	place := map[uint32]int{}
	out := make([]OneStrip, len(order))
	for i, g := range order {
		place[g] = i
		out[i] = OneStrip{Key: s.keys.key(g), Count: s.total[g], Cells: make([]uint32, s.t.Steps)}
	}
	for i, c := range s.cells.keys {
		if at, ok := place[uint32(c>>32)]; ok {
			out[at].Cells[uint32(c)] = s.count[i]
		}
	}
	slices.SortStableFunc(out, func(a, b OneStrip) int { return cmp.Compare(firstCell(a.Cells), firstCell(b.Cells)) })
	return out
}

func firstCell(cells []uint32) int {
	return slices.IndexFunc(cells, func(n uint32) bool { return n > 0 })
}

// marks stand for no start, one, few, many in a cell.
var marks = []struct {
	upTo uint32
	mark rune
}{{0, ' '}, {1, '╵'}, {3, '│'}, {9, '┃'}, {1<<32 - 1, '█'}}

// WriteText draws the strips for a terminal of the given width in characters; 0 is 140.
func (s *Strips) WriteText(w io.Writer, width int) error {
	if width <= 0 {
		width = 140
	}
	var b strings.Builder
	names := make([]string, len(s.Strips))
	name, count := 0, 0
	for i := range s.Strips {
		names[i] = Printable(strings.Join(s.Strips[i].Key, " → "))
		name = max(name, utf8.RuneCountInString(names[i]))
		count = max(count, len(Grouped(s.Strips[i].Count)))
	}
	end := time.Unix(0, s.Start).Add(time.Duration(s.steps()) * s.Step).UTC()
	fmt.Fprintf(&b, "starts by %s, %s to %s UTC; ╵ 1 │ 2-3 ┃ 4-9 █ more\n", strings.Join(s.By, ", "), shortTime(s.Start), shortTime(end.UnixNano()))
	room := max(width-name-count-4, 16)
	for i := range s.Strips {
		o := &s.Strips[i]
		fmt.Fprintf(&b, "%s%s %*s ▕%s▏\n", names[i], strings.Repeat(" ", name-utf8.RuneCountInString(names[i])), count, Grouped(o.Count), o.draw(room))
	}
	fmt.Fprintf(&b, "%s of %s conversations\n", Grouped(int64(len(s.Strips))), Grouped(int64(s.Groups)))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write strips: %w", err)
	}
	return nil
}

func (s *Strips) steps() int {
	if len(s.Strips) == 0 {
		return 0
	}
	return len(s.Strips[0].Cells)
}

// draw draws one strip in at most room characters.
func (o *OneStrip) draw(room int) string {
	cells := o.Cells
	if len(cells) > room {
		cells = make([]uint32, room)
		for i, n := range o.Cells {
			cells[i*room/len(o.Cells)] += n
		}
	}
	var b strings.Builder
	for _, n := range cells {
		for _, m := range marks {
			if n <= m.upTo {
				b.WriteRune(m.mark)
				break
			}
		}
	}
	return b.String()
}
