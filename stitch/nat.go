package stitch

import "github.com/flowferry/flowferry/flow"

// maxLinks is how many translated 5-tuples a shard remembers; the oldest goes first.
const maxLinks = 1 << 16

// link says that conversations with key of were, at that time, those with key by before, or
// behind, a translation of addresses.
type link struct {
	of, by     flow.Key
	start, end int64 // Unix ns
	hash       uint32
}

// links are what exporters have told of translations.
type links struct {
	list  []link
	index index // of list, by of; its items count from 1
	next  int   // the oldest. Valid iff list is full
}

// learn takes over what r, which has fields of NAT, tells of the conversation with its other 5-tuple.
func (t *Table) learn(r *flow.Record) {
	if other, ok := r.Translated(); ok {
		t.told(&other)
	}
}

// told takes over other, a record with its other 5-tuple.
func (t *Table) told(other *flow.Record) {
	x := &t.links
	l := link{start: other.Start, end: other.End, hash: uint32(other.Hash(t.seed))}
	l.of, _ = other.Key()
	before := flow.Record{Src: other.NATSrc, Dst: other.NATDst, SrcPort: other.NATSrcPort, DstPort: other.NATDstPort, Proto: other.Proto}
	l.by, _ = before.Key()
	if n, known := x.alike(&l, t.idle(other.Proto)); n >= 0 {
		if known {
			l.start, l.end = min(x.list[n].start, l.start), max(x.list[n].end, l.end)
		}
		x.list[n] = l
		return
	}
	if len(x.list) < maxLinks {
		if len(x.list) == 0 {
			x.index.grow()
		}
		x.list = append(x.list, l)
		x.index.add(l.hash, uint32(len(x.list)))
		return
	}
	x.index.remove(x.list[x.next].hash, uint32(x.next+1))
	x.list[x.next] = l
	x.index.add(l.hash, uint32(x.next+1))
	x.next = (x.next + 1) % maxLinks
}

// alike finds where l goes on that is known already and ended less than idle (ns) before; else, if too
// many have its hash, the one that ended first; else -1.
func (x *links) alike(l *link, idle int64) (n int, known bool) {
	first, same := -1, 0
	if len(x.list) == 0 {
		return -1, false
	}
	for at, i := x.index.first(l.hash); i != 0; at, i = x.index.another(l.hash, at) {
		n := int(i - 1)
		k := &x.list[n]
		if k.of == l.of && k.by == l.by && -overlap(k.start, k.end, l.start, l.end) <= idle {
			return n, true
		}
		if same++; first < 0 || k.end < x.list[first].end {
			first = n
		}
	}
	if same < maxAlike {
		return -1, false
	}
	return first, false
}

// linked finds what conversation c was between these times on the other side of a translation. Of
// several that may be meant it is the one with more time in common, and none if they have as much:
// the ports of a translation are given to one after another.
func (t *Table) linked(c *conv, start, end int64) (by flow.Key, ok bool) {
	x := &t.links
	hash, ends := t.hash(c), t.ends(c)
	of := flow.Key{A: ends.a, B: ends.b, APort: c.aPort(), BPort: c.bPort(), Proto: c.proto}
	most := -t.skew - 1
	for at, i := x.index.first(hash); i != 0; at, i = x.index.another(hash, at) {
		l := &x.list[i-1]
		if l.of != of {
			continue
		}
		switch n := overlap(l.start, l.end, start, end); {
		case n > most:
			by, ok, most = l.by, true, n
		case n == most && l.by != by:
			ok = false
		}
	}
	return by, ok
}

// linkedID gives the Community ID of what c was on the other side of a translation; "" is not known. Valid iff
// something was told of translations.
func (t *Table) linkedID(c *conv, start, end int64) string {
	by, ok := t.linked(c, start, end)
	if !ok {
		return ""
	}
	return string(by.AppendCommunityID(nil, 0))
}
