package hunt

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/flowferry/flowferry/ecs"
)

// Searcher asks a cluster: it sends body to <index>/_search and gives the answer.
type Searcher interface {
	Search(ctx context.Context, index string, body []byte) ([]byte, error)
}

// page is how many groups are asked for at once.
const page = 5000

// Cluster answers from Elasticsearch or OpenSearch, exactly: all groups are fetched, page by
// page, and the top of them is found here. That costs the cluster one request per 5,000 groups
// and this process some 100 bytes per group; narrow the query or the time where groups are
// millions. Each field of Distinct is a further walk, over the pairs of group and value.
// Documents that are written meanwhile may or may not be counted.
func (t Top) Cluster(ctx context.Context, s Searcher, index string, q *Query) (*Result, error) {
	p, err := t.plan()
	if err != nil {
		return nil, err
	}
	c := &cluster{plan: p, s: s, index: index, q: q, groups: map[string]*Row{}}
	err = c.walk(ctx, p.by, c.addRow)
	for i, f := range p.distinct {
		if err == nil {
			err = c.walk(ctx, append(slices.Clone(p.by), f), func(b *bucket) error { return c.addValue(i, b) })
		}
	}
	if err != nil {
		return nil, fmt.Errorf("top by %s: %w", strings.Join(t.By, ", "), err)
	}
	best := &heap{p: p}
	for _, r := range c.groups {
		best.push(*r)
	}
	res := p.result(best.rows, c.total)
	res.Groups = len(c.groups)
	return res, nil
}

// cluster is one run of Top.Cluster.
type cluster struct {
	*plan
	s      Searcher
	index  string
	q      *Query
	groups map[string]*Row // by their key
	total  Row
}

// bucket is a group as the cluster gives it.
type bucket struct {
	Key   map[string]any `json:"key"`
	Count int64          `json:"doc_count"`
	Sums  map[string]float64
	key   []string
}

// answer is what a search gives of what we need.
type answer struct {
	Hits struct {
		Total struct{ Value int64 }
	}
	Shards struct {
		Failed   int
		Failures []struct{ Reason json.RawMessage }
	} `json:"_shards"`
	TimedOut     bool                       `json:"timed_out"`
	Aggregations map[string]json.RawMessage `json:"aggregations"`
}

// walk fetches all groups by the fields.
func (c *cluster) walk(ctx context.Context, by []*ecs.Field, add func(*bucket) error) error {
	first := len(by) == len(c.by)
	var after json.RawMessage
	for {
		body, err := json.Marshal(c.body(by, after, first))
		if err != nil {
			return fmt.Errorf("encode search: %w", err)
		}
		raw, err := c.s.Search(ctx, c.index, body)
		if err != nil {
			return err
		}
		var a answer
		if err := json.Unmarshal(raw, &a); err != nil {
			return fmt.Errorf("decode answer of %s: %w", c.index, err)
		}
		if a.Shards.Failed > 0 || a.TimedOut {
			return fmt.Errorf("search %s: %d shards failed, timed out: %v: %.300s", c.index, a.Shards.Failed, a.TimedOut, raw)
		}
		if first && after == nil {
			if err := c.addTotal(&a); err != nil {
				return err
			}
		}
		if after, err = c.buckets(&a, by, add); after == nil || err != nil {
			return err
		}
	}
}

// buckets takes the groups of a page and gives the key after which the next page begins, nil
// when this was the last.
func (c *cluster) buckets(a *answer, by []*ecs.Field, add func(*bucket) error) (after json.RawMessage, err error) {
	var groups struct {
		After   json.RawMessage `json:"after_key"`
		Buckets []json.RawMessage
	}
	if raw := a.Aggregations["groups"]; raw != nil {
		if err := json.Unmarshal(raw, &groups); err != nil {
			return nil, fmt.Errorf("decode groups: %w", err)
		}
	}
	for _, raw := range groups.Buckets {
		b, err := c.bucket(raw, by)
		if err != nil {
			return nil, err
		}
		if err := add(b); err != nil {
			return nil, err
		}
	}
	return groups.After, nil
}

func (c *cluster) bucket(raw json.RawMessage, by []*ecs.Field) (*bucket, error) {
	b := &bucket{}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if err := d.Decode(b); err != nil {
		return nil, fmt.Errorf("decode group: %w", err)
	}
	for i, f := range by {
		b.key = append(b.key, keyText(f, b.Key["k"+strconv.Itoa(i)]))
	}
	b.Sums = map[string]float64{}
	return b, c.values(raw, b.Sums)
}

