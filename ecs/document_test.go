package ecs

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/flowferry/flowferry/ecs/ecstest"
	"github.com/flowferry/flowferry/flow"
)

func filled() (*flow.Batch, *flow.Record) { return ecstest.Filled() }

func document(t testing.TB, b *flow.Batch, r *flow.Record) map[string]any {
	t.Helper()
	text := AppendDocument(nil, b, r)
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	again, _ := json.Marshal(doc)
	if keys(text) != keys(again) {
		t.Fatalf("an object names a member twice: %s", text)
	}
	return doc
}

// keys counts what looks like a member's name.
func keys(text []byte) int { return strings.Count(string(text), `":`) }

// get follows a dotted name into a document.
func get(doc any, name string) any {
	for _, part := range strings.Split(name, ".") {
		m, ok := doc.(map[string]any)
		if !ok {
			return nil
		}
		doc = m[part]
	}
	return doc
}

// leaves counts the values of a document that are not objects of our making.
func leaves(doc any, name string) (n int) {
	m, ok := doc.(map[string]any)
	if f := Lookup(name); !ok || f != nil {
		return 1
	}
	for k, v := range m {
		n += leaves(v, strings.TrimPrefix(name+"."+k, "."))
	}
	return n
}

func TestDocumentFilled(t *testing.T) {
	b, r := filled()
	doc := document(t, b, r)
	absent := map[string]bool{"network.inner.vlan.id": true} // only of our own meter
	n := 0
	for i := range Fields {
		f := &Fields[i]
		v := get(doc, f.Name)
		switch {
		case f.Type == Alias || absent[f.Name]:
			if v != nil {
				t.Errorf("%s: is there: %v", f.Name, v)
			}
			continue
		case v == nil:
			t.Errorf("%s: absent", f.Name)
		case f.Multi != (reflect.TypeOf(v).Kind() == reflect.Slice):
			t.Errorf("%s: %v, multi is %v", f.Name, v, f.Multi)
		}
		n++
	}
	if got := leaves(doc, ""); got != n {
		t.Errorf("%d values for %d fields", got, n)
	}
}

func TestDocumentValues(t *testing.T) {
	b, r := filled()
	doc := document(t, b, r)
	f := func(name string, want any) {
		t.Helper()
		if got := get(doc, name); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, want %#v", name, got, want)
		}
	}
	list := func(s ...any) []any { return s }
	f("@timestamp", "2024-02-29T23:59:59.123456789Z")
	f("event.start", "2024-02-29T23:59:57.623456789Z")
	f("event.duration", 1500e6)
	f("event.type", list("connection", "end"))
	f("event.outcome", "success")
	f("cloud.account.id", "123456789010")
	f("cloud.availability_zone", "euw1-az1")
	f("flow.extra", map[string]any{"vpc-id": "vpc-1a2b", "rule": `"deny"`})
	f("event.dataset", "flowferry.flow")
	f("source.ip", "10.1.2.3")
	f("source.bytes", 3000.)
	f("source.mac", "00-00-5E-00-53-23")
	f("source.locality", "internal")
	f("destination.locality", "external")
	f("destination.domain", "www.example.com")
	f("flow.domain_by", "sni")
	f("source.domain", "desk.example.com")
	f("flow.source.domain_by", "dns_other")
	f("flow.dns.answers", list("www.example.com CNAME example.com", "example.com A 93.184.216.34"))
	f("destination.subnet", "81.2.69.0/24")
	f("destination.geo.location", map[string]any{"lat": 51.5142, "lon": -0.0931})
	f("network.bytes", 400000.)
	f("network.packets", 1800.)
	f("network.iana_number", "6")
	f("network.application", "office365")
	f("network.vlan.id", "100")
	f("observer.egress.vlan.id", "200")
	f("flow.sampled.bytes", 4000.)
	f("flow.pcr", .5)
	f("flow.complete", true)
	f("flow.origin", "0123456789abcdef")
	f("flow.source.tcp_flags", list("FIN", "SYN", "PSH", "ACK"))
	f("flow.destination.initial_tcp_flags", list("SYN", "ACK"))
	f("flow.seen_by", map[string]any{"exporter": list("192.0.2.2", "192.0.2.2"), "domain": list("5", "5"), "ingress": list("1", "3"), "egress": list("2", "4"),
		"start": list("2001-09-09T01:46:40.000Z", "2001-09-09T01:46:40.000Z"), "end": list("2033-05-18T03:33:20.000Z", "2033-05-18T03:33:20.000Z"),
		"bytes": list("500", "500"), "packets": list("5", "5")})
	f("flow.unknown", map[string]any{"9.12235": list("0102", "03"), "0.500": "78", "flowId": "07"})
	f("related.ip", list("10.1.2.3", "81.2.69.142", "198.51.100.7", "81.2.69.143", "10.1.2.4", "93.184.216.34"))
	f("threat.indicator.name", list("81.2.69.0/24"))
	f("url.domain", "www.example.com")
	f("url.path", "/a")
	f("url.query", "q=1")
	f("user_agent.original", `curl/8.5 "quoted"`)
	f("dns.answers.data", list("example.com", "93.184.216.34"))
}

