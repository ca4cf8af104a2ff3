package shipper

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/flowferry/flowferry/dashboards"
	"github.com/flowferry/flowferry/mappings"
	"github.com/flowferry/flowferry/shipper/shippertest"
)

// keeper plays the set-up APIs of an engine with all its plugins, and of its dashboards.
type keeper struct {
	t       *testing.T
	flavour string
	without []string // paths that begin so have no handler
	refuse  string   // the path for which a right is missing
	mapping int      // status of a PUT of mappings

	mu     sync.Mutex
	bodies map[string]json.RawMessage // by path
	saved  map[string]bool            // type/id
	writes []string                   // method and path
}

func (k *keeper) answer(r *http.Request) (int, string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	path := r.URL.Path
	for _, w := range k.without {
		if strings.HasPrefix(path, w) {
			return 400, fmt.Sprintf(`{"error":"no handler found for uri [%s] and method [%s]"}`, path, r.Method)
		}
	}
	if k.refuse != "" && strings.HasPrefix(path, k.refuse) {
		return 403, `{"error":{"type":"security_exception","reason":"no"}}`
	}
	if r.Method != http.MethodGet {
		k.writes = append(k.writes, r.Method+" "+path)
	}
	switch {
	case path == "/s/net/api/saved_objects/_import":
		return k.importObjects(r, body)
	case strings.HasSuffix(path, "/_mapping"):
		return k.mapping, `{}`
	case r.Method == http.MethodPut:
		k.bodies[path] = body
		return 200, `{"acknowledged":true}`
	}
	if b, ok := k.bodies[path]; ok {
		return 200, wrapped(path, b)
	}
	return 404, `{"error":{"type":"resource_not_found_exception"}}`
}

// wrapped is the answer to a GET, with what an engine adds.
func wrapped(path string, body []byte) string {
	kind, name := filepath.Dir(path)[1:], filepath.Base(path)
	switch kind {
	case "_ilm/policy":
		return fmt.Sprintf(`{%q:{"version":1,"modified_date":"2026-01-01","policy":%s}}`, name, member(body, "policy"))
	case "_plugins/_ism/policies":
		return fmt.Sprintf(`{"_id":%q,"_seq_no":1,"policy":%s}`, name, member(body, "policy"))
	case "_component_template", "_index_template":
		return fmt.Sprintf(`{"%ss":[{"name":%q,%q:%s}]}`, kind[1:], name, kind[1:], body)
	}
	return `{"data_streams":[{}]}`
}

func member(body []byte, name string) string {
	var m map[string]json.RawMessage
	_ = json.Unmarshal(body, &m)
	return string(m[name])
}

