package stitch

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"pgregory.net/rapid"
)

// pathOf runs records and gives the exporters of the one flow that comes out, in their order, by the
// last number of their address.
func pathOf(t testing.TB, records []string) string {
	table := New(Config{})
	out := strings.TrimSpace(run(t, table, strings.Join(records, "")))
	b := flow.NewBatch()
	r, err := flow.ParseText(b, out)
	if err != nil || strings.Contains(out, "\n") {
		t.Fatalf("%v in\n%s", err, out)
	}
	var path []string
	for _, s := range b.Metadata(r).Seen {
		path = append(path, s.Exporter.String()[len("198.51.100."):])
		if s.Start == 0 || s.End == 0 || s.Packets == 0 || s.Bytes == 0 {
			t.Errorf("a report without times or counts: %+v", s)
		}
	}
	if int(r.Observers) != len(path) {
		t.Errorf("%d observers, %d reports", r.Observers, len(path))
	}
	return strings.Join(path, " ")
}

// Reports stand in the order of the path from the initiator on, whoever was heard first.
func TestPath(t *testing.T) {
	f := func(name, want string, reports ...string) {
		t.Helper()
		rapid.Check(t, func(rt *rapid.T) {
			records := make([]string, len(reports))
			for i, k := range rapid.Permutation(indexes(len(reports))).Draw(rt, "order") {
				records[i] = receivedAt(strings.Replace(reports[k], "ord=0", "ord="+strconv.Itoa(i+1), 1), 2)
			}
			if got := pathOf(t, records); got != want {
				rt.Fatalf("%s: got %s, want %s", name, got, want)
			}
		})
	}
	seenBy := func(n int, start float64, rest string) string {
		return line(0, client, server, start, 1, "proto=17 exporter=198.51.100."+strconv.Itoa(n)+" fwd=5/500 "+rest)
	}
	answer := func(n int, start float64, rest string) string {
		return line(0, server, client, start, 1, "proto=17 exporter=198.51.100."+strconv.Itoa(n)+" fwd=4/400 "+rest)
	}
	f("nothing tells: by start, then address", "3 1 2", seenBy(1, 0.2, ""), seenBy(2, 0.2, ""), seenBy(3, 0.1, ""))
	f("TTL", "3 1 2", seenBy(1, 0, "fwd.ttl=62"), seenBy(2, 0, "fwd.ttl=61"), seenBy(3, 0.1, "fwd.ttl=63"))
	f("TTL of the answer", "3 1 2", answer(1, 0, "fwd.ttl=62"), answer(2, 0, "fwd.ttl=63"), answer(3, 0.1, "fwd.ttl=61"), seenBy(3, 0, ""))
	f("next hops", "2 3 1", seenBy(1, 0, "nexthop=10.0.0.9"), seenBy(2, 0, "nexthop=198.51.100.3"), seenBy(3, 0, "nexthop=198.51.100.1"))
	f("next hops of the answer", "1 2", answer(1, 0.1, ""), answer(2, 0, "nexthop=198.51.100.1"), seenBy(1, 0.1, ""))
	f("TTL before next hop", "1 2", seenBy(1, 0.1, "fwd.ttl=62"), seenBy(2, 0, "fwd.ttl=61 nexthop=198.51.100.1"))
	f("next hops in a circle", "1 2 3", seenBy(1, 0, "nexthop=198.51.100.2"), seenBy(2, 0, "nexthop=198.51.100.3"), seenBy(3, 0, "nexthop=198.51.100.1"))
	f("TTL of some", "3 2 1", seenBy(1, 0.1, "fwd.ttl=61"), seenBy(2, 0.2, "fwd.ttl=62"), seenBy(3, 0, ""))
}

func indexes(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// However reports contradict themselves, each stands in the order once, and the order is one.
func TestPathIsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := make([]hop, rapid.IntRange(1, maxSeen+1).Draw(t, "reports"))
		for i := range list {
			h := &list[i]
			h.Exporter, h.Domain = flow.Addr4(rapid.Uint32Range(1, 4).Draw(t, "exporter")), uint32(i)
			h.Start = rapid.Int64Range(0, 2).Draw(t, "start")
			for d := range h.ttl {
				h.ttl[d] = uint8(rapid.IntRange(0, 3).Draw(t, "ttl"))
				h.next[d] = flow.Addr4(rapid.Uint32Range(1, 5).Draw(t, "next"))
			}
		}
		one, other := slices.Clone(list), rapid.Permutation(list).Draw(t, "order")
		inOrder(one)
		inOrder(other)
		if !slices.Equal(one, other) {
			t.Fatalf("got %v and %v", one, other)
		}
		for _, h := range list {
			if !slices.Contains(one, h) {
				t.Fatalf("%v is not in %v", h, one)
			}
		}
	})
}
