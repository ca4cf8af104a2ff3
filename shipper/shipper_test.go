package shipper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/shipper/shippertest"
)

func TestMain(m *testing.M) {
	flow.Poison = true
	goleak.VerifyTestMain(m)
}

// records makes a batch of n flows with running numbers from first.
func records(first, n int) *flow.Batch {
	b := flow.NewBatch()
	for i := range n {
		r := b.Next()
		*r = flow.Record{Origin: 7, Ord: uint64(first + i), Start: 1e18, End: 1e18 + int64(i), Received: 1e18,
			Has: flow.HasTimes | flow.HasProto | flow.HasPorts | flow.HasBytes, Proto: flow.ProtoTCP,
			Src: flow.Addr4(0x0a000001), Dst: flow.Addr4(0xc0000201), SrcPort: uint16(i), DstPort: 443}
		r.Fwd.Bytes = uint64(i)
	}
	return b
}

func idOf(ord int) string {
	return string(ecs.AppendID(nil, &flow.Record{Origin: 7, Ord: uint64(ord)}))
}

// rig is a shipper before a scripted cluster.
type rig struct {
	*Shipper
	engine  *Engine
	cluster *shippertest.Cluster
	log     *lines
}

// lines collects log lines.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) logf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, fmt.Sprintf(format, args...))
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

