// Package dashboards makes the dashboards that Flowferry brings along. A dashboard is a plain
// value: panels, each of a few metrics and buckets over fields of package ecs. From it come the
// saved objects to import, in the format of 7.10 that OpenSearch Dashboards 1 to 3 and Kibana
// from 8.9 on both take, and the query that each panel will make, so that a test can ask a real
// engine whether any panel would be empty.
//
// To add a dashboard: a file with its value, and its place in All.
package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// The flavours. One file serves both.
const (
	Elasticsearch = "elasticsearch" // imported into Kibana
	OpenSearch    = "opensearch"    // imported into OpenSearch Dashboards
)

// All lists the dashboards.
var All = []Dashboard{overview}

// Dashboard is a page of panels, in reading order; they flow into rows by their widths.
type Dashboard struct {
	ID     string // unique: "flowferry-overview"
	Title  string
	Desc   string // the question it answers
	Panels []Panel
}

// Panel is one picture or table.
type Panel struct {
	ID      string // unique within its dashboard
	Title   string
	Kind    Kind
	W, H    int // of the 48 columns a page has, and in rows
	Metrics []Metric
	By      []Bucket
	Having  string // a field that the flows must have; "" is none
}

// Kind is how a Panel looks.
type Kind string

// The kinds, by the names the visualizations have.
const (
	Numbers Kind = "metric"
	Table   Kind = "table"
	Donut   Kind = "pie"
	Bars    Kind = "histogram" // over time, stacked
	Area    Kind = "area"      // over time, stacked
)

// Metric is a number over flows.
type Metric struct {
	Op    string // "count", "sum", "cardinality", "max"
	Field string // none for count
	Label string
}

// Bucket is what flows are grouped by: the terms of a field, or time.
type Bucket struct {
	Field   string
	Size    int // at most 10; 0 for time
	Label   string
	Missing bool // flows without the field are a bucket too, so that sums stay whole
}

// maxTerms bounds what a panel asks of a cluster: at most maxTerms × maxTerms buckets.
const maxTerms = 10

// count is the metric that is its own order.
var count = Metric{Op: "count", Label: "Flows"}

// overTime is the bucket of time.
var overTime = Bucket{Field: timeField, Label: "Time"}

const timeField = "@timestamp"

// Export gives the saved objects of all dashboards as ndjson.
func Export(flavour string) ([]byte, error) {
	if flavour != Elasticsearch && flavour != OpenSearch {
		return nil, fmt.Errorf("export dashboards: flavour %q is neither %s nor %s", flavour, Elasticsearch, OpenSearch)
	}
	objects := []object{indexPattern(), flowSearch()}
	for i := range All {
		objects = append(objects, All[i].objects()...)
	}
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	for _, o := range objects {
		if err := e.Encode(o); err != nil {
			return nil, fmt.Errorf("export dashboards: %w", err)
		}
	}
	return buf.Bytes(), nil
}

// Query is what a panel asks of the engine.
type Query struct {
	Dashboard, Panel string // titles
	Index            string // pattern of the data streams
	Fields           []string
	Body             []byte // of a _search
}

// Panels gives the query of each panel of each dashboard, over all time.
func Panels() []Query {
	var out []Query
	for i := range All {
		for j := range All[i].Panels {
			p := &All[i].Panels[j]
			out = append(out, Query{Dashboard: All[i].Title, Panel: p.Title, Index: flowStreams, Fields: p.fields(), Body: p.query()})
		}
	}
	return out
}

// fields lists what the panel reads.
func (p *Panel) fields() []string {
	var names []string
	for _, m := range p.Metrics {
		names = append(names, m.Field)
	}
	for _, b := range p.By {
		names = append(names, b.Field)
	}
	names = append(names, p.Having)
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(s string) bool { return s == "" })
}

// query is the panel's search as Kibana makes it, but for the time range.
func (p *Panel) query() []byte {
	body := object{"size": 0, "track_total_hits": true}
	if p.Having != "" {
		body["query"] = object{"bool": object{"filter": []object{{"exists": object{"field": p.Having}}}}}
	}
	aggs := p.metricAggs()
	for i := len(p.By) - 1; i >= 0; i-- {
		agg := p.By[i].agg(p.Metrics[0])
		if len(aggs) > 0 {
			agg["aggs"] = aggs
		}
		outer := object{bucketName(i): agg}
		if i > 0 {
			for name, m := range p.metricAggs() {
				outer[name] = m // the outer buckets are ordered by the first metric too
			}
		}
		aggs = outer
	}
	if len(aggs) > 0 {
		body["aggs"] = aggs
	}
	return jsonOf(body)
}

func bucketName(i int) string { return fmt.Sprintf("b%d", i) }
func metricName(i int) string { return fmt.Sprintf("m%d", i) }

// metricAggs is the metrics that are aggregations; a count is there without.
func (p *Panel) metricAggs() object {
	aggs := object{}
	for i, m := range p.Metrics {
		if m.Op != "count" {
			aggs[metricName(i)] = object{m.Op: object{"field": m.Field}}
		}
	}
	return aggs
}

func (b *Bucket) agg(first Metric) object {
	if b.Field == timeField {
		return object{"date_histogram": object{"field": b.Field, "calendar_interval": "1d", "min_doc_count": 1}}
	}
	terms := object{"field": b.Field, "size": b.Size, "order": object{metricName(0): "desc"}}
	if first.Op == "count" {
		terms["order"] = object{"_count": "desc"}
	}
	if b.Missing {
		terms["missing"] = "__missing__"
	}
	return object{"terms": terms}
}

// Count says how much an engine's answer gives the panel to show: its buckets, or for a panel
// of numbers how many of them are not zero.
func (q *Query) Count(answer []byte) (int, error) {
	var a struct {
		Hits struct {
			Total struct{ Value int }
		}
		Aggregations map[string]struct {
			Buckets []json.RawMessage
			Value   float64
		}
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		return 0, fmt.Errorf("read answer for panel %s: %w", q.Panel, err)
	}
	if b, ok := a.Aggregations[bucketName(0)]; ok {
		return len(b.Buckets), nil
	}
	n := min(a.Hits.Total.Value, 1)
	for _, m := range a.Aggregations {
		if m.Value > 0 {
			n++
		}
	}
	return n, nil
}
