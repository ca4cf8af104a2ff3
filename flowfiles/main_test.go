package flowfiles

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"

	"github.com/flowferry/flowferry/flow"
)

var update = flag.Bool("update", false, "rewrite the golden file with what the tests get")

func TestMain(m *testing.M) {
	flow.Poison = true
	goleak.VerifyTestMain(m)
}

// The golden file lists files of testdata/flowfiles, each with its account and its records.
func TestGolden(t *testing.T) {
	const path = "../testdata/golden/flowfiles.txtar"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := txtar.Parse(data)
	got := &txtar.Archive{Comment: want.Comment}
	for _, f := range want.Files {
		_, records, s := readText(t, corpus+f.Name)
		var text bytes.Buffer
		for _, st := range s.Stats() {
			if st.Value != 0 {
				fmt.Fprintf(&text, "%s=%d ", st.Name[len("flowfiles."):], st.Value)
			}
		}
		text.WriteByte('\n')
		text.Write(origin.ReplaceAll(records, nil))
		got.Files = append(got.Files, txtar.File{Name: f.Name, Data: text.Bytes()})
		if !*update && !bytes.Equal(text.Bytes(), f.Data) {
			t.Errorf("%s: got\n%swant\n%s", f.Name, text.Bytes(), f.Data)
		}
	}
	if *update {
		if err := os.WriteFile(path, txtar.Format(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
