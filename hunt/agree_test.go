package hunt

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/mappings"
	"github.com/flowferry/flowferry/shipper/enginetest"
	"github.com/flowferry/flowferry/store"
	"github.com/flowferry/flowferry/store/storetest"
)

// sample is generated records, as a batch and in a store.
type sample struct {
	b    *flow.Batch
	s    *store.Store
	docs []map[string][]string // per record: field → values as text
}

// newSample makes n records over two hours. Their times differ by a microsecond at least, and
// event.sequence names each.
func newSample(t testing.TB, n int) *sample {
	t.Helper()
	sm := &sample{b: storetest.New(3, n, 2*time.Hour).Batch(n)}
	for i := range sm.b.Recs {
		vary(sm.b, &sm.b.Recs[i], i)
		doc := map[string]any{}
		if err := json.Unmarshal(ecs.AppendDocument(nil, sm.b, &sm.b.Recs[i]), &doc); err != nil {
			t.Fatal(err)
		}
		flat := map[string][]string{}
		flatten("", doc, flat)
		sm.docs = append(sm.docs, flat)
	}
	var err error
	if sm.s, err = store.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	w, err := sm.s.Writer(store.WriterConfig{Name: "sample", Replace: true, FlushRows: max(n/5, 1)})
	if err != nil {
		t.Fatal(err)
	}
	put := flow.NewBatch()
	for i := range sm.b.Recs {
		put.Copy(sm.b, &sm.b.Recs[i])
	}
	if err := w.Put(context.Background(), put); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return sm
}

// vary makes some records unlike the others: without counts, sampled, with few fields.
func vary(b *flow.Batch, r *flow.Record, i int) {
	switch i % 11 {
	case 3:
		r.Has &^= flow.HasBytes | flow.HasPackets
	case 5:
		r.Sampling = 100
	case 7:
		*r = flow.Record{Start: r.End, End: r.End, Received: r.Received, Origin: r.Origin, Ord: r.Ord, Src: r.Src, Dst: r.Dst}
	case 9:
		r.Enr = 0
		r.Complete = false
	}
}

func flatten(name string, v any, to map[string][]string) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			flatten(strings.TrimPrefix(name+"."+k, "."), x, to)
		}
	case []any:
		for _, x := range v {
			flatten(name, x, to)
		}
	case float64:
		to[name] = append(to[name], string(appendFloat64(v)))
	default:
		to[name] = append(to[name], fmt.Sprint(v))
	}
}

func appendFloat64(v float64) []byte {
	b, _ := json.Marshal(v)
	return b
}

// randomQuery makes a query of conditions that some record of the sample passes, or just not.
func (sm *sample) randomQuery(rnd *rand.Rand, depth int) string {
	if depth > 0 && rnd.IntN(3) > 0 {
		a, b := sm.randomQuery(rnd, depth-1), sm.randomQuery(rnd, depth-1)
		switch rnd.IntN(4) {
		case 0:
			return "not (" + a + ")"
		case 1:
			return "(" + a + ") AND " + b
		case 2:
			return "(" + a + " or " + b + ")"
		}
		return a + " and not (" + b + ")"
	}
	doc := sm.docs[rnd.IntN(len(sm.docs))]
	names := slices.Sorted(maps.Keys(doc))
	for {
		name := names[rnd.IntN(len(names))]
		if f := ecs.Lookup(name); f != nil {
			vs := doc[name]
			return condition(rnd, f, vs[rnd.IntN(len(vs))])
		}
	}
}