func newRig(t testing.TB, c *shippertest.Cluster, cfg Config) *rig {
	t.Helper()
	r := &rig{cluster: c, log: &lines{}}
	cfg.Transport, cfg.Log = c, r.log.logf
	if cfg.DeadLetter == "" {
		cfg.DeadLetter = filepath.Join(t.TempDir(), "dead.ndjson")
	}
	e, err := Connect(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	r.engine, r.Shipper = e, New(e, cfg)
	return r
}

func (r *rig) put(t testing.TB, first, n int) {
	t.Helper()
	if err := r.Put(t.Context(), records(first, n)); err != nil {
		t.Error(err)
	}
}

func (r *rig) close(t testing.TB) {
	t.Helper()
	if err := r.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func (r *rig) stat(name string) uint64 {
	for _, s := range r.Stats() {
		if s.Name == "shipper."+name {
			return s.Value
		}
	}
	panic("no stat " + name)
}

// want checks the account by "name=value" words; the ends that are not named must be 0.
func (r *rig) want(t testing.TB, account string) {
	t.Helper()
	want := map[string]uint64{}
	for _, w := range strings.Fields(account) {
		name, value, _ := strings.Cut(w, "=")
		var v uint64
		fmt.Sscan(value, &v)
		want[name] = v
	}
	for _, name := range []string{"indexed", "already_there", "failure_store", "dead_letters", "queue_drops", "turned_away", "unsent", "pending"} {
		want[name] += 0
	}
	for name, v := range want {
		if got := r.stat(name); got != v {
			t.Errorf("%s is %d, want %d", name, got, v)
		}
	}
	if t.Failed() {
		t.Logf("%v\n%s", r.Stats(), r.log)
	}
}

func (r *rig) letters(t testing.TB) (list []deadLetter) {
	t.Helper()
	text, err := os.ReadFile(r.cfg.DeadLetter)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var l deadLetter
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		list = append(list, l)
	}
	return list
}

// script plays faults for the first requests, and none after.
func script(faults ...shippertest.Fault) func(int) shippertest.Fault {
	return func(n int) shippertest.Fault {
		if n < len(faults) {
			return faults[n]
		}
		return shippertest.Fault{}
	}
}

func items(status ...int) func(int) *shippertest.Item {
	return func(i int) *shippertest.Item {
		if i < len(status) && status[i] != 0 {
			return &shippertest.Item{Status: status[i]}
		}
		return nil
	}
}

// TestFaults sends 100 documents through a script of faults and looks at the account, at how
// long it took on the virtual clock and at how many requests it took.
func TestFaults(t *testing.T) {
	f := func(name string, c *shippertest.Cluster, account string, least, most time.Duration, requests int) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, c, Config{Workers: 1})
				start := time.Now()
				r.put(t, 1, 100)
				r.close(t)
				r.want(t, "documents_in=100 "+account)
				if d := time.Since(start); d < least || d > most {
					t.Errorf("took %s, want %s to %s\n%s", d, least, most, r.log)
				}
				if n := len(c.Requests()); n != requests {
					t.Errorf("%d requests, want %d\n%s", n, requests, r.log)
				}
			})
		})
	}
	cluster := func(faults ...shippertest.Fault) *shippertest.Cluster {
		return &shippertest.Cluster{Next: script(faults...)}
	}
	type fault = shippertest.Fault
	const all = "indexed=100"

	f("none", cluster(), all+" requests=1 failed=0", 0, 0, 1)
	f("reset before", cluster(fault{Reset: true}), all+" failed=1", 0, time.Second, 2)
	f("reset after it was done", cluster(fault{Reset: true, Apply: true}), "already_there=100 found_after_resend=100", 0, time.Second, 2)
	f("answer cut off", cluster(fault{Cut: true}), "already_there=100 found_after_resend=100", 0, time.Second, 2)
	f("no answer in time", cluster(fault{Delay: time.Hour}), "already_there=100 found_after_resend=100 failed=1", time.Minute, time.Minute+time.Second, 2)
	f("429", cluster(fault{Status: 429}, fault{Status: 429}), all+" failed=2", 0, 3*time.Second, 3)
	f("retry after seconds", cluster(fault{Status: 429, Header: map[string]string{"Retry-After": "30"}}), all, 30*time.Second, 30*time.Second, 2)
	f("retry after date", cluster(fault{Status: 503, Header: map[string]string{"Retry-After": "Sat, 01 Jan 2000 00:00:45 GMT"}}), all, 45*time.Second, 45*time.Second, 2)
	f("500 502 503 504", cluster(fault{Status: 500}, fault{Status: 502}, fault{Status: 503}, fault{Status: 504}), all+" failed=4", 0, 15*time.Second, 5)
	f("504 after it was done", cluster(fault{Status: 504, Apply: true}), "already_there=100 found_after_resend=100", 0, time.Second, 2)
	f("401 then well", cluster(fault{Status: 401}), all, pause, pause, 2)
	f("403 then well", cluster(fault{Status: 403}, fault{Status: 403}), all, 2*pause, 2*pause, 3)
	f("404 then well", cluster(fault{Status: 404}), all, pause, pause, 2)
	f("item 429", cluster(fault{Item: items(429, 0, 429)}), all+" retried_items=2", 0, time.Second, 2)
	f("item 503", cluster(fault{Item: items(503)}), all+" retried_items=1", 0, time.Second, 2)
	f("item 404", cluster(fault{Item: items(0, 404)}), all+" retried_items=1", pause, pause, 2)
	f("item 400", cluster(fault{Item: items(0, 400)}), "indexed=99 dead_letters=1", 0, 0, 1)
	f("items mixed", cluster(fault{Item: items(429, 400, 409, 503, 400)}), "indexed=97 already_there=1 dead_letters=2 retried_items=2", 0, time.Second, 2)
	f("cluster block", cluster(fault{Item: func(i int) *shippertest.Item {
		return &shippertest.Item{Status: 403, Type: "cluster_block_exception"}
	}}), all+" retried_items=100", 0, time.Second, 2)
	f("failure store", cluster(fault{Item: func(i int) *shippertest.Item {
		if i < 3 {
			return &shippertest.Item{FailureStore: true}
		}
		return nil
	}}), "indexed=97 failure_store=3", 0, 0, 1)
	f("no data stream in OpenSearch", &shippertest.Cluster{Other: missingOnce()}, all+" requests=1", pause, pause, 1)
	f("one poison", &shippertest.Cluster{Poison: func(id string) bool { return id == idOf(77) }}, "indexed=99 dead_letters=1", 0, 0, 15)
	f("one rejected", &shippertest.Cluster{Reject: func(id string) bool { return id == idOf(77) }}, "indexed=99 dead_letters=1", 0, 0, 1)
	f("one body too large", &shippertest.Cluster{Elasticsearch: true, MaxBody: 20000}, all, 0, 0, 7)
	f("every document too large", &shippertest.Cluster{MaxBody: 100}, "dead_letters=100", 0, 0, 107)
}

