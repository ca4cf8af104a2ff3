package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/ecs"
)

func readyDocs(at int64, texts ...string) (docs []ecs.Document) {
	for _, text := range texts {
		docs = append(docs, ecs.Document{Time: at, Text: []byte(text)})
	}
	return docs
}

// readyTexts reads all documents of stream "exporter" from a time on.
func readyTexts(t *testing.T, s *Store, from, to int64) (texts []string, bad []error) {
	t.Helper()
	bad, err := s.ReadyDocuments("exporter", from, to, func(text []byte) error {
		texts = append(texts, string(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return texts, bad
}

func TestReadyDocuments(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := func(from, to int64, want ...string) {
		t.Helper()
		if got, bad := readyTexts(t, s, from, to); !slices.Equal(got, want) || bad != nil {
			t.Errorf("got %q, %v; want %q", got, bad, want)
		}
	}
	want(0, 0)
	write := func(fn func(stream, name string, docs []ecs.Document) (int, error), name string, docs ...ecs.Document) {
		t.Helper()
		if n, err := fn("exporter", name, docs); n != len(docs) || err != nil {
			t.Errorf("%d of %d written, %v", n, len(docs), err)
		}
	}
	write(s.AppendDocuments, "live", readyDocs(nsHour-1, `{"a":1}`, `{"a":2}`)...)
	write(s.AppendDocuments, "live", append(readyDocs(nsHour-1, `{"a":3}`), readyDocs(nsHour, `{"a":4}`)...)...)
	write(s.AppendDocuments, "live")
	want(0, 0, `{"a":1}`, `{"a":2}`, `{"a":3}`, `{"a":4}`)
	want(0, nsHour, `{"a":1}`, `{"a":2}`, `{"a":3}`)
	want(nsHour, 0, `{"a":4}`)

	write(s.ReplaceDocuments, "file", append(readyDocs(5*nsHour, `{"b":1}`), readyDocs(7*nsHour, `{"b":2}`)...)...)
	want(2*nsHour, 0, `{"b":1}`, `{"b":2}`)
	write(s.ReplaceDocuments, "file", readyDocs(5*nsHour, `{"b":3}`)...)
	want(2*nsHour, 0, `{"b":3}`)
	want(0, 2*nsHour, `{"a":1}`, `{"a":2}`, `{"a":3}`, `{"a":4}`) // another name's

	info, err := s.Info()
	if err != nil || info.Rows != 0 || info.Bad != nil {
		t.Errorf("as flows: %+v, %v", info, err)
	}
	if _, err := s.ReadyDocuments("exporter", 0, 0, func([]byte) error { return os.ErrClosed }); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
	if zcat, err := exec.LookPath("zcat"); err == nil {
		out, err := exec.Command(zcat, filepath.Join(s.dir, "exporter", "date=1970-01-01", "hour=00", "live"+readySuffix)).Output()
		if string(out) != "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n" || err != nil {
			t.Errorf("zcat gives %q, %v", out, err)
		}
	}
}

// Wherever a crash cuts a file, what was appended before it is read whole, and it is told of.
func TestReadyDocumentsCut(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, "exporter", "date=1970-01-01", "hour=00", "live"+readySuffix)
	var sizes []int
	for i := range 3 {
		if _, err := s.AppendDocuments("exporter", "live", readyDocs(1, fmt.Sprintf(`{"n":%d,"more":{"x":1}}`, i))); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(data))
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		texts, bad := readyTexts(t, s, 0, 0)
		complete := 0
		for _, size := range sizes {
			if size <= n {
				complete++
			}
		}
		if len(texts) < complete || len(texts) > complete+1 {
			t.Fatalf("cut at %d of %d: %q", n, len(whole), texts)
		}
		for _, text := range texts[complete:] { // its line is there, only the check sum is not
			if !strings.HasPrefix(text, `{"n":`) || !strings.HasSuffix(text, "}") {
				t.Errorf("cut at %d: %q", n, text)
			}
		}
		if cut := !slices.Contains(sizes, n); cut != (len(bad) == 1) {
			t.Errorf("cut at %d of %v: told %v", n, sizes, bad)
		}
	}
	noise := bytes.Repeat([]byte("x"), 100)
	if err := os.WriteFile(path, append(whole, noise...), 0o600); err != nil {
		t.Fatal(err)
	}
	if texts, bad := readyTexts(t, s, 0, 0); len(texts) != 3 || len(bad) != 1 {
		t.Errorf("with noise behind: %q, %v", texts, bad)
	}
}

// What can not be written is an error that names the place, and counts as not written.
func TestReadyDocumentsFail(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "exporter"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, fn := range []func(stream, name string, docs []ecs.Document) (int, error){s.AppendDocuments, s.ReplaceDocuments} {
		if n, err := fn("exporter", "live", readyDocs(1, `{}`)); n != 0 || err == nil || !strings.HasPrefix(err.Error(), "write store: ") {
			t.Errorf("%d written, %v", n, err)
		}
	}
}
