package stitch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"pgregory.net/rapid"

	"github.com/flowferry/flowferry/flow"
)

// relay is the tables of some shards, which are stopped now and then and go on anew.
type relay struct {
	t interface {
		Fatalf(string, ...any)
		Helper()
	}
	cfg    Config
	seed   uint64
	tables []*Table
	from   *flow.Batch // of which the records are; nil if they have no metadata
	out    func(*flow.Batch)
}

// do has each shard take its part of recs, at a time.
func (x *relay) do(recs []flow.Record, now int64, last bool) {
	for j, table := range x.tables {
		b := flow.NewBatch()
		b.Now, b.Last = now, last
		for _, r := range recs {
			if r.Hash(x.seed)%uint64(len(x.tables)) == uint64(j) {
				b.Copy(x.from, &r)
			}
		}
		table.Do(b)
		for b.More {
			x.out(b)
			b = flow.NewBatch()
			b.Now, b.Last = now, true
			table.Do(b)
		}
		x.out(b)
	}
	x.account()
}

// restart parks what is held and takes it up in so many shards.
func (x *relay) restart(shards int) {
	x.t.Helper()
	var state bytes.Buffer
	if err := SaveState(&state, x.tables); err != nil {
		x.t.Fatalf("save: %v", err)
	}
	before := x.account()["held"]
	x.seed++
	x.tables = nil
	for range shards {
		x.tables = append(x.tables, New(x.cfg))
	}
	if err := LoadState(bytes.NewReader(state.Bytes()), x.tables, x.seed, func(b *flow.Batch) error { x.out(b); return nil }); err != nil {
		x.t.Fatalf("load: %v", err)
	}
	if n := x.account(); n["resumed"] != before || n["held"]+n["flows"] != before {
		x.t.Fatalf("%d flows were held, now: %v", before, n)
	}
}

// account adds up the accounts of the tables, which balance.
func (x *relay) account() map[string]uint64 {
	x.t.Helper()
	n := map[string]uint64{}
	for _, table := range x.tables {
		for _, s := range table.Stats() {
			n[strings.TrimPrefix(s.Name, "stitch.")] += s.Value
		}
	}
	if n["in"]+n["resumed"] != n["flows"]+n["paired"]+n["duplicates"]+n["held"]+n["parked"] {
		x.t.Fatalf("the account does not balance: %v", n)
	}
	return n
}

// records gives the records of text as relay takes them.
func records(t testing.TB, text string) []flow.Record {
	return parse(t, text).Recs
}

