package hunt

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/flowferry/flowferry/internal/golden"
	"github.com/flowferry/flowferry/store"
	"github.com/flowferry/flowferry/store/storetest"
)

// TestGoldenText compares what the renderers draw with the golden file.
func TestGoldenText(t *testing.T) {
	day := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC).UnixNano()
	top := &Result{By: []string{"source.ip", "destination.port"}, Sum: []string{"network.bytes", "event.duration"}, Distinct: []string{"destination.ip"}, Seen: true,
		Rows: []Row{
			{Key: []string{"10.0.0.1", "443"}, Count: 1234567, Sum: []float64{9.87e12, 3.6e12}, Distinct: []int64{12}, First: day, Last: day + 1e9},
			{Key: []string{"2001:db8::1", "53"}, Count: 1, Sum: []float64{999, 0}, Distinct: []int64{1}},
			{Key: []string{"evil \x1b[31m \u202e", `a,"b"`}, Count: 0, Sum: []float64{999.6e3, 1.5e6}, Distinct: []int64{0}},
		},
		Total: Row{Count: 1234568, Sum: []float64{1e13, 3.6e12}}, Groups: 4711}
	bars := &Series{Start: day, Interval: 15 * time.Minute, Sum: "network.bytes", Lines: []Line{{Values: []float64{0, 1, 1e6, 2.5e6, 40}, Total: 3500041}}}
	lines := &Series{Start: day, Interval: time.Hour, By: "source.ip", Lines: []Line{
		{Key: "10.0.0.1", Values: []float64{1, 2, 3, 4, 5, 6, 7, 8}, Total: 36}, {Key: "2001:db8::1", Values: []float64{0, 0, 9, 0, 0, 0, 0, 1}, Total: 10}}}
	comb := make([]uint32, 96)
	for i := range comb {
		comb[i] = []uint32{1, 0, 0, 0}[i%4]
	}
	crowd := make([]uint32, 96)
	copy(crowd[40:], []uint32{1, 2, 5, 20, 9, 3, 1})
	strips := &Strips{By: []string{"source.ip", "destination.ip"}, Start: day, Step: 15 * time.Minute, Groups: 2,
		Strips: []OneStrip{{Key: []string{"10.0.0.1", "198.51.100.7"}, Count: 24, Cells: comb}, {Key: []string{"10.0.0.2", "192.0.2.1"}, Count: 41, Cells: crowd}}}
	draw := map[string]func(io.Writer) error{
		"top table":      top.WriteTable,
		"top csv":        top.WriteCSV,
		"timeline bars":  func(w io.Writer) error { return bars.WriteText(w, 80) },
		"timeline lines": func(w io.Writer) error { return lines.WriteText(w, 80) },
		"timeline none":  func(w io.Writer) error { return (&Series{By: "source.ip"}).WriteText(w, 0) },
		"strips wide":    func(w io.Writer) error { return strips.WriteText(w, 140) },
		"strips narrow":  func(w io.Writer) error { return strips.WriteText(w, 80) },
	}
	golden.Check(t, "../testdata/golden/hunt_text.txtar", func(f txtar.File) []byte {
		var got bytes.Buffer
		if err := draw[f.Name](&got); err != nil {
			t.Fatal(err)
		}
		delete(draw, f.Name)
		return got.Bytes()
	})
	if len(draw) > 0 {
		t.Errorf("%d drawings are not compared", len(draw))
	}
}

