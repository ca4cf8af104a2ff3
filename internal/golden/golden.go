// Package golden compares what tests get with the archives of testdata/golden. Only tests import it.
package golden

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/flowferry/flowferry/flow"
)

var update = flag.Bool("update", false, "rewrite the golden files with what the tests get")

// Check compares each file of the archive at path with what get makes in its place, of its name and,
// where it holds what goes in, of its data.
func Check(t *testing.T, path string, get func(f txtar.File) []byte) {
	t.Helper()
	files := read(t, path).Files
	for i, f := range files {
		files[i].Data = get(f)
	}
	Compare(t, path, files)
}

// Compare compares the files of the archive at path with got. With -update it writes them there.
func Compare(t *testing.T, path string, got []txtar.File) {
	t.Helper()
	want := read(t, path)
	if *update {
		if err := os.WriteFile(path, txtar.Format(&txtar.Archive{Comment: want.Comment, Files: got}), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if len(got) != len(want.Files) {
		t.Errorf("%s has %d files, got %d", path, len(want.Files), len(got))
	}
	for i, f := range got[:min(len(got), len(want.Files))] {
		if w := want.Files[i]; f.Name != w.Name || !bytes.Equal(f.Data, w.Data) {
			t.Errorf("%s: got %s\n%swant %s\n%s", path, f.Name, f.Data, w.Name, w.Data)
		}
	}
}

// Account gives in a line what was counted, without the names in but.
func Account(stats []flow.Stat, but ...string) (line []byte) {
	for _, s := range stats {
		if _, name, _ := strings.Cut(s.Name, "."); s.Value != 0 && !slices.Contains(but, s.Name) {
			line = fmt.Appendf(line, "%s=%d ", name, s.Value)
		}
	}
	return append(line, '\n')
}

// read reads the archive at path, which is there: its comment says what it is.
func read(t *testing.T, path string) *txtar.Archive {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
