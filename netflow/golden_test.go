package netflow

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/flowferry/flowferry/flow"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const (
	golden     = "../testdata/golden/netflow.txtar"
	goldenEach = 4 // records of each group
)

// The first records of each vendor group, in the text form.
func TestGolden(t *testing.T) {
	ar := &txtar.Archive{Comment: []byte("What the payloads of testdata/export/logstash/GROUPS.tsv decode to: all counts, the first records.\ngo test ./netflow -run Golden -update rewrites this.\n")}
	for _, g := range vendorGroups(t) {
		d, b := decodeGroup(t, g)
		var out bytes.Buffer
		for _, s := range d.Stats() {
			if s.Value != 0 && s.Name != "netflow.bytes" {
				fmt.Fprintf(&out, "%s=%d ", s.Name[len("netflow."):], s.Value)
			}
		}
		out.WriteByte('\n')
		for i := range b.Recs[:min(len(b.Recs), goldenEach)] {
			out.Write(append(flow.AppendText(nil, b, &b.Recs[i]), '\n'))
		}
		ar.Files = append(ar.Files, txtar.File{Name: g.name, Data: out.Bytes()})
	}
	if *update {
		if err := os.WriteFile(golden, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := txtar.ParseFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range ar.Files {
		if i >= len(want.Files) || f.Name != want.Files[i].Name || !bytes.Equal(f.Data, want.Files[i].Data) {
			t.Errorf("%s differs from %s; got\n%s", f.Name, golden, f.Data)
		}
	}
	if len(ar.Files) != len(want.Files) {
		t.Errorf("%d groups, want %d", len(ar.Files), len(want.Files))
	}
}
