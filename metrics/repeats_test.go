package metrics

import (
	"slices"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
	"github.com/flowferry/flowferry/stitch"
)

// A pair of exporters has a document when it had duplicates, and its intervals add up to its total.
func TestRepeats(t *testing.T) {
	r, n := NewReporter(7, 100), int64(1)
	a, b := flow.MustAddr("192.0.2.1"), flow.MustAddr("192.0.2.2")
	f := func(now int64, pairs []stitch.Pair, want ...string) {
		t.Helper()
		docs := parsed(t, 7, n, r.Repeats(now, pairs, []netflow.ExporterStats{{Last: 50}, {Last: 90}}))
		n += int64(len(docs))
		var got []string
		for _, d := range docs {
			if d.Action != Duplicates || d.Kind != "metric" || d.End != d.Time || d.Duration != d.End-d.Start {
				t.Errorf("%+v", d)
			}
			got = append(got, words(d.Kept.String(), d.Exporter.String(), d.RepeatsOf, d.Start, d.End, d.Repeats, d.RepeatsTotal))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(500, nil)
	f(1000, []stitch.Pair{{Kept: a, Repeated: b, Records: 2, Bytes: 20, Packets: 4}, {Kept: a, Repeated: a, Records: 1, Bytes: 5, Packets: 1}},
		"192.0.2.1 192.0.2.2 exporter 500 1000 {2 20 4} {2 20 4}", "192.0.2.1 192.0.2.1 itself 500 1000 {1 5 1} {1 5 1}")
	f(2000, []stitch.Pair{{Kept: a, Repeated: b, Records: 5, Bytes: 50, Packets: 10}, {Kept: a, Repeated: a, Records: 1, Bytes: 5, Packets: 1}, {Other: true, Records: 9}},
		"192.0.2.1 192.0.2.2 exporter 1000 2000 {3 30 6} {5 50 10}", ":: :: others 1000 2000 {9 0 0} {9 0 0}")
	r, n = NewReporter(7, 0), 1 // of a file
	f(0, []stitch.Pair{{Kept: a, Repeated: b, Records: 1}}, "192.0.2.1 192.0.2.2 exporter 90 90 {1 0 0} {1 0 0}")
}
