package main

import (
	"context"
	"errors"
	"sync"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/pdns"
	"github.com/flowferry/flowferry/store"
)

// The columns of the store that tell what was asked and answered, and by whom.
const (
	questionColumn = "flow.dns.questions"
	answersColumn  = "flow.dns.answers"
)

var pdnsColumns = []string{questionColumn, answersColumn, "source.ip", "source.port", "destination.ip", "destination.port", "event.start", "event.end", "@timestamp"}

// pdnsStore gathers the answers in the configured store, of flows that ended in [from, to), Unix
// ns. Files that can not be read are told of, and the others are read.
func pdnsStore(ctx context.Context, cfg *Config, from, to int64, t *pdns.Table) error {
	if cfg.Output.Kind == outputCluster {
		return errors.New("read passive DNS: it is kept in the embedded store: name one with --store, or files; of a cluster, ask top --by flow.dns.answers --seen")
	}
	s, err := existingStore(cfg)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	bad := func(err error) { note("%v; the other files were read", err) }
	return s.Scan(ctx, store.ScanOptions{From: from, To: to, Columns: pdnsColumns, Bad: bad}, func(c *store.Chunk) error {
		rows := newPDNSRows(c)
		if rows == nil {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		for i := range c.Rows {
			if (c.Select == nil || c.Select.Get(i)) && rows.read(i) {
				t.Add(&rows.o)
			}
		}
		return nil
	})
}

// pdnsRows reads observations from the rows of a chunk.
type pdnsRows struct {
	o                      pdns.Observation
	question, answers      *store.Column
	src, sport, dst, dport *store.Column
	start, end, at         *store.Column
	names                  []string      // by entry of question; "" is not made yet
	parsed                 []flow.Answer // by entry of answers; without a name it is not parsed yet
}

// newPDNSRows is nil for a chunk without answers.
func newPDNSRows(c *store.Chunk) *pdnsRows {
	r := &pdnsRows{answers: c.Column(answersColumn)}
	if r.answers == nil {
		return nil
	}
	for i, col := range []**store.Column{&r.question, &r.answers, &r.src, &r.sport, &r.dst, &r.dport, &r.start, &r.end, &r.at} {
		*col = c.Column(pdnsColumns[i])
	}
	if r.question != nil {
		r.names = make([]string, r.question.Entries())
	}
	r.parsed = make([]flow.Answer, r.answers.Entries())
	return r
}

// read fills the observation from a row; false when there is no answer in it.
func (r *pdnsRows) read(row int) bool {
	o := &r.o
	o.Questions, o.Answers = o.Questions[:0], o.Answers[:0]
	for _, e := range entries(r.answers, row) {
		if r.parsed[e].Name == "" {
			a, ok := flow.ParseAnswer(string(r.answers.Text(e)))
			if !ok {
				continue
			}
			r.parsed[e] = a
		}
		o.Answers = append(o.Answers, r.parsed[e])
	}
	if len(o.Answers) == 0 {
		return false
	}
	for _, e := range entries(r.question, row) {
		if r.names[e] == "" {
			r.names[e] = string(r.question.Text(e))
		}
		o.Questions = append(o.Questions, r.names[e])
	}
	src, dst := addrAt(r.src, row), addrAt(r.dst, row)
	o.Between(&src, uint16(intAt(r.sport, row)), &dst, uint16(intAt(r.dport, row)))
	o.First, o.Last = intAt(r.start, row), intAt(r.end, row)
	if o.Last == 0 { // the exporter gave no times
		o.First, o.Last = intAt(r.at, row), intAt(r.at, row)
	}
	return true
}

// entries gives the entries of the dictionary that a row of a column has, none where it is null.
func entries(c *store.Column, row int) []uint32 {
	switch {
	case c == nil || c.Index == nil || !c.Has(row):
		return nil
	case c.Offsets != nil:
		return c.Index[c.Offsets[row]:c.Offsets[row+1]]
	}
	return c.Index[row : row+1]
}

func addrAt(c *store.Column, row int) (a flow.Addr) {
	for _, e := range entries(c, row) {
		a = c.Addrs()[e]
	}
	return a
}

// intAt gives a number of a row, 0 where it is null.
func intAt(c *store.Column, row int) int64 {
	if c == nil {
		return 0
	}
	v, _ := c.Int(row)
	return v
}
