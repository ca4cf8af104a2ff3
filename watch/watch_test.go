package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/internal/fuzztest"
)

// settle is short, so that tests are.
const settle = 60 * time.Millisecond

// watching is a Watcher of a directory, with what it logs.
type watching struct {
	*Watcher
	t     *testing.T
	dir   string
	lines []string
}

func open(t *testing.T, cfg Config) *watching {
	t.Helper()
	if cfg.Settle == 0 {
		cfg.Settle = settle
	}
	w := &watching{t: t, dir: cfg.Directories[0]}
	var err error
	w.Watcher, err = Open(cfg, nil, func(format string, args ...any) { w.lines = append(w.lines, fmt.Sprintf(format, args...)) })
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// config watches a new directory, with its state beside it.
func config(t *testing.T) Config {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(top, "in")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return Config{Directories: []string{dir}, StateFile: filepath.Join(top, "state")}
}

func (w *watching) next() (File, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), 5*time.Second)
	defer cancel()
	return w.Next(ctx)
}

// gives reads the files that come next and wants these names.
func (w *watching) gives(names ...string) {
	w.t.Helper()
	for _, want := range names {
		f, err := w.next()
		if err != nil {
			w.t.Fatalf("no file came; want %s", want)
		}
		if rel, _ := filepath.Rel(w.dir, f.Path); rel != want {
			w.t.Fatalf("got %s, want %s", rel, want)
		}
		w.Done(f, "digest of "+want)
	}
}

// givesNone wants no file to come, after all that is there has had the time to settle.
func (w *watching) givesNone() {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 2*settle+2*gather)
	defer cancel()
	if f, err := w.Next(ctx); err == nil {
		w.t.Fatalf("got %s, want none", f.Path)
	}
}

func (w *watching) close() {
	w.t.Helper()
	if err := w.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watching) write(name, text string) string {
	return write(w.t, filepath.Join(w.dir, name), text)
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *watching) stat(name string) uint64 {
	for _, s := range w.Stats() {
		if s.Name == "watch."+name {
			return s.Value
		}
	}
	w.t.Fatalf("no number %s", name)
	return 0
}

// Each file is given once, the oldest first, also over a restart; what is hidden, empty or of
// another name is not.
func TestOnce(t *testing.T) {
	cfg := config(t)
	cfg.Pattern = "*.pcap"
	w := open(t, cfg)
	now := time.Now()
	for i, name := range []string{"c.pcap", "b.pcap", "a.pcap", ".hidden.pcap", "notes.txt"} {
		check(t, os.Chtimes(w.write(name, name), now, now.Add(time.Duration(i-60)*time.Minute)))
	}
	w.write("empty.pcap", "")
	w.gives("c.pcap", "b.pcap", "a.pcap")
	w.givesNone()
	w.write("d.pcap", "new")
	w.gives("d.pcap")
	w.close()

	w = open(t, cfg)
	w.write("e.pcap", "new")
	w.gives("e.pcap")
	w.givesNone()
	if n := w.stat("files"); n != 1 {
		t.Errorf("%d files", n)
	}
	w.close()
}

// A file that is neither done nor failed comes again, after a restart too.
func TestUnfinished(t *testing.T) {
	cfg := config(t)
	w := open(t, cfg)
	w.write("a", "1")
	for range 2 {
		f, err := w.next()
		if err != nil || f.Size() != 1 {
			t.Fatalf("%v, %v", f, err)
		}
	}
	w.close()
	w = open(t, cfg)
	w.gives("a")
	w.close()
}

// A file that grows is not given before it is closed, however slowly it grows; without events
// neither, where the kernel tells who has it open.
func TestGrowing(t *testing.T) {
	for _, events := range []bool{true, false} {
		w := open(t, config(t))
		f, err := os.Create(filepath.Join(w.dir, "slow"))
		check(t, err)
		if _, err := f.WriteString("begin"); err != nil {
			t.Fatal(err)
		}
		if _, sure := beingWritten(f.Name()); !sure {
			t.Skip("the system does not tell who has a file open")
		}
		if !events && w.notify != nil {
			check(t, w.notify.close())
			w.notify = nil
			w.marks.reset()
		}
		w.givesNone()
		if _, err := f.WriteString(" end"); err != nil {
			t.Fatal(err)
		}
		w.givesNone()
		check(t, f.Close())
		w.gives("slow")
		w.close()
	}
}

