package stitch

import (
	"cmp"
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// This file puts the reports of a flow in the order of the path from Src to Dst.

// hop is a report that is put in order. What it tells by direction is from Src to Dst first.
type hop struct {
	flow.Seen
	ttl  [2]uint8     // smallest TTL; 0 is not known
	next [2]flow.Addr // next hop; zero is not known
}

// turn gives h as seen from the other end.
func (h *hop) turn() {
	h.ttl[0], h.ttl[1] = h.ttl[1], h.ttl[0]
	h.next[0], h.next[1] = h.next[1], h.next[0]
}

// before says whether a stands before b on the path: TTL falls along it, in either direction; where
// that tells nothing, a router's next hop is the next one's address.
func (a *hop) before(b *hop) bool {
	for d := range a.ttl {
		if x, y := a.ttl[d], b.ttl[d]; x != 0 && y != 0 && x != y {
			return (x > y) == (d == 0)
		}
	}
	if a.Exporter == b.Exporter || a.Exporter.IsZero() || b.Exporter.IsZero() {
		return false
	}
	return a.next[0] == b.Exporter || b.next[1] == a.Exporter
}

// inOrder sorts the reports: each stands behind those that are before it; those of which nothing
// tells, and what contradicts itself, by first packet, then address, domain and interfaces. So the order
// does not depend on who was heard first.
func inOrder(list []hop) {
	slices.SortFunc(list, func(a, b hop) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), a.Exporter.Compare(&b.Exporter), cmp.Compare(a.Domain, b.Domain),
			cmp.Compare(a.InIf, b.InIf), cmp.Compare(a.OutIf, b.OutIf), cmp.Compare(a.End, b.End), cmp.Compare(a.Bytes, b.Bytes))
	})
	for i := range list {
		first := i + max(0, slices.IndexFunc(list[i:], func(h hop) bool {
			return !slices.ContainsFunc(list[i:], func(o hop) bool { return o.before(&h) })
		}))
		h := list[first]
		copy(list[i+1:first+1], list[i:first])
		list[i] = h
	}
}
