package hunt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/flowferry/flowferry/ecs"
)

// Top groups flows by the values of some fields and gives the groups with the most, or the
// least, of something. A document that lacks one of the fields of By is left out, of the
// totals too; one that has several values of such a field counts for each.
type Top struct {
	By       []string // fields, or short names of one field
	Sum      []string // Long or Float fields
	Distinct []string // fields whose distinct values are counted, exactly
	Seen     bool     // note when each group was first and last seen: event.start, event.end

	Sort  string // "count", a field of Sum or Distinct, "first" or "last"; "" is the first of Sum, else "count"
	Asc   bool   // the least, or the earliest, first
	Limit int    // groups to give; 0 is 10, below 0 is all

	From, To int64  // @timestamp in [From, To), Unix ns, at a resolution of 1 ms; 0 is no limit
	Stream   string // "" is "flow"
}

// Result is the answer.
type Result struct {
	By, Sum, Distinct []string // full names
	Seen              bool
	Rows              []Row
	Total             Row // of all groups; Key is nil, Distinct is not set
	Groups            int // how many there are, of which Rows gives some
	Warnings          []string
}

// Row is one group.
type Row struct {
	Key         []string // values of By, as text
	Count       int64
	Sum         []float64
	Distinct    []int64
	First, Last int64 // Unix ns, at a resolution of 1 ms. Valid iff Seen and not 0
}

// firstField and lastField tell when a group was seen.
const (
	timeField  = "@timestamp"
	firstField = "event.start"
	lastField  = "event.end"
)

// plan is a Top with its names resolved.
type plan struct {
	Top
	by, sum, distinct []*ecs.Field
	value             func(*Row) float64 // what rows are sorted by
}

func (t Top) plan() (*plan, error) {
	p := &plan{Top: t}
	if len(t.By) == 0 {
		return nil, fmt.Errorf("top: no field to group by; give such as source.ip")
	}
	var err error
	for _, l := range []struct {
		what  string
		names []string
		to    *[]*ecs.Field
		ok    func(*ecs.Field) bool
	}{
		{"group by", t.By, &p.by, scalar},
		{"sum", t.Sum, &p.sum, number},
		{"count distinct values of", t.Distinct, &p.distinct, scalar},
	} {
		if *l.to, err = fieldsOf(l.what, l.names, l.ok); err != nil {
			return nil, err
		}
	}
	if p.Limit == 0 {
		p.Limit = 10
	}
	if p.Stream == "" {
		p.Stream = "flow"
	}
	p.From, p.To = floorMs(p.From), floorMs(p.To)
	return p, p.setOrder()
}

func floorMs(ns int64) int64 { return ns - ns%1e6 }

func scalar(f *ecs.Field) bool { return f.Type != ecs.GeoPoint && f.Type != ecs.Flattened }

func number(f *ecs.Field) bool { return f.Type == ecs.Long || f.Type == ecs.Float }

func fieldsOf(what string, names []string, ok func(*ecs.Field) bool) ([]*ecs.Field, error) {
	var fields []*ecs.Field
	for _, n := range names {
		f, err := Field(n)
		if err != nil {
			return nil, fmt.Errorf("top: %s: %w", what, err)
		}
		if !ok(f) {
			return nil, fmt.Errorf("top: can not %s %s, whose type is %v", what, f.Name, f.Type)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// setOrder resolves Sort.
func (p *plan) setOrder() error {
	name := p.Sort
	switch {
	case name == "" && len(p.sum) > 0:
		name = p.sum[0].Name
	case name == "":
		name = "count"
	}
	value := p.measure(name)
	if value == nil {
		return fmt.Errorf("top: can not sort by %q: give count, first, last or a field that is summed or counted: %s",
			p.Sort, strings.Join(slices.Concat(namesOf(p.sum), namesOf(p.distinct)), ", "))
	}
	p.value = value
	return nil
}

// order is below 0 when a stands before b. Equals stand in the order of their keys.
func (p *plan) order(a, b *Row) int {
	c := cmp.Compare(p.value(b), p.value(a))
	if p.Asc {
		c = -c
	}
	if c == 0 {
		c = slices.Compare(a.Key, b.Key)
	}
	return c
}

// measure gives what rows are sorted by.
func (p *plan) measure(name string) func(*Row) float64 {
	switch name {
	case "count":
		return func(r *Row) float64 { return float64(r.Count) }
	case "first":
		p.Seen = true
		return func(r *Row) float64 { return float64(r.First / 1e6) }
	case "last":
		p.Seen = true
		return func(r *Row) float64 { return float64(r.Last / 1e6) }
	}
	f, err := Field(name)
	if err != nil {
		return nil
	}
	if i := slices.Index(p.sum, f); i >= 0 {
		return func(r *Row) float64 { return r.Sum[i] }
	}
	if i := slices.Index(p.distinct, f); i >= 0 {
		return func(r *Row) float64 { return float64(r.Distinct[i]) }
	}
	return nil
}

// result sorts the groups and cuts them to the limit.
func (p *plan) result(rows []Row, total Row) *Result {
	res := &Result{By: namesOf(p.by), Sum: namesOf(p.sum), Distinct: namesOf(p.distinct), Seen: p.Seen, Total: total, Groups: len(rows)}
	slices.SortFunc(rows, func(a, b Row) int { return p.order(&a, &b) })
	if p.Limit > 0 && len(rows) > p.Limit {
		rows = slices.Clip(rows[:p.Limit])
	}
	res.Rows = rows
	return res
}

func namesOf(fields []*ecs.Field) []string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return names
}

// heap holds the rows that stand first, at most Limit, the last of them at its top.
type heap struct {
	p    *plan
	rows []Row
}

func (h *heap) full() bool { return h.p.Limit > 0 && len(h.rows) >= h.p.Limit }

func (h *heap) after(i, j int) bool { return h.p.order(&h.rows[i], &h.rows[j]) > 0 }

func (h *heap) push(r Row) {
	if h.full() {
		if h.p.order(&r, &h.rows[0]) < 0 {
			h.rows[0] = r
			h.down()
		}
		return
	}
	h.rows = append(h.rows, r)
	if h.p.Limit <= 0 {
		return
	}
	for i := len(h.rows) - 1; i > 0 && h.after(i, (i-1)/2); i = (i - 1) / 2 {
		h.rows[i], h.rows[(i-1)/2] = h.rows[(i-1)/2], h.rows[i]
	}
}

func (h *heap) down() {
	for i := 0; ; {
		k := 2*i + 1
		if k >= len(h.rows) {
			return
		}
		if k+1 < len(h.rows) && h.after(k+1, k) {
			k++
		}
		if !h.after(k, i) {
			return
		}
		h.rows[i], h.rows[k] = h.rows[k], h.rows[i]
		i = k
	}
}
