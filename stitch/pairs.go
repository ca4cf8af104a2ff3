package stitch

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/flowferry/flowferry/flow"
)

// maxPairs is how many pairs of exporters a shard tells apart; duplicates of further ones are counted
// together.
const maxPairs = 1024

// Pair is what one exporter reported again of traffic that was counted from another one, or from
// itself: at ingress and at egress, or sent twice. A zero address is our own meter.
type Pair struct {
	Kept, Repeated flow.Addr
	Other          bool   // all pairs beyond those that are told apart; it has no addresses
	Records        uint64 // the sum over all pairs is stitch.duplicates
	Bytes, Packets uint64 // not scaled by the sampling rate; those of single directions of biflows too
}

// pairCount is one pair. Other goroutines read it.
type pairCount struct {
	kept, repeated          flow.Addr
	records, bytes, packets atomic.Uint64
}

// pairs counts by pair. What one pair has in a row is summed up before it is added.
type pairs struct {
	kept, by                uint16 // reporters of the row
	records, bytes, packets uint64 // of the row
	row                     *pairCount

	index map[[2]flow.Addr]*pairCount
	other pairCount

	mu   sync.Mutex // guards the slice, not what it holds
	list []*pairCount
}

// repeated counts a duplicate, or only counts of one where the rest of the record is none: kept is
// the reporter from which the traffic is counted, by the one whose counts go nowhere.
func (t *Table) repeated(kept, by uint16, records, bytes, packets uint64) {
	t.n.duplicates += records
	p := &t.pairs
	if p.row == nil || p.kept != kept || p.by != by {
		p.flush()
		p.kept, p.by, p.row = kept, by, t.pairOf(kept, by)
	}
	p.records += records
	p.bytes += bytes
	p.packets += packets
}

// pairOf finds where a pair of reporters is counted.
func (t *Table) pairOf(kept, by uint16) *pairCount {
	p := &t.pairs
	if int(kept) >= len(t.reporters) || int(by) >= len(t.reporters) { // one number for several
		return &p.other
	}
	k := [2]flow.Addr{t.reporters[kept].exporter, t.reporters[by].exporter}
	if c := p.index[k]; c != nil {
		return c
	}
	if len(p.list) >= maxPairs {
		return &p.other
	}
	c := &pairCount{kept: k[0], repeated: k[1]}
	if p.index == nil {
		p.index = map[[2]flow.Addr]*pairCount{}
	}
	p.index[k] = c
	p.mu.Lock()
	p.list = append(p.list, c)
	p.mu.Unlock()
	return c
}

// flush adds the row to its pair.
func (p *pairs) flush() {
	if p.records|p.bytes|p.packets == 0 {
		return
	}
	p.row.records.Add(p.records)
	p.row.bytes.Add(p.bytes)
	p.row.packets.Add(p.packets)
	p.records, p.bytes, p.packets = 0, 0, 0
}

// Pairs gives the duplicates by pair of exporters. It may be called while the table works.
func (t *Table) Pairs() (list []Pair) {
	t.pairs.mu.Lock()
	counts := t.pairs.list
	t.pairs.mu.Unlock()
	for _, c := range counts {
		list = append(list, c.pair())
	}
	if rest := t.pairs.other.pair(); rest.Records|rest.Bytes|rest.Packets != 0 {
		rest.Other = true
		list = append(list, rest)
	}
	return list
}

func (c *pairCount) pair() Pair {
	return Pair{Kept: c.kept, Repeated: c.repeated, Records: c.records.Load(), Bytes: c.bytes.Load(), Packets: c.packets.Load()}
}

// AddPairs adds up the pairs of several tables: at most maxPairs, the most records first, and the others.
func AddPairs(lists ...[]Pair) []Pair {
	type key struct {
		kept, repeated flow.Addr
		other          bool
	}
	sums := map[key]Pair{}
	for _, p := range slices.Concat(lists...) {
		k := key{p.Kept, p.Repeated, p.Other}
		if _, known := sums[k]; !known && len(sums) >= maxPairs {
			p.Kept, p.Repeated, p.Other = flow.Addr{}, flow.Addr{}, true
			k = key{other: true}
		}
		sum := sums[k]
		p.Records += sum.Records
		p.Bytes += sum.Bytes
		p.Packets += sum.Packets
		sums[k] = p
	}
	out := make([]Pair, 0, len(sums))
	for _, p := range sums {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b Pair) int {
		return cmp.Or(btoi(a.Other)-btoi(b.Other), cmp.Compare(b.Records, a.Records), a.Kept.Compare(&b.Kept), a.Repeated.Compare(&b.Repeated))
	})
	return out
}