func condition(rnd *rand.Rand, f *ecs.Field, v string) string {
	op := []string{":", "<", "<=", ">", ">="}[rnd.IntN(5)]
	if rnd.IntN(8) == 0 {
		return f.Name + ":*"
	}
	switch f.Type {
	case ecs.Keyword:
		switch rnd.IntN(4) {
		case 0:
			n := rnd.IntN(len(v))
			return f.Name + ":" + patternText([]string{v[:n], ""})
		case 1:
			return f.Name + ":" + patternText([]string{"", v[len(v)/2:]})
		case 2:
			return fmt.Sprintf("%s:(%q or %q)", f.Name, v, v+"x")
		}
		return f.Name + ":" + string(appendValue(nil, v))
	case ecs.IP:
		if rnd.IntN(2) == 0 {
			return fmt.Sprintf("%s:%s/%d", f.Name, v, []int{8, 16, 20, 24, 28}[rnd.IntN(5)])
		}
		return f.Name + " " + op + " " + v
	case ecs.Date:
		cut := []int{10, 16, len(v)}[rnd.IntN(3)]
		return fmt.Sprintf("%s %s %q", f.Name, op, v[:cut])
	case ecs.Boolean:
		return f.Name + ":" + v
	case ecs.Long, ecs.Float:
		return f.Name + " " + op + " " + v
	}
	return f.Name + ":*"
}

