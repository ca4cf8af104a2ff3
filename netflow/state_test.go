package netflow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// taught is a message by which an exporter tells all that is kept: templates, names, rates.
func taught() []wire {
	ipfix := ipfixMessage(0, 7, set(2, tmpl(256, 8, 4, 10, 4, 234, 4, 48, 2)),
		optionsTemplate(257, 1, 10, 4, 82, 4), set(257, wire{}.u32(3), fixedText("if3", 4)),
		optionsTemplate(258, 1, 234, 4, 236, 4), set(258, wire{}.u32(9), fixedText("red", 4)),
		optionsTemplate(259, 1, 48, 2, 49, 1, 50, 4), set(259, wire{}.u16(5).u8(2).u32(64)),
		optionsTemplate(260, 1, 95, 4, 96, 4), set(260, wire{}.u32(0x0d000050), fixedText("http", 4)))
	v9 := v9Message(0, 7, set(0, tmpl(256, 8, 4, 10, 2)), set(1, wire{}.u16(257, 4, 4).u16(2, 2, 34, 4)), set(257, wire{}.u16(3).u32(10)))
	return []wire{ipfix, v9}
}

// untaught is data that says nothing without that.
func untaught() []wire {
	return []wire{
		ipfixMessage(0, 7, set(256, wire{}.u32(0x0a000001, 3, 9).u16(5))),
		v9Message(1, 7, set(256, wire{}.u32(0x0a000001).u16(3))),
		ipfixMessage(1, 7, set(259, wire{}.u16(5).u8(2).u32(64))), // options by the loaded options template
	}
}

func savedState(t testing.TB, d *Decoder) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := d.saveState(&buf); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func sortedLines(b []byte) []string {
	lines := strings.Split(string(b), "\n")
	slices.Sort(lines)
	return lines
}

// A decoder that starts with another's state decodes data at once, with names and rates.
func TestStateOverRestart(t *testing.T) {
	before, _ := run(t, Config{}, nil, taught()...)
	state := savedState(t, before)
	after, b := NewDecoder(Config{}), &flow.Batch{}
	if err := after.loadState(bytes.NewReader(state), received); err != nil {
		t.Fatal(err)
	}
	if again := savedState(t, after); !slices.Equal(sortedLines(again), sortedLines(state)) {
		t.Errorf("saved again it is\n%s\nwas\n%s", again, state)
	}
	if after.state.Load() != before.state.Load() {
		t.Errorf("%d bytes of state, were %d", after.state.Load(), before.state.Load())
	}
	for _, m := range untaught() {
		if err := after.Datagram(exporterAddr, 1, m, received, b); err != nil {
			t.Error(err)
		}
	}
	wants(t, b, `sampling=64 in=3 meta={"Sampler":"random","Names":{"InIf":"if3","InVRF":"red"}}`, `sampling=10 in=3 !meta=`)
	s := after.Stats()
	if stat(s, "no_template") != 0 || stat(s, "templates") != 0 || stat(s, "templates_loaded") != 7 || stat(s, "options_records") != 1 {
		t.Errorf("no_template %d, templates %d, loaded %d, options %d", stat(s, "no_template"), stat(s, "templates"), stat(s, "templates_loaded"), stat(s, "options_records"))
	}
	balance(t, after)
	for _, e := range after.Exporters() {
		if e.Datagrams == 0 || e.First != received || e.TemplateChanges != 0 {
			t.Errorf("%+v", e)
		}
	}
}

// What is old, or not allowed any more, is not loaded; limits hold for what is.
func TestStateLimits(t *testing.T) {
	before, _ := run(t, Config{}, nil, taught()...)
	state := savedState(t, before)
	f := func(name string, cfg Config, now int64, exporters, templates int) {
		t.Helper()
		d := NewDecoder(cfg)
		if err := d.loadState(bytes.NewReader(state), now); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, e := range d.Exporters() {
			n += e.Templates
		}
		if len(d.Exporters()) != exporters || n != templates && templates >= 0 {
			t.Errorf("%s: %d exporters and %d templates, want %d and %d", name, len(d.Exporters()), n, exporters, templates)
		}
	}
	f("all", Config{}, received, 2, 7)
	f("a day later", Config{}, received+int64(24*time.Hour), 2, 7)
	f("more than a day later", Config{}, received+int64(24*time.Hour)+1, 0, 0)
	f("from the future", Config{}, received-int64(24*time.Hour)-1, 0, 0)
	f("denied", Config{Allow: []string{"198.51.100.0/24"}}, received, 0, 0)
	f("few exporters", Config{MaxExporters: 1}, received, 1, -1) // which of them is left is open
	f("few templates", Config{MaxTemplates: 2}, received, 2, 4)
}

