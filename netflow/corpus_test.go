package netflow

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// corpus is where more exports than testdata holds may be: $FLOWFERRY_SHARED_DATA, or beside
// the repository. The test is skipped where there is none.
func corpus(t *testing.T, under string) string {
	t.Helper()
	dir := os.Getenv("FLOWFERRY_SHARED_DATA")
	if dir == "" {
		dir = "../../shared/data"
	}
	dir = filepath.Join(dir, under)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no further corpus: %v", err)
	}
	return dir
}

// Each of Telegraf's cases gives as many records and options records as Telegraf expects lines.
func TestTelegraf(t *testing.T) {
	for _, name := range []string{"ipfix_example", "ipfix_options", "ipfix_pen_35632", "issue_13305", "issue_14370", "netflow_v5_example", "netflow_v9_example", "netflow_v9_options"} {
		dir := filepath.Join(corpus(t, "export/telegraf"), name)
		expected, err := os.ReadFile(filepath.Join(dir, "expected.out"))
		if err != nil {
			t.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.bin"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no payloads: %v", name, err)
		}
		d, b := NewDecoder(Config{}), &flow.Batch{}
		for _, file := range files {
			p, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Datagram(exporterAddr, 1, p, exportTime(p), b); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		balance(t, d)
		want := len(strings.Split(strings.TrimSpace(string(expected)), "\n"))
		if got := len(b.Recs) + int(stat(d.Stats(), "options_records")); got != want {
			t.Errorf("%s: %d records and options records, want %d", name, got, want)
		}
	}
}
