package mappings_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/ecs/ecstest"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/mappings"
	"github.com/flowferry/flowferry/shipper/enginetest"
)

var engines = map[string]string{enginetest.OpenSearch: mappings.OpenSearch, enginetest.Elasticsearch: mappings.Elasticsearch}

// cluster is a running engine.
type cluster struct {
	t   *testing.T
	url string
}

// do sends a request and gives the status and the answer.
func (c cluster) do(method, path string, body []byte) (int, map[string]any) {
	c.t.Helper()
	status, text := enginetest.Request(c.t, method, c.url+path, body)
	var answer map[string]any
	_ = json.Unmarshal(text, &answer)
	return status, answer
}

// must is do for a request that has to succeed.
func (c cluster) must(method, path string, body []byte) map[string]any {
	c.t.Helper()
	status, answer := c.do(method, path, body)
	if status/100 != 2 {
		c.t.Fatalf("%s %s: %d %v", method, path, status, answer)
	}
	return answer
}

// setUp puts the objects, twice, for that must change nothing.
func (c cluster) setUp(flavour string) {
	c.t.Helper()
	for range 2 {
		for _, o := range mappings.Objects(flavour) {
			if !o.Optional {
				c.must(o.Method, o.Path, o.Body)
				continue
			}
			if status, answer := c.do(o.Method, o.Path, o.Body); status/100 != 2 {
				c.t.Logf("without %s %s (%d): %v", o.Kind, o.Name, status, answer["error"])
			}
		}
	}
}

// full gives records that between them have every field of the table, and an element that is longer
// than a term of the index may be.
func full() (*flow.Batch, []*flow.Record) {
	b, r := ecstest.Filled()
	meta := b.Metadata(r)
	meta.Unknown = append(meta.Unknown, flow.Element{ID: 501, Value: bytes.Repeat([]byte{7}, 60000)})
	metered := b.Copy(b, r)
	metered.Via, metered.Ord = flow.ViaCapture, r.Ord+1
	return b, []*flow.Record{&b.Recs[0], &b.Recs[1]}
}

// Documents with every field go into the data streams on each engine, come back as they were
// sent, and every field of the table, aliases too, finds them; nothing is mapped dynamically.
func TestEngines(t *testing.T) {
	for name, flavour := range engines {
		t.Run(name, func(t *testing.T) {
			c := cluster{t, enginetest.Start(t, name)}
			c.setUp(flavour)
			b, recs := full()
			for _, stream := range ecs.Streams {
				testStream(t, c, mappings.DataStream(stream, "mappingstest"), b, recs)
			}
		})
	}
}

func testStream(t *testing.T, c cluster, stream string, b *flow.Batch, recs []*flow.Record) {
	for _, r := range recs {
		doc := ecs.AppendDocument(nil, b, r)
		path := "/" + stream + "/_create/" + string(ecs.AppendID(nil, r))
		c.must(http.MethodPut, path+"?refresh=true", doc)
		if status, _ := c.do(http.MethodPut, path, doc); status != http.StatusConflict {
			t.Errorf("%s: the second time the same id gave %d, want 409", stream, status)
		}
	}
	answer := c.must(http.MethodPost, "/"+stream+"/_search", []byte(`{"sort":["event.sequence"]}`))
	sent, got := ecs.AppendDocument(nil, b, recs[0]), first(answer)["_source"]
	var want any
	if err := json.Unmarshal(sent, &want); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%s: came back as %v (%v)", stream, got, err)
	}
	if ignored := first(answer)["_ignored"]; ignored != nil {
		t.Errorf("%s: not indexed: %v", stream, ignored)
	}
	mapped := leaves(properties(c.must(http.MethodGet, "/"+stream+"/_mapping", nil)), "")
	if want := tableNames(); !slices.Equal(mapped, want) {
		t.Errorf("%s: mapped are %v\nin the table are %v", stream, mapped, want)
	}
	for i := range ecs.Fields {
		testField(t, c, stream, &ecs.Fields[i])
	}
}

