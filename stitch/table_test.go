package stitch

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/golden"
)

// TestGolden runs each testdata/golden/stitch*.txtar: "in" holds records in their text form, each
// received at its end unless it says when, "want" what comes out. -update rewrites "want".
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("../testdata/golden/stitch*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) { goldenFile(t, path) })
	}
}

func goldenFile(t *testing.T, path string) {
	table, in := New(Config{}), ""
	golden.Check(t, path, func(f txtar.File) []byte {
		if f.Name == "in" {
			in = string(f.Data)
			return f.Data
		}
		return []byte(run(t, table, in))
	})
	balanced(t, table)
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
		out = appendAll(out, b)
		b.Free()
	}
	return string(appendAll(out, flush(table)))
}

func flush(table *Table) *flow.Batch {
	b := flow.NewBatch()
	b.Last = true
	table.Do(b)
	if b.More {
		panic("more is held than one batch should have")
	}
	return b
}

// TestFlushInParts ends a table that holds more than a batch should have.
func TestFlushInParts(t *testing.T) {
	const held = 3*maxFlush + 1
	table := New(Config{})
	b := flow.NewBatch()
	for n := range uint32(held) {
		uniflow(b.Next(), n, false, minute)
	}
	b.Now = epoch + minute
	table.Do(b)
	flows, sessions, batches := 0, 0, 0
	for more := true; more; batches++ {
		b = flow.NewBatch()
		b.Last = true
		table.Do(b)
		if len(b.Recs) > maxFlush+16 {
			t.Errorf("a batch of %d", len(b.Recs))
		}
		for i := range b.Recs {
			if b.Recs[i].Kind == flow.KindSession {
				sessions++
				continue
			}
			flows++
		}
		more = b.More
		b.Free()
	}
	if flows != held || batches != 4 {
		t.Errorf("%d flows and %d sessions of %d in %d batches", flows, sessions, held, batches)
	}
	balanced(t, table)
}

// TestFlushBefore: what is held when the clock goes far back leaves at once, however much it is, and
// what comes by the new clock is held.
func TestFlushBefore(t *testing.T) {
	const held = 2*maxFlush + 1
	table := New(Config{})
	b := flow.NewBatch()
	for n := range uint32(held) {
		uniflow(b.Next(), n, false, 2*maxBack)
	}
	b.Now = epoch + 2*maxBack
	table.Do(b)
	b = flow.NewBatch()
	uniflow(b.Next(), held, false, minute)
	b.Now = epoch + minute
	if table.Do(b); len(b.Recs) != held || b.More || table.held != 1 {
		t.Errorf("%d of %d left, more: %v, %d are held", len(b.Recs), held, b.More, table.held)
	}
	b = flow.NewBatch()
	b.Last = true
	table.Do(b)
	balanced(t, table)
}

// appendAll appends the records of b, one a line, without the times of receipt.
func appendAll(dst []byte, b *flow.Batch) []byte {
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
	pairs := uint64(0)
	for _, p := range table.Pairs() {
		pairs += p.Records
	}
	if pairs != n["duplicates"] {
		t.Errorf("the pairs of exporters have %d duplicates: %v", pairs, n)
	}
	if n["held"] != 0 || table.index.n != 0 {
		t.Errorf("held after the end: %v, %d conversations", n, table.index.n)
	}
	left := func(name string, held int) {
		if held != 0 {
			t.Errorf("%s: %d are held", name, held)
		}
	}
	left("conversations", table.convs.Held())
	left("pieces", table.pieces.Held())
	left("seens", table.seens.Held())
	left("metas", table.metas.Held())
	left("long addresses", table.longs.Held())
	left("totals", table.totals.Held())
	left("asides", table.asides.Held())
	left("extras", table.extras.Held())
	left("templates", table.templates.Held())
	if table.forms.n != 0 {
		t.Errorf("%d templates can be found", table.forms.n)
	}
	return n
}
