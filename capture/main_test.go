package capture

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"

	"github.com/flowferry/flowferry/flow"
)

var update = flag.Bool("update", false, "rewrite the golden files with what the tests get")

func TestMain(m *testing.M) {
	flow.Poison = true
	goleak.VerifyTestMain(m)
}

// The golden file lists captures by name, each with the records that it gives.
func TestGolden(t *testing.T) {
	const path = "../testdata/golden/capture.txtar"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := txtar.Parse(data)
	got := &txtar.Archive{Comment: want.Comment}
	for _, f := range want.Files {
		b, _ := meterFile(t, "../testdata/pcap/"+f.Name, Config{})
		var text []byte
		for i := range b.Recs {
			text = append(flow.AppendText(text, b, &b.Recs[i]), '\n')
		}
		got.Files = append(got.Files, txtar.File{Name: f.Name, Data: text})
		if !*update && !bytes.Equal(text, f.Data) {
			t.Errorf("%s: got\n%swant\n%s", f.Name, text, f.Data)
		}
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