// Nothing of a broken file is loaded.
func TestStateBroken(t *testing.T) {
	before, _ := run(t, Config{}, nil, taught()...)
	state := savedState(t, before)
	f := func(name string, broken []byte) {
		t.Helper()
		d := NewDecoder(Config{})
		if err := d.loadState(bytes.NewReader(broken), received); !errors.Is(err, ErrState) || len(d.Exporters()) != 0 {
			t.Errorf("%s: error %v, %d exporters", name, err, len(d.Exporters()))
		}
	}
	f("empty", nil)
	f("zeros", make([]byte, 4096))
	for n := range len(state) - 1 { // the last byte is a line end
		f(fmt.Sprint("cut at ", n), state[:n])
	}
	replace := func(old, by string) []byte {
		t.Helper()
		if !bytes.Contains(state, []byte(old)) {
			t.Fatalf("%s is not in\n%s", old, state)
		}
		return bytes.Replace(state, []byte(old), []byte(by), 1)
	}
	f("later version", replace(`"version":1}`, `"version":2}`))
	f("another format", replace(stateFormat, "something else"))
	f("a line more", append(bytes.Clone(state), "{}"...))
	f("a line less", replace(`{"end":2}`, `{"end":3}`))
	f("an unknown key", replace(`"domain"`, `"dominion"`))
	f("no address", replace(`"exporter":"192.0.2.1"`, `"exporter":"example"`))
	f("a version that has no templates", replace(`"version":9`, `"version":5`))
	for what, record := range map[string]string{"none": "", "short": "AQA=", "no fields": "AQAAAA==", "a field less": "AQAAAgAIAAQ=", "an id of a set": "AAIAAQAIAAQ="} {
		f("template record: "+what, regexp.MustCompile(`"record":"[^"]*"`).ReplaceAll(state, []byte(`"record":"`+record+`"`)))
	}
	f("an empty name", replace(`"name":"if3"`, `"name":""`))
	f("a long name", replace(`"name":"if3"`, `"name":"`+strings.Repeat("x", maxText+1)+`"`))
}

// The collector keeps its state in a file, from one run to the next.
func TestStateFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "netflow.state")
	cfg := Config{Listen: []string{"127.0.0.1:0"}, Readers: 1, StateFile: path}
	live(t, cfg, func(u *Live, c *catcher) {
		conn := dial(t, u.udp.Addrs()[0])
		for _, m := range taught() {
			transmit(t, conn, m)
		}
		eventually(t, "learning", func() bool { return stat(u.Stats(), "templates") == 7 })
	})
	u, c := live(t, cfg, func(u *Live, c *catcher) {
		if w := u.Warnings(); slices.ContainsFunc(w, func(s string) bool { return strings.Contains(s, "state_file") }) {
			t.Errorf("warnings %q", w)
		}
		conn := dial(t, u.udp.Addrs()[0])
		transmit(t, conn, untaught()[0])
		eventually(t, "a record", func() bool { return c.len() == 1 })
	})
	if len(c.recs) != 1 || c.recs[0].Sampling != 64 || stat(u.Stats(), "state_saves") < 2 || stat(u.Stats(), "state_errors") != 0 {
		t.Errorf("%d records, stats %v", len(c.recs), u.Stats())
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v: %v", st.Mode(), err)
	}
	left, err := filepath.Glob(path + "?*")
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// A broken file is set aside with one line, and the collector starts without it.
func TestStateFileBroken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "netflow.state")
	if err := os.WriteFile(path, []byte("{\"format\":\"flow"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, warning, err := openState(NewDecoder(Config{}), path)
	if err != nil || s == nil || !strings.Contains(warning, path+".broken") || strings.Contains(warning, "\n") {
		t.Errorf("warning %q, error %v", warning, err)
	}
	if b, err := os.ReadFile(path + ".broken"); err != nil || string(b) != "{\"format\":\"flow" {
		t.Errorf("set aside: %q %v", b, err)
	}
	if _, warning, err := openState(NewDecoder(Config{}), path); err != nil || warning != "" {
		t.Errorf("the second start: warning %q, error %v", warning, err)
	}
}

func TestStateFileImpossible(t *testing.T) {
	dir := t.TempDir()
	f := func(path, says string) {
		t.Helper()
		_, err := Listen(Config{Listen: []string{"127.0.0.1:0"}, Readers: 1, StateFile: path})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: error %v", path, err)
		}
	}
	f(filepath.Join(dir, "none", "state"), "save netflow.state_file")
	f(dir, "is no file")
}

