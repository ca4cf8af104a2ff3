package shipper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/shipper/enginetest"
)

// real is a real engine with everything set up.
type real struct {
	*testing.T
	*Engine
	log lines
}

func (r *real) connect(url string, cfg Config) *Engine {
	r.Helper()
	cfg.Hosts = []string{url}
	e, err := Connect(r.Context(), cfg)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = e.Close(context.Background()) })
	return e
}

func (r *real) setUp(namespace string) Report {
	r.Helper()
	var out bytes.Buffer
	report, err := Setup(r.Context(), r.Engine, SetupOptions{Namespace: namespace, Out: &out})
	if err != nil {
		r.Fatalf("%v\n%s", err, &out)
	}
	return report
}

func (r *real) shipper(namespace string) *Shipper {
	return New(r.Engine, Config{Namespace: namespace, Block: true, Log: r.log.logf, BatchBytes: 100_000, FlushInterval: 100 * time.Millisecond,
		DeadLetter: filepath.Join(r.TempDir(), "dead.ndjson")})
}

// count refreshes and counts.
func (r *real) count(index string) (n int) {
	r.Helper()
	if status, answer, err := r.Do(r.Context(), http.MethodPost, "/"+index+"/_refresh", nil); err != nil || status != 200 {
		r.Fatalf("refresh: %d %s %v", status, answer, err)
	}
	answer, err := r.Search(r.Context(), index, []byte(`{"size":0,"track_total_hits":true}`))
	if err != nil {
		r.Fatal(err)
	}
	var a struct {
		Hits struct{ Total struct{ Value int } }
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		r.Fatal(err)
	}
	return a.Hits.Total.Value
}

func (r *real) stat(s *Shipper, name string) uint64 { return (&rig{Shipper: s}).stat(name) }

func onEngines(t *testing.T, test func(t *testing.T, name string)) {
	for _, name := range enginetest.Names {
		t.Run(name, func(t *testing.T) { test(t, name) })
	}
}

// A shipment into a real engine is there in number and in content; a second one adds nothing.
func TestRealShipment(t *testing.T) {
	onEngines(t, func(t *testing.T, name string) {
		r := &real{T: t}
		r.Engine = r.connect(enginetest.Start(t, name), Config{})
		if distribution, version, _ := strings.Cut(name, "-"); r.Distribution != distribution || r.Version != version {
			t.Errorf("%s is taken for %s", name, r.Engine)
		}
		if report := r.setUp("real"); report.Changed() == 0 {
			t.Error("set-up changed nothing")
		}
		if report := r.setUp("real"); report.Changed() != 0 {
			t.Errorf("a second set-up changed %v", report.Steps)
		}
		const n = 10_000
		for round, want := range []string{"indexed", "already_there"} {
			s := r.shipper("real")
			for from := 1; from <= n; from += 500 {
				b := records(from, 500)
				b.Recs[1].Kind, b.Recs[2].Kind = flow.KindSession, flow.KindEvent
				if err := s.Put(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if got := r.stat(s, want); got != n {
				t.Errorf("round %d: %d %s, want %d: %v\n%s", round, got, want, n, s.Stats(), &r.log)
			}
			for stream, want := range map[string]int{"flow": n - n/500*2, "session": n / 500, "event": n / 500} {
				if got := r.count("logs-flowferry." + stream + "-real"); got != want {
					t.Errorf("round %d: %d documents in %s, want %d", round, got, stream, want)
				}
			}
		}
		r.sameDocument()
	})
}

// sameDocument reads a document back.
func (r *real) sameDocument() {
	r.Helper()
	answer, err := r.Search(r.Context(), "logs-flowferry.flow-real", []byte(`{"query":{"ids":{"values":["`+idOf(501)+`"]}}}`))
	if err != nil {
		r.Fatal(err)
	}
	var a struct {
		Hits struct {
			Hits []struct {
				Source json.RawMessage `json:"_source"`
			}
		}
	}
	if err := json.Unmarshal(answer, &a); err != nil || len(a.Hits.Hits) != 1 {
		r.Fatalf("%v: %s", err, answer)
	}
	b := records(501, 1)
	if want := ecs.AppendDocument(nil, b, &b.Recs[0]); !bytes.Equal(a.Hits.Hits[0].Source, want) {
		r.Errorf("read back\n%s\nwant\n%s", a.Hits.Hits[0].Source, want)
	}
}

// Without set-up nothing is written, not even an index that the engine would make up; once it
// is set up, what has waited is written.
func TestRealWithoutSetup(t *testing.T) {
	onEngines(t, func(t *testing.T, name string) {
		r := &real{T: t}
		r.Engine = r.connect(enginetest.StartInstance(t, name).URL, Config{})
		s := r.shipper("late")
		if err := s.Put(t.Context(), records(1, 100)); err != nil {
			t.Fatal(err)
		}
		for i := 0; s.Trouble() == "" && i < 200; i++ {
			time.Sleep(50 * time.Millisecond)
		}
		if !strings.Contains(s.Trouble(), "404") && !strings.Contains(r.log.String(), "404") {
			t.Errorf("trouble is %q, log %s", s.Trouble(), &r.log)
		}
		if !strings.Contains(r.log.String(), "run `flowferry setup --namespace late`") {
			t.Errorf("log is %s", &r.log)
		}
		if status, _, err := r.Do(t.Context(), http.MethodHead, "/logs-flowferry.flow-late", nil); status != 404 || err != nil {
			t.Errorf("index: %d %v", status, err)
		}
		r.setUp("late")
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if n := r.count("logs-flowferry.flow-late"); n != 100 || r.stat(s, "indexed") != 100 {
			t.Errorf("%d documents: %v\n%s", n, s.Stats(), &r.log)
		}
	})
}

// An engine that is killed in the middle, and started again, loses and doubles nothing.
func TestRealKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills engines")
	}
	onEngines(t, func(t *testing.T, name string) {
		instance := enginetest.StartInstance(t, name)
		r := &real{T: t}
		r.Engine = r.connect(instance.URL, Config{})
		r.setUp("kill")
		s := r.shipper("kill")
		const n, part = 60_000, 1000
		put := make(chan error, 1)
		go func() {
			for from := 1; from <= n; from += part {
				if err := s.Put(t.Context(), records(from, part)); err != nil {
					put <- err
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			put <- nil
		}()
		for r.stat(s, "indexed") < n/4 {
			time.Sleep(time.Millisecond)
		}
		instance.Kill()
		before := r.stat(s, "indexed")
		time.Sleep(time.Second)
		instance.Restart(t)
		if err := errors.Join(<-put, s.Close(t.Context())); err != nil {
			t.Error(err)
		}
		if before >= n {
			t.Errorf("all was written before the engine died")
		}
		if got := r.count("logs-flowferry.flow-kill"); got != n {
			t.Errorf("%d documents, want %d", got, n)
		}
		if got := r.stat(s, "indexed") + r.stat(s, "already_there"); got != n || r.stat(s, "failed") == 0 {
			t.Errorf("%d have their end, want %d", got, n)
		}
		t.Logf("killed at %d; %v\n%s", before, s.Stats(), &r.log)
	})
}
