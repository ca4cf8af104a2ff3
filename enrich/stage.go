package enrich

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// known is what was found of one address. It is shared by records and never changed.
type known struct {
	place    *flow.Place // nil when nothing is known
	src, dst []flow.Hit  // the hits as a source and as a destination
}

// set is the part of a shard's cache that an address can be in: two places, the one used last in
// front.
type set [2]slot

type slot struct {
	addr flow.Addr
	*known
}

// stage is what one shard owns.
type stage struct {
	t      *Tables
	sets   []set
	shared map[origin]*known // one value for all addresses of a network; bounded
}

// Stage makes the enrichment of one shard.
func (t *Tables) Stage() flow.Stage {
	return &stage{t: t, sets: make([]set, (t.cache+1)/2), shared: map[origin]*known{}}
}

// Do enriches each record of b.
func (s *stage) Do(b *flow.Batch) {
	hits := 0
	b.Enr = slices.Grow(b.Enr, len(b.Recs))
	for i := range b.Recs {
		e := b.AddEnr(&b.Recs[i])
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
	p := &s.sets[hash(a)&uint64(len(s.sets)-1)]
	if p[0].known != nil && p[0].addr == *a {
		return p[0].known
	}
	if p[1].known != nil && p[1].addr == *a {
		p[0], p[1] = p[1], p[0]
		return p[0].known
	}
	p[1] = p[0]
	p[0] = slot{*a, s.find(a)}
	return p[0].known
}

// hash mixes an address; a cache needs no more than an even spread.
func hash(a *flow.Addr) uint64 {
	hi, lo := bits.Mul64(binary.LittleEndian.Uint64(a[:8])^0xa0761d6478bd642f, binary.LittleEndian.Uint64(a[8:])^0xe7037ed1a0b428db)
	return hi ^ lo
}

// nothing is known of no address.
var nothing known

// maxShared bounds the set of shared places.
const maxShared = 1 << 16

// find asks the tables. Only the first address of an origin costs more than to find that.
func (s *stage) find(a *flow.Addr) *known {
	s.t.stats.lookups.Add(1)
	if a.IsZero() {
		return &nothing
	}
	ip := a.IP()
	from := s.t.origin(ip)
	k := s.shared[from]
	if k == nil {
		k = s.place(ip, from)
	}
	if hits := s.t.watch(ip); len(hits) > 0 {
		return &known{k.place, side(hits, "source"), side(hits, "destination")}
	}
	return k
}

// place makes what is known of all addresses of an origin, ip being the first, and keeps it if
// it is whole.
func (s *stage) place(ip netip.Addr, from origin) *known {
	p, whole := s.t.place(ip, from)
	k := &nothing
	if p != (flow.Place{}) {
		k = &known{place: &p}
	}
	if whole {
		if len(s.shared) >= maxShared {
			clear(s.shared)
		}
		s.shared[from] = k
	}
	return k
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
