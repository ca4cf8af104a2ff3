package netflow

import (
	"errors"
	"iter"
	"os"
	"strings"
	"testing"
)

// rowsOf gives lines of a log as the rows of a table, which end with err unless it is nil.
func rowsOf(lines []string, err error) iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		for _, line := range lines {
			var cells [][]byte
			for _, c := range strings.Fields(line) {
				if c == "-" {
					cells = append(cells, nil)
				} else {
					cells = append(cells, []byte(c))
				}
			}
			if !yield(cells, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// A table gives the records that its rows give as lines; a broken one those before the break.
func TestTableLog(t *testing.T) {
	const path = cloudDir + "/aws-v5-29.log"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	columns := strings.Fields(strings.ReplaceAll(lines[0], "-", "_"))
	want := readLog(t, openLog(t, path, Config{}))
	f := func(end error) {
		t.Helper()
		l, err := NewTableLog(path, Config{}, columns, rowsOf(lines[1:], end))
		if err != nil {
			t.Fatal(err)
		}
		got := readLog(t, l)
		if a, b := strings.Join(texts(got), "\n"), strings.Join(texts(want), "\n"); a != b || len(got.Recs) != len(lines)-1 {
			t.Errorf("got  %s\nwant %s", a, b)
		}
		if broken := stat(l.Stats(), "log_broken"); (end != nil) != (broken == 1) || (end != nil) != (len(l.Warnings()) == 1) {
			t.Errorf("ended with %v: %d broken, warnings %q", end, broken, l.Warnings())
		}
	}
	f(nil)
	f(errors.New("page: bad"))
	if _, err := NewTableLog(path, Config{}, []string{"a", "b"}, rowsOf(nil, nil)); err == nil || !strings.Contains(err.Error(), "no columns srcaddr and dstaddr") {
		t.Errorf("a table of something else: %v", err)
	}
}
