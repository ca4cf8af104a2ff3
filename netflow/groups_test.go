package netflow

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

const logstash = "../testdata/export/logstash"

// group is the payloads of one exporter, in order.
type group struct {
	name  string
	files []string
}

// vendorGroups reads GROUPS.tsv.
func vendorGroups(t testing.TB) (out []group) {
	t.Helper()
	f, err := os.Open(filepath.Join(logstash, "GROUPS.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		name, files, _ := strings.Cut(s.Text(), "\t")
		if strings.Contains(files, ".dat") {
			out = append(out, group{name, strings.Fields(files)})
		}
	}
	return out
}

func payload(t testing.TB, file string) []byte {
	t.Helper()
	p, err := os.ReadFile(filepath.Join(logstash, file))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var exporterAddr = flow.MustAddr("192.0.2.1")

// decodeGroup gives a fresh Decoder that has seen the group, and its records.
func decodeGroup(t testing.TB, g group) (*Decoder, *flow.Batch) {
	d, b := NewDecoder(Config{}), &flow.Batch{}
	for _, file := range g.files {
		p := payload(t, file)
		if err := d.Datagram(exporterAddr, 2055, p, exportTime(p), b); err != nil {
			t.Errorf("%s: %s: %v", g.name, file, err)
		}
	}
	return d, b
}

func stat(stats []flow.Stat, name string) uint64 {
	for _, s := range stats {
		if s.Name == "netflow."+name {
			return s.Value
		}
	}
	panic("no such stat: " + name)
}

// All groups of vendor payloads decode, to the last record.
func TestVendorGroups(t *testing.T) {
	groups := vendorGroups(t)
	var files, flows, options, held uint64
	t.Logf("%-70s %5s %6s %7s %9s %5s", "group", "flows", "events", "options", "templates", "held")
	for _, g := range groups {
		d, b := decodeGroup(t, g)
		s := d.Stats()
		t.Logf("%-70s %5d %6d %7d %9d %5d", g.name, stat(s, "records"), stat(s, "events"), stat(s, "options_records"), stat(s, "templates"), stat(s, "held"))
		if n := stat(s, "records") + stat(s, "events"); n != uint64(len(b.Recs)) {
			t.Errorf("%s: %d records counted, %d given", g.name, n, len(b.Recs))
		}
		files += uint64(len(g.files))
		flows += uint64(len(b.Recs))
		options += stat(s, "options_records")
		held += stat(s, "held")
	}
	t.Logf("%d groups, %d payloads: %d flows and events, %d options records, %d sets held", len(groups), files, flows, options, held)
	if len(groups) != 44 || files != 84 || flows != 378 || options != 42 {
		t.Errorf("want 44 groups, 84 payloads, 378 flows and events, 42 options records")
	}
}
