package enrich

import "github.com/flowferry/flowferry/flow"

// known is what was found of one address. It is shared by records and never changed.
type known struct {
	place    *flow.Place // nil when nothing is known
	src, dst []flow.Hit  // the hits as a source and as a destination
}

// slot is one place of a shard's cache: direct mapped, the last address wins.
type slot struct {
	addr flow.Addr
	*known
}

// stage is what one shard owns.
type stage struct {
	t      *Tables
	slots  []slot
	shared map[flow.Place]*flow.Place // one value for all addresses of a network; bounded
}

// Stage makes the enrichment of one shard.
func (t *Tables) Stage() flow.Stage {
	return &stage{t: t, slots: make([]slot, t.cache), shared: map[flow.Place]*flow.Place{}}
}

// Do enriches each record of b.
func (s *stage) Do(b *flow.Batch) {
	hits := 0
	for i := range b.Recs {
		b.SetEnr(&b.Recs[i], flow.Enr{})
		e := &b.Enr[len(b.Enr)-1]
		s.enrich(&b.Recs[i], e)
		hits += len(e.Hits)
	}
	s.t.stats.records.Add(uint64(len(b.Recs)))
	if hits > 0 {
		s.t.stats.hits.Add(uint64(hits))
	}
}

// enrich fills e, which is empty.
func (s *stage) enrich(r *flow.Record, e *flow.Enr) {
	src, dst := s.address(&r.Src), s.address(&r.Dst)
	e.Src, e.Dst = src.place, dst.place
	e.Hits = both(src.src, dst.dst)
	for _, f := range flows {
		f(s.t, r, e)
	}
}

// both joins two lists of hits; it allocates only if both sides have some.
func both(a, b []flow.Hit) []flow.Hit {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	return append(append(make([]flow.Hit, 0, len(a)+len(b)), a...), b...)
}

// address gives what is known of a, from the cache or the tables.
func (s *stage) address(a *flow.Addr) *known {
	p := &s.slots[hash(a)&uint64(len(s.slots)-1)]
	if p.known == nil || p.addr != *a {
		p.addr, p.known = *a, s.find(a)
	}
	return p.known
}

// hash mixes an address; a cache needs no more than an even spread.
func hash(a *flow.Addr) uint64 {
	k := flow.Key{A: *a}
	return k.Hash(0)
}

// maxShared bounds the set of shared places.
const maxShared = 1 << 16

// find asks the tables.
func (s *stage) find(a *flow.Addr) *known {
	s.t.stats.lookups.Add(1)
	found := address{ip: a.IP()}
	if !a.IsZero() {
		for _, f := range places {
			f(s.t, &found)
		}
	}
	return &known{s.share(found.place), side(found.hits, "source"), side(found.hits, "destination")}
}

// share gives the one value equal to p, nil for an empty p.
func (s *stage) share(p flow.Place) *flow.Place {
	if p == (flow.Place{}) {
		return nil
	}
	if q := s.shared[p]; q != nil {
		return q
	}
	if len(s.shared) >= maxShared {
		clear(s.shared)
	}
	s.shared[p] = &p
	return &p
}

func side(hits []flow.Hit, side string) []flow.Hit {
	if len(hits) == 0 {
		return nil
	}
	out := make([]flow.Hit, len(hits))
	for i, h := range hits {
		h.Side = side
		out[i] = h
	}
	return out
}