// missingOnce answers as OpenSearch without templates, for one try.
func missingOnce() func(*http.Request) (int, string) {
	creates := 0
	return func(r *http.Request) (int, string) {
		if r.Method == http.MethodGet {
			return 404, `{"error":{"type":"index_not_found_exception"}}`
		}
		if creates++; creates == 1 {
			return 400, `{"error":{"root_cause":[{"type":"illegal_argument_exception","reason":"no matching index template found for data stream [x]"}]}}`
		}
		return 200, `{"acknowledged":true}`
	}
}

func TestDeadLetter(t *testing.T) {
	c := &shippertest.Cluster{Reject: func(id string) bool { return id == idOf(3) }}
	r := newRig(t, c, Config{})
	r.put(t, 1, 5)
	r.close(t)
	list := r.letters(t)
	if len(list) != 1 {
		t.Fatalf("%d letters, want 1", len(list))
	}
	l := list[0]
	if l.Stream != "logs-flowferry.flow-default" || l.ID != idOf(3) || l.Status != 400 || l.Type != "mapper_parsing_exception" || l.Reason != "scripted" {
		t.Errorf("letter is %+v", l)
	}
	b := records(3, 1)
	b.Recs[0].SrcPort, b.Recs[0].End, b.Recs[0].Fwd.Bytes = 2, 1e18+2, 2
	want := ecs.AppendDocument(nil, b, &b.Recs[0])
	if string(l.Document) != string(want) {
		t.Errorf("document is\n%s\nwant\n%s", l.Document, want)
	}
	if info, err := os.Stat(r.cfg.DeadLetter); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	if s := r.log.String(); !strings.Contains(s, "mapper_parsing_exception") || strings.Contains(s, "192.0.2.1") {
		t.Errorf("log is %q", s)
	}
}

func TestDeadLetterLimit(t *testing.T) {
	c := &shippertest.Cluster{Reject: func(string) bool { return true }}
	r := newRig(t, c, Config{DeadLetterBytes: 10})
	r.put(t, 1, 5)
	r.close(t)
	r.want(t, "documents_in=5 dead_letters=5 dead_letters_not_kept=5")
	if text, err := os.ReadFile(r.cfg.DeadLetter); err != nil || len(text) > 0 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// A shipment of the same flows, by a new process, adds nothing.
func TestSecondShipment(t *testing.T) {
	c := &shippertest.Cluster{}
	for range 2 {
		r := newRig(t, c, Config{})
		r.put(t, 1, 300)
		r.close(t)
		if len(c.Docs()) != 300 {
			t.Errorf("%d documents", len(c.Docs()))
		}
		if r.stat("indexed")+r.stat("already_there") != 300 || r.stat("found_after_resend") != 0 {
			t.Errorf("%v", r.Stats())
		}
	}
}

// Each kind goes to its stream.
func TestStreams(t *testing.T) {
	c := &shippertest.Cluster{}
	r := newRig(t, c, Config{Namespace: "prod"})
	b := records(1, 3)
	b.Recs[1].Kind, b.Recs[2].Kind = flow.KindSession, flow.KindEvent
	if err := r.Put(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	r.close(t)
	for i, stream := range []string{"flow", "session", "event"} {
		if key := "logs-flowferry." + stream + "-prod/" + idOf(i+1); c.Docs()[key] == "" {
			t.Errorf("%s is missing in %v", key, c.Docs())
		}
	}
}

// A full queue drops and counts for a socket.
func TestQueueDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &shippertest.Cluster{Next: script(shippertest.Fault{Delay: 30 * time.Second})}
		r := newRig(t, c, Config{QueueBytes: 1000, Workers: 1})
		for i := range 10 {
			r.put(t, 1+100*i, 100)
			time.Sleep(2 * time.Second)
		}
		r.close(t)
		r.want(t, "documents_in=1000 indexed=100 queue_drops=900")
		if s := r.log.String(); strings.Count(s, "dropped") != 1 {
			t.Errorf("log is %q", s)
		}
	})
}

