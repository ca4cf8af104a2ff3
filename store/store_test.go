package store

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
	"github.com/flowferry/flowferry/store/storetest"
)

func TestMain(m *testing.M) {
	flow.Poison = true
	if dir := os.Getenv("STORE_TEST_CRASH"); dir != "" {
		crash(dir)
	}
	goleak.VerifyTestMain(m)
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func writer(t testing.TB, s *Store, cfg WriterConfig) *Writer {
	t.Helper()
	w, err := s.Writer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func put(t testing.TB, w *Writer, batches ...*flow.Batch) {
	t.Helper()
	for _, b := range batches {
		if err := w.Put(context.Background(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func closeWriter(t testing.TB, w *Writer) {
	t.Helper()
	if err := w.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// fill imports n generated records over the given time under a name.
func fill(t testing.TB, s *Store, cfg WriterConfig, n int, over time.Duration) {
	t.Helper()
	cfg.Replace = true
	w := writer(t, s, cfg)
	g := storetest.New(1, n, over)
	for i := 0; i < n; i += 100 {
		put(t, w, g.Batch(min(100, n-i)))
	}
	closeWriter(t, w)
}

// scanned counts the rows and the sum of event.sequence of a time range.
func scanned(t testing.TB, s *Store, o ScanOptions) (rows int, sum int64, files map[string]bool) {
	t.Helper()
	var mu sync.Mutex
	files = map[string]bool{}
	o.Columns = []string{"event.sequence"}
	err := s.Scan(context.Background(), o, func(c *Chunk) error {
		mu.Lock()
		defer mu.Unlock()
		files[c.File] = true
		for i := range c.Rows {
			if c.Select != nil && !c.Select.Get(i) {
				continue
			}
			v, ok := c.Column("event.sequence").Int(i)
			if !ok {
				t.Error("a row without event.sequence")
			}
			rows, sum = rows+1, sum+v
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows, sum, files
}

// TestDocuments writes records and gets the documents that a cluster would get.
func TestDocuments(t *testing.T) {
	s := open(t, t.TempDir())
	b := storetest.New(1, 1000, 3*time.Hour).Batch(1000)
	odd(b)
	want := map[float64]any{}
	streams := map[string]int{}
	for i := range b.Recs {
		r := &b.Recs[i]
		micros(r)
		var doc map[string]any
		if err := json.Unmarshal(ecs.AppendDocument(nil, b, r), &doc); err != nil {
			t.Fatal(err)
		}
		want[float64(r.Ord)] = doc
		streams[ecs.Stream(r.Kind)]++
	}
	w := writer(t, s, WriterConfig{Name: "live", FlushRows: 150})
	put(t, w, b)
	closeWriter(t, w)
	for stream, n := range streams {
		last := ""
		err := s.Documents(context.Background(), DocumentOptions{Stream: stream}, func(text []byte) error {
			var doc map[string]any
			if err := json.Unmarshal(text, &doc); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
			seq := doc["event"].(map[string]any)["sequence"].(float64)
			if !reflect.DeepEqual(doc, want[seq]) {
				t.Errorf("document %v\nwant %v\ngot  %v", seq, want[seq], doc)
			}
			at := doc["@timestamp"].(string)
			if tm, err := time.Parse(time.RFC3339Nano, at); err != nil || last != "" && tm.Before(mustTime(last)) {
				t.Errorf("%s after %s, %v", at, last, err)
			}
			last = at
			n--
			return nil
		})
		if err != nil || n != 0 {
			t.Errorf("stream %s: %d documents missing, %v", stream, n, err)
		}
	}
}

func mustTime(s string) time.Time {
	tm, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return tm
}

// micros cuts the times of r to what the store keeps of them.
func micros(r *flow.Record) {
	for _, at := range []*int64{&r.Start, &r.End, &r.Received} {
		*at = floorDiv(*at, 1000) * 1000
	}
}

// odd makes some of the records unlike the others.
func odd(b *flow.Batch) {
	b.Recs[3].Kind, b.Recs[3].Segments = flow.KindSession, 3
	b.Recs[4].Kind, b.Recs[4].Event = flow.KindEvent, flow.EventDenied
	b.Recs[5] = flow.Record{Start: b.Recs[5].End, End: b.Recs[5].End, Received: 1, Ord: b.Recs[5].Ord}
	b.Recs[6].End = storetest.Start.Add(-1).UnixNano() // the last nanosecond of the hour before
	b.Recs[7].Start, b.Recs[7].End = -5, -1            // before 1970
	b.SetMeta(&b.Recs[8], flow.Meta{AppName: "bad \xff\xfe utf8", User: "quote \" back \\ line \n",
		HTTP: &flow.HTTP{Host: "a.example:80", Path: "/x?y=1", UserAgent: "漢字"}, Unknown: []flow.Element{{PEN: 1, ID: 2, Value: []byte("v")}, {PEN: 1, ID: 2}}})
}

// TestLimits gets the first and the last few documents only.
func TestLimits(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s, WriterConfig{Name: "a", FlushRows: 100}, 2000, 3*time.Hour)
	for _, newest := range []bool{false, true} {
		var all, some []string
		for limit, to := range map[int]*[]string{0: &all, 321: &some} {
			err := s.Documents(context.Background(), DocumentOptions{Limit: limit, Newest: newest}, func(doc []byte) error {
				*to = append(*to, string(doc))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(all) != 2000 || len(some) != 321 || !reflect.DeepEqual(all[:321], some) {
			t.Errorf("newest %v: %d and %d documents, the first of which differ", newest, len(all), len(some))
		}
	}
}

// TestImportTwice imports the same records again, in files of another size: nothing is added.
func TestImportTwice(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s, WriterConfig{Name: "other", FlushRows: 50}, 300, time.Hour)
	fill(t, s, WriterConfig{Name: "digest", FlushRows: 100}, 1000, 3*time.Hour)
	rows, sum, files := scanned(t, s, ScanOptions{})
	fill(t, s, WriterConfig{Name: "digest", FlushRows: 400}, 1000, 3*time.Hour)
	rows2, sum2, files2 := scanned(t, s, ScanOptions{})
	if rows != 1300 || rows != rows2 || sum != sum2 {
		t.Errorf("%d rows (sum %d), then %d (%d)", rows, sum, rows2, sum2)
	}
	if len(files2) >= len(files) {
		t.Errorf("%d files, then %d: the old ones stayed", len(files), len(files2))
	}
	if left := temporary(t, s.dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// temporary lists what is not a Parquet file in place.
func temporary(t testing.TB, dir string) (left []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() && !strings.HasSuffix(path, fileSuffix) && info.Name() != lockName {
			left = append(left, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// TestAbort gives an import up: what was there before stays, nothing new is there.
func TestAbort(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s, WriterConfig{Name: "digest"}, 500, time.Hour)
	rows, sum, _ := scanned(t, s, ScanOptions{})
	w := writer(t, s, WriterConfig{Name: "digest", Replace: true, FlushRows: 10})
	put(t, w, storetest.New(2, 100, time.Hour).Batch(100))
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	rows2, sum2, _ := scanned(t, s, ScanOptions{})
	if rows != rows2 || sum != sum2 || len(temporary(t, s.dir)) > 0 {
		t.Errorf("%d rows, then %d; left behind: %v", rows, rows2, temporary(t, s.dir))
	}
}

// TestManyPuts puts from several goroutines, with little memory, so that hours spill.
func TestManyPuts(t *testing.T) {
	s := open(t, t.TempDir())
	w := writer(t, s, WriterConfig{Name: "live", Memory: 400 << 10})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			g := storetest.New(uint64(i), 1000, 40*time.Hour)
			for range 10 {
				if err := w.Put(context.Background(), g.Batch(100)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	closeWriter(t, w)
	rows, sum, files := scanned(t, s, ScanOptions{})
	if rows != 4000 || sum != 4*1000*1001/2 || len(files) < 40 {
		t.Errorf("%d rows, sum %d, in %d files", rows, sum, len(files))
	}
	if err := w.Put(context.Background(), flow.NewBatch()); err == nil {
		t.Error("put after close: no error")
	}
	info, err := s.Info("flow")
	if err != nil || info.Rows != 4000 || info.Files != len(files) || info.First >= info.Last {
		t.Errorf("info %+v, %v", info, err)
	}
}

// TestFlushByAge finds the rows of a live writer in a file while it lives.
func TestFlushByAge(t *testing.T) {
	s := open(t, t.TempDir())
	w := writer(t, s, WriterConfig{Name: "live", FlushInterval: 20 * time.Millisecond})
	put(t, w, storetest.New(1, 50, time.Minute).Batch(50))
	rows := 0
	for deadline := time.Now().Add(30 * time.Second); rows < 50 && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		rows, _, _ = scanned(t, s, ScanOptions{})
	}
	if rows != 50 {
		t.Errorf("%d rows before close", rows)
	}
	closeWriter(t, w)
	w = writer(t, s, WriterConfig{Name: "live"}) // the same name again: files are added, not replaced
	put(t, w, storetest.New(1, 50, time.Minute).Batch(50))
	closeWriter(t, w)
	if rows, _, _ = scanned(t, s, ScanOptions{}); rows != 100 {
		t.Errorf("%d rows of two runs of one name", rows)
	}
}

// crash is the process that TestCrash kills.
func crash(dir string) {
	s, err := Open(dir)
	if err != nil {
		panic(err)
	}
	w, err := s.Writer(WriterConfig{Name: "epoch", FlushRows: 1000, FlushInterval: time.Hour})
	if err != nil {
		panic(err)
	}
	g := storetest.New(1, 2345, time.Hour/3)
	for i := 0; i < 2345; i += 5 {
		if err := w.Put(context.Background(), g.Batch(5)); err != nil {
			panic(err)
		}
	}
	for w.stats.flushed.Load() < 2000 {
		time.Sleep(time.Millisecond)
	}
	temp := filepath.Join(dir, part{"flow", storetest.Start.Unix() / 3600}.dir(), ".epoch-00009"+tempSuffix)
	if err := os.WriteFile(temp, []byte("PAR1 half"), 0o644); err != nil {
		panic(err)
	}
	fmt.Println("ready")
	select {}
}

// TestCrash kills a writer: only rows that were in no file are lost, and they are named.
func TestCrash(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_TEST_CRASH="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || line != "ready\n" {
		t.Fatalf("child said %q, %v", line, err)
	}
	s := open(t, dir)
	if _, err := s.Writer(WriterConfig{Name: "epoch"}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second writer of one name: %v", err)
	}
	other := writer(t, s, WriterConfig{Name: "next"})
	if got := other.Warnings(); len(got) != 0 {
		t.Errorf("a living writer was taken for dead: %v", got)
	}
	closeWriter(t, other)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	w := writer(t, s, WriterConfig{Name: "later"})
	rows, _, _ := scanned(t, s, ScanOptions{})
	want := fmt.Sprintf("store: writer epoch ended without closing: 2345 rows taken, %d in files, %d lost; 1 temporary files removed", rows, 2345-rows)
	if got := w.Warnings(); len(got) != 1 || got[0] != want || rows < 2000 {
		t.Errorf("%d rows in files\nwarning %v\nwant    %s", rows, got, want)
	}
	if st := w.Stats()[4]; st.Name != "store.lost_in_crash" || st.Value != uint64(2345-rows) {
		t.Errorf("%+v", st)
	}
	closeWriter(t, w)
	if left := temporary(t, dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestTimeRange compares time ranges with a plain count, and sees that other hours are not read.
func TestTimeRange(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s, WriterConfig{Name: "a", FlushRows: 200}, 3000, 5*time.Hour)
	b := storetest.New(1, 3000, 5*time.Hour).Batch(3000)
	start := storetest.Start.UnixNano()
	f := func(from, to time.Duration, maxFiles int) {
		t.Helper()
		o := ScanOptions{From: start + int64(from), To: start + int64(to)}
		want := 0
		for i := range b.Recs {
			if e := floorDiv(b.Recs[i].End, 1000) * 1000; e >= o.From && e < o.To {
				want++
			}
		}
		rows, _, files := scanned(t, s, o)
		if rows != want || len(files) > maxFiles {
			t.Errorf("%v to %v: %d rows in %d files, want %d in at most %d", from, to, rows, len(files), want, maxFiles)
		}
	}
	f(0, 5*time.Hour, 100)
	f(time.Hour, 2*time.Hour, 4)
	f(90*time.Minute, 100*time.Minute, 2)
	f(-time.Hour, 0, 1)
	f(10*time.Hour, 11*time.Hour, 0)
}

// TestDamaged scans a store with files that were cut, changed and emptied.
func TestDamaged(t *testing.T) {
	s := open(t, t.TempDir())
	fill(t, s, WriterConfig{Name: "a", FlushRows: 100}, 1000, 50*time.Minute)
	_, _, files := scanned(t, s, ScanOptions{})
	harm := map[int]func([]byte) []byte{
		1: func(b []byte) []byte { return b[:len(b)/2] },
		2: func(b []byte) []byte { return nil },
		3: func(b []byte) []byte { b[len(b)/3]++; return b }, // in a page: its checksum tells
		4: func(b []byte) []byte { b[len(b)-200] ^= 0xff; return b },
	}
	i, harmed := 0, map[string]bool{}
	for path := range files {
		if i++; harm[i] != nil {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, harm[i](data), 0o644); err != nil {
				t.Fatal(err)
			}
			harmed[path] = true
		}
	}
	var bad []error
	rows := 0
	err := s.Scan(context.Background(), ScanOptions{All: true, Workers: 1, Bad: func(err error) { bad = append(bad, err) }}, func(c *Chunk) error {
		rows += c.Rows
		delete(harmed, c.File)
		return nil
	})
	if err != nil || len(bad) < 3 || len(harmed) != len(bad) {
		t.Errorf("%d bad files told, %d not read, %v", len(bad), len(harmed), err)
	}
	for path := range harmed {
		if !strings.Contains(fmt.Sprint(bad), path) {
			t.Errorf("%s is not named in %v", path, bad)
		}
	}
	if info, err := s.Info(); err != nil || len(info.Bad) < 2 || rows < 500 {
		t.Errorf("info %+v, %v; %d rows", info, err, rows)
	}
	if err := s.Scan(context.Background(), ScanOptions{All: true}, func(*Chunk) error { return nil }); err == nil {
		t.Error("a scan that nobody tells of bad files: no error")
	}
}

// TestOtherColumns reads files of a version with fewer fields and of one with more.
func TestOtherColumns(t *testing.T) {
	s := open(t, t.TempDir())
	few := []ecs.Field{*ecs.Lookup("@timestamp"), *ecs.Lookup("event.sequence"), *ecs.Lookup("source.ip")}
	more := append(few[:3:3], ecs.Field{Name: "flow.future", Type: ecs.Keyword, Str: func(*flow.Batch, *flow.Record) string { return "new" }},
		ecs.Field{Name: "flow.count", Type: ecs.Long, Int: func(_ *flow.Batch, r *flow.Record) (int64, bool) { return int64(r.Ord), r.Ord%2 == 0 }})
	for name, fields := range map[string][]ecs.Field{"few": few, "more": more, "all": ecs.Fields} {
		w, err := s.newWriter(WriterConfig{Name: name, Replace: true}, fields, &few[0])
		if err != nil {
			t.Fatal(err)
		}
		put(t, w, storetest.New(1, 100, 10*time.Minute).Batch(100))
		closeWriter(t, w)
	}
	if rows, sum, _ := scanned(t, s, ScanOptions{}); rows != 300 || sum != 3*5050 {
		t.Errorf("%d rows, sum %d", rows, sum)
	}
	with := map[string]int{}
	err := s.Documents(context.Background(), DocumentOptions{}, func(doc []byte) error {
		for _, part := range []string{`"future":"new"`, `"count":`, `"source":{`, `"destination":{`} {
			if strings.Contains(string(doc), part) {
				with[part]++
			}
		}
		return nil
	})
	want := map[string]int{`"future":"new"`: 100, `"count":`: 50, `"source":{`: 300, `"destination":{`: 100}
	if err != nil || !reflect.DeepEqual(with, want) {
		t.Errorf("%v, %v", with, err)
	}
}

// TestErrors looks at what wrong configurations and places say.
func TestErrors(t *testing.T) {
	s := open(t, t.TempDir())
	f := func(cfg WriterConfig, want string) {
		t.Helper()
		if _, err := s.Writer(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q in it", cfg, err, want)
		}
	}
	f(WriterConfig{}, "give letters and digits")
	f(WriterConfig{Name: "../x"}, "give letters and digits")
	f(WriterConfig{Name: "x", FlushRows: -1}, "flush_rows is -1")
	f(WriterConfig{Name: "x", FlushInterval: -1}, "flush_interval")
	f(WriterConfig{Name: "x", Memory: -1}, "memory is -1")
	if _, err := Open(""); err == nil {
		t.Error("open without a directory: no error")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("open a file: %v", err)
	}
	stop := fmt.Errorf("enough")
	fill(t, s, WriterConfig{Name: "a", FlushRows: 10}, 100, time.Hour)
	if err := s.Scan(context.Background(), ScanOptions{}, func(*Chunk) error { return stop }); err != stop {
		t.Errorf("scan whose function fails: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Scan(ctx, ScanOptions{}, func(*Chunk) error { return nil }); err != context.Canceled {
		t.Errorf("cancelled scan: %v", err)
	}
}

// FuzzFile reads changed files: it must not panic, hang or take much memory.
func FuzzFile(f *testing.F) {
	s := open(f, f.TempDir())
	fill(f, s, WriterConfig{Name: "a"}, 60, 10*time.Minute)
	_, _, files := scanned(f, s, ScanOptions{})
	for path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.Guard()()
		if len(data) > 1<<20 {
			t.Skip()
		}
		path := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		file, err := openFile(path)
		if err != nil {
			return
		}
		defer file.close()
		for g := range file.pq.RowGroups() {
			file.span(g)
			c, err := file.chunk(g, nil)
			if err != nil {
				continue
			}
			w := newDocWriter(c)
			for i := range min(c.Rows, 1000) {
				_, _ = io.Discard.Write(w.append(nil, i))
			}
		}
	})
}
