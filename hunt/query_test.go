package hunt

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
	"github.com/flowferry/flowferry/internal/golden"
	"github.com/flowferry/flowferry/store/storetest"
)

// now is the present of the tests.
var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func parseAt(s string) (*Query, error) {
	p := &parser{s: s, clock: now.UnixNano}
	root, err := p.query()
	if err != nil {
		return nil, err
	}
	return newQuery(root), nil
}

// TestGoldenQueries reads queries, one a line, and compares their plain form and DSL, or the
// error, with what the golden file says.
func TestGoldenQueries(t *testing.T) {
	golden.Check(t, "../testdata/golden/hunt_queries.txtar", func(f txtar.File) (got []byte) {
		for line := range strings.Lines(string(f.Data)) {
			if query, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "> "); ok {
				got = fmt.Appendf(got, "> %s\n%s\n", query, answerTo(t, query))
			}
		}
		return got
	})
}

func answerTo(t *testing.T, query string) string {
	q, err := parseAt(query)
	if err != nil {
		return err.Error()
	}
	dsl, err := json.Marshal(q.DSL())
	if err != nil {
		t.Fatal(err)
	}
	again, err := parseAt(q.String())
	if err != nil || again.String() != q.String() {
		t.Errorf("%s: prints %s, which parses to %v, %v", query, q, again, err)
	}
	return q.String() + "\n" + string(dsl)
}

func TestMatch(t *testing.T) {
	b := &flow.Batch{}
	r, err := flow.ParseText(b, `src=10.1.2.3:40000 dst=192.0.2.9:443 proto=6 start=2026-11-21T08:00:00Z end=2026-11-21T08:00:01.0005Z fwd=3/180 rev=2/1200 fwd.flags=SA meta={"TLS":{"ServerName":"www.a.example","ALPN":["h2","http/1.1"]}}`)
	if err != nil {
		t.Fatal(err)
	}
	f := func(query string, want bool) {
		t.Helper()
		q, err := parseAt(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := q.Match(b, r); got != want {
			t.Errorf("%s: %v", query, got)
		}
	}
	f("", true)
	f("*", true)
	f("not *", false)
	f("source.ip:10.1.2.3", true)
	f("source.ip:10.1.0.0/16", true)
	f("source.ip:10.2.0.0/16", false)
	f("client.ip:10.1.2.3", true) // an alias
	f("ip:192.0.2.9", true)
	f("ip:192.0.2.0/24 and not ip:10.0.0.0/8", false)
	f("source.ip > 10.1.2.2 and source.ip <= 10.1.2.3", true)
	f("source.ip < 10.1.2.3", false)
	f("destination.port:(80 or 443)", true)
	f("destination.port:(80, 443)", true)
	f("destination.port:(not 443)", false)
	f("destination.port > 442 AND destination.port < 444", true)
	f("destination.port >= 444", false)
	f("network.bytes:1380", true)
	f("network.bytes > 1k", true)
	f("network.bytes > 1KiB", true)
	f("network.bytes >= 1.38kB", true)
	f("network.bytes > 1.38kB", false)
	f("event.duration >= 1s and duration < 2s", true)
	f("tls.client.server_name:www.a.example", true)
	f("tls.client.server_name:WWW.A.EXAMPLE", false)
	f("tls.client.server_name:*.example", true)
	f("tls.client.server_name:www*a*e", true)
	f("tls.client.server_name:w*.b.*", false)
	f(`tls.client.server_name:"*.example"`, false)
	f(`tls.client.server_name:\*.example`, false)
	f("flow.tls.alpn:h2 and flow.tls.alpn:http*", true)
	f("flow.source.tcp_flags:(SYN and ACK) and not flow.source.tcp_flags:FIN", true)
	f("flow.destination.tcp_flags:*", false)
	f("not flow.destination.tcp_flags:FIN", true) // absent: not FIN
	f("dns.question.name:*", false)
	f("@timestamp:2026-11-21", true)
	f(`@timestamp:"2026-11-21 08:00"`, true)
	f(`@timestamp > "2026-11-21 08:00"`, false) // the whole minute
	f(`@timestamp:"2026-11-21T08:00:01.000Z"`, true)
	f("@timestamp >= now-4h", true)
	f("@timestamp >= now-3h", false)
	f("flow.pcr < 0", true)
	f("flow.complete:false", true)
	f("not (not (flow.complete:false))", true)
}

// TestMatchAllocates makes sure that it does not. It goes past the pool, from which the race
// detector takes things away.
func TestMatchAllocates(t *testing.T) {
	b := storetest.New(1, 10, time.Minute).Batch(10)
	q, err := Parse("(related.ip:198.51.0.0/16 or flow.source.tcp_flags:FIN) and network.community_id:1* and not user.name:x and flow.pcr < 2")
	if err != nil {
		t.Fatal(err)
	}
	var room scratch
	for i := range b.Recs { // the scratch finds its size
		q.match(b, &b.Recs[i], &room)
	}
	if n := testing.AllocsPerRun(100, func() {
		for i := range b.Recs {
			q.match(b, &b.Recs[i], &room)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	batch := storetest.New(1, 256, time.Minute).Batch(256)
	q, err := Parse("destination.port:(443 or 80) and not source.ip:10.1.0.0/28 and bytes > 1k")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q.Match(batch, &batch.Recs[i&255])
	}
}

// FuzzParse reads queries: no panic, and what parses prints a form that parses to the same.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "*", "ip:10.0.0.0/8 and not port:(443 or 80)", `a:"x\"y" or flow.state:(not (a, b*))`, "source.ip > ::1",
		"event.duration >= 1.5h and @timestamp < now-7d", "not not flow.pcr <= -0.25", `dns.question.name:*\*\ x*`, "((((ip:*))))"} {
		f.Add(s)
	}
	b := storetest.New(1, 20, time.Hour).Batch(20)
	f.Fuzz(func(t *testing.T, s string) {
		defer fuzztest.Guard()()
		q, err := parseAt(s)
		if err != nil {
			if e := err.(*Error); e.Column < 1 || e.Column > len(s)+1 || e.Msg == "" {
				t.Errorf("%+v", e)
			}
			return
		}
		again, err := parseAt(q.String())
		if err != nil || again.String() != q.String() {
			t.Fatalf("%q prints %q, which parses to %v, %v", s, q, again, err)
		}
		for i := range b.Recs {
			if q.Match(b, &b.Recs[i]) != again.Match(b, &b.Recs[i]) {
				t.Errorf("%q and %q differ", s, q)
			}
		}
		if _, err := json.Marshal(q.DSL()); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	})
}

func TestTimes(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		got, err := ParseTime(s, now)
		if text := got.Format(time.RFC3339Nano); err != nil && want != "" || err == nil && text != want {
			t.Errorf("%q: %s, %v; want %s", s, text, err, want)
		}
	}
	f("24h", "2026-11-20T12:00:00Z")
	f("7d", "2026-11-14T12:00:00Z")
	f("2w", "2026-11-07T12:00:00Z")
	f("1h30m", "2026-11-21T10:30:00Z")
	f("now", "2026-11-21T12:00:00Z")
	f("now-15m", "2026-11-21T11:45:00Z")
	f("2026-11-21", "2026-11-21T00:00:00Z")
	f("2026-11-21 08:00", "2026-11-21T08:00:00Z")
	f("2026-11-21T08:00:01.5+02:00", "2026-11-21T06:00:01.5Z")
	f("yesterday", "")
	f("-5h", "")
	f("0", "")
	f("1.5d", "")
	f("9999-01-01", "")
	f("", "")
}