// testField asks for documents that have the field, and for one with the field's value.
func testField(t *testing.T, c cluster, stream string, f *ecs.Field) {
	exists := fmt.Sprintf(`{"query":{"exists":{"field":%q}}}`, f.Name)
	if n := total(c.must(http.MethodPost, "/"+stream+"/_search", []byte(exists))); n == 0 {
		t.Errorf("%s: %s exists in no document", stream, f.Name)
	}
	real := ecs.Lookup(f.Name)
	if real.Type == ecs.GeoPoint || real.Type == ecs.Flattened {
		return
	}
	b, recs := full()
	var values []string
	for _, r := range recs {
		values = real.AppendValues(values, b, r)
	}
	if len(values) == 0 {
		t.Errorf("%s has no value", f.Name)
		return
	}
	term := fmt.Sprintf(`{"query":{"term":{%q:%q}},"size":0,"aggs":{"a":{"terms":{"field":%q}}}}`, f.Name, values[0], f.Name)
	answer := c.must(http.MethodPost, "/"+stream+"/_search", []byte(term))
	if n := total(answer); n == 0 {
		t.Errorf("%s: %s is %s in no document", stream, f.Name, values[0])
	}
	buckets := answer["aggregations"].(map[string]any)["a"].(map[string]any)["buckets"].([]any)
	if len(buckets) == 0 {
		t.Errorf("%s: no bucket for %s", stream, f.Name)
	}
}

// An unknown element is found by its number.
func TestFlattened(t *testing.T) {
	for name, flavour := range engines {
		t.Run(name, func(t *testing.T) {
			c := cluster{t, enginetest.Start(t, name)}
			c.setUp(flavour)
			b, recs := full()
			stream := mappings.DataStream("flow", "flattenedtest")
			c.must(http.MethodPut, "/"+stream+"/_create/1?refresh=true", ecs.AppendDocument(nil, b, recs[0]))
			f := func(field, value string, want float64) {
				t.Helper()
				query := fmt.Sprintf(`{"query":{"term":{%q:%q}}}`, field, value)
				if n := total(c.must(http.MethodPost, "/"+stream+"/_search", []byte(query))); n != want {
					t.Errorf("%s = %s: %v documents, want %v", field, value, n, want)
				}
			}
			f("flow.unknown.9.12235", "0102", 1)
			f("flow.unknown.9.12235", "03", 1)
			f("flow.unknown.9.12235", "04", 0)
			f("flow.unknown.flowId", "07", 1)
			f("flow.unknown", "03", 1)
		})
	}
}

func first(answer map[string]any) map[string]any {
	hits := answer["hits"].(map[string]any)["hits"].([]any)
	if len(hits) == 0 {
		return nil
	}
	return hits[0].(map[string]any)
}

func total(answer map[string]any) float64 {
	return answer["hits"].(map[string]any)["total"].(map[string]any)["value"].(float64)
}

// properties finds the mapping of the one index in an answer.
func properties(answer map[string]any) map[string]any {
	for _, index := range answer {
		return index.(map[string]any)["mappings"].(map[string]any)["properties"].(map[string]any)
	}
	return nil
}

// leaves lists the fields of a mapping in order.
func leaves(properties map[string]any, prefix string) (names []string) {
	for name, v := range properties {
		if inner, ok := v.(map[string]any)["properties"].(map[string]any); ok {
			names = append(names, leaves(inner, prefix+name+".")...)
		} else {
			names = append(names, prefix+name)
		}
	}
	slices.Sort(names)
	return names
}

func tableNames() (names []string) {
	for i := range ecs.Fields {
		names = append(names, ecs.Fields[i].Name)
	}
	slices.Sort(names)
	return names
}

func TestObjects(t *testing.T) {
	f := func(flavour string, want ...string) {
		t.Helper()
		var got []string
		for _, o := range mappings.Objects(flavour) {
			mark := ""
			if o.Optional {
				mark = "?"
			}
			got = append(got, o.Path+mark)
			if !json.Valid(o.Body) || o.Method != http.MethodPut || o.Why == "" || !strings.HasSuffix(o.Path, "/"+o.Name) {
				t.Errorf("%s: %+v", flavour, o)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q", flavour, got)
		}
	}
	f(mappings.Elasticsearch, "/_ilm/policy/logs-flowferry?", "/_component_template/logs-flowferry@mappings", "/_component_template/metrics-flowferry@mappings", "/_component_template/logs-flowferry@settings",
		"/_component_template/logs-flowferry@lifecycle?", "/_index_template/logs-flowferry.flow", "/_index_template/logs-flowferry.session", "/_index_template/logs-flowferry.event", "/_index_template/metrics-flowferry.exporter")
	f(mappings.OpenSearch, "/_plugins/_ism/policies/logs-flowferry?", "/_component_template/logs-flowferry@mappings", "/_component_template/metrics-flowferry@mappings", "/_component_template/logs-flowferry@settings",
		"/_index_template/logs-flowferry.flow", "/_index_template/logs-flowferry.session", "/_index_template/logs-flowferry.event", "/_index_template/metrics-flowferry.exporter")
	f("solr")
}