// complete says what is decided of a file by what events and the kernel tell.
func TestComplete(t *testing.T) {
	w := open(t, config(t))
	defer w.close()
	path := filepath.Join(w.dir, "x")
	f := func(m mark, age time.Duration, yes, sure, want bool) {
		t.Helper()
		w.marks.set(path, m)
		w.writing = func(string) (bool, bool) { return yes, sure }
		now := time.Now()
		s := scanning{w: w.Watcher, now: now, pause: time.Hour}
		got := s.complete(path, sighting{ident{MTime: now.Add(-age).UnixNano()}, now})
		if got != want {
			t.Errorf("mark %d, unchanged for %v, open %v (%v): %v", m, age, yes, sure, got)
		}
		if left := settle - age; left > 0 && left <= settle && m != markClosed && s.pause != left {
			t.Errorf("the next scan is after %v, want %v", s.pause, left)
		}
	}
	const young, old = settle / 2, 2 * settle
	f(markClosed, young, false, true, true)
	f(markClosed, young, true, true, false)     // by one; another still writes
	f(markClosed, young, false, false, true)    // of another user
	f(markNone, young, false, true, false)      // it may be copied piece by piece
	f(markNone, old, false, true, true)         // it was there before
	f(markNone, old, true, true, false)         // and is still written
	f(markNone, old, false, false, true)        // of another machine
	f(markCreated, old, false, false, true)     // a hard link
	f(markWriting, old, false, false, false)    // of another user, who has not closed it
	f(markWriting, old, false, true, true)      // the event of its closing was lost
	f(markNone, -time.Hour, false, true, false) // the clock of another machine
}

// What events make of marks.
func TestMarks(t *testing.T) {
	w := open(t, config(t))
	defer w.close()
	if w.notify == nil {
		t.Skip("no events on this system")
	}
	w.givesNone()
	a, b := filepath.Join(w.dir, "a"), filepath.Join(w.dir, "b")
	until := func(path string, want mark) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); w.marks.get(path) != want; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: mark %d, want %d", path, w.marks.get(path), want)
			}
		}
	}
	f, err := os.Create(a)
	check(t, err)
	until(a, markWriting)
	check(t, os.Link(a, b))
	until(b, markCreated)
	check(t, f.Close())
	until(a, markClosed)
	c := filepath.Join(w.dir, "c")
	check(t, os.Rename(b, c))
	until(c, markClosed)
	w.marks.reset()
	if len(w.marks.paths()) != 0 {
		t.Error("marks are left")
	}
}

// A file that is written elsewhere and moved into place is given at once, also in directories that
// come later; of one renamed nothing is given again.
func TestMoved(t *testing.T) {
	cfg := config(t)
	cfg.Settle = time.Hour
	w := open(t, cfg)
	defer w.close()
	if w.notify == nil {
		t.Skip("no events on this system")
	}
	w.givesNone()
	check(t, os.Rename(write(t, filepath.Join(filepath.Dir(w.dir), "part"), "x"), filepath.Join(w.dir, "whole")))
	w.gives("whole")
	check(t, os.Mkdir(filepath.Join(w.dir, "day"), 0o700))
	w.givesNone()
	w.write("day/one", "1")
	w.gives("day/one")
	check(t, os.Rename(filepath.Join(w.dir, "day"), filepath.Join(w.dir, "today")))
	w.givesNone()
	w.write("today/two", "2")
	w.gives("today/two")
	check(t, os.Rename(filepath.Join(w.dir, "whole"), filepath.Join(w.dir, "renamed")))
	w.givesNone()
	if !w.SizeKnown(1) || w.SizeKnown(2) || len(w.sizes) != 1 {
		t.Errorf("known sizes are %v", w.sizes)
	}
	if len(w.known) != 3 || w.Known("digest of whole") != filepath.Join(w.dir, "renamed") {
		t.Errorf("known are %v", w.known)
	}
}