// values reads the sums, the first and the last of a group or of all.
func (c *cluster) values(raw json.RawMessage, to map[string]float64) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return fmt.Errorf("decode group: %w", err)
	}
	for name := range c.measures() {
		var m struct{ Value *float64 }
		if all[name] == nil {
			continue
		}
		if err := json.Unmarshal(all[name], &m); err != nil {
			return fmt.Errorf("decode %s of a group: %w", name, err)
		}
		if m.Value != nil && !math.IsInf(*m.Value, 0) {
			to[name] = *m.Value
		}
	}
	return nil
}

// keyText gives a value of a key as the store gives it.
func keyText(f *ecs.Field, v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		n, err := v.Float64()
		i, errInt := v.Int64()
		switch {
		case err != nil:
			return v.String()
		case f.Type == ecs.Float:
			return string(appendFloat(nil, n))
		case f.Type == ecs.Date:
			return string(appendMillis(nil, i))
		case f.Type == ecs.Boolean:
			return strconv.FormatBool(n != 0)
		case errInt != nil:
			return strconv.FormatFloat(n, 'f', -1, 64)
		}
		return strconv.FormatInt(i, 10)
	}
	return fmt.Sprint(v)
}

func joinKey(key []string) string { return strings.Join(key, "\x00") }

// addRow takes a group.
func (c *cluster) addRow(b *bucket) error {
	if len(c.groups) >= maxGroups {
		return fmt.Errorf("more than %d groups: narrow the query or the time, or group by fewer fields", maxGroups)
	}
	r := &Row{Key: b.key, Count: b.Count, Distinct: make([]int64, len(c.distinct))}
	for i := range c.sum {
		r.Sum = append(r.Sum, b.Sums["s"+strconv.Itoa(i)])
	}
	if c.Seen {
		r.First, r.Last = int64(b.Sums["first"])*1e6, int64(b.Sums["last"])*1e6
	}
	if len(r.Distinct) == 0 {
		r.Distinct = nil
	}
	c.groups[joinKey(b.key)] = r
	return nil
}

// addValue counts one more value of Distinct field i in a group.
func (c *cluster) addValue(i int, b *bucket) error {
	if r := c.groups[joinKey(b.key[:len(b.key)-1])]; r != nil {
		r.Distinct[i]++
	}
	return nil
}

func (c *cluster) addTotal(a *answer) error {
	c.total.Count = a.Hits.Total.Value
	raw, err := json.Marshal(a.Aggregations)
	if err != nil {
		return fmt.Errorf("decode totals: %w", err)
	}
	sums := map[string]float64{}
	err = c.values(raw, sums)
	for i := range c.sum {
		c.total.Sum = append(c.total.Sum, sums["s"+strconv.Itoa(i)])
	}
	return err
}

// body is the search: the groups behind after, and on the first page the totals.
func (c *cluster) body(by []*ecs.Field, after json.RawMessage, first bool) object {
	filter := []any{c.q.DSL()}
	sources := make([]any, len(by))
	for i, f := range by {
		sources[i] = object{"k" + strconv.Itoa(i): object{"terms": object{"field": f.Name}}}
		filter = append(filter, object{"exists": object{"field": f.Name}})
	}
	if c.From != 0 || c.To != 0 {
		filter = append(filter, timeRange(c.From, c.To))
	}
	composite := object{"size": page, "sources": sources}
	if after != nil {
		composite["after"] = after
	}
	groups := object{"composite": composite}
	aggs := object{"groups": groups}
	if first {
		if m := c.measures(); len(m) > 0 {
			groups["aggs"] = m
			for name, agg := range m {
				if after == nil {
					aggs[name] = agg
				}
			}
		}
	}
	return object{"size": 0, "track_total_hits": first && after == nil, "query": object{"bool": object{"filter": filter}}, "aggs": aggs}
}

// timeRange is @timestamp in [from, to); 0 is no limit.
func timeRange(from, to int64) object {
	r := object{"format": "epoch_millis"}
	if from != 0 {
		r["gte"] = from / 1e6
	}
	if to != 0 {
		r["lt"] = to / 1e6
	}
	return object{"range": object{timeField: r}}
}

// measures are the aggregations inside a group.
func (c *cluster) measures() object {
	m := object{}
	for i, f := range c.sum {
		m["s"+strconv.Itoa(i)] = object{"sum": object{"field": f.Name}}
	}
	if c.Seen {
		m["first"] = object{"min": object{"field": firstField}}
		m["last"] = object{"max": object{"field": lastField}}
	}
	return m
}
