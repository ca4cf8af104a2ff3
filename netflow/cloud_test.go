package netflow

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/golden"
)

const cloudDir = "../testdata/cloud"

// readLog reads a log to its end.
func readLog(t testing.TB, l *Log) *flow.Batch {
	t.Helper()
	all := &flow.Batch{}
	err := l.Run(t.Context(), func(b *flow.Batch) {
		for i := range b.Recs {
			all.Copy(b, &b.Recs[i])
		}
		b.Free()
	})
	if err != nil {
		t.Fatal(err)
	}
	logBalance(t, l, all)
	return all
}

// logBalance checks the account of a log.
func logBalance(t testing.TB, l *Log, b *flow.Batch) {
	t.Helper()
	s := l.Stats()
	records, events := stat(s, "records"), stat(s, "events")
	if records+events != uint64(len(b.Recs)) || stat(s, "log_lines") != records+events+stat(s, "log_malformed")+stat(s, "log_too_long") {
		t.Errorf("%d records given, account %v", len(b.Recs), s)
	}
}

func openLog(t testing.TB, path string, cfg Config) *Log {
	t.Helper()
	if head, err := os.ReadFile(path); err != nil || !IsLog(head, cfg) {
		t.Fatalf("%s: is no log, %v", path, err)
	}
	l, err := NewLog(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.changed = received // of records without times: the golden file must not depend on the checkout
	return l
}

// logOf makes a log that reads text as standard input.
func logOf(t testing.TB, text string, cfg Config) *Log {
	t.Helper()
	l, err := NewLog(Stdin, cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.stdin, l.origin, l.changed = strings.NewReader(text), 1, received
	return l
}

func TestCloudGolden(t *testing.T) {
	var got []txtar.File
	files, err := filepath.Glob(cloudDir + "/*")
	if err != nil || len(files) < 10 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		if filepath.Ext(file) == ".parquet" {
			continue // a table, which is not this package's to open
		}
		l := openLog(t, file, Config{})
		b := readLog(t, l)
		out := golden.Account(l.Stats())
		for i := range b.Recs {
			out = append(flow.AppendText(out, b, &b.Recs[i]), '\n')
		}
		if w := l.Warnings(); w != nil {
			t.Errorf("%s: %s", file, w)
		}
		got = append(got, txtar.File{Name: filepath.Base(file), Data: out})
	}
	golden.Compare(t, "../testdata/golden/cloud.txtar", got)
}

// awsValue gives the value of a column back from a record, "-" for none.
func awsValue(b *flow.Batch, r *flow.Record, column, want string) string {
	m := b.Metadata(r)
	for _, p := range m.Extra {
		if p.Name == column {
			return p.Value
		}
	}
	text := func(ok bool, v any) string {
		if !ok {
			return "-"
		}
		return fmt.Sprint(v)
	}
	switch column {
	case "account-id":
		return text(m.Cloud.Account != "", m.Cloud.Account)
	case "instance-id":
		return text(m.Cloud.Instance != "", m.Cloud.Instance)
	case "region":
		return text(m.Cloud.Region != "", m.Cloud.Region)
	case "az-id":
		return text(m.Cloud.Zone != "", m.Cloud.Zone)
	case "srcaddr":
		return text(!r.Src.IsZero(), r.Src)
	case "dstaddr":
		return text(!r.Dst.IsZero(), r.Dst)
	case "pkt-srcaddr":
		if r.Has.Has(flow.HasNATSrc) {
			return r.NATSrc.String()
		}
		return text(!r.Src.IsZero() && want != "-", r.Src)
	case "pkt-dstaddr":
		if r.Has.Has(flow.HasNATDst) {
			return r.NATDst.String()
		}
		return text(!r.Dst.IsZero() && want != "-", r.Dst)
	case "srcport":
		return text(!r.Src.IsZero(), r.SrcPort) // 0 where the protocol has none
	case "dstport":
		return text(!r.Src.IsZero(), r.DstPort)
	case "protocol":
		return text(r.Has.Has(flow.HasProto), r.Proto)
	case "packets":
		return text(r.Has.Has(flow.HasPackets), r.Fwd.Packets)
	case "bytes":
		return text(r.Has.Has(flow.HasBytes), r.Fwd.Bytes)
	case "start":
		return text(r.Has.Has(flow.HasTimes), r.Start/1e9)
	case "end":
		return text(r.Has.Has(flow.HasTimes), r.End/1e9)
	case "tcp-flags":
		return text(r.Has.Has(flow.HasFlags), r.Fwd.Flags)
	case "flow-direction":
		return text(r.Direction != 0, r.Direction)
	case "type":
		if r.Src.Is4() {
			return "IPv4"
		}
		return "IPv6"
	case "action":
		return map[flow.Event]string{flow.EventAllowed: "ACCEPT", flow.EventDenied: "REJECT"}[r.Event] + text(r.Kind != flow.KindEvent, "")
	case "log-status":
		return map[flow.Event]string{flow.EventNoData: "NODATA", flow.EventSkipData: "SKIPDATA", flow.EventAllowed: "OK", flow.EventDenied: "OK"}[r.Event]
	}
	return "-"
}

// Every line of data is one record, and every column of it has its value there.
func TestAWSColumns(t *testing.T) {
	for _, name := range []string{"aws-v2.log", "aws-v3-21.log", "aws-v3-6.log", "aws-v5-29.log", "aws-v11-25.log"} {
		path := filepath.Join(cloudDir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b := readLog(t, openLog(t, path, Config{}))
		columns, n := strings.Fields(defaultAWS), 0
		for line := range strings.Lines(string(text)) {
			values := strings.Fields(line)
			if slices.Contains(values, "srcaddr") {
				columns = values
				continue
			}
			if n++; n > len(b.Recs) {
				t.Fatalf("%s: %d records, more lines", name, len(b.Recs))
			}
			for i, want := range values {
				if got := awsValue(b, &b.Recs[n-1], columns[i], want); got != want {
					t.Errorf("%s: line %d: %s: got %s, want %s", name, n, columns[i], got, want)
				}
			}
			if ord := b.Recs[n-1].Ord; ord != uint64(n) {
				t.Errorf("%s: line %d has the number %d", name, n, ord)
			}
		}
		if n != len(b.Recs) || n == 0 {
			t.Errorf("%s: %d lines of data, %d records", name, n, len(b.Recs))
		}
	}
}

// A log without a header line and of another format is read by the format that is configured.
func TestLogFormat(t *testing.T) {
	const line = "10.0.0.1 10.0.0.2 99 eni-1\n"
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	if IsLog([]byte(line), Config{}) {
		t.Error("is a log without its format")
	}
	l := openLog(t, path, Config{LogFormat: "${srcaddr} ${dstaddr} ${bytes} ${interface-id}"})
	if b := readLog(t, l); len(b.Recs) != 1 || b.Recs[0].Fwd.Bytes != 99 {
		t.Errorf("%s", texts(b))
	}
	f := func(format, says string) {
		t.Helper()
		cfg := Config{LogFormat: format}
		if err := cfg.Validate(); err == nil && says != "" || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v", format, err)
		}
	}
	f("", "")
	f("srcaddr dstaddr", "")
	f("red green", "names no column")
	f(strings.Repeat("srcaddr ", maxPairs+1), "too many")
}

func TestIsLog(t *testing.T) {
	f := func(text string, want bool) {
		t.Helper()
		if got := IsLog([]byte(text), Config{}); got != want {
			t.Errorf("%.60q: %v", text, got)
		}
	}
	f("", false)
	f("\n\nversion srcaddr\n", true)
	f("2024-01-01T00:00:00.000Z 2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 1 40 1700000000 1700000001 ACCEPT OK", true)
	f("start a text and end it", false)
	f("- - - - - - - - - - - - - -\n", false)
	f("package netflow\n", false)
	f("\x00\x05\x00\x01", false)
	f("\x1f\x8b not gzip", false)
	f(`{"records":[]}`, false)
	f(`{"a":"\"connection\" \"src_ip\""}`, false)
	f("\xef\xbb\xbf"+`{"records":[{"category":"FlowLogFlowEvent"`, true)
	f(`[{"jsonPayload":{"connection":{"src_ip":"::1"`, true)
}

// What is wrong in a log is counted, and what stands before and after it is kept.
func TestBrokenLogs(t *testing.T) {
	f := func(what, text string, records, malformed, tooLong, broken uint64) {
		t.Helper()
		l := logOf(t, text, Config{})
		b := readLog(t, l)
		s := l.Stats()
		if uint64(len(b.Recs)) != records || stat(s, "log_malformed") != malformed || stat(s, "log_too_long") != tooLong || stat(s, "log_broken") != broken {
			t.Errorf("%s: %v", what, s)
		}
		if broken > 0 && !strings.Contains(strings.Join(l.Warnings(), ""), "is broken") {
			t.Errorf("%s: warnings %s", what, l.Warnings())
		}
	}
	const header, line = "srcaddr dstaddr bytes\n", "10.0.0.1 10.0.0.2 5\n"
	f("good", header+line+"10.0.0.1 10.0.0.2 5", 2, 0, 0, 0)
	f("columns", header+"10.0.0.1 5\n"+line, 1, 1, 0, 0)
	f("long", header+strings.Repeat("x", 3*maxLogLine)+"\n"+line, 1, 0, 1, 0)
	f("long to the end", header+line+strings.Repeat("x", 3*maxLogLine), 1, 0, 1, 0)
	f("many columns", header+strings.Repeat("a ", 1000)+"\n"+line, 1, 1, 0, 0)
	f("number", header+"10.0.0.1 10.0.0.2 99999999999999999999\n", 1, 0, 0, 0)
	nsg := string(payloadOf(t, "azure-nsg-v2.json"))
	f("cut", nsg[:len(nsg)-5], 4, 1, 0, 1)
	f("cut before", nsg[:len(nsg)/2], 0, 0, 0, 1)
	f("two documents", nsg+nsg, 8, 2, 0, 0)
	f("shape", strings.Replace(nsg, `"flows": [`, `"flows": [7,`, 1), 0, 1, 0, 0)
	f("no list", `{"records":7,"category":"FlowLogFlowEvent"}`, 0, 0, 0, 1)
	f("long value", `{"records":[{"category":"FlowLogFlowEvent","x":"`+strings.Repeat("x", 2*maxLogJSON)+`"}]}`, 0, 0, 0, 1)
	array := string(payloadOf(t, "gcp-array.json"))
	f("array cut", array[:len(array)-3], 2, 0, 0, 1)
	f("array of others", strings.Replace(array, "[", "[1,null,[],", 1), 2, 3, 0, 0)
	f("deep", `{"jsonPayload":{"connection":{"src_ip":"::1","dest_ip":"::2"},"x":`+strings.Repeat(`{"a":`, 50)+"1"+strings.Repeat("}", 50)+`}}`, 1, 0, 0, 0)

	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = io.WriteString(w, header+strings.Repeat(line, 1000)) // into memory
	w.Close()
	f("gzip", z.String()+z.String(), 2000, 0, 0, 0)
	f("gzip cut", z.String()[:z.Len()-6], 1000, 0, 0, 1)
}

// TestGCPPorts: a port that came without the other is kept under its own name, and the record has
// none.
func TestGCPPorts(t *testing.T) {
	for _, c := range []struct {
		ports, kept string
		has         bool
	}{
		{`"src_port":80,"dest_port":"443"`, "", true},
		{`"src_port":0`, "connection.src_port=0", false},
		{`"dest_port":"443"`, "connection.dest_port=443", false},
		{`"dest_port":1,"src_port":70000`, "connection.src_port=70000 connection.dest_port=1", false},
		{`"src_port":0,"port":"0"`, "connection.port=0 connection.src_port=0", false},
	} {
		l, n := logOf(t, `{"connection":{"src_ip":"1.1.1.1","dest_ip":"1.1.1.2","protocol":6,`+c.ports+`}}`, Config{}), 0
		err := l.Run(t.Context(), func(b *flow.Batch) {
			for i := range b.Recs {
				n++
				r, kept := &b.Recs[i], []string{}
				for _, p := range b.Metadata(r).Extra {
					kept = append(kept, p.Name+"="+p.Value)
				}
				if got := strings.Join(kept, " "); got != c.kept {
					t.Errorf("%s: kept %q, want %q", c.ports, got, c.kept)
				}
				if has := r.Has.Has(flow.HasPorts); has != c.has || !has && r.SrcPort|r.DstPort != 0 {
					t.Errorf("%s: has ports: %v, %d and %d", c.ports, has, r.SrcPort, r.DstPort)
				}
			}
			b.Free()
		})
		if err != nil || n != 1 {
			t.Errorf("%s: %d records, %v", c.ports, n, err)
		}
	}
}

func payloadOf(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(cloudDir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestStdin(t *testing.T) {
	l := logOf(t, "nothing of the kind\n", Config{})
	if err := l.Run(t.Context(), func(*flow.Batch) {}); err == nil || !strings.Contains(err.Error(), "netflow.log_format") {
		t.Errorf("not a log: %v", err)
	}
	if w := strings.Join(l.Warnings(), ""); !strings.Contains(w, "no digest") {
		t.Errorf("warning %q", w)
	}
	// Standard input that stays open: what came is handed on, and the end of ctx is obeyed.
	r, w := io.Pipe()
	l = logOf(t, "", Config{})
	l.stdin = r
	ctx, cancel := context.WithCancel(t.Context())
	got, ended := make(chan int, 10), make(chan error)
	go func() {
		ended <- l.Run(ctx, func(b *flow.Batch) { got <- len(b.Recs); b.Free() })
	}()
	if _, err := io.WriteString(w, "srcaddr dstaddr\n"+strings.Repeat("10.0.0.1 10.0.0.2\n", logHead/18+1)); err != nil {
		t.Fatal(err)
	}
	for n := 0; n < logHead/18+1; {
		select {
		case k := <-got:
			n += k
		case <-time.After(20 * time.Second):
			t.Fatalf("%d records were handed on", n)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of ctx: %v", err)
	}
	w.Close()
}

// Texts that come again cost nothing, and what is remembered is bounded.
func TestLogMetas(t *testing.T) {
	var text strings.Builder
	text.WriteString("interface-id srcaddr dstaddr\n")
	for i := range 3 * maxLogMetas {
		fmt.Fprintf(&text, "eni-%d 10.0.0.1 10.0.0.2\n", i)
	}
	b := readLog(t, logOf(t, text.String(), Config{}))
	domains := map[uint32]bool{}
	for i := range b.Recs {
		r := &b.Recs[i]
		domains[r.Domain] = true
		if v := b.Metadata(r).Extra[0].Value; v != "eni-"+strconv.Itoa(i) {
			t.Fatalf("record %d: %s", i, v)
		}
	}
	if len(domains) < 3*maxLogMetas-5 || b.Recs[0].Has.Has(flow.HasDomain) {
		t.Errorf("%d interfaces told apart", len(domains))
	}
	var m logMetas
	for i := range 3 * maxLogMetas {
		m.add([]byte(strconv.Itoa(i)), &logMeta{})
	}
	m.add(make([]byte, maxLogKey+1), &logMeta{})
	if len(m.byKey) > maxLogMetas {
		t.Errorf("%d texts are remembered", len(m.byKey))
	}
}

func TestParseAddr(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		a, ok := parseAddr([]byte(s))
		if got := a.String(); ok != (want != "") || ok && got != want {
			t.Errorf("%q: %s, %v", s, got, ok)
		}
	}
	f("10.0.0.1", "10.0.0.1")
	f("255.255.255.255", "255.255.255.255")
	f("0.0.0.0", "0.0.0.0")
	f("2001:db8::1", "2001:db8::1")
	f("256.0.0.1", "")
	f("10.0.0", "")
	f("10.0.0.", "")
	f("10.0.0.1.2", "")
	f("010.0.0.1", "")
	f("fe80::1%eth0", "")
	f("", "")
}

func TestPairName(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		if got := pairName(s); got != want {
			t.Errorf("%q: got %q, want %q", s, got, want)
		}
	}
	f("vpc-id", "vpc-id")
	f("a.b", "a.b")
	f(".a..b.", "_a._b_")
	f("a b\xff", "a_b_")
	f("", "_")
}

// tenThousand is lines as a busy interface has them.
func tenThousand() string {
	var text strings.Builder
	text.WriteString("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id flow-direction\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "5 123456789010 eni-1235b8ca12345678%d 10.0.%d.%d 203.0.113.%d %d 443 6 %d %d %d %d ACCEPT OK vpc-abcdefab012345678 subnet-aaaaaaaa012345678 i-01234567890123456 19 IPv4 10.0.%d.%d 203.0.113.%d eu-west-1 euw1-az1 egress\n",
			i%4, i>>8&255, i&255, i%250, 1024+i, i%100+1, i*71, 1700000000+i/100, 1700000058+i/100, i>>8&255, i&255, i%250)
	}
	return text.String()
}

// A line of data costs no allocation once its texts were seen.
func TestAWSAllocs(t *testing.T) {
	lines := strings.Split(tenThousand(), "\n")[:200]
	x := &logRun{log: logOf(t, "", Config{}), ctx: context.Background(), b: flow.NewBatch()}
	x.emit = func(b *flow.Batch) { b.Free() }
	a := &aws{x: x, layout: x.log.layout}
	raw := make([][]byte, len(lines))
	for i := range lines {
		raw[i] = []byte(lines[i])
	}
	all := func(from int) {
		for _, l := range raw[from:] {
			if err := a.line(l); err != nil {
				t.Fatal(err)
			}
		}
		x.b.Recs, x.b.Meta, x.metas.last = x.b.Recs[:0], x.b.Meta[:0], nil
	}
	all(0)
	if n := testing.AllocsPerRun(50, func() { all(1) }); n > 0 {
		t.Errorf("%.0f allocations for %d lines", n, len(raw)-1)
	}
}

func BenchmarkAWS(b *testing.B) {
	text := tenThousand()
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		l := logOf(b, text, Config{})
		n := 0
		if err := l.Run(b.Context(), func(batch *flow.Batch) { n += len(batch.Recs); batch.Free() }); err != nil || n != 10_000 {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/line")
}