// An empty record says nothing but what it is.
func TestDocumentEmpty(t *testing.T) {
	b := &flow.Batch{}
	got := string(AppendDocument([]byte("x"), b, b.Next()))
	want := `x{"@timestamp":"1970-01-01T00:00:00.000Z","ecs":{"version":"8.17.0"},"event":{"kind":"event","category":["network"],` +
		`"type":["connection"],"action":"network_flow","dataset":"flowferry.flow","sequence":0},"flow":{"origin":"0000000000000000","complete":false}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestScaled(t *testing.T) {
	f := func(fwd, rev uint64, sampling uint32, has flow.Set, want, raw int64) {
		t.Helper()
		b := &flow.Batch{}
		r := b.Next()
		r.Fwd.Bytes, r.Rev.Bytes, r.Sampling, r.Has = fwd, rev, sampling, has
		if got, _ := Lookup("network.bytes").Int(b, r); got != want {
			t.Errorf("network.bytes: got %d, want %d", got, want)
		}
		if got, ok := Lookup("flow.sampled.bytes").Int(b, r); ok != (sampling > 1) || ok && got != raw {
			t.Errorf("flow.sampled.bytes: got %d, want %d", got, raw)
		}
	}
	const both = flow.HasBytes | flow.HasRev
	f(10, 5, 0, both, 15, 0)
	f(10, 5, 1, both, 15, 0)
	f(10, 5, 100, both, 1500, 15)
	f(10, 5, 100, flow.HasBytes, 1000, 10)
	f(math.MaxUint64, 5, 1, both, math.MaxInt64, 0)
	f(math.MaxUint64, 5, 1000, both, math.MaxInt64, math.MaxInt64)
	f(1<<62, 0, 4, both, math.MaxInt64, 1<<62)
}

func TestEvents(t *testing.T) {
	f := func(e flow.Event, action, typ, outcome string) {
		t.Helper()
		b := &flow.Batch{}
		r := b.Next()
		r.Kind, r.Event = flow.KindEvent, e
		doc := document(t, b, r)
		if get(doc, "event.action") != action || get(doc, "event.type").([]any)[1] != typ || get(doc, "event.dataset") != "flowferry.event" {
			t.Errorf("%v: %v", e, doc)
		}
		if got, _ := get(doc, "event.outcome").(string); got != outcome {
			t.Errorf("%v: outcome %v", e, got)
		}
	}
	f(flow.EventCreated, "flow_created", "start", "success")
	f(flow.EventDeleted, "flow_deleted", "end", "")
	f(flow.EventDenied, "flow_denied", "denied", "failure")
	f(flow.EventUpdated, "flow_updated", "info", "")
	f(flow.EventNATCreate, "nat_create", "start", "success")
	f(flow.EventNATDelete, "nat_delete", "end", "")
	f(flow.EventNATRefused, "nat_refused", "denied", "failure")
	f(flow.EventNoData, "no_data", "info", "")
	f(flow.EventSkipData, "skip_data", "info", "")
}

// The verdict of a firewall stands on the flow itself.
func TestVerdict(t *testing.T) {
	f := func(e flow.Event, s flow.State, outcome any, types ...any) {
		t.Helper()
		b := &flow.Batch{}
		r := b.Next()
		r.Event, r.State = e, s
		doc := document(t, b, r)
		if !reflect.DeepEqual(get(doc, "event.type"), types) || get(doc, "event.outcome") != outcome ||
			get(doc, "event.dataset") != "flowferry.flow" || get(doc, "event.action") != "network_flow" {
			t.Errorf("%v, %v: %v", e, s, doc)
		}
	}
	f(flow.EventNone, flow.StateUnknown, nil, "connection")
	f(flow.EventAllowed, flow.StateUnknown, nil, "connection", "allowed")
	f(flow.EventAllowed, flow.StateEstablished, "success", "connection", "allowed")
	f(flow.EventDenied, flow.StateRejected, "failure", "connection", "denied")
}

// Whatever a record's bits and texts are, its document is JSON that names no member twice, and
// holds the texts as encoding/json would.
func TestDocumentAnyRecord(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b, r := filled()
		r.Has = flow.Set(rapid.Uint64().Draw(rt, "has")) & (flow.HasFlows<<1 - 1)
		r.Kind = flow.Kind(rapid.IntRange(0, 2).Draw(rt, "kind"))
		r.Start, r.End = rapid.Int64().Draw(rt, "start"), rapid.Int64().Draw(rt, "end")
		r.Fwd.Bytes, r.Sampling = rapid.Uint64().Draw(rt, "bytes"), rapid.Uint32().Draw(rt, "sampling")
		name := string(rapid.SliceOf(rapid.Byte()).Draw(rt, "name"))
		b.Meta[0].DNS = &flow.DNS{Question: name}
		b.Meta[0].AppName = name
		b.Enr[0].Dst = &flow.Place{Lat: math.NaN(), Located: true, City: name}
		if rapid.Bool().Draw(rt, "plain") {
			r.Meta = 0
		}
		if rapid.Bool().Draw(rt, "bare") {
			r.Enr = 0
		}
		doc := document(t, b, r)
		if name != "" && r.Meta != 0 {
			if got, want := get(doc, "dns.question.name"), strings.ToValidUTF8(name, "\uFFFD"); got != viaJSON(name) {
				t.Fatalf("%q became %q, want %q", name, got, want)
			}
		}
		if got := get(doc, "destination.geo.location"); got != nil {
			t.Fatalf("a location that is no number: %v", got)
		}
	})
}

// viaJSON is a string as it comes back from encoding/json.
func viaJSON(s string) (back string) {
	text, _ := json.Marshal(s)
	_ = json.Unmarshal(text, &back)
	return back
}

func TestAppendQuoted(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		if got := string(appendQuoted(nil, s)); got != want {
			t.Errorf("%q: got %s, want %s", s, got, want)
		}
	}
	f("", `""`)
	f("plain", `"plain"`)
	f("a\"b\\c", `"a\"b\\c"`)
	f("\n\r\t\x00\x1f", `"\n\r\t\u0000\u001f"`)
	f("Zürich 🦀", `"Zürich 🦀"`)
	f("\x7f", "\"\x7f\"")
	f("bad \xff\xfe end", "\"bad \uFFFD\uFFFD end\"")
	f("cut \xe2\x82", "\"cut \uFFFD\uFFFD\"")
	f("real \uFFFD", "\"real \uFFFD\"")
}

func TestAppendTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.Int64().Draw(t, "ns")
		got := string(AppendTime(nil, ns))
		back, err := time.Parse(time.RFC3339Nano, got)
		if err != nil || back.UnixNano() != ns {
			t.Fatalf("%d was written %s, which is %d (%v)", ns, got, back.UnixNano(), err)
		}
	})
	f := func(ns int64, want string) {
		t.Helper()
		if got := string(AppendTime(nil, ns)); got != want {
			t.Errorf("%d: got %s, want %s", ns, got, want)
		}
	}
	f(0, "1970-01-01T00:00:00.000Z")
	f(-1, "1969-12-31T23:59:59.999999999Z")
	f(951782400e9+123e6, "2000-02-29T00:00:00.123Z")
	f(1e3, "1970-01-01T00:00:00.000001Z")
}

func TestID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := func(origin, ord uint64) string {
			return string(AppendID(nil, &flow.Record{Origin: origin, Ord: ord}))
		}
		o, p := rapid.Uint64().Draw(t, "o"), rapid.Uint64().Draw(t, "p")
		n, m := rapid.Uint64Max(1<<55-1).Draw(t, "n"), rapid.Uint64Max(1<<55-1).Draw(t, "m")
		a, b := id(o, n), id(p, m)
		if len(a) != 24 || strings.Trim(a, idLetters) != "" {
			t.Fatalf("id %q", a)
		}
		if less := o < p || o == p && n < m; (a < b) != less {
			t.Fatalf("%x/%d is %s, %x/%d is %s", o, n, a, p, m, b)
		}
	})
}

func TestStream(t *testing.T) {
	f := func(k flow.Kind, want string) {
		t.Helper()
		if got := Stream(k); got != want || dataset(k) != "flowferry."+want || k < 200 && k.String() != want {
			t.Errorf("%d: %s, %s", k, got, dataset(k))
		}
	}
	f(flow.KindFlow, "flow")
	f(flow.KindSession, "session")
	f(flow.KindEvent, "event")
	f(255, "event")
}

func TestAllocatesNothing(t *testing.T) {
	if race {
		t.Skip("the race detector makes pools forget")
	}
	b, r := filled()
	dst := AppendDocument(nil, b, r)
	if n := testing.AllocsPerRun(200, func() { dst = AppendDocument(dst[:0], b, r) }); n != 0 {
		t.Errorf("AppendDocument: %v allocations", n)
	}
	if n := testing.AllocsPerRun(200, func() { dst = AppendID(dst[:0], r) }); n != 0 {
		t.Errorf("AppendID: %v allocations", n)
	}
}

func BenchmarkAppendDocument(b *testing.B) {
	f := func(name string, change func(*flow.Record)) {
		b.Run(name, func(b *testing.B) {
			batch, r := filled()
			change(r)
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = AppendDocument(dst[:0], batch, r)
			}
			b.ReportMetric(float64(len(dst)), "bytes/doc")
		})
	}
	usual := flow.HasTimes | flow.HasPorts | flow.HasProto | flow.HasBytes | flow.HasPackets | flow.HasFlags | flow.HasToS | flow.HasInIf | flow.HasOutIf | flow.HasDomain
	f("export", func(r *flow.Record) { r.Has, r.Meta, r.Enr, r.Sampling = usual, 0, 0, 1 })
	f("biflow+geo", func(r *flow.Record) { r.Has, r.Meta, r.Sampling = usual|flow.HasRev|flow.HasInitFlags, 0, 1 })
	f("everything", func(*flow.Record) {})
}