// select1 gives the sequence numbers of the records that the store's evaluation selects.
func (sm *sample) fromStore(t *testing.T, q *Query) (seqs []int64) {
	t.Helper()
	err := sm.s.Scan(context.Background(), store.ScanOptions{Columns: append(q.Columns(), "event.sequence"), Workers: 1}, func(c *store.Chunk) error {
		seq := c.Column("event.sequence")
		for _, r := range selected(nil, q, c) {
			v, _ := seq.Int(int(r))
			seqs = append(seqs, v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(seqs)
	return seqs
}

func (sm *sample) fromRecords(q *Query) (seqs []int64) {
	for i := range sm.b.Recs {
		if q.Match(sm.b, &sm.b.Recs[i]) {
			seqs = append(seqs, int64(sm.b.Recs[i].Ord))
		}
	}
	slices.Sort(seqs)
	return seqs
}

// TestStoreAgrees compares what the store selects with what records match, for many queries.
func TestStoreAgrees(t *testing.T) {
	sm := newSample(t, 2000)
	rnd := rand.New(rand.NewPCG(1, 2))
	some := 0
	for range 600 {
		text := sm.randomQuery(rnd, 2)
		q, err := Parse(text)
		if err != nil {
			t.Fatalf("%v", err)
		}
		want, got := sm.fromRecords(q), sm.fromStore(t, q)
		if !slices.Equal(want, got) {
			t.Errorf("%s\nrecords %d, store %d", text, len(want), len(got))
		}
		if len(want) > 0 && len(want) < len(sm.b.Recs) {
			some++
		}
	}
	if some < 200 {
		t.Errorf("only %d queries told records apart", some)
	}
}

// engine is a running engine with the sample's documents.
type engine struct {
	t     *testing.T
	url   string
	index string
}

func (e *engine) do(method, path string, body []byte) (int, []byte) {
	e.t.Helper()
	return enginetest.Request(e.t, method, e.url+path, body)
}

// Search makes the engine a Searcher.
func (e *engine) Search(_ context.Context, index string, body []byte) ([]byte, error) {
	status, answer := e.do("POST", "/"+index+"/_search", body)
	if status != 200 {
		return nil, fmt.Errorf("search: %d %s", status, answer)
	}
	return answer, nil
}

// load starts the engine, sets up its templates and ships the documents.
func load(t *testing.T, name, flavour string, sm *sample) *engine {
	e := &engine{t: t, url: enginetest.Start(t, name), index: mappings.DataStream("flow", "hunt")}
	for _, o := range mappings.Objects(flavour) {
		if status, answer := e.do(o.Method, o.Path, o.Body); status/100 != 2 && !o.Optional {
			t.Fatalf("set up %s: %d %s", o.Name, status, answer)
		}
	}
	var body []byte
	for i := range sm.b.Recs {
		body = append(body, `{"create":{}}`+"\n"...)
		body = append(ecs.AppendDocument(body, sm.b, &sm.b.Recs[i]), '\n')
	}
	status, answer := e.do("POST", "/"+e.index+"/_bulk?refresh=true", body)
	if status != 200 || bytes.Contains(answer, []byte(`"errors":true`)) {
		t.Fatalf("bulk: %d %.2000s", status, answer)
	}
	return e
}

func (e *engine) sequences(q *Query) (seqs []int64) {
	e.t.Helper()
	body, err := json.Marshal(object{"size": 10000, "query": q.DSL(), "_source": []string{"event.sequence"}})
	if err != nil {
		e.t.Fatal(err)
	}
	answer, err := e.Search(context.Background(), e.index, body)
	if err != nil {
		e.t.Fatalf("%s: %v", q, err)
	}
	var a struct {
		Hits struct {
			Hits []struct {
				Source struct{ Event struct{ Sequence int64 } } `json:"_source"`
			}
		}
	}
	if err := json.Unmarshal(answer, &a); err != nil {
		e.t.Fatal(err)
	}
	for _, h := range a.Hits.Hits {
		seqs = append(seqs, h.Source.Event.Sequence)
	}
	slices.Sort(seqs)
	return seqs
}

// tops are questions that store and cluster must answer alike.
var tops = []struct {
	top   Top
	query string
}{
	{Top{By: []string{"source.ip"}, Sum: []string{"network.bytes"}}, ""},
	{Top{By: []string{"source.ip"}, Sum: []string{"network.bytes", "network.packets"}, Asc: true, Limit: 7}, "destination.port:443"},
	{Top{By: []string{"dport", "proto"}, Distinct: []string{"source.ip", "destination.geo.country_iso_code"}}, ""},
	{Top{By: []string{"destination.geo.country_iso_code", "network.direction", "flow.complete"}, Limit: -1}, "not port:53"},
	{Top{By: []string{"related.ip"}, Sum: []string{"bytes"}, Limit: 25}, ""},
	{Top{By: []string{"flow.source.tcp_flags", "dns.resolved_ip"}, Sum: []string{"bytes"}, Limit: -1}, ""},
	{Top{By: []string{"flow.source.tcp_flags"}, Sum: []string{"flow.pcr"}, Distinct: []string{"related.ip"}}, "flow.state:established"},
	{Top{By: []string{"dst"}, Sort: "first", Asc: true, Seen: true}, "bytes > 1k"},
	{Top{By: []string{"flow.pcr"}, Sort: "count", Limit: 30}, ""},
	{Top{By: []string{"event.start"}, Sort: "last", Limit: 30}, ""},
	{Top{By: []string{"dport"}, From: storetest.Start.Add(17 * time.Minute).UnixNano(), To: storetest.Start.Add(77 * time.Minute).UnixNano()}, ""},
	{Top{By: []string{"user.name"}}, ""},
	{Top{By: []string{"flow.dns.answers"}, Seen: true, Limit: -1}, ""},
	{Top{By: []string{"dns.question.name", "flow.dns.answers"}, Distinct: []string{"flow.dns.answers", "source.ip"}}, "flow.dns.answers:a.example*"},
	{Top{By: []string{"flow.tls.alpn"}, Sum: []string{"bytes"}, Limit: -1}, ""},
	{Top{By: []string{"destination.domain", "flow.domain_by"}, Sort: "first", Limit: -1}, ""},
}

// TestEnginesAgree compares hits and tops with those of real engines.
func TestEnginesAgree(t *testing.T) {
	sm := newSample(t, 3000)
	for name, flavour := range map[string]string{enginetest.OpenSearch: mappings.OpenSearch, enginetest.Elasticsearch: mappings.Elasticsearch} {
		t.Run(name, func(t *testing.T) {
			e := load(t, name, flavour, sm)
			rnd := rand.New(rand.NewPCG(5, 6))
			for range 120 {
				text := sm.randomQuery(rnd, 2)
				q, err := Parse(text)
				if err != nil {
					t.Fatal(err)
				}
				if want, got := sm.fromRecords(q), e.sequences(q); !slices.Equal(want, got) {
					t.Errorf("%s\nrecords %d, %s %d", text, len(want), name, len(got))
				}
			}
			for _, c := range tops {
				q, err := Parse(c.query)
				if err != nil {
					t.Fatal(err)
				}
				want, err := c.top.Store(context.Background(), sm.s, q)
				if err != nil {
					t.Fatal(err)
				}
				got, err := c.top.Cluster(context.Background(), e, e.index, q)
				if err != nil {
					t.Fatal(err)
				}
				if !sameResult(want, got) {
					t.Errorf("%+v %s\nstore   %v\n%s %v", c.top, c.query, want, name, got)
				}
			}
		})
	}
}

// sameResult compares results; sums of floats may differ by the order of adding.
func sameResult(a, b *Result) bool {
	near := func(x, y []float64) bool {
		return slices.EqualFunc(x, y, func(p, q float64) bool { return p == q || p-q < 1e-6 && q-p < 1e-6 })
	}
	return a.Groups == b.Groups && a.Total.Count == b.Total.Count && near(a.Total.Sum, b.Total.Sum) &&
		slices.EqualFunc(a.Rows, b.Rows, func(x, y Row) bool {
			return slices.Equal(x.Key, y.Key) && x.Count == y.Count && near(x.Sum, y.Sum) && slices.Equal(x.Distinct, y.Distinct) && x.First == y.First && x.Last == y.Last
		})
}

// TestTopStore compares tops with a plain count over the documents.
func TestTopStore(t *testing.T) {
	sm := newSample(t, 3000)
	for _, c := range tops {
		q, err := Parse(c.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.top.Store(context.Background(), sm.s, q)
		if err != nil {
			t.Fatal(err)
		}
		if want := sm.plainTop(t, c.top, q); !sameResult(want, got) {
			t.Errorf("%+v %s\nplain %v\nstore %v", c.top, c.query, want, got)
		}
	}
}

// plainTop groups documents one by one.
func (sm *sample) plainTop(t *testing.T, top Top, q *Query) *Result {
	p, err := top.plan()
	if err != nil {
		t.Fatal(err)
	}
	groups := map[string]*Row{}
	sets := map[string]map[string]bool{}
	total := Row{Sum: make([]float64, len(p.sum))}
	for i := range sm.b.Recs {
		r, doc := &sm.b.Recs[i], sm.docs[i]
		if !q.Match(sm.b, r) || p.From != 0 && (r.End < p.From || r.End >= p.To) {
			continue
		}
		keys := product(p.by, doc)
		if len(keys) == 0 {
			continue
		}
		total.Count++
		add(p, total.Sum, doc)
		for _, k := range keys {
			id := joinKey(k)
			g := groups[id]
			if g == nil {
				g = &Row{Key: k, Sum: make([]float64, len(p.sum)), Distinct: make([]int64, len(p.distinct))}
				groups[id] = g
			}
			g.Count++
			add(p, g.Sum, doc)
			if p.Seen && r.Has.Has(flow.HasTimes) {
				if s := floorMs(r.Start); g.First == 0 || s < g.First {
					g.First = s
				}
				g.Last = max(g.Last, floorMs(r.End))
			}
			for d, f := range p.distinct {
				for _, v := range texts(f, doc) {
					set := fmt.Sprint(d, id)
					if sets[set] == nil {
						sets[set] = map[string]bool{}
					}
					sets[set][v] = true
					g.Distinct[d] = int64(len(sets[set]))
				}
			}
		}
	}
	var rows []Row
	for _, g := range groups {
		rows = append(rows, *g)
	}
	return p.result(rows, total)
}

func product(by []*ecs.Field, doc map[string][]string) [][]string {
	keys := [][]string{nil}
	for _, f := range by {
		var next [][]string
		for _, k := range keys {
			for _, v := range texts(f, doc) {
				next = append(next, append(slices.Clone(k), v))
			}
		}
		keys = next
	}
	return keys
}

// texts gives the distinct values of a field of a document as keys have them.
func texts(f *ecs.Field, doc map[string][]string) (vs []string) {
	for _, v := range doc[f.Name] {
		switch f.Type {
		case ecs.Float:
			v = keyText(f, json.Number(v))
		case ecs.Date:
			at, _ := time.Parse(time.RFC3339Nano, v)
			v = string(appendMillis(nil, at.UnixMilli()))
		}
		if !slices.Contains(vs, v) {
			vs = append(vs, v)
		}
	}
	return vs
}

func add(p *plan, sums []float64, doc map[string][]string) {
	for i, f := range p.sum {
		for _, v := range doc[f.Name] {
			var x float64
			_ = json.Unmarshal([]byte(v), &x)
			if f.Type == ecs.Float {
				x = float64(float32(x))
			}
			sums[i] += x
		}
	}
}
