package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/shipper/shippertest"
	"github.com/flowferry/flowferry/store"
	"github.com/flowferry/flowferry/watch"
)

// watchedKinds are files of every kind that is told by its content.
var watchedKinds = []string{
	"pcap/zeek/krb__kinit.pcap", "pcap/made/exports.pcap", "flowfiles/zeek/conn.log", "flowfiles/nfcapd/collected",
	"export/logstash/netflow9_test_softflowd_tpl_data.dat", "pcap/zeek/ldap__missing_krbtgt_ldap_request.pcapng",
}

// watchRun is a collector of a directory.
type watchRun struct {
	t     *testing.T
	cfg   *Config
	dir   string
	store string
	stop  context.CancelFunc
	out   bytes.Buffer
	done  chan error
}

func newWatchRun(t *testing.T) *watchRun {
	t.Helper()
	top := t.TempDir()
	w := &watchRun{t: t, dir: filepath.Join(top, "in"), store: filepath.Join(top, "store")}
	for _, dir := range []string{w.dir, filepath.Join(top, "done")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.cfg = &Config{Watch: watch.Config{Directories: []string{w.dir}, StateFile: filepath.Join(top, "state"), Settle: 50 * time.Millisecond}}
	w.cfg.Output.ExporterInterval = exporterInterval
	setOutput(w.cfg, w.store, "")
	return w
}

func (w *watchRun) start() {
	ctx, cancel := context.WithCancel(w.t.Context())
	w.stop, w.done = cancel, make(chan error, 1)
	w.out.Reset()
	go func() { w.done <- collect(ctx, &w.out, w.cfg, false) }()
}

// end stops the collector and gives its account.
func (w *watchRun) end() (map[string]int64, string) {
	w.t.Helper()
	w.stop()
	if err := <-w.done; err != nil {
		w.t.Fatal(err)
	}
	return numbers(w.t, w.out.String()), w.out.String()
}

// until waits for something to become true.
func (w *watchRun) until(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		select {
		case err := <-w.done:
			w.t.Fatalf("the collector has ended: %v", err)
		default:
		}
		if time.Now().After(end) {
			w.t.Fatalf("it never came that %s", what)
		}
	}
}

// remembers waits until so many files are remembered to be this.
func (w *watchRun) remembers(n int, is string) {
	w.t.Helper()
	w.until(fmt.Sprintf("%d files are %s", n, is), func() bool {
		text, err := os.ReadFile(w.cfg.Watch.StateFile)
		return err == nil && strings.Count(string(text), `"is":"`+is+`"`) == n
	})
}

