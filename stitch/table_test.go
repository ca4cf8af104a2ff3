package stitch

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"golang.org/x/tools/txtar"
)

// TestGolden runs each testdata/golden/stitch*.txtar: "in" holds records in their text form, a
// line "now=+SECONDS" a tick of the clock, "want" what comes out at the end. A comment line "config: counts=max"
// sets the policy. -update rewrites "want".
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("../testdata/golden/stitch*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { golden(t, path) })
	}
}

func golden(t *testing.T, path string) {
	ar, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cfg Config
	for line := range strings.Lines(string(ar.Comment)) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "config: counts="); ok {
			cfg.Counts = v
		}
	}
	in, want := file(t, ar, "in"), file(t, ar, "want")
	table := New(cfg)
	got := run(t, table, string(in.Data))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		want.Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(ar), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != string(want.Data) {
		t.Errorf("%s:\ngot:\n%s\nwant:\n%s", path, got, want.Data)
	}
	balanced(t, table)
}

func file(t *testing.T, ar *txtar.Archive, name string) *txtar.File {
	for i := range ar.Files {
		if ar.Files[i].Name == name {
			return &ar.Files[i]
		}
	}
	t.Fatalf("no file %q in the archive", name)
	return nil
}

// run feeds the lines of text, each record when it was received, and gives all that comes out.
func run(t testing.TB, table *Table, text string) string {
	var out []byte
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		b := flow.NewBatch()
		r, err := flow.ParseText(b, line)
		if err != nil {
			t.Fatal(err)
		}
		if r.Received == 0 {
			r.Received = r.End
		}
		if r.Ord == 0 {
			t.Fatalf("record without ord: %s", line)
		}
		b.Now = r.Received
		table.Do(b)
		out = text2(out, b)
		b.Free()
	}
	return string(text2(out, flush(table)))
}

func flush(table *Table) *flow.Batch {
	b := flow.NewBatch()
	b.Last = true
	table.Do(b)
	return b
}

// text2 appends the records of b, one a line, without the times of receipt.
func text2(dst []byte, b *flow.Batch) []byte {
	for i := range b.Recs {
		b.Recs[i].Received = 0
		dst = append(flow.AppendText(dst, b, &b.Recs[i]), '\n')
	}
	return dst
}

// balanced checks the account of a table that holds nothing.
func balanced(t testing.TB, table *Table) map[string]uint64 {
	t.Helper()
	n := map[string]uint64{}
	for _, s := range table.Stats() {
		n[strings.TrimPrefix(s.Name, "stitch.")] = s.Value
	}
	if n["in"] != n["flows"]+n["paired"]+n["duplicates"]+n["held"] {
		t.Errorf("the account does not balance: %v", n)
	}
	if n["held"] != 0 || table.count != 0 {
		t.Errorf("held after the end: %v, %d conversations", n, table.count)
	}
	left := func(name string, used uint32, free int) {
		if int(used) != free {
			t.Errorf("%s: %d used, %d free", name, used, free)
		}
	}
	left("conversations", table.convs.used, len(table.convs.free))
	left("pieces", table.pieces.used, len(table.pieces.free))
	left("seens", table.seens.used, len(table.seens.free))
	left("metas", table.metas.used, len(table.metas.free))
	return n
}

var _ = fmt.Sprint
