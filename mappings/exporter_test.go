package mappings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/mappings"
	"github.com/flowferry/flowferry/metrics"
	"github.com/flowferry/flowferry/netflow"
	"github.com/flowferry/flowferry/shipper/enginetest"
)

// wholeExporter is a document with every field, as none really is.
func wholeExporter(t *testing.T) []byte {
	t.Helper()
	root := map[string]any{}
	for i := range metrics.Fields {
		f := &metrics.Fields[i]
		var v any = fmt.Sprintf("text %d", i)
		switch {
		case f.Multi:
			v = []string{"text", "more"}
		case f.Type == ecs.Long:
			v = 1e15 + i
		case f.Type == ecs.Date:
			v = fmt.Sprintf("2026-11-21T08:00:00.%03dZ", i)
		case f.Type == ecs.IP:
			v = fmt.Sprintf("2001:db8::%d", i)
		}
		at, path := root, strings.Split(f.Name, ".")
		for _, p := range path[:len(path)-1] {
			if at[p] == nil {
				at[p] = map[string]any{}
			}
			at = at[p].(map[string]any)
		}
		at[path[len(path)-1]] = v
	}
	text, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// realExporters are documents as a Reporter makes them: of each kind one at least.
func realExporters(t *testing.T) []ecs.Document {
	t.Helper()
	c := netflow.InterfaceCounters{Received: 1.7e18, Index: 3, Type: 6, Speed: 1e9, InOctets: 1<<64 - 2, HasEthernet: true}
	r := metrics.NewReporter(7, 1.7e18)
	stats := []netflow.ExporterStats{
		{Addr: flow.MustAddr("192.0.2.1"), Via: flow.ViaIPFIX, LostUnit: "records", First: 1.7e18, Last: 1.7e18 + 1, Datagrams: 1<<64 - 1, Lost: -3, Skew: -1 << 60},
		{Addr: flow.MustAddr("192.0.2.2"), Agent: flow.MustAddr("::1"), Via: flow.ViaSFlow, First: 1.7e18, Interfaces: []netflow.InterfaceCounters{c}},
	}
	docs := r.Report(1.7e18+60e9, stats)
	stats[1].Interfaces[0].Received++
	return append(docs, r.Report(1.7e18+120e9, stats)...)
}

// Documents of exporters go into their data stream on each engine; every field of the table finds
// them, none is ignored and none is mapped dynamically.
func TestEnginesTakeExporters(t *testing.T) {
	for name, flavour := range engines {
		t.Run(name, func(t *testing.T) {
			c := cluster{t, enginetest.Start(t, name)}
			c.setUp(flavour)
			stream := mappings.DataStream(mappings.Exporter, "mappingstest")
			whole := wholeExporter(t)
			c.must(http.MethodPut, "/"+stream+"/_create/whole?refresh=true", whole)
			answer := c.must(http.MethodPost, "/"+stream+"/_search", []byte(`{}`))
			var want any
			if err := json.Unmarshal(whole, &want); err != nil || !reflect.DeepEqual(first(answer)["_source"], want) {
				t.Errorf("came back as %v (%v)", first(answer)["_source"], err)
			}
			var names []string
			for i := range metrics.Fields {
				names = append(names, metrics.Fields[i].Name)
				testExporterField(t, c, stream, &metrics.Fields[i])
			}
			for _, d := range realExporters(t) {
				c.must(http.MethodPut, "/"+stream+"/_create/"+d.ID+"?refresh=true", d.Text)
				if status, _ := c.do(http.MethodPut, "/"+stream+"/_create/"+d.ID, d.Text); status != http.StatusConflict {
					t.Errorf("the second time the same id gave %d, want 409", status)
				}
			}
			if n := total(c.must(http.MethodPost, "/"+stream+"/_search", []byte(`{"query":{"exists":{"field":"_ignored"}}}`))); n != 0 {
				t.Errorf("%v documents have what is not indexed", n)
			}
			if n := total(c.must(http.MethodPost, "/"+stream+"/_search", []byte(`{"query":{"term":{"event.action":"exporter_report"}}}`))); n != 4 {
				t.Errorf("%v reports, want 4", n)
			}
			slices.Sort(names)
			if mapped := leaves(properties(c.must(http.MethodGet, "/"+stream+"/_mapping", nil)), ""); !slices.Equal(mapped, names) {
				t.Errorf("mapped are %v\nin the table are %v", mapped, names)
			}
		})
	}
}

// testExporterField asks for the document by its value of the field, in a query and a bucket.
func testExporterField(t *testing.T, c cluster, stream string, f *metrics.Field) {
	query := fmt.Sprintf(`{"query":{"exists":{"field":%q}},"size":0,"aggs":{"a":{"terms":{"field":%[1]q}}}}`, f.Name)
	answer := c.must(http.MethodPost, "/"+stream+"/_search", []byte(query))
	buckets := answer["aggregations"].(map[string]any)["a"].(map[string]any)["buckets"].([]any)
	if total(answer) != 1 || len(buckets) == 0 {
		t.Errorf("%s: in %v documents, with %d values", f.Name, total(answer), len(buckets))
	}
}