func (k *keeper) importObjects(r *http.Request, body []byte) (int, string) {
	header := map[string]string{mappings.Elasticsearch: "kbn-xsrf", mappings.OpenSearch: "osd-xsrf"}[k.flavour]
	if r.Header.Get(header) == "" || r.Header.Get("Authorization") == "" {
		return 400, `{"error":"Bad Request"}`
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	file, _, err := r.FormFile("file")
	if err != nil {
		return 400, `{"error":"no file"}`
	}
	text, _ := io.ReadAll(file)
	done, conflicts := 0, []string{}
	for line := range strings.Lines(string(text)) {
		var o struct{ Type, ID string }
		if err := json.Unmarshal([]byte(line), &o); err != nil || o.ID == "" {
			k.t.Errorf("saved object %s: %v", line, err)
		}
		if key := o.Type + "/" + o.ID; k.saved[key] && r.URL.Query().Get("overwrite") != "true" {
			conflicts = append(conflicts, fmt.Sprintf(`{"type":%q,"id":%q,"error":{"type":"conflict"}}`, o.Type, o.ID))
		} else {
			k.saved[key] = true
			done++
		}
	}
	return 200, fmt.Sprintf(`{"success":%t,"successCount":%d,"errors":[%s]}`, len(conflicts) == 0, done, strings.Join(conflicts, ","))
}

func newKeeper(t *testing.T, flavour string) (*keeper, *Engine) {
	t.Helper()
	k := &keeper{t: t, flavour: flavour, mapping: 200, bodies: map[string]json.RawMessage{}, saved: map[string]bool{}}
	c := &shippertest.Cluster{Elasticsearch: flavour == mappings.Elasticsearch, Other: k.answer}
	e, err := Connect(t.Context(), Config{Transport: c, User: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	return k, e
}

// run sets up and gives the outcome of each step as words.
func (k *keeper) run(e *Engine, o SetupOptions) (string, []string) {
	k.t.Helper()
	k.writes = nil
	var out bytes.Buffer
	o.Out = &out
	report, err := Setup(k.t.Context(), e, o)
	if err != nil {
		k.t.Fatalf("%v\n%s", err, &out)
	}
	var outcomes []string
	for _, s := range report.Steps {
		outcomes = append(outcomes, string(s.Outcome))
	}
	slices.Sort(outcomes)
	if got := strings.Count(out.String(), "\n"); got != len(report.Steps) {
		k.t.Errorf("%d lines for %d steps", got, len(report.Steps))
	}
	return strings.Join(slices.Compact(outcomes), " "), k.writes
}

func TestSetup(t *testing.T) {
	for _, flavour := range []string{mappings.Elasticsearch, mappings.OpenSearch} {
		t.Run(flavour, func(t *testing.T) {
			k, e := newKeeper(t, flavour)
			o := SetupOptions{Namespace: "prod", KibanaURL: "http://kibana/s/net/"}
			if flavour == mappings.OpenSearch {
				o = SetupOptions{Namespace: "prod", DashboardsURL: "http://dashboards/s/net"}
			}
			f := func(change func(), want string, writes int) {
				t.Helper()
				change()
				got, wrote := k.run(e, o)
				if got != want || len(wrote) != writes {
					t.Errorf("%s, want %s; %d writes, want %d: %q", got, want, len(wrote), writes, wrote)
				}
			}
			all := len(mappings.Objects(flavour)) + len(streams) + 1
			f(func() { o.DryRun = true }, "created", 0)
			f(func() { o.DryRun = false }, "created", all)
			if k.bodies["/_data_stream/logs-flowferry.session-prod"] == nil && !slices.Contains(k.writes, "PUT /_data_stream/logs-flowferry.session-prod") {
				t.Errorf("no data stream in %q", k.writes)
			}
			f(func() {}, "unchanged", 1) // the import, which changes nothing
			f(func() { o.DryRun = true }, "created unchanged", 0)
			f(func() { o.DryRun, o.Overwrite = false, true }, "unchanged updated", 1)
			o.Overwrite = false

			// The policy is the operator's once it is there.
			policy := mappings.Objects(flavour)[0].Path
			f(func() {
				k.bodies[policy] = bytes.ReplaceAll(k.bodies[policy], []byte("90d"), []byte("7d"))
			}, "kept unchanged", 1)

			// New mappings go to the streams there are, at once where they can.
			old := func() {
				k.bodies["/_component_template/logs-flowferry@mappings"] = json.RawMessage(`{"template":{"mappings":{"dynamic":false}}}`)
			}
			f(old, "kept unchanged updated", 1+1+3)
			f(func() { old(); k.mapping = 400 }, "kept unchanged updated", 1+1+3)
			// Each stream has those of its own.
			f(func() {
				k.bodies["/_component_template/metrics-flowferry@mappings"] = json.RawMessage(`{"template":{"mappings":{"dynamic":false}}}`)
			}, "kept unchanged updated", 1+1+1)
			if want := "PUT /metrics-flowferry.exporter-prod/_mapping"; !slices.Contains(k.writes, want) {
				t.Errorf("no %s in %q", want, k.writes)
			}
			// A field too many is a difference too.
			f(func() {
				path := "/_component_template/logs-flowferry@mappings"
				k.bodies[path] = bytes.Replace(k.bodies[path], []byte(`"properties": {`), []byte(`"properties": {"extra": {"type": "keyword"},`), 1)
			}, "kept unchanged updated", 1+1+3)
		})
	}
}

// Where the cluster lacks a plugin, set-up says so and goes on.
func TestSetupWithoutLifecycle(t *testing.T) {
	for flavour, path := range map[string]string{mappings.Elasticsearch: "/_ilm", mappings.OpenSearch: "/_plugins"} {
		k, e := newKeeper(t, flavour)
		k.without = []string{path}
		if got, _ := k.run(e, SetupOptions{}); got != "created skipped" {
			t.Errorf("%s: %s", flavour, got)
		}
		if got, writes := k.run(e, SetupOptions{}); got != "skipped unchanged" || len(writes) > 0 {
			t.Errorf("%s again: %s, %q", flavour, got, writes)
		}
	}
}

func TestSetupErrors(t *testing.T) {
	f := func(change func(k *keeper, o *SetupOptions), want string) {
		t.Helper()
		k, e := newKeeper(t, mappings.Elasticsearch)
		o := SetupOptions{}
		change(k, &o)
		_, err := Setup(t.Context(), e, o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	f(func(k *keeper, o *SetupOptions) { k.refuse = "/_ilm" }, "set up ilm logs-flowferry: 403 Forbidden: a privilege is missing: cluster privilege manage_ilm")
	f(func(k *keeper, o *SetupOptions) { k.refuse = "/_component_template" }, "set up component_template logs-flowferry@mappings: 403 Forbidden: a privilege is missing: cluster privilege manage_index_templates")
	f(func(k *keeper, o *SetupOptions) { k.refuse = "/_data_stream" }, "set up data stream logs-flowferry.flow-default: 403")
	f(func(k *keeper, o *SetupOptions) { o.Namespace = "A b" }, `set up: namespace "A b"`)
	f(func(k *keeper, o *SetupOptions) { o.KibanaURL = "kibana:5601" }, `import dashboards into Kibana: "kibana:5601" is no URL`)
	f(func(k *keeper, o *SetupOptions) { k.refuse = "/s/net"; o.KibanaURL = "http://kibana/s/net" }, "import dashboards into Kibana: http://kibana/s/net: 403 Forbidden")
}

func TestExport(t *testing.T) {
	for _, flavour := range []string{mappings.Elasticsearch, mappings.OpenSearch} {
		dir := filepath.Join(t.TempDir(), "out")
		if err := Export(dir, flavour); err != nil {
			t.Fatal(err)
		}
		readme, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(files) != len(mappings.Objects(flavour))+1 {
			t.Errorf("%q, %v", files, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil || !json.Valid(text) {
				t.Errorf("%s is not JSON: %v", f, err)
			}
			if !strings.Contains(string(readme), filepath.Base(f)) {
				t.Errorf("README does not name %s", f)
			}
		}
		saved, err := os.ReadFile(filepath.Join(dir, "dashboards.ndjson"))
		want, _ := dashboards.Export(flavour)
		if err != nil || !bytes.Equal(saved, want) {
			t.Errorf("dashboards differ: %v", err)
		}
	}
	if err := Export(t.TempDir(), "solr"); err == nil {
		t.Error("exported for solr")
	}
}

func TestRoles(t *testing.T) {
	f := func(flavour string, words ...string) {
		t.Helper()
		text, err := Roles(flavour)
		if err != nil || !json.Valid(text) {
			t.Fatal(err)
		}
		for _, w := range words {
			if !strings.Contains(string(text), w) {
				t.Errorf("%s: no %s", flavour, w)
			}
		}
	}
	f(Elasticsearch, "monitor", "auto_configure", "create_doc", "manage_ilm")
	f(OpenSearch, "indices:data/write/bulk*", ".ds-logs-flowferry.*")
	if _, err := Roles("solr"); err == nil {
		t.Error("roles for solr")
	}
}

func TestHolds(t *testing.T) {
	f := func(body, answer string, want bool) {
		t.Helper()
		o := mappings.Object{Kind: "component_template", Body: []byte(body)}
		if got := holds(o, []byte(`{"component_templates":[{"component_template":`+answer+`}]}`)); got != want {
			t.Errorf("%s in %s: %v", body, answer, got)
		}
	}
	f(`{"a":1}`, `{"a":"1","b":2}`, true)
	f(`{"a":1}`, `{"a":2}`, false)
	f(`{"a":1}`, `{}`, false)
	f(`{"a.b":1,"a.c":2}`, `{"a":{"b":"1","c":"2"}}`, true)
	f(`{"a.b.c":1,"a":{"b.d":2}}`, `{"a":{"b":{"c":"1","d":"2"}}}`, true)
	f(`{"a":[1,2]}`, `{"a":["1","2"]}`, true)
	f(`{"a":[1,2]}`, `{"a":["2","1"]}`, false)
	f(`{"a":{}}`, `{"a":1}`, false)
	f(`{"mappings":{"a":1}}`, `{"mappings":{"a":1,"b":1}}`, false)
	f(`{"mappings":{"dynamic":false}}`, `{"mappings":{"dynamic":"false"}}`, true)
	if holds(mappings.Object{Kind: "ilm", Body: []byte(`{"policy":{}}`)}, []byte(`nonsense`)) {
		t.Error("nonsense holds")
	}
}