// A full queue holds a file source back.
func TestQueueBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &shippertest.Cluster{Next: script(shippertest.Fault{Delay: 30 * time.Second})}
		r := newRig(t, c, Config{QueueBytes: 1000, Workers: 1, Block: true})
		start := time.Now()
		r.put(t, 1, 100)
		r.put(t, 101, 100)
		if d := time.Since(start); d < 30*time.Second {
			t.Errorf("put waited %s", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := r.Put(ctx, records(201, 100)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("put into a full queue: %v", err)
		}
		if err := r.Close(context.Background()); err == nil || !strings.Contains(err.Error(), "100 documents are not written") {
			t.Errorf("close: %v", err)
		}
		r.want(t, "documents_in=300 indexed=200 unsent=100")
	})
}

// Close gives up when its context ends, and tells how many documents it could not write.
func TestCloseGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &shippertest.Cluster{Next: func(int) shippertest.Fault { return shippertest.Fault{Status: 503} }}
		r := newRig(t, c, Config{})
		r.put(t, 1, 100)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		err := r.Close(ctx)
		if err == nil || !strings.Contains(err.Error(), "100 documents are not written to opensearch 2.19.4 at http://localhost:9200: bulk: 503 Service Unavailable") {
			t.Errorf("close: %v", err)
		}
		r.want(t, "documents_in=100 unsent=100")
		if r.Trouble() == "" {
			t.Error("no trouble")
		}
		if err := r.Put(t.Context(), records(1, 1)); err == nil {
			t.Error("put after close")
		}
	})
}

// A document does not wait longer than the flush interval, though its body is not full.
func TestFlushInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &shippertest.Cluster{}
		r := newRig(t, c, Config{FlushInterval: 3 * time.Second})
		r.put(t, 1, 1)
		time.Sleep(2 * time.Second)
		r.put(t, 2, 1)
		synctest.Wait()
		if n := len(c.Docs()); n != 0 {
			t.Errorf("%d documents after 2 s", n)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(c.Docs()); n != 2 {
			t.Errorf("%d documents after 3 s", n)
		}
		r.close(t)
	})
}

// Bodies grow to their target, and beyond while the sender is busy.
func TestBodySizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &shippertest.Cluster{Next: func(int) shippertest.Fault { return shippertest.Fault{Delay: 10 * time.Second} }}
		r := newRig(t, c, Config{BatchBytes: 50_000, Workers: 1, Compression: -1})
		for i := range 10 {
			r.put(t, 1+256*i, 256)
			synctest.Wait()
		}
		r.close(t)
		r.want(t, "documents_in=2560 indexed=2560")
		for i, q := range c.Requests() {
			most := 102_000
			if i < 1 {
				most = 52_000
			}
			if q.Size > most || q.Header.Get("Content-Encoding") != "" {
				t.Errorf("request %d of %d bytes, %v", i, q.Size, q.Header)
			}
		}
	})
}

// The log has one line per minute, however often the cluster refuses, and names what is missing.
func TestPauseLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &shippertest.Cluster{Next: script(make13(shippertest.Fault{Status: 403})...)}
		r := newRig(t, c, Config{Workers: 1})
		r.put(t, 1, 1)
		r.close(t)
		r.want(t, "documents_in=1 indexed=1")
		got := strings.Split(r.log.String(), "\n")
		if len(got) != 3 || !strings.Contains(got[0], "index privilege create_doc on logs-flowferry.flow-default") {
			t.Errorf("130 s of 403 gave %d lines: %q", len(got), got)
		}
	})
}

func make13(f shippertest.Fault) (list []shippertest.Fault) {
	for range 13 {
		list = append(list, f)
	}
	return list
}