// A file of other content under the same name is a new one; a file that has gone is forgotten.
func TestReplaced(t *testing.T) {
	cfg := config(t)
	w := open(t, cfg)
	a := w.write("a", "first")
	w.gives("a")
	check(t, os.Rename(w.write(".a.new", "other"), a))
	w.gives("a")
	check(t, os.Remove(a))
	w.givesNone()
	w.close()
	if text, err := os.ReadFile(cfg.StateFile); err != nil || !strings.HasSuffix(string(text), "\n{\"end\":0}\n") {
		t.Errorf("the state is %s, %v", text, err)
	}
}

// A file that changes while it is read is found out.
func TestChangedMeanwhile(t *testing.T) {
	w := open(t, config(t))
	defer w.close()
	a := w.write("a", "first")
	f, err := w.next()
	check(t, err)
	check(t, f.Check())
	w.write("a", "first and more")
	if err := f.Check(); err != ErrChanged {
		t.Errorf("got %v", err)
	}
	w.gives("a")
	check(t, os.Remove(a))
	if err := f.Check(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// A file that can not be read is told once and left until it changes, also over a restart.
func TestFailed(t *testing.T) {
	cfg := config(t)
	w := open(t, cfg)
	a := w.write("a", "nonsense")
	f, err := w.next()
	check(t, err)
	w.Failed(f, fmt.Errorf("read %s: it is nonsense", f.Path))
	w.givesNone()
	if want := "watch: read " + a + ": it is nonsense; it is left until it changes"; len(w.lines) != 1 || w.lines[0] != want {
		t.Errorf("logged %q", w.lines)
	}
	w.close()
	w = open(t, cfg)
	w.givesNone()
	check(t, os.Chmod(a, 0o640))
	w.gives("a")
	if len(w.lines) != 0 {
		t.Errorf("logged %q", w.lines)
	}
	w.close()
}

// skip_existing leaves out what is there at the first start, not what came while nobody watched.
func TestSkipExisting(t *testing.T) {
	cfg := config(t)
	cfg.SkipExisting = true
	write(t, filepath.Join(cfg.Directories[0], "old"), "1")
	w := open(t, cfg)
	w.givesNone()
	if n := w.stat("skipped"); n != 1 {
		t.Errorf("%d skipped", n)
	}
	w.close()
	write(t, filepath.Join(cfg.Directories[0], "new"), "2")
	w = open(t, cfg)
	w.gives("new")
	w.close()
}

// What was read is moved or deleted, but not what has changed since; no file is written over.
func TestFinished(t *testing.T) {
	cfg := config(t)
	cfg.Finished, cfg.MoveTo = Move, filepath.Join(filepath.Dir(cfg.StateFile), "done")
	check(t, os.Mkdir(cfg.MoveTo, 0o700))
	names := func(dir string) (list []string) {
		all, err := os.ReadDir(dir)
		check(t, err)
		for _, e := range all {
			list = append(list, e.Name())
		}
		return list
	}
	w := open(t, cfg)
	for range 3 {
		w.write("a", "x")
		w.gives("a")
	}
	w.close()
	if got := names(cfg.MoveTo); !slices.Equal(got, []string{"a", "a.2", "a.3"}) {
		t.Errorf("moved are %v", got)
	}
	cfg.Finished, cfg.MoveTo = Delete, ""
	w = open(t, cfg)
	w.write("b", "x")
	w.gives("b")
	w.write("c", "x")
	f, err := w.next()
	check(t, err)
	w.write("c", "more")
	w.Done(f, "digest")
	w.close()
	if got := names(w.dir); !slices.Equal(got, []string{"c"}) || w.stat("not_cleared") != 1 || len(w.lines) != 1 {
		t.Errorf("left are %v, logged %q", got, w.lines)
	}
}

func TestOpenErrors(t *testing.T) {
	f := func(want string, change func(c *Config)) {
		t.Helper()
		cfg := config(t)
		change(&cfg)
		w, err := Open(cfg, nil, t.Logf)
		if err == nil {
			w.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f("no such file", func(c *Config) { c.Directories = []string{"does-not-exist"} })
	f("flowferry import", func(c *Config) { c.Directories = []string{"doc.go"} })
	f("save watch.state_file", func(c *Config) { c.StateFile = filepath.Join(c.StateFile, "x") })
	f("is no file", func(c *Config) { c.StateFile = c.Directories[0] })
	f("watch.pattern", func(c *Config) { c.Pattern = "[" })
	f("watch.pattern", func(c *Config) { c.Pattern = "a/*" })
	f("watch.settle", func(c *Config) { c.Settle = -1 })
	f("watch.finished", func(c *Config) { c.Finished = "burn" })
	f("name the directory", func(c *Config) { c.Finished = Move })
	f("which is watched", func(c *Config) { c.Finished, c.MoveTo = Move, filepath.Join(c.Directories[0], "done") })
	f("finished is not move", func(c *Config) { c.MoveTo = "/tmp" })
	f("watch.move_to", func(c *Config) { c.Finished, c.MoveTo = Move, "does-not-exist" })
}

// A state that is broken is set aside and said so; the state, and what else is named, is never
// given.
func TestState(t *testing.T) {
	cfg := config(t)
	cfg.StateFile = filepath.Join(cfg.Directories[0], "state")
	w := open(t, cfg)
	w.write("a", "1")
	w.gives("a")
	w.givesNone()
	w.close()
	text, err := os.ReadFile(cfg.StateFile)
	check(t, err)
	write(t, cfg.StateFile, string(text[:len(text)-4]))
	w = open(t, cfg)
	if len(w.lines) != 1 || !strings.Contains(w.lines[0], "set aside as "+cfg.StateFile+".broken") {
		t.Errorf("logged %q", w.lines)
	}
	w.gives("a")
	w.givesNone()
	w.close()

	w.Watcher, err = Open(cfg, []string{filepath.Join(w.dir, "store")}, t.Logf)
	check(t, err)
	check(t, os.Mkdir(filepath.Join(w.dir, "store"), 0o700))
	w.write("store/rows", "x")
	w.givesNone()
	w.close()
}

// A directory that can not be read for a while takes nothing from what is known.
func TestDirectoryGone(t *testing.T) {
	w := open(t, config(t))
	defer w.close()
	w.write("a", "1")
	w.gives("a")
	check(t, os.Rename(w.dir, w.dir+".away"))
	w.givesNone()
	check(t, os.Rename(w.dir+".away", w.dir))
	w.givesNone()
	w.write("b", "1")
	w.gives("b")
	if len(w.lines) != 1 {
		t.Errorf("logged %q", w.lines)
	}
}

// What it costs to look through a directory of 10000 files that were read.
func BenchmarkScan(b *testing.B) {
	dir := b.TempDir()
	for i := range 10000 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), []byte("x"), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	w, err := Open(Config{Directories: []string{dir}, StateFile: filepath.Join(b.TempDir(), "state"), SkipExisting: true}, nil, b.Logf)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	for b.Loop() {
		if w.scan(); len(w.ready) != 0 {
			b.Fatal("a file is new")
		}
	}
}

// Whatever a state file holds, it is read or refused, and what is read is written the same.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"format":"flowferry watch state","version":1,"directories":["/in"]}
{"path":"/in/a","is":"read","digest":"00000000000000ff","size":3,"mtime":4,"inode":5,"mode":384}
{"path":"/in/b","is":"failed","why":"it is \"nonsense\"","size":3,"mtime":-4,"mode":384}
{"end":2}
`))
	f.Add([]byte(`{"format":"flowferry watch state","version":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.Guard()()
		dirs, known, err := readState(strings.NewReader(string(data)))
		if err != nil {
			if !errors.Is(err, errState) {
				t.Error(err)
			}
			return
		}
		var out strings.Builder
		check(t, writeState(&out, dirs, known))
		_, again, err := readState(strings.NewReader(out.String()))
		check(t, err)
		if len(again) != len(known) {
			t.Errorf("%d files, then %d", len(known), len(again))
		}
		for path, e := range known {
			if again[path] != e {
				t.Errorf("%v, then %v", e, again[path])
			}
		}
	})
}