// put moves a copy of a file of testdata into the directory.
func (w *watchRun) put(name string) string {
	w.t.Helper()
	data, err := os.ReadFile(filepath.Join(testdata, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return w.move(filepath.Base(name), data)
}

func (w *watchRun) move(name string, data []byte) string {
	w.t.Helper()
	part := filepath.Join(filepath.Dir(w.dir), "part")
	err := os.WriteFile(part, data, 0o600)
	path := filepath.Join(w.dir, name)
	if err = errors.Join(err, os.Rename(part, path)); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// tree gives the digest of each Parquet and NDJSON file of a store.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Files that are there, that are moved into the directory and that are written slowly are read
// once each, into the very store that import makes of them; a restart adds nothing.
func TestWatchLikeImport(t *testing.T) {
	w := newWatchRun(t)
	var files []string
	for _, name := range watchedKinds[:2] {
		files = append(files, w.put(name))
	}
	w.start()
	w.remembers(2, "read")
	for _, name := range watchedKinds[2:] {
		files = append(files, w.put(name))
	}
	data, err := os.ReadFile(filepath.Join(testdata, "pcap", "suricata", "ethernet-eve__test.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	slow, err := os.Create(filepath.Join(w.dir, "slow.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, slow.Name())
	for i, step := 0, len(data)/3+1; i < len(data); i += step {
		if _, err := slow.Write(data[i:min(i+step, len(data))]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	slow.Close()
	w.remembers(len(files), "read")
	n, out := w.end()
	if n["received"] == 0 || n["+ lost"] != 0 || !strings.Contains(out, fmt.Sprintf("files %d\n", len(files))) {
		t.Errorf("%d files:\n%s", len(files), out)
	}
	imported := filepath.Join(t.TempDir(), "store")
	if want := numbers(t, must(t, append([]string{"import", "--store", imported}, files...)...)); !maps.Equal(n, want) {
		t.Errorf("watched %v, imported %v", n, want)
	}
	got := tree(t, w.store)
	if want := tree(t, imported); !maps.Equal(got, want) || len(got) == 0 {
		t.Errorf("the stores differ: %d files and %d", len(got), len(want))
	}

	w.start()
	again := w.put("pcap/zeek/tunnels__gre-within-gre.pcap")
	w.remembers(len(files)+1, "read")
	if n, out := w.end(); !strings.Contains(out, "files 1\n") || n["received"] == 0 {
		t.Errorf("after the restart:\n%s", out)
	}
	must(t, "import", "--store", imported, again)
	if got, want := tree(t, w.store), tree(t, imported); !maps.Equal(got, want) {
		t.Errorf("after the restart the stores differ: %d files and %d", len(got), len(want))
	}
}

// A file that can not be read is left and the others are read; one of known content is not read
// again; one in the place of another is.
func TestWatchOddFiles(t *testing.T) {
	w := newWatchRun(t)
	w.put(watchedKinds[0])
	broken := w.move("broken", []byte("neither fish nor fowl"))
	w.start()
	w.remembers(1, "read")
	w.remembers(1, "failed")
	first := tree(t, w.store)
	data, err := os.ReadFile(filepath.Join(w.dir, filepath.Base(watchedKinds[0])))
	if err != nil {
		t.Fatal(err)
	}
	w.move("copy", data)
	w.remembers(2, "read")
	if got := tree(t, w.store); !maps.Equal(got, first) {
		t.Error("the copy has changed the store")
	}
	other, err := os.ReadFile(filepath.Join(testdata, watchedKinds[1]))
	if err != nil {
		t.Fatal(err)
	}
	w.move("copy", other)
	w.move(filepath.Base(broken), data[:len(data)-7]) // a capture that is cut off
	w.remembers(3, "read")
	w.remembers(0, "failed")
	_, out := w.end()
	if !strings.Contains(out, "failed 1, files 4\n") || !strings.Contains(out, "broken files 1") {
		t.Errorf("got\n%s", out)
	}
	if got := tree(t, w.store); len(got) <= len(first) {
		t.Error("the new content is not in the store")
	}
}

// Files go into a cluster under the ids that import gives them, and are moved when they are there.
func TestWatchCluster(t *testing.T) {
	clusters := [2]shippertest.Cluster{}
	var urls [2]string
	for i := range clusters {
		server := httptest.NewServer(&clusters[i])
		defer server.Close()
		urls[i] = server.URL
	}
	w := newWatchRun(t)
	w.cfg.Watch.Finished, w.cfg.Watch.MoveTo = watch.Move, filepath.Join(filepath.Dir(w.dir), "done")
	w.cfg.Output.Cluster.DeadLetter = filepath.Join(t.TempDir(), "dead")
	setOutput(w.cfg, "", urls[0])
	w.start()
	args := []string{"import", "--cluster", urls[1]}
	for _, name := range watchedKinds {
		w.put(name)
		args = append(args, filepath.Join(testdata, name))
	}
	w.until("all files are moved", func() bool {
		all, err := os.ReadDir(w.cfg.Watch.MoveTo)
		return err == nil && len(all) == len(watchedKinds)
	})
	w.end()
	must(t, args...)
	got, want := clusters[0].Docs(), clusters[1].Docs()
	maps.DeleteFunc(got, func(key, _ string) bool { return strings.HasPrefix(key, "metrics-") })
	maps.DeleteFunc(want, func(key, _ string) bool { return strings.HasPrefix(key, "metrics-") })
	if !maps.Equal(got, want) || len(got) == 0 {
		t.Errorf("watched %d documents, imported %d", len(got), len(want))
	}
}

// A collector that is stopped while the cluster does not answer has not read the file: the next
// start reads it again, and nothing is there twice.
func TestWatchStopped(t *testing.T) {
	cluster := &shippertest.Cluster{}
	asked := make(chan struct{}, 1000)
	cluster.Next = func(n int) shippertest.Fault {
		asked <- struct{}{}
		if n > 0 {
			return shippertest.Fault{Status: 503}
		}
		return shippertest.Fault{}
	}
	server := httptest.NewServer(cluster)
	defer server.Close()
	w := newWatchRun(t)
	w.cfg.Output.Cluster.BatchBytes, w.cfg.Output.Cluster.QueueBytes = 2000, 4000
	w.cfg.Output.Cluster.DeadLetter = filepath.Join(t.TempDir(), "dead")
	setOutput(w.cfg, "", server.URL)
	file := w.put("pcap/made/exports.pcap")
	w.start()
	<-asked
	<-asked
	w.stop()
	err := <-w.done
	if n := numbers(t, w.out.String()); n["given"] == 0 || strings.Contains(w.out.String(), "files 1") {
		t.Errorf("%v\n%s", err, &w.out)
	}
	parts := cluster.Docs()

	cluster.Next = nil
	w.start()
	w.remembers(1, "read")
	w.end()
	whole := cluster.Docs()
	for key, text := range parts {
		if whole[key] != text {
			t.Errorf("%s was %s, is %s", key, text, whole[key])
		}
	}
	before := len(whole)
	must(t, "import", "--cluster", server.URL, file)
	if after := len(cluster.Docs()); after != before || after <= len(parts) {
		t.Errorf("%d documents after the stop, %d after the restart, %d after an import", len(parts), before, after)
	}
}

// A file that another program is importing waits for it.
func TestWatchBusy(t *testing.T) {
	w := newWatchRun(t)
	path := w.put(watchedKinds[0])
	origin, _, err := flow.FileOrigin(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(w.store)
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.Writer(store.WriterConfig{Name: originName(origin), Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	w.start()
	w.put(watchedKinds[2])
	time.Sleep(300 * time.Millisecond) // it tries
	w.remembers(0, "read")
	if err := other.Abort(); err != nil {
		t.Fatal(err)
	}
	w.remembers(2, "read")
	if n, out := w.end(); n["received"] == 0 || !strings.Contains(out, "files 2\n") {
		t.Errorf("got\n%s", out)
	}
}

// halfRead is a source that gives a record, is stopped in the middle of the next flow and gives
// that as far as it came.
type halfRead struct {
	stop func()
	got  uint64
}

func (s *halfRead) Run(ctx context.Context, emit func(*flow.Batch)) error {
	for port := range uint16(2) {
		b := flow.NewBatch()
		r := b.Next()
		r.Src, r.Dst = flow.MustAddr("10.0.0.1"), flow.MustAddr("10.0.0.2")
		r.Start, r.End, r.Received, r.Origin, r.Ord = 1e18, 1e18, 1e18, 7, uint64(port)+1
		r.SrcPort, r.DstPort, r.Proto, r.Via = 1000+port, 53, flow.ProtoUDP, flow.ViaCapture
		r.Has = flow.HasTimes | flow.HasPorts | flow.HasProto
		b.Now = 1e18 + int64(port)*int64(time.Hour)
		if port == 1 {
			s.stop()
		}
		s.got++
		emit(b)
	}
	return ctx.Err()
}

func (s *halfRead) input() input {
	stats := func() []flow.Stat { return []flow.Stat{{Name: "capture.records", Value: s.got}} }
	return input{"half", s, func() uint64 { return 7 }, func() (int64, int64) { return 0, 0 }, stats}
}

// What a source gives when it is stopped goes into no output, and the account tells of it.
func TestStoppedInput(t *testing.T) {
	cluster := &shippertest.Cluster{}
	server := httptest.NewServer(cluster)
	defer server.Close()
	dir := t.TempDir()
	f := func(cfg *Config) {
		t.Helper()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		stages, err := newStages(cfg, true)
		if err != nil {
			t.Fatal(err)
		}
		out, err := openOutput(ctx, cfg, true)
		if err != nil {
			t.Fatal(err)
		}
		job := newImportJob(out, stages)
		if err := job.one(ctx, (&halfRead{stop: stop}).input()); err != context.Canceled {
			t.Errorf("got %v", err)
		}
		shared, err := out.close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		job.account.add(shared)
		records, documents := job.account.balance()
		if records != 0 || documents != 0 || job.account["import.unfinished"] != 2 {
			t.Errorf("%d records and %d documents are missing: %v", records, documents, job.account)
		}
	}
	cfg := &Config{}
	setOutput(cfg, dir, "")
	f(cfg)
	if files := tree(t, dir); len(files) != 0 {
		t.Errorf("the store holds %v", files)
	}
	cfg = &Config{}
	setOutput(cfg, "", server.URL)
	cfg.Output.Cluster.DeadLetter = filepath.Join(dir, "dead")
	f(cfg)
	for key, text := range cluster.Docs() {
		if !strings.Contains(text, `"port":1000`) {
			t.Errorf("%s is %s", key, text)
		}
	}
}

func TestWatchErrors(t *testing.T) {
	f := func(want string, args ...string) {
		t.Helper()
		if _, err := inProcess(t.Context(), append([]string{"run", "--store", t.TempDir()}, args...)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got %v, want %q", args, err, want)
		}
	}
	f("watch does-not-exist: ", "--watch", "does-not-exist")
	t.Setenv("FLOWFERRY_WATCH_FINISHED", "burn")
	f(`watch.finished: "burn" is not known`, "--watch", t.TempDir())
}