// Saving follows changes, and does not follow what is only told again.
func TestStateIsSavedWhenItChanges(t *testing.T) {
	d := NewDecoder(Config{})
	s, _, err := openState(d, filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	due := func(after time.Duration) bool { return s.due(s.at.Add(after)) }
	f := func(want bool, messages ...wire) {
		t.Helper()
		for _, m := range messages {
			if err := d.Datagram(exporterAddr, 1, m, received, &flow.Batch{}); err != nil {
				t.Fatal(err)
			}
		}
		if due(stateEvery+statePause*s.took) != want {
			t.Errorf("due: %v, want %v", !want, want)
		}
		if err := s.save(); err != nil {
			t.Fatal(err)
		}
	}
	f(false)
	f(true, taught()...)
	f(false, taught()...)
	f(false, untaught()...)
	f(true, ipfixMessage(2, 7, set(257, wire{}.u32(3), fixedText("If3", 4))))
	f(true, ipfixMessage(3, 7, set(259, wire{}.u16(5).u8(2).u32(65))))
	f(true, ipfixMessage(4, 7, set(2, wire{}.u16(256, 0))))
	if !due(stateIdle + statePause*s.took) {
		t.Error("not due after a while")
	}
	s.took = time.Hour
	if due(19*time.Hour) || !due(21*time.Hour) {
		t.Error("the pause does not follow how long saving takes")
	}
}

// The last saving's error is that of the source.
func TestStateSaveFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	u, err := Listen(Config{Listen: []string{"127.0.0.1:0"}, Readers: 1, StateFile: filepath.Join(dir, "state")})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := u.Run(ctx, func(b *flow.Batch) { b.Free() }); err == nil || stat(u.Stats(), "state_errors") != 1 {
		t.Errorf("error %v, %d counted", err, stat(u.Stats(), "state_errors"))
	}
}

// FuzzState loads anything: it is refused, or what is saved of it is loaded alike.
func FuzzState(f *testing.F) {
	d, _ := run(f, Config{}, nil, taught()...)
	f.Add(savedState(f, d))
	f.Add([]byte(`{"format":"flowferry netflow state","version":1}{"end":0}`))
	f.Fuzz(func(t *testing.T, state []byte) {
		defer fuzztest.Guard()()
		d, b := NewDecoder(Config{}), &flow.Batch{}
		if err := d.loadState(bytes.NewReader(state), received); err != nil {
			if len(d.exporters) != 0 || d.state.Load() != 0 {
				t.Fatalf("refused, but %d exporters", len(d.exporters))
			}
			return
		}
		first := savedState(t, d)
		again := NewDecoder(Config{})
		if err := again.loadState(bytes.NewReader(first), received); err != nil {
			t.Fatalf("what it saves it does not load: %v\n%s", err, first)
		}
		if second := savedState(t, again); !slices.Equal(sortedLines(first), sortedLines(second)) {
			t.Fatalf("saved twice:\n%s\n%s", first, second)
		}
		for _, m := range append(taught(), untaught()...) {
			_ = d.Datagram(exporterAddr, 1, m, received, b)
		}
		balance(t, d)
	})
}
