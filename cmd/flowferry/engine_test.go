package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/shipper/enginetest"
)

// The demo's flows go to a real engine: each document once, as it was sent, with no field that
// the mapping does not know, and a second shipment adds nothing.
func TestEngines(t *testing.T) {
	for _, name := range enginetest.Names {
		t.Run(name, func(t *testing.T) {
			e := engine{t, enginetest.Start(t, name)}
			args := append(exportFiles(t), demoCaptures(t)...)
			want := documents(t, args)
			must(t, "setup", "--cluster", e.url)
			again := must(t, "setup", "--cluster", e.url)
			if strings.Contains(again, "created") || strings.Contains(again, "updated") {
				t.Errorf("the second set-up changed something:\n%s", again)
			}
			numbers(t, must(t, append([]string{"import", "--cluster", e.url}, args...)...))
			e.compare(want)
			second := must(t, append([]string{"import", "--cluster", e.url}, args...)...)
			numbers(t, second)
			e.compare(want)
			e.mapped()
			sameTop(t, e.url, args)
		})
	}
}

// exportFiles are the payloads of one vendor of testdata: many groups would be one exporter.
func exportFiles(t *testing.T) []string {
	t.Helper()
	groups, err := exportGroups(filepath.Join(testdata, "export", "logstash"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if strings.Contains(g.name, "Fortigate FortiOS 54x") {
			return g.files
		}
	}
	t.Fatal("no Fortigate group")
	return nil
}

// documents are what an import of the files must write, by stream and id.
func documents(t *testing.T, files []string) map[string]json.RawMessage {
	t.Helper()
	cfg := &Config{}
	inputs, err := openInputs(files, asAuto, cfg)
	if err != nil {
		t.Fatal(err)
	}
	s, err := newStages(cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	k := &documentKeeper{t: t, docs: map[string]json.RawMessage{}}
	for _, in := range distinct(inputs) {
		p := &flow.Pipeline{Stages: s.forShard, Sink: k, Block: true}
		if err := p.Run(t.Context(), in.source); err != nil {
			t.Logf("%s: %v", in.name, err) // a broken capture; what was read counts
		}
	}
	if len(k.docs) < 500 {
		t.Fatalf("only %d documents", len(k.docs))
	}
	return k.docs
}

type documentKeeper struct {
	t    *testing.T
	mu   sync.Mutex
	docs map[string]json.RawMessage
}

func (k *documentKeeper) Put(_ context.Context, b *flow.Batch) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	defer b.Free()
	for i := range b.Recs {
		r := &b.Recs[i]
		id := ecs.Stream(r.Kind) + "/" + string(ecs.AppendID(nil, r))
		if _, twice := k.docs[id]; twice {
			k.t.Errorf("two documents have the id %s", id)
		}
		k.docs[id] = ecs.AppendDocument(nil, b, r)
	}
	return nil
}

func (k *documentKeeper) Close(context.Context) error { return nil }

// engine asks a real engine, not through our own client.
type engine struct {
	t   *testing.T
	url string
}

func (e engine) get(path string) (answer map[string]any) { return e.do("GET", path, "") }

func (e engine) do(method, path, body string) (answer map[string]any) {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), method, e.url+path, strings.NewReader(body))
	if err != nil {
		e.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		e.t.Fatalf("%s %s: %s %v\n%s", method, path, resp.Status, err, data)
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		e.t.Fatalf("%s %s: %v", method, path, err)
	}
	return answer
}

// mapped checks that the indices map the fields of the table and no others.
func (e engine) mapped() {
	e.t.Helper()
	for index, m := range e.get("/logs-flowferry.*/_mapping") {
		names := map[string]bool{}
		properties(m.(map[string]any)["mappings"], "", names)
		if len(names) < len(ecs.Fields) {
			e.t.Errorf("%s maps %d fields, the table has %d", index, len(names), len(ecs.Fields))
		}
		for name := range names {
			if ecs.Lookup(name) == nil {
				e.t.Errorf("%s maps %s, which is not in the table: it is dynamic", index, name)
			}
		}
	}
}

// properties collects the names of the fields below a mapping.
func properties(mapping any, prefix string, names map[string]bool) {
	subs, ok := mapping.(map[string]any)["properties"].(map[string]any)
	if !ok && prefix != "" {
		names[prefix] = true
		return
	}
	for k, sub := range subs {
		properties(sub, strings.TrimPrefix(prefix+"."+k, "."), names)
	}
}

