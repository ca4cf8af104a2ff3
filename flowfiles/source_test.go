package flowfiles

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/flowferry/flowferry/flow"
)

// read reads a file whole and checks the account.
func read(t testing.TB, path string) ([]flow.Record, *Source) {
	t.Helper()
	recs, _, s := readText(t, path)
	return recs, s
}

// readText gives the text form as well, without what depends on the file.
func readText(t testing.TB, path string) (recs []flow.Record, text []byte, s *Source) {
	t.Helper()
	s, err := Open(path, formatOf(t, path))
	if err != nil {
		t.Fatal(err)
	}
	err = s.Run(context.Background(), func(b *flow.Batch) {
		for i := range b.Recs {
			text = append(flow.AppendText(text, b, &b.Recs[i]), '\n')
		}
		recs = append(recs, b.Recs...)
		b.Free()
	})
	if err != nil {
		t.Fatal(err)
	}
	rows := stat(s, "flowfiles.records") + stat(s, "flowfiles.events") + stat(s, "flowfiles.other") + stat(s, "flowfiles.bad")
	if stat(s, "flowfiles.rows") != rows || uint64(len(recs)) != stat(s, "flowfiles.records")+stat(s, "flowfiles.events") {
		t.Errorf("%s: the account does not balance: %d records, %v", path, len(recs), s.Stats())
	}
	return recs, text, s
}

func stat(s *Source, name string) uint64 {
	for _, st := range s.Stats() {
		if st.Name == name {
			return st.Value
		}
	}
	panic("no counter " + name)
}

// clean fails if anything of the file was not understood.
func clean(t testing.TB, s *Source) {
	t.Helper()
	for _, name := range [...]string{"flowfiles.bad", "flowfiles.bad_blocks", "flowfiles.broken_files", "flowfiles.partial"} {
		if n := stat(s, name); n != 0 {
			t.Errorf("%s: %s %d: %v", s.path, name, n, s.Warnings())
		}
	}
	if done, total := s.Progress(); done != total || total == 0 {
		t.Errorf("%s: progress %d of %d", s.path, done, total)
	}
}

var origin = regexp.MustCompile(` origin=[0-9a-f]+`)

func wantText(t *testing.T, recs []flow.Record, want string) {
	t.Helper()
	var got []byte
	b := flow.NewBatch()
	for i := range recs {
		got = append(flow.AppendText(got, b, &recs[i]), '\n')
	}
	if got = origin.ReplaceAll(got, nil); string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func formatOf(t testing.TB, path string) Format {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Sniff(data)
}

func TestSniff(t *testing.T) {
	f := func(want Format, file string) {
		t.Helper()
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		_, _ = w.Write(data) // to memory: does not fail
		_ = w.Close()
		packed := filepath.Join(t.TempDir(), "packed")
		if err := os.WriteFile(packed, z.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, path := range [...]string{file, packed} {
			if got := formatOf(t, path); got != want {
				t.Errorf("%s is %v, want %v", path, got, want)
			}
		}
		if want == Unknown {
			return
		}
		a, _ := read(t, file)
		b, _ := read(t, packed)
		if len(a) != len(b) || len(a) == 0 {
			t.Errorf("%s: %d records, %d of the packed file", file, len(a), len(b))
		}
	}
	f(Nfcapd, corpus+"nfcapd/lzo.200801102120")
	f(ZeekTSV, corpus+"zeek/conn.log")
	f(ZeekJSON, corpus+"zeek/conn.ndjson")
	f(Suricata, corpus+"suricata/eve.json")
	f(Suricata, corpus+"suricata/netflow.json")
	f(Argus, corpus+"argus/wikipedia.ra.csv")
	f(Argus, corpus+"argus/made.binetflow")
	f(Unknown, "source_test.go")
	f(Unknown, "../testdata/oracle/zeek_meta.ndjson")
	f(Unknown, "../testdata/lists/demo-watchlist.csv")
	f(Unknown, "../testdata/oracle/zeek_conn.tsv")
	f(Unknown, "../testdata/export/logstash/netflow5.dat")
}

func TestOpenUnknown(t *testing.T) {
	if _, err := Open("source_test.go", formatOf(t, "source_test.go")); err == nil || !bytes.Contains([]byte(err.Error()), []byte("source_test.go: no flow file")) {
		t.Error(err)
	}
	if _, err := Open("does-not-exist", Nfcapd); !os.IsNotExist(err) {
		t.Error(err)
	}
}

// The same file gives the same records, and stops when it is told to.
func TestCancel(t *testing.T) {
	for _, file := range [...]string{"nfcapd/lzo.200801102120", "suricata/eve.json"} {
		s, err := Open(corpus+file, formatOf(t, corpus+file))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := s.Run(ctx, func(b *flow.Batch) { b.Free() }); err != context.Canceled {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestSeconds(t *testing.T) {
	f := func(s string, want int64) {
		t.Helper()
		if got, err := seconds(s); err != nil || got != want {
			t.Errorf("%s is %d, want %d: %v", s, got, want, err)
		}
	}
	f("0", 0)
	f("1299594022.501234", 1299594022501234000)
	f("1299594022.501234567891", 1299594022501234567)
	f("-1.5", -1500000000)
	f("1.5e-05", 15000)
	f("5.", 5000000000)
	for _, bad := range [...]string{"", "-", "x", "1.x", "NaN", "Inf", "1e300", "9999999999999999999999"} {
		if got, err := seconds(bad); err == nil {
			t.Errorf("%q is %d", bad, got)
		}
	}
}

func TestInstant(t *testing.T) {
	want := time.Date(2026, 3, 1, 10, 0, 0, 123456000, time.UTC).UnixNano()
	for _, s := range [...]string{"2026-03-01T10:00:00.123456Z", "2026-03-01T11:00:00.123456+0100", "2026-03-01T10:00:00.123456+00:00", "2026-03-01 10:00:00.123456", "2026-03-01T10:00:00.123456", "1772359200.123456"} {
		if got, err := instant(s); err != nil || got != want {
			t.Errorf("%s is %d, want %d: %v", s, got, want, err)
		}
	}
	for _, bad := range [...]string{"", "yesterday", "2026-13-01T10:00:00Z", "9999-01-01T00:00:00Z"} {
		if got, err := instant(bad); err == nil {
			t.Errorf("%q is %d", bad, got)
		}
	}
}
