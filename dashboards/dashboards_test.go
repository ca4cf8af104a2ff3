package dashboards

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/ecs"
)

type savedObject struct {
	Type, ID         string
	Attributes       map[string]any
	References       []struct{ Name, Type, ID string }
	MigrationVersion map[string]string
}

func exported(t *testing.T) []savedObject {
	t.Helper()
	text, err := Export(OpenSearch)
	if err != nil {
		t.Fatal(err)
	}
	var out []savedObject
	for _, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		var o savedObject
		if err := json.Unmarshal(line, &o); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		out = append(out, o)
	}
	return out
}

// The objects are of the versions both importers take, their ids are unique, and what they
// refer to is there, before them.
func TestExport(t *testing.T) {
	versions := map[string]string{"index-pattern": "7.6.0", "search": "7.9.3", "visualization": "7.10.0", "dashboard": "7.9.3"}
	seen := map[string]bool{}
	count := map[string]int{}
	for _, o := range exported(t) {
		if seen[o.ID] {
			t.Errorf("%s: twice", o.ID)
		}
		seen[o.ID] = true
		count[o.Type]++
		if o.MigrationVersion[o.Type] != versions[o.Type] {
			t.Errorf("%s: version %v", o.ID, o.MigrationVersion)
		}
		for _, r := range o.References {
			if !seen[r.ID] {
				t.Errorf("%s: refers to %s %s, which is not before it", o.ID, r.Type, r.ID)
			}
		}
		checkNested(t, o.ID, o.Attributes)
	}
	if count["index-pattern"] != 1 || count["search"] != 1 || count["dashboard"] != len(All) || count["visualization"] != len(Panels()) {
		t.Errorf("%v", count)
	}
}

// checkNested reads every attribute that is JSON in a string.
func checkNested(t *testing.T, id string, attributes map[string]any) {
	for name, v := range attributes {
		if inner, ok := v.(map[string]any); ok {
			checkNested(t, id, inner)
		}
		text, ok := v.(string)
		if !ok || !strings.HasSuffix(name, "JSON") && name != "visState" && name != "fields" && name != "fieldFormatMap" {
			continue
		}
		if !json.Valid([]byte(text)) {
			t.Errorf("%s: %s is no JSON: %s", id, name, text)
		}
	}
}

func TestExportUnknownFlavour(t *testing.T) {
	if _, err := Export("solr"); err == nil || !strings.Contains(err.Error(), `"solr"`) {
		t.Errorf("got %v", err)
	}
}

func TestExportIsTheSameEachTime(t *testing.T) {
	a, _ := Export(OpenSearch)
	b, _ := Export(Elasticsearch)
	if !bytes.Equal(a, b) {
		t.Error("two exports differ")
	}
}

// Each field that a panel, a pivot, a format or the search uses is in the table.
func TestFieldsExist(t *testing.T) {
	f := func(where, name string) {
		t.Helper()
		if ecs.Lookup(name) == nil {
			t.Errorf("%s: there is no field %s", where, name)
		}
	}
	for _, q := range Panels() {
		for _, name := range q.Fields {
			f(q.Panel, name)
		}
	}
	for from, to := range pivots {
		f("pivot", from)
		f("pivot", to)
	}
	for name := range formats() {
		f("format", name)
	}
	for _, name := range flowSearch()["attributes"].(object)["columns"].([]string) {
		f("search", name)
	}
}

// A dashboard has at most 12 panels, a panel asks for at most 10 × 10 buckets, and the panels
// tile the page.
func TestLimits(t *testing.T) {
	for _, d := range All {
		if len(d.Panels) > 12 {
			t.Errorf("%s: %d panels", d.Title, len(d.Panels))
		}
		for _, p := range d.Panels {
			if len(p.By) > 2 || len(p.Metrics) == 0 || p.W <= 0 || p.H <= 0 || pageWidth%p.W != 0 {
				t.Errorf("%s: %+v", d.Title, p)
			}
			for _, b := range p.By {
				if b.Size > maxTerms || (b.Size == 0) != (b.Field == timeField) {
					t.Errorf("%s: %s: %d buckets of %s", d.Title, p.Title, b.Size, b.Field)
				}
			}
		}
	}
}

func TestLayout(t *testing.T) {
	for _, o := range exported(t) {
		if o.Type != "dashboard" {
			continue
		}
		var panels []struct{ GridData struct{ X, Y, W, H int } }
		if err := json.Unmarshal([]byte(o.Attributes["panelsJSON"].(string)), &panels); err != nil {
			t.Fatal(err)
		}
		taken := map[[2]int]bool{}
		bottom := 0
		for _, p := range panels {
			g := p.GridData
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if taken[[2]int{x, y}] || x >= pageWidth {
						t.Fatalf("%s: panel at %d,%d lies over another or over the edge", o.ID, g.X, g.Y)
					}
					taken[[2]int{x, y}] = true
				}
			}
			bottom = max(bottom, g.Y+g.H)
		}
		if len(taken) != bottom*pageWidth {
			t.Errorf("%s: the page has holes", o.ID)
		}
	}
}

func TestCount(t *testing.T) {
	f := func(answer string, want int) {
		t.Helper()
		q := Query{Panel: "x"}
		if got, err := q.Count([]byte(answer)); err != nil || got != want {
			t.Errorf("%s: got %d, %v", answer, got, err)
		}
	}
	f(`{"hits":{"total":{"value":0}}}`, 0)
	f(`{"hits":{"total":{"value":7}},"aggregations":{"m1":{"value":0},"m2":{"value":3.5}}}`, 2)
	f(`{"hits":{"total":{"value":7}},"aggregations":{"b0":{"buckets":[]}}}`, 0)
	f(`{"hits":{"total":{"value":7}},"aggregations":{"b0":{"buckets":[{"key":1,"m0":{"value":2}},{"key":2}]}}}`, 2)
	q := Query{Panel: "Top sources"}
	if _, err := q.Count([]byte("<html>")); err == nil || !strings.Contains(err.Error(), "Top sources") {
		t.Errorf("got %v", err)
	}
}