// compare reads back every document of each stream and compares it with what was sent; then it
// asks, field by field, how many documents the index knows to have it.
func (e engine) compare(want map[string]json.RawMessage) {
	e.t.Helper()
	e.do("POST", "/logs-flowferry.*/_refresh", "")
	got := map[string]json.RawMessage{}
	have := map[string]map[string]int{} // stream, field, documents
	for _, stream := range []string{"flow", "session", "event"} {
		e.read(stream, got)
	}
	for id, doc := range want {
		var w, g any
		if err := json.Unmarshal(doc, &w); err != nil {
			e.t.Fatalf("%s: %v", doc, err)
		}
		if err := json.Unmarshal(got[id], &g); err != nil || !reflect.DeepEqual(w, g) {
			e.t.Fatalf("%s: sent\n%s\nfound (%v)\n%s", id, doc, err, got[id])
		}
		stream, _, _ := strings.Cut(id, "/")
		if have[stream] == nil {
			have[stream] = map[string]int{}
		}
		for name := range leafNames(w, "", map[string]bool{}) {
			have[stream][name]++
		}
	}
	if len(got) != len(want) {
		e.t.Errorf("%d documents, want %d", len(got), len(want))
	}
	for stream, fields := range have {
		for name, n := range fields {
			if indexed := e.count(stream, fmt.Sprintf(`{"query":{"exists":{"field":%q}}}`, name)); indexed != n {
				e.t.Errorf("%s: %d documents have %s, the index knows %d", stream, n, name, indexed)
			}
		}
	}
}

// leafNames collects the names of the fields that a document has and the table knows.
func leafNames(v any, prefix string, names map[string]bool) map[string]bool {
	if f := ecs.Lookup(prefix); prefix != "" && f != nil {
		names[prefix] = true
		return names
	}
	if m, ok := v.(map[string]any); ok {
		for k, sub := range m {
			leafNames(sub, strings.TrimPrefix(prefix+"."+k, "."), names)
		}
	}
	return names
}

func (e engine) count(stream, query string) int {
	e.t.Helper()
	return int(e.do("POST", "/logs-flowferry."+stream+"-*/_count", query)["count"].(float64))
}

func (e engine) read(stream string, into map[string]json.RawMessage) {
	e.t.Helper()
	after := ""
	for {
		body := `{"size":5000,"sort":[{"@timestamp":"asc"},{"flow.origin":"asc"},{"event.sequence":"asc"}],"track_total_hits":true` + after + `}`
		answer := e.do("POST", "/logs-flowferry."+stream+"-*/_search", body)
		hits := answer["hits"].(map[string]any)["hits"].([]any)
		for _, h := range hits {
			hit := h.(map[string]any)
			doc, err := json.Marshal(hit["_source"])
			if err != nil {
				e.t.Fatal(err)
			}
			into[stream+"/"+hit["_id"].(string)] = doc
		}
		if len(hits) < 5000 {
			return
		}
		last, err := json.Marshal(hits[len(hits)-1].(map[string]any)["sort"])
		if err != nil {
			e.t.Fatal(err)
		}
		after = `,"search_after":` + string(bytes.TrimSpace(last))
	}
}

// sameTop imports the files into a store too and asks both the same questions.
func sameTop(t *testing.T, url string, files []string) {
	t.Helper()
	dir := t.TempDir()
	must(t, append([]string{"import", "--store", dir}, files...)...)
	f := func(args ...string) {
		t.Helper()
		args = append([]string{"top", "--csv", "-n", "0"}, args...)
		fromStore := must(t, append(args, "--store", dir)...)
		fromCluster := must(t, append(args, "--cluster", url)...)
		if fromStore != fromCluster {
			t.Errorf("flowferry %s\nstore:\n%s\ncluster:\n%s", strings.Join(args, " "), fromStore, fromCluster)
		}
		if strings.Count(fromStore, "\n") < 2 {
			t.Errorf("flowferry %s: nothing was found", strings.Join(args, " "))
		}
	}
	f("--by", "source.ip", "--sum", "network.bytes")
	f("--by", "destination.port,network.transport", "--sum", "source.bytes,destination.packets")
	f("--by", "source.ip", "--sum", "network.bytes", "destination.port:443 and not source.ip:10.0.0.0/8")
	f("--by", "source.ip", "--distinct", "destination.ip", "--sort", "destination.ip", "network.transport:tcp")
	f("--by", "dns.question.name", "dns.question.name:*")
	f("--by", "network.protocol", "--bottom", "source.bytes > 1000 or destination.port:(80 or 53)")
	f("--by", "flow.state", "--from", "2005-01-01", "--to", "2016-01-01T00:00:00Z")
}

// The engine is killed while flows are on their way and started again: each document arrives,
// none twice.
func TestEngineKilled(t *testing.T) {
	for _, name := range enginetest.Names {
		t.Run(name, func(t *testing.T) {
			i := enginetest.StartInstance(t, name)
			e := engine{t, i.URL}
			must(t, "setup", "--cluster", i.URL)
			want := documents(t, demoCaptures(t))
			done := make(chan error, 1)
			go func() {
				_, err := inProcess(t.Context(), append([]string{"import", "--cluster", i.URL}, demoCaptures(t)...)...)
				done <- err
			}()
			time.Sleep(300 * time.Millisecond)
			i.Kill()
			time.Sleep(2 * time.Second)
			i.Restart(t)
			if err := <-done; err != nil {
				t.Logf("import: %v", err)
			}
			e.compare(want)
		})
	}
}
