package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/metrics"
	"github.com/flowferry/flowferry/netflow"
	"github.com/flowferry/flowferry/shipper/shippertest"
	"github.com/flowferry/flowferry/stitch"
)

// madeExports is a capture of the exports of 45 exporters.
var madeExports = filepath.Join(testdata, "pcap", "made", "exports.pcap")

// What import writes of exporters is what the file itself shows, and the same a second time.
func TestImportReports(t *testing.T) {
	dir := t.TempDir()
	out := must(t, "import", "--store", dir, madeExports)
	docs := must(t, "exporters", "--store", dir, "-o", "ndjson")
	if n := strings.Count(docs, "\n"); n < 45 || !strings.Contains(out, fmt.Sprintf("metrics  documents %d, stored %d\n", n, n)) {
		t.Errorf("%d documents, and\n%s", n, out)
	}
	got, _, _ := strings.Cut(must(t, "exporters", "--store", dir), "\nduplicates:")
	if want := must(t, "exporters", madeExports); got != want {
		t.Errorf("of the store\n%s\nof the file\n%s", got, want)
	}
	for _, want := range []string{`"event":{"action":"exporter_report"`, `"event":{"action":"options_learned"`, `"sampling_interval":1000`} {
		if !strings.Contains(docs, want) {
			t.Errorf("no %s in\n%s", want, docs)
		}
	}
	must(t, "import", "--store", dir, madeExports)
	if again := must(t, "exporters", "--store", dir, "-o", "ndjson"); again != docs {
		t.Errorf("the second time\n%s\nthe first\n%s", again, docs)
	}
	if got := must(t, "exporters", "--store", dir, "--last", "1h"); got != "no exporters\n" {
		t.Errorf("of the last hour: %s", got)
	}
}

// The documents of exporters are among those that the cluster was given, and are there once.
func TestImportReportsToCluster(t *testing.T) {
	cluster := &shippertest.Cluster{}
	server := httptest.NewServer(cluster)
	defer server.Close()
	for range 2 {
		n := numbers(t, must(t, "import", "--cluster", server.URL, madeExports))
		docs := cluster.Docs()
		reports := 0
		for key, text := range docs {
			if strings.HasPrefix(key, "metrics-flowferry.exporter-default/") {
				reports++
				if _, err := metrics.Parse([]byte(text)); err != nil {
					t.Error(err)
				}
			}
		}
		if reports < 45 || int(n["given"]) != len(docs) {
			t.Errorf("%d of exporters among %d documents, %d given", reports, len(docs), n["given"])
		}
	}
}

// Switched off, nothing is written; nor for packets, which no exporter has sent.
func TestNoReports(t *testing.T) {
	f := func(config, file string) {
		t.Helper()
		dir := t.TempDir()
		must(t, "import", "--store", dir, "-c", writeFile(t, config), file)
		if _, err := os.Stat(filepath.Join(dir, "exporter")); !os.IsNotExist(err) {
			t.Errorf("%s: got %v", file, err)
		}
	}
	f("output: {exporter_interval: 0}", madeExports)
	f("{}", filepath.Join(testdata, "pcap", "zeek", "ipv6_zero_len_ah.pcap"))
}

func TestExporterInterval(t *testing.T) {
	f := func(text string, want time.Duration) {
		t.Helper()
		c, err := loadConfig(writeFile(t, text))
		if err != nil || c.Output.ExporterInterval != want {
			t.Errorf("%s: %v %v", text, c, err)
		}
	}
	f("{}", time.Minute)
	f("output: {kind: store}", time.Minute)
	f("output: {exporter_interval: 0}", 0)
	f("output: {exporter_interval: 0s}", 0)
	f("output: {exporter_interval: 5m}", 5*time.Minute)
	if _, err := loadConfig(writeFile(t, "output: {exporter_interval: 10ms}")); err == nil || !strings.Contains(err.Error(), "output.exporter_interval: 10ms is out of range") {
		t.Errorf("got %v", err)
	}
}

// A collector writes while it runs and once more at its end; what its documents say of the
// intervals adds up to what came.
func TestRunReports(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, dir := udp.LocalAddr().String(), filepath.Join(t.TempDir(), "store")
	udp.Close()
	cfg := &Config{Shards: 1}
	cfg.NetFlow.Listen, cfg.NetFlow.Readers = []string{addr}, 1
	cfg.Output.Store.Path, cfg.Output.ExporterInterval = dir, 50*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan string, 1)
	go func() {
		var out strings.Builder
		if err := collect(ctx, &out, cfg, true); err != nil {
			t.Error(err)
		}
		done <- out.String()
	}()
	c, err := net.Dial("udp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	v5 := []byte{0, 5, 0, 0, 0, 0, 0, 0, 0x65, 0x53, 0xf1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0x40, 100}
	until(t, func() bool { // at first nobody listens
		_, _ = c.Write(v5)
		docs, err := inProcess(t.Context(), "exporters", "--store", dir, "-o", "ndjson")
		return err == nil && strings.Count(docs, "\n") > 2
	})
	cancel()
	out := <-done
	var sum, total int64
	docs := must(t, "exporters", "--store", dir, "-o", "ndjson")
	for _, line := range strings.Split(strings.TrimSpace(docs), "\n") {
		d, err := metrics.Parse([]byte(line))
		if err != nil || d.Exporter != flow.MustAddr("127.0.0.1") || d.Domain != 7 || len(d.Tags) != 1 {
			t.Fatalf("%v in %s", err, line)
		}
		sum, total = sum+d.Interval.Datagrams, d.Total.Datagrams
	}
	n := strings.Count(docs, "\n")
	if sum != total || total == 0 || !strings.Contains(out, fmt.Sprintf("metrics  documents %d, stored %d\n", n, n)) {
		t.Errorf("%d documents, %d datagrams in the intervals, %d in all\n%s", n, sum, total, out)
	}
	if !regexp.MustCompile(fmt.Sprintf(`127\.0\.0\.1 +7 +netflow_v5 +%d `, total)).MatchString(must(t, "exporters", "--store", dir)) {
		t.Errorf("got\n%s", must(t, "exporters", "--store", dir))
	}
}

// What can not be written is counted, and does not stop the collector.
func TestReportsFail(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "exporter"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := &Config{}
	cfg.Output.Store.Path = dir
	out, err := openOutput(t.Context(), cfg, false)
	if err != nil {
		t.Fatal(err)
	}
	r := &reports{out: out}
	r.live(7, time.Hour, func() []netflow.ExporterStats { return make([]netflow.ExporterStats, 1) }, func() []stitch.Pair { return nil }, slog.New(slog.NewTextHandler(io.Discard, nil)))()
	a := account{}
	a.add(r.Stats())
	if a["metrics.documents"] != 1 || a["metrics.not_stored"] != 1 || a["metrics.stored"]+a["metrics.shipped"] != 0 {
		t.Errorf("got %v", a)
	}
}

func TestExportersUsage(t *testing.T) {
	dir := t.TempDir()
	f := func(want string, args ...string) {
		t.Helper()
		_, err := inProcess(t.Context(), append([]string{"exporters"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", args, err)
		}
	}
	f("name one of them", "--store", dir, madeExports)
	f("use table, json or ndjson", "--store", dir, "-o", "csv")
	f("ndjson is for --store", "-o", "ndjson", madeExports)
	f("--last is for --store", "--last", "1h", madeExports)
	f("--last: ", "--store", dir, "--last", "soon")
	f("files are not stitched here", "--duplicates", madeExports)
	f("open store: ", "--store", filepath.Join(dir, "none"))
}