func parse(t testing.TB, text string) *flow.Batch {
	b := flow.NewBatch()
	for l := range strings.Lines(text) {
		if _, err := flow.ParseText(b, strings.TrimSpace(l)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// A conversation of three hours, stopped in the middle, comes out as one session with all that it had.
func TestLongFlowOverARestart(t *testing.T) {
	var in strings.Builder
	for i := range 180 {
		reason := "reason=active_timeout "
		if i == 179 {
			reason = "reason=end_of_flow "
		}
		in.WriteString(line(2*i+1, client, server, float64(60*i), float64(60*i+60)-0.001, tcp+reason+"fwd=10/1000 fwd.flags=AP"))
		in.WriteString(line(2*i+2, server, client, float64(60*i), float64(60*i+60)-0.001, tcp+reason+"fwd=20/30000 fwd.flags=AP"))
	}
	recs := records(t, in.String())
	var out []byte
	x := &relay{t: t, out: func(b *flow.Batch) { out = appendAll(out, b) }}
	x.tables = []*Table{New(Config{})}
	for i := range recs {
		switch i {
		case 100, 101, 255:
			x.restart(1 + i%3)
		}
		x.do(recs[i:i+1], recs[i].Received, false)
	}
	x.do(nil, 0, true)
	var sessions []string
	for l := range strings.Lines(string(out)) {
		if strings.Contains(l, "complete=true") {
			sessions = append(sessions, l)
		}
	}
	if len(sessions) != 1 {
		t.Fatalf("%d sessions: %q", len(sessions), sessions)
	}
	r := records(t, sessions[0])[0]
	if r.Kind != flow.KindSession || r.Segments != 180 || r.Fwd.Packets != 1800 || r.Rev.Bytes != 180*30000 || r.Start != epoch || r.End != epoch+180*minute-second/1000 || r.EndReason != flow.EndOfFlow || r.Ord != 1 {
		t.Errorf("got %s", sessions[0])
	}
	if n := strings.Count(string(out), "segment="); n != 180 {
		t.Errorf("%d pieces", n)
	}
}

// TestModelStops stops at random points of the model: one shard tells the same as without a stop,
// several tell as many conversations with the same sums.
func TestModelStops(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		recs := deliver(t, w.exportAll(t), 8*second)
		one := rapid.Bool().Draw(t, "one shard")
		want, got := map[tuple]*told{}, map[tuple]*told{}
		for _, c := range w.talks {
			want[c.tuple], got[c.tuple] = newTold(), newTold()
		}
		collect := func(text *[]byte, told map[tuple]*told) func(*flow.Batch) {
			return func(b *flow.Batch) {
				*text = appendAll(*text, b)
				for i := range b.Recs {
					w.collect(t, told, &b.Recs[i])
				}
			}
		}
		var whole, stopped []byte
		a := &relay{t: t, cfg: w.cfg, tables: []*Table{New(w.cfg)}, out: collect(&whole, want)}
		x := &relay{t: t, cfg: w.cfg, tables: []*Table{New(w.cfg)}, out: collect(&stopped, got)}
		for len(recs) > 0 {
			n := min(rapid.IntRange(1, 40).Draw(t, "batch"), len(recs))
			now := recs[n-1].Received
			a.do(recs[:n], now, false)
			x.do(recs[:n], now, false)
			recs = recs[n:]
			if rapid.IntRange(0, 3).Draw(t, "stop") == 0 {
				shards := 1
				if !one {
					shards = rapid.IntRange(1, 4).Draw(t, "shards")
				}
				x.restart(shards)
			}
		}
		a.do(nil, 0, true)
		x.do(nil, 0, true)
		if got, want := sortedLines(stopped), sortedLines(whole); one && got != want {
			t.Fatalf("with stops:\n%s\nwithout:\n%s", got, want)
		}
		for who := range want {
			if a, b := want[who], got[who]; a.sum != b.sum || a.sampled != b.sampled || len(a.complete) != len(b.complete) {
				t.Fatalf("%v: with stops %+v\nwithout %+v", who, b, a)
			}
		}
	})
}

func sortedLines(text []byte) string {
	lines := strings.SplitAfter(string(text), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// What timed out while nobody ran ends as it does otherwise, with its own reason; however long that was.
func TestTimedOutDuringTheStop(t *testing.T) {
	f := func(stop time.Duration, rest, want string) {
		t.Helper()
		recs := records(t, line(1, client, server, 0, 60, rest))
		var out []byte
		x := &relay{t: t, tables: []*Table{New(Config{})}, out: func(b *flow.Batch) { out = appendAll(out, b) }}
		x.do(recs, recs[0].Received, false)
		x.restart(2)
		x.do(nil, recs[0].Received+int64(stop), false)
		if got := string(out); !strings.Contains(got, want) || strings.Count(got, "complete=true") != btoi(want != "") {
			t.Errorf("after %s: got %q, want %q", stop, got, want)
		}
	}
	f(time.Minute, tcp+"fwd=5/500 fwd.flags=S reason=active_timeout", "")
	for _, stop := range []time.Duration{2 * time.Hour, 400 * 24 * time.Hour, 500 * 24 * time.Hour, 900 * 24 * time.Hour} {
		f(stop, tcp+"fwd=5/500 fwd.flags=S reason=active_timeout", "reason=idle_timeout")
		f(stop, tcp+"fwd=5/500 fwd.flags=R", "reason=end_of_flow")
		f(stop, udp+"fwd=5/500", "reason=idle_timeout")
	}
	f(-2*time.Hour, tcp+"fwd=5/500 fwd.flags=S reason=active_timeout", "reason=forced_end") // a clock that was put back
}

// What had ended is remembered over a stop: a late RST makes no flow of its own, a report that
// comes again is a duplicate, and all is forgotten in time.
func TestEndedOverARestart(t *testing.T) {
	var in strings.Builder
	for i := range 20 {
		in.WriteString(line(i+1, fmt.Sprintf("10.0.0.%d:40000", i), server, float64(i), float64(i)+0.5, tcp+"fwd=5/500 rev=4/400 fwd.flags=FSPA rev.flags=FSPA"))
	}
	recs := records(t, in.String())
	var out []byte
	x := &relay{t: t, tables: []*Table{New(Config{}), New(Config{})}, out: func(b *flow.Batch) { out = appendAll(out, b) }}
	x.do(recs, recs[19].Received, false)
	now := recs[19].Received + 15*second
	x.do(nil, now, false)
	x.restart(3)
	x.do(recs[3:4], now, false)
	late := records(t, line(30, "10.0.0.7:40000", server, 34, 34, tcp+"fwd=1/40 fwd.flags=R"))
	x.do(late, now, false)
	if n := x.account(); n["duplicates"] != 1 || n["late"] != 1 || strings.Count(string(out), "complete=true") != 20 {
		t.Errorf("%v:\n%s", n, out)
	}
	x.do(nil, now+3*minute, false)
	for _, table := range x.tables {
		balanced(t, table)
	}
}

// ids of records of two runs do not mix: the session keeps that of its first record, an interim has
// its last piece's.
func TestIDsOverARestart(t *testing.T) {
	var text string
	x := &relay{t: t, cfg: Config{Interim: 3 * time.Minute}, out: func(b *flow.Batch) { text = string(appendAll([]byte(text), b)) }}
	x.tables = []*Table{New(x.cfg)}
	for i := range 10 {
		r := records(t, line(100+i, client, server, float64(60*i), float64(60*i+60)-0.001, tcp+"fwd=5/500 fwd.flags=AP reason=active_timeout"))[0]
		if r.Origin = 7; i >= 4 {
			r.Origin, r.Ord = 8, uint64(i-3)
		}
		if i == 4 {
			x.restart(1)
		}
		x.do([]flow.Record{r}, r.Received, false)
	}
	x.do(nil, 0, true)
	ids := map[string]bool{}
	session := ""
	for _, r := range records(t, text) {
		id := fmt.Sprint(r.Kind, r.Origin, r.Ord)
		if ids[id] {
			t.Errorf("two records are %s", id)
		}
		ids[id] = true
		if r.Complete {
			session = fmt.Sprintf("%d/%d", r.Origin, r.Ord)
		}
	}
	if session != "7/100" || len(ids) != 10+2+1 || !ids[fmt.Sprint(flow.KindSession, 8, 3)] {
		t.Errorf("the session is %s of\n%s", session, text)
	}
}

// A flow that waits over a restart has the id of a record that was: its own, or that of the report
// which is counted instead.
func TestIDOfOneFlowOverARestart(t *testing.T) {
	f := func(want, other string, back bool) {
		t.Helper()
		var out []byte
		x := &relay{t: t, cfg: Config{Counts: "order", Order: []string{"198.51.100.2"}}, out: func(b *flow.Batch) { out = appendAll(out, b) }}
		x.tables = []*Table{New(x.cfg)}
		first := records(t, line(100, client, server, 0, 10, "exporter=198.51.100.1 proto=6 origin=7 fwd=5/500 fwd.flags=AP"))
		from, to := client, server
		if back {
			from, to = to, from
		}
		second := records(t, line(1, from, to, 0, 10, other+"proto=6 origin=8 fwd=5/500 fwd.flags=AP"))
		x.do(first, first[0].Received, false)
		x.restart(1)
		x.do(second, second[0].Received, false)
		x.do(nil, 0, true)
		if got := string(out); !strings.Contains(got, want+" ") && !strings.Contains(got, want+"\n") || strings.Count(got, "\n") != 1 {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f("origin=7 ord=100", "exporter=198.51.100.3 ", false) // a duplicate
	f("origin=7 ord=100", "exporter=198.51.100.1 ", true)  // the other direction
	f("origin=8 ord=1", "exporter=198.51.100.2 ", false)   // the preferred
}

// busy gives tables that hold of everything.
func busy(t testing.TB, cfg Config, shards int) *relay {
	var in strings.Builder
	for i := range 24 {
		c := fmt.Sprintf("10.0.0.%d:%d", i, 40000+i)
		s := server
		if i%5 == 4 {
			c, s = fmt.Sprintf("[2001:db8::%d]:40000", i), "[2001:db8::80]:443"
		}
		from := 20 + float64(i)/2
		switch i % 4 {
		case 0: // in pieces, by two exporters
			in.WriteString(line(3*i+1, c, s, from-200, from, tcp+"fwd=5/500 fwd.flags=AP reason=active_timeout in=3 out=4"))
			in.WriteString(line(3*i+2, c, s, from-200, from, tcp2+"fwd=5/500 fwd.flags=AP reason=active_timeout in=5"))
			in.WriteString(line(3*i+3, s, c, from-200, from, tcp2+"fwd=5/500 fwd.flags=AP reason=active_timeout in=5"))
		case 1: // ended
			in.WriteString(line(3*i+1, c, s, from-1, from, tcp+"fwd=5/500 rev=5/600 fwd.flags=FAP rev.flags=F"))
		case 2: // open
			in.WriteString(line(3*i+1, c, s, from-1, from, udp+`fwd=5/500 app=dns sampling=10 meta={"User":"anna","Names":{"InIf":"a"}}`))
		case 3: // an event in between
			in.WriteString(line(3*i+1, c, s, from-1, from, udp+"fwd=5/500 fwd.payload=100 in=7 via=netflow_v9"))
		}
	}
	x := &relay{t: t, cfg: cfg, out: func(b *flow.Batch) { b.Free() }}
	for range shards {
		x.tables = append(x.tables, New(cfg))
	}
	x.from = parse(t, in.String())
	for _, r := range x.from.Recs {
		x.do([]flow.Record{r}, r.Received, false)
	}
	return x
}

func stateOf(t testing.TB, x *relay) []byte {
	var state bytes.Buffer
	if err := SaveState(&state, x.tables); err != nil {
		t.Fatal(err)
	}
	return state.Bytes()
}

func loadInto(table *Table, state []byte) error {
	return LoadState(bytes.NewReader(state), []*Table{table}, 1, func(b *flow.Batch) error { b.Free(); return nil })
}

// Saving changes nothing: twice gives the same bytes; and so does a table that was loaded.
func TestSaveIsExact(t *testing.T) {
	x := busy(t, Config{}, 1)
	first := stateOf(t, x)
	if again := stateOf(t, x); !bytes.Equal(first, again) {
		t.Error("the second saving differs")
	}
	x.restart(1)
	if again := stateOf(t, x); !bytes.Equal(first, again) {
		t.Errorf("what was loaded is saved in %d bytes, not the same %d", len(again), len(first))
	}
}

// A file of which any byte differs, is missing or is too much is refused.
func TestBrokenState(t *testing.T) {
	state := stateOf(t, busy(t, Config{}, 2))
	if err := loadInto(New(Config{}), state); err != nil {
		t.Fatal(err)
	}
	table := New(Config{})
	f := func(name string, state []byte) {
		t.Helper()
		if err := loadInto(table, state); !errors.Is(err, ErrState) || table.index.n != 0 {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for i := range state {
		state[i] ^= 0x41
		f(fmt.Sprintf("byte %d", i), state)
		state[i] ^= 0x41
		f(fmt.Sprintf("only %d bytes", i), state[:i])
	}
	f("a byte more", append(slices.Clone(state), 0))
	body := state[:len(state)-sumSize]
	f("another version", summed(bytes.Replace(body, []byte("state\n\x02"), []byte("state\n\x03"), 1)))
	f("another magic", summed(bytes.Replace(body, []byte("stitch"), []byte("stItch"), 1)))
	f("nothing", nil)
	f("foreign", []byte(strings.Repeat("{\"format\":\"flowferry netflow state\"}\n", 10)))
	if err := loadInto(New(Config{}), summed(append(slices.Clone(body), 0))); !errors.Is(err, ErrState) {
		t.Errorf("more behind the end: got %v", err)
	}
	for i := range body { // with the right sum
		changed := slices.Clone(body)
		changed[i] ^= 0xff
		if err := loadInto(New(Config{}), summed(changed)); err != nil && !errors.Is(err, ErrState) {
			t.Errorf("byte %d: got %v", i, err)
		}
	}
}

func summed(body []byte) []byte {
	return binary.LittleEndian.AppendUint64(slices.Clone(body), xxhash.Sum64(body))
}

// Tables that are too small for what was parked write out what does not fit, in batches.
func TestFewerFlowsThanWereParked(t *testing.T) {
	x := &relay{t: t, cfg: Config{}, tables: []*Table{New(Config{})}, out: func(b *flow.Batch) { b.Free() }}
	const n = 5000
	for i := range uint32(n) {
		var r flow.Record
		uniflow(&r, i, false, minute)
		if i%3 == 0 {
			r.EndReason, r.Fwd.Flags = flow.EndOfFlow, flow.FIN|flow.RST
		}
		x.do([]flow.Record{r}, r.Received, false)
	}
	x.do(nil, epoch+2*minute, false) // a third has ended
	for i := range uint32(1000) {
		var r flow.Record
		uniflow(&r, 1<<16+i, false, 2*minute)
		x.do([]flow.Record{r}, r.Received, false)
	}
	before := stateOf(t, x)
	x.cfg.MaxFlows = 100
	batches, recs := 0, 0
	x.out = func(b *flow.Batch) {
		if len(b.Recs) > 2*flow.BatchSize {
			t.Fatalf("a batch of %d records", len(b.Recs))
		}
		for i := range b.Recs {
			if r := &b.Recs[i]; r.Complete && r.EndReason == flow.EndLackResources {
				recs++
			}
		}
		batches++
	}
	x.restart(2)
	live := n - (n+2)/3 + 1000
	if got := x.account(); got["evicted"] != uint64(live-200) || recs != live-200 || batches < 4 {
		t.Errorf("%d records in %d batches, %v", recs, batches, got)
	}
	for _, table := range x.tables {
		if table.index.n != 100 || table.dead.head != 0 {
			t.Errorf("%d conversations", table.index.n)
		}
	}
	full := errors.New("disk full")
	if err := LoadState(bytes.NewReader(before), []*Table{New(x.cfg)}, 1, func(*flow.Batch) error { return full }); err != full {
		t.Errorf("got %v", err)
	}
}

// More reporters than have numbers share some over a restart too.
func TestManyReporters(t *testing.T) {
	x := &relay{t: t, tables: []*Table{New(Config{})}, out: func(b *flow.Batch) { b.Free() }}
	for i := range uint32(maxReporters + 100) {
		var r flow.Record
		uniflow(&r, i, false, minute)
		r.Exporter = flow.Addr4(i)
		x.do([]flow.Record{r}, r.Received, false)
	}
	held := x.account()["held"]
	x.restart(2)
	x.do(nil, 0, true)
	if n := x.account(); n["flows"] != held || n["resumed"] != held || held != maxReporters+100 {
		t.Errorf("%v", n)
	}
}

// A flow that two records were paired into is one when it is taken up, whatever becomes of it.
func TestPairedIsOneLater(t *testing.T) {
	x := &relay{t: t, cfg: Config{Counts: "order", Order: []string{"198.51.100.2"}}, out: func(b *flow.Batch) { b.Free() }}
	x.tables = []*Table{New(x.cfg)}
	x.do(records(t, line(1, client, server, 0, 100, tcp+"fwd=5/500")+line(2, server, client, 0, 100, tcp+"fwd=5/500")), epoch+101*second, false)
	x.restart(1)
	x.do(records(t, line(3, client, server, 0, 100, tcp2+"fwd=5/500")+line(4, server, client, 0, 100, tcp2+"fwd=5/500")), epoch+102*second, false)
	x.do(nil, 0, true)
	if n := x.account(); n["paired"] > math.MaxInt64 || n["resumed"] != 1 || n["in"] != 2 {
		t.Errorf("%v", n)
	}
}
