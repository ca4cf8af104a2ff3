package flowfiles

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// Both forms of a conn.log give the same flows.
func TestZeekJSON(t *testing.T) {
	_, tsv, s := readText(t, corpus+"zeek/conn.log")
	clean(t, s)
	_, ndjson, s := readText(t, corpus+"zeek/conn.ndjson")
	clean(t, s)
	if a, b := origin.ReplaceAll(tsv, nil), origin.ReplaceAll(ndjson, nil); !bytes.Equal(a, b) || len(a) == 0 {
		t.Errorf("TSV\n%s\nJSON\n%s", a, b)
	}
}

// Every conn.log row of Zeek's own test baselines is understood, with the counts it has. Their
// times are masked, and get one.
func TestZeekBaselines(t *testing.T) {
	f, err := os.Open("../testdata/oracle/zeek_conn.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var names []string
	rows := 0
	for in := bufio.NewScanner(f); in.Scan(); {
		cols := strings.Split(in.Text(), "\t")[3:]
		if names == nil {
			names = cols
			for i, n := range names {
				if rest, ok := strings.CutSuffix(n, "_h"); ok {
					names[i] = "id." + rest + "_h"
				} else if rest, ok := strings.CutSuffix(n, "_p"); ok {
					names[i] = "id." + rest + "_p"
				}
			}
			continue
		}
		row := map[string]string{}
		for i, n := range names {
			row[n] = cols[i]
		}
		if row["conn_state"] == "" {
			continue // of another log
		}
		row["ts"] = "1300475167.096535"
		rows++
		zeekRowAgrees(t, row)
	}
	if rows < 250 {
		t.Errorf("only %d rows", rows)
	}
}

func zeekRowAgrees(t *testing.T, row map[string]string) {
	t.Helper()
	z := newZeekTSV()
	var names, values []string
	for n, v := range row {
		if n != "tunnel_parents" && v != "" {
			names, values = append(names, n), append(values, v)
		}
	}
	b := flow.NewBatch()
	r := b.Next()
	if err := z.parse([]byte("#fields\t"+strings.Join(names, "\t")), b, r, nil); err != errOther {
		t.Fatal(err)
	}
	if err := z.parse([]byte(strings.Join(values, "\t")), b, r, nil); err != nil {
		t.Errorf("%v: %v", row, err)
		return
	}
	count := func(s string) uint64 {
		n, _ := strconv.ParseUint(s, 10, 64) // "-" is unset
		return n
	}
	want := flow.Counts{Packets: count(row["orig_pkts"]), Bytes: count(row["orig_ip_bytes"]), Payload: count(row["orig_bytes"])}
	back := flow.Counts{Packets: count(row["resp_pkts"]), Bytes: count(row["resp_ip_bytes"]), Payload: count(row["resp_bytes"])}
	if r.Fwd != want || r.Rev != back || !r.Has.Has(flow.HasTimes) || r.Has.Has(flow.HasPackets) != (row["orig_pkts"] != "-") {
		t.Errorf("%v: got %+v and %+v", row, r.Fwd, r.Rev)
	}
	if r.Src.String() != row["id.orig_h"] || r.Has.Has(flow.HasPorts) && fmt.Sprint(r.DstPort) != row["id.resp_p"] {
		t.Errorf("%v: got %v %d", row, r.Src, r.DstPort)
	}
	if r.State == flow.StateUnknown {
		t.Errorf("%v: no state", row)
	}
}

// What ra printed of its own files is what is read, column by column.
func TestArgus(t *testing.T) {
	files, err := filepath.Glob(corpus + "argus/*.csv")
	if err != nil || len(files) != 5 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		recs, s := read(t, file)
		clean(t, s)
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		all, err := csv.NewReader(f).ReadAll()
		if err = firstError(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		col := map[string]int{}
		for i, name := range all[0] {
			col[name] = i
		}
		n := 0
		for _, row := range all[1:] {
			if p := row[col["Proto"]]; p == "man" || p == "2054" || len(row[col["SrcAddr"]]) == len("00:13:7f:4f:8e:f2") && strings.Count(row[col["SrcAddr"]], ":") == 5 {
				continue // management, ARP, frames without IP
			}
			if n == len(recs) {
				t.Fatalf("%s: only %d records", file, n)
			}
			argusAgrees(t, file, &recs[n], func(name string) string { return strings.TrimSpace(row[col[name]]) })
			n++
		}
		if n != len(recs) {
			t.Errorf("%s: %d records, want %d", file, len(recs), n)
		}
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func argusAgrees(t *testing.T, file string, r *flow.Record, at func(string) string) {
	t.Helper()
	start := strconv.FormatFloat(float64(r.Start/1000)/1e6, 'f', 6, 64)
	if strings.Contains(at("StartTime"), ":") {
		start = time.Unix(0, r.Start).UTC().Format("15:04:05.000000")
	}
	got := []any{start, fmt.Sprintf("%.6f", time.Duration(r.End-r.Start).Seconds()), fmt.Sprint(r.Proto), r.Src.String(), r.Dst.String(),
		fmt.Sprint(r.Fwd.Packets), fmt.Sprint(r.Rev.Packets), fmt.Sprint(r.Fwd.Bytes), fmt.Sprint(r.Rev.Bytes)}
	want := []any{at("StartTime"), at("Dur"), at("Proto"), at("SrcAddr"), at("DstAddr"), at("SrcPkts"), at("DstPkts"), at("SrcBytes"), at("DstBytes")}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s:\ngot  %v\nwant %v", file, got, want)
	}
	ports := []any{fmt.Sprint(r.SrcPort), fmt.Sprint(r.DstPort)}
	if r.Proto == flow.ProtoICMP {
		ports = []any{fmt.Sprintf("0x%02x%02x", r.ICMPCode, r.ICMPType), at("Dport")}
	}
	if fmt.Sprint(ports) != fmt.Sprint([]any{at("Sport"), at("Dport")}) {
		t.Errorf("%s: ports %v, want %s %s", file, ports, at("Sport"), at("Dport"))
	}
}

// A time of day falls into the 24 hours before the file's last change.
func TestArgusDay(t *testing.T) {
	changed := time.Date(2012, 2, 15, 12, 0, 0, 0, time.UTC).UnixNano()
	f := func(s, want string) {
		t.Helper()
		ns, dated, err := raTime(s, changed)
		if got := time.Unix(0, ns).UTC().Format(time.RFC3339Nano); err != nil || dated || got != want {
			t.Errorf("%s is %s, dated %v, want %s: %v", s, got, dated, want, err)
		}
	}
	f("11:59:59.5", "2012-02-15T11:59:59.5Z")
	f("12:00:01", "2012-02-14T12:00:01Z")
	f("00:00:00.000000", "2012-02-15T00:00:00Z")
}

// Lines that are not understood are counted, and the first is told; the others are kept.
func TestBadLines(t *testing.T) {
	f := func(text, counters string, says string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "lines")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, s := read(t, path)
		got := fmt.Sprintf("records %d other %d bad %d", stat(s, "flowfiles.records"), stat(s, "flowfiles.other"), stat(s, "flowfiles.bad"))
		w := strings.Join(s.Warnings(), "\n")
		if got != counters || !strings.Contains(w, says) {
			t.Errorf("%.80q: got %s, want %s; %q in %q", text, got, counters, says, w)
		}
	}
	zeek := "#separator \\x09\n#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tconn_state\n"
	good := "1.5\t10.0.0.1\t1\t10.0.0.2\t2\ttcp\tSF\n"
	f(zeek+good, "records 1 other 2 bad 0", "")
	f(zeek+strings.Replace(good, "10.0.0.2", "host", 1)+good, "records 1 other 2 bad 1", `line 3: id.resp_h: "host" is no address`)
	f(zeek+strings.Replace(good, "\t2\t", "\t70000\t", 1)+good, "records 1 other 2 bad 1", `id.resp_p: "70000" is no port`)
	f(zeek+"1.5\t10.0.0.1\n"+good, "records 1 other 2 bad 1", "fewer columns")
	f(zeek+strings.Repeat("x", maxLine+5)+"\n"+good, "records 1 other 2 bad 1", "line 3: longer than 1 MiB")
	f("#separator \\x09\n"+good+"\n", "records 0 other 2 bad 1", "before any #fields line")
	f(strings.ReplaceAll(zeek, "conn_state", "qclass")+good, "records 0 other 2 bad 1", "before any #fields line of a conn.log")
	f("\xef\xbb\xbf"+zeek+good+zeek+good, "records 2 other 4 bad 0", "")
	f(strings.ReplaceAll(strings.ReplaceAll(zeek, `\x09`, `\x7c`), "\t", "|")+strings.ReplaceAll(good, "\t", "|"), "records 1 other 2 bad 0", "")
	json := `{"ts":1.5,"id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"10.0.0.2","id.resp_p":2,"proto":"tcp","conn_state":"SF"}` + "\n"
	f(json+"{}\n[]\n{\"ts\n", "records 1 other 1 bad 2", "line 3: no JSON object")
	f(json+strings.Replace(json, "10.0.0.2", "x", 1), "records 1 other 0 bad 1", "id.resp_h")
	f(json[:len(json)-1], "records 1 other 0 bad 0", "")
	eve := `{"timestamp":"2026-03-01T10:00:00.0+0000","event_type":"flow","src_ip":"10.0.0.1","src_port":1,"dest_ip":"10.0.0.2","dest_port":2,"proto":"UDP","flow":{"start":"2026-03-01T10:00:00.0+0000","end":"2026-03-01T10:00:01.0+0000"}}` + "\n"
	f(eve+strings.Replace(eve, `"UDP"`, `"??"`, 1)+strings.Replace(eve, `"flow":{`, `"flows":{`, 1)+eve[:50]+"\n"+strings.Replace(eve, "10:00:01", "09:00:01", 1), "records 1 other 0 bad 4", "line 2: proto")
	ra := "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,SrcPkts,DstPkts,SrcBytes,DstBytes,State\n"
	row := "1.5,0.5,tcp,10.0.0.1,1,->,10.0.0.2,2,3,4,5,6,FIN\n"
	f(ra+row+strings.Replace(row, "tcp", "arp", 1)+ra, "records 1 other 3 bad 0", "")
	f(ra+strings.Replace(row, "10.0.0.2", "www", 1)+row, "records 1 other 1 bad 1", "`ra -nn` prints addresses")
	f(ra+strings.Replace(row, ",2,", ",http,", 1)+row, "records 1 other 1 bad 1", "`ra -nn` prints numbers")
	f(ra+strings.Replace(row, "1.5", "yesterday", 1)+"1,2\n"+row, "records 1 other 1 bad 2", "line 2: StartTime")
}

func FuzzZeek(f *testing.F) {
	fuzzLines(f, func() lineParser { return newZeekTSV() }, "zeek/conn.log")
	// The JSON form shares all but the first step.
}

func FuzzZeekJSON(f *testing.F) {
	fuzzLines(f, func() lineParser { return &zeekJSON{} }, "zeek/conn.ndjson")
}

func FuzzSuricata(f *testing.F) {
	fuzzLines(f, func() lineParser { return &suricata{} }, "suricata/eve.json", "suricata/netflow.json")
}

func FuzzArgus(f *testing.F) {
	day := time.Date(2012, 2, 15, 12, 0, 0, 0, time.UTC).UnixNano()
	fuzzLines(f, func() lineParser { return &argus{day: day} }, "argus/made.binetflow", "argus/wikipedia.ra-u.csv", "argus/5-pings.ra.csv")
}

// fuzzLines gives text to a parser: it may find anything bad, and must account for it.
func fuzzLines(f *testing.F, p func() lineParser, seeds ...string) {
	for _, name := range seeds {
		data, err := os.ReadFile(corpus + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.Guard()()
		detect(data)
		fuzzed(t, func(o *out) { _ = eachLine(context.Background(), bytes.NewReader(data), o, p()) })
	})
}

// fuzzed checks what every reader must hold to.
func fuzzed(t *testing.T, run func(o *out)) {
	n := uint64(0)
	s := &Source{origin: 1}
	o := &out{s: s, b: flow.NewBatch()}
	o.emit = func(b *flow.Batch) {
		for i := range b.Recs {
			n++
			r := &b.Recs[i]
			if r.Ord != n || r.Via != flow.ViaLog || int(r.Meta) > len(b.Meta) {
				t.Fatalf("record %d: %+v", n, r)
			}
			if r.Has.Has(flow.HasTimes) && r.End < r.Start {
				t.Fatalf("record %d ends before it starts: %d %d", n, r.Start, r.End)
			}
			flow.AppendText(nil, b, r)
		}
		b.Free()
	}
	run(o)
	o.flush()
	c := &s.stats
	if c.rows.Load() != c.records.Load()+c.events.Load()+c.other.Load()+c.bad.Load() || n != c.records.Load()+c.events.Load() {
		t.Fatalf("the account does not balance: %d, %v", n, s.Stats())
	}
}
