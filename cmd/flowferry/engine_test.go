package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flowferry/flowferry/dashboards"
	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/shipper/enginetest"
)

// The demo's flows go to a real engine: each document once, as it was sent, with no field that
// the mapping does not know, and a second shipment adds nothing.
func TestEngines(t *testing.T) {
	notUnderRace(t)
	for _, name := range enginetest.Names {
		t.Run(name, func(t *testing.T) {
			e := engine{t, enginetest.Start(t, name)}
			config := enrichedConfig(t)
			args := append([]string{filepath.Join(testdata, "pcap", "made", "exports.pcap")}, someCaptures(t)...)
			want := documents(t, config, args)
			must(t, "setup", "--cluster", e.url)
			again := must(t, "setup", "--cluster", e.url)
			if strings.Contains(again, "created") || strings.Contains(again, "updated") {
				t.Errorf("the second set-up changed something:\n%s", again)
			}
			load := append([]string{"import", "-c", config, "--cluster", e.url}, args...)
			numbers(t, must(t, load...))
			e.compare(want)
			numbers(t, must(t, load...))
			e.compare(want)
			e.mapped()
			e.panels()
			sameTop(t, e.url, config, args)
		})
	}
}

// someCaptures are every third of testdata: enough for the engines, which are slow.
func someCaptures(t *testing.T) (some []string) {
	t.Helper()
	for i, path := range demoCaptures(t) {
		if i%3 == 0 {
			some = append(some, path)
		}
	}
	return some
}

// enrichedConfig is the demo's configuration.
func enrichedConfig(t *testing.T) (path string) {
	t.Helper()
	d := &demo{dir: filepath.Join(t.TempDir(), "demo"), testdata: testdata}
	if err := d.prepare(); err != nil {
		t.Fatal(err)
	}
	return d.config()
}

// documents are what an import of the files must write, by stream and id.
func documents(t *testing.T, config string, files []string) map[string]json.RawMessage {
	t.Helper()
	cfg, err := loadConfig(config)
	if err != nil {
		t.Fatal(err)
	}
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
		p := &flow.Pipeline{Stages: s.forPipeline().forShard, Sink: k, Block: true}
		if err := p.Run(t.Context(), in.source); err != nil {
			t.Logf("%s: %v", in.name, err) // a broken capture; what was read counts
		}
	}
	if len(k.docs) < 300 {
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
	data := enginetest.Must(e.t, method, e.url+path, []byte(body))
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

// panels asks what each panel of the dashboards asks: with the demo's flows none is empty.
func (e engine) panels() {
	e.t.Helper()
	for _, q := range dashboards.Panels() {
		answer, err := json.Marshal(e.do("POST", "/"+q.Index+"/_search", string(q.Body)))
		if err != nil {
			e.t.Fatal(err)
		}
		if n, err := q.Count(answer); err != nil || n == 0 {
			e.t.Errorf("panel %q of %q shows %d, %v", q.Panel, q.Dashboard, n, err)
		}
	}
}

// waitForFirst waits until the engine has a first document.
func (e engine) waitForFirst() {
	e.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		_, data := enginetest.Request(e.t, "GET", e.url+"/logs-flowferry.*/_search?size=1", nil)
		if bytes.Contains(data, []byte(`"_source"`)) {
			return
		}
	}
	e.t.Fatal("no document has come")
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
func sameTop(t *testing.T, url, config string, files []string) {
	t.Helper()
	dir := t.TempDir()
	must(t, append([]string{"import", "-c", config, "--store", dir}, files...)...)
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
	notUnderRace(t)
	for _, name := range enginetest.Names {
		t.Run(name, func(t *testing.T) {
			i := enginetest.StartInstance(t, name)
			e := engine{t, i.URL}
			must(t, "setup", "--cluster", i.URL)
			config := enrichedConfig(t)
			want := documents(t, config, someCaptures(t))
			cfg, err := loadConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			setOutput(cfg, "", i.URL)
			cfg.Output.Cluster.DeadLetter = filepath.Join(t.TempDir(), "dead")
			inputs, err := openInputs(someCaptures(t), asAuto, cfg)
			if err != nil {
				t.Fatal(err)
			}
			inputs = distinct(inputs)
			gate := make(chan struct{})
			for n := len(inputs) / 2; n < len(inputs); n++ {
				inputs[n].source = gated{inputs[n].source, gate}
			}
			stages, err := newStages(cfg, true)
			if err != nil {
				t.Fatal(err)
			}
			out, err := openOutput(t.Context(), cfg, true)
			if err != nil {
				t.Fatal(err)
			}
			job := newImportJob(out, stages)
			done := make(chan error, 1)
			go func() {
				err := job.all(t.Context(), inputs, 2)
				_, closeErr := out.close(t.Context())
				done <- firstOf(err, closeErr)
			}()
			e.waitForFirst()
			i.Kill()
			close(gate)
			time.Sleep(2 * time.Second)
			i.Restart(t)
			if err := <-done; err != nil {
				t.Errorf("import: %v", err)
			}
			e.compare(want)
		})
	}
}

// gated is a source that waits before it begins.
type gated struct {
	flow.Source
	gate <-chan struct{}
}

func (g gated) Run(ctx context.Context, emit func(*flow.Batch)) error {
	<-g.gate
	return g.Source.Run(ctx, emit)
}

// A collector writes what exporters send into the engine; told to stop, it has lost nothing.
func TestRunIntoEngine(t *testing.T) {
	notUnderRace(t)
	for _, name := range enginetest.Names {
		t.Run(name, func(t *testing.T) {
			i := enginetest.StartInstance(t, name)
			e := engine{t, i.URL}
			must(t, "setup", "--cluster", i.URL)
			out := collectGroups(t, "--cluster", i.URL)
			n := numbers(t, out)
			if n["received"] != 378 || n["+ lost"] != 0 {
				t.Errorf("received %d, lost %d of 378", n["received"], n["+ lost"])
			}
			e.do("POST", "/logs-flowferry.*/_refresh", "")
			if got, want := int64(e.count("flow", "{}")), amount(t, out, "flows kept"); got != want {
				t.Errorf("%d flows in the engine, %d kept", got, want)
			}
			if got, want := int64(e.count("session", "{}")), amount(t, out, "complete conversations"); got != want {
				t.Errorf("%d sessions in the engine, %d written", got, want)
			}
			if got, want := int64(e.count("event", "{}")), amount(t, out, "events kept"); got != want {
				t.Errorf("%d events in the engine, %d kept", got, want)
			}
		})
	}
}

// collectGroups runs a collector as a process of its own, sends it the exports of every vendor
// and stops it as a service manager would.
func collectGroups(t *testing.T, args ...string) (out string) {
	t.Helper()
	groups, err := exportGroups(filepath.Join(testdata, "export", "logstash"))
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"run", "--listen", fmt.Sprintf("127.0.0.1:%d", port)}, args...)
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	if err := runCollector(t.Context(), cmd, &stderr, groups); err != nil {
		t.Fatalf("%v\n%s\n%s", err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// amount reads one number of a printed account by the words behind it.
func amount(t *testing.T, out, words string) int64 {
	t.Helper()
	m := regexp.MustCompile(`(?m)^ +([\d,]+) +` + words).FindStringSubmatch(out)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(m[1], ",", ""), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
