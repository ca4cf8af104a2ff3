package hunt

import (
	"context"
	"fmt"
	"runtime"
	"strings"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/store"
)

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
	res := aggs[0].result()
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