// TestTimeline compares lines over time with a plain count.
func TestTimeline(t *testing.T) {
	sm := newSample(t, 2000)
	q, err := Parse("not destination.port:53")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Timeline{Interval: 7 * time.Minute, Sum: "bytes", By: "dport", Limit: 3}.Store(context.Background(), sm.s, q)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]float64{}
	for i := range sm.b.Recs {
		r, doc := &sm.b.Recs[i], sm.docs[i]
		if !q.Match(sm.b, r) || doc["destination.port"] == nil {
			continue
		}
		port := doc["destination.port"][0]
		if want[port] == nil {
			want[port] = make([]float64, len(got.Lines[0].Values))
		}
		sums := []float64{0}
		p, err := Top{By: []string{"dport"}, Sum: []string{"bytes"}}.plan()
		if err != nil {
			t.Fatal(err)
		}
		add(p, sums, doc)
		want[port][(r.End/1000*1000-got.Start)/int64(got.Interval)] += sums[0]
	}
	if len(got.Lines) != 3 || got.Start%int64(7*time.Minute) != 0 {
		t.Errorf("%d lines from %d", len(got.Lines), got.Start)
	}
	for i, l := range got.Lines {
		for s, v := range l.Values {
			if v != want[l.Key][s] {
				t.Errorf("%s step %d: %v, want %v", l.Key, s, v, want[l.Key][s])
			}
		}
		if i > 0 && l.Total > got.Lines[i-1].Total {
			t.Errorf("%s stands after one with less", l.Key)
		}
	}
	all, err := Timeline{}.Store(context.Background(), sm.s, All())
	if err != nil || len(all.Lines) != 1 || all.Lines[0].Total != 2000 || len(all.Lines[0].Values) > 61 {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestStrip sees that each flow is in the cell of its start.
func TestStrip(t *testing.T) {
	sm := newSample(t, 2000)
	from, to := storetest.Start.UnixNano(), storetest.Start.Add(2*time.Hour).UnixNano()
	got, err := Strip{By: []string{"src"}, Steps: 24, Limit: -1, From: from, To: to}.Store(context.Background(), sm.s, All())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]uint32{}
	count := 0
	for i := range sm.b.Recs {
		r := &sm.b.Recs[i]
		if r.End < from || r.End >= to {
			continue
		}
		key := r.Src.String()
		if want[key] == nil {
			want[key] = make([]uint32, 24)
		}
		want[key][min(max((r.Start-from)/int64(got.Step), 0), 23)]++
		count++
	}
	if len(want) != len(got.Strips) || got.Groups != len(want) {
		t.Errorf("%d strips, want %d", len(got.Strips), len(want))
	}
	for _, s := range got.Strips {
		for c, n := range s.Cells {
			if n != want[s.Key[0]][c] {
				t.Errorf("%v cell %d: %d, want %d", s.Key, c, n, want[s.Key[0]][c])
			}
		}
		count -= int(s.Count)
	}
	if count != 0 {
		t.Errorf("%d flows are in no strip", count)
	}
}

// TestEmptyStore asks a store without records.
func TestEmptyStore(t *testing.T) {
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	top, err := Top{By: []string{"source.ip"}}.Store(ctx, s, All())
	if err != nil || len(top.Rows) != 0 || top.WriteTable(io.Discard) != nil || top.WriteCSV(io.Discard) != nil {
		t.Errorf("%+v, %v", top, err)
	}
	line, err := Timeline{}.Store(ctx, s, All())
	if err != nil || line.WriteText(io.Discard, 80) != nil {
		t.Errorf("%+v, %v", line, err)
	}
	strip, err := Strip{}.Store(ctx, s, All())
	if err != nil || strip.WriteText(io.Discard, 80) != nil {
		t.Errorf("%+v, %v", strip, err)
	}
}

// TestTopErrors looks at what wrong questions say.
func TestTopErrors(t *testing.T) {
	f := func(top Top, want string) {
		t.Helper()
		if _, err := top.plan(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q in it", top, err, want)
		}
	}
	f(Top{}, "no field to group by")
	f(Top{By: []string{"sorce.ip"}}, `did you mean "source.ip"`)
	f(Top{By: []string{"ip"}}, "give one of source.ip, destination.ip")
	f(Top{By: []string{"source.geo.location"}}, "whose type is geo_point")
	f(Top{By: []string{"src"}, Sum: []string{"dst"}}, "can not sum destination.ip, whose type is ip")
	f(Top{By: []string{"src"}, Sort: "bytes"}, `can not sort by "bytes"`)
	f(Top{By: []string{"src"}, Distinct: []string{"flow.unknown"}}, "whose type is flattened")
}
