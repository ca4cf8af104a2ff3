package flow

import (
	"slices"
	"sync"
)

// BatchSize is how many records a source puts into a Batch before it hands it on. Stages may
// append more.
const BatchSize = 256

// Batch carries records, and the side tables that they point into, from a source to a sink.
// A Batch has one owner; to pass it on is to give it away; the last owner frees it.
type Batch struct {
	Recs []Record
	Meta []Meta
	Enr  []Enr
	Wire []Wire

	// Told are records of other shards, with their other 5-tuple (see Record.Translated), that this
	// shard has the conversations of. They are no records of the batch and are not counted.
	Told []Record

	// Now is the source's clock in Unix ns: arrival for sockets, packet time for files. Stages
	// expire by it. A Batch without records is a tick of that clock.
	Now int64
	// Last says that the source has ended: stages append all they still hold, but for what they keep
	// for a later run.
	Last bool
	// More is set by a stage that has more to append to a Last batch than one should hold: the stages
	// get another empty Last batch after this one.
	More bool
}

var pool = sync.Pool{New: func() any { return &Batch{Recs: make([]Record, 0, BatchSize)} }}

// NewBatch gives an empty Batch.
func NewBatch() *Batch { return pool.Get().(*Batch) }

// Poison makes Free overwrite a batch with 0xDB bytes, so that a test sees a use after Free.
// Set it only in tests, before any batch is in use.
var Poison bool

// Free takes b back. The caller must not use it again.
func (b *Batch) Free() {
	if Poison {
		b.poison()
	}
	clear(b.Meta)
	clear(b.Enr)
	clear(b.Wire)
	b.Recs, b.Meta, b.Enr, b.Wire, b.Told = b.Recs[:0], b.Meta[:0], b.Enr[:0], b.Wire[:0], b.Told[:0]
	b.Now, b.Last, b.More = 0, false, false
	if cap(b.Recs) <= 16*BatchSize {
		pool.Put(b)
	}
}

func (b *Batch) poison() {
	const db = 0xDBDBDBDB
	recs := b.Recs[:cap(b.Recs)]
	for i := range recs {
		recs[i] = Record{Start: -db, End: -db, Has: db, Meta: db, Enr: db, Wire: db, Proto: 0xDB, SrcPort: 0xDBDB, DstPort: 0xDBDB}
	}
}

// Next appends an empty record and returns it; the pointer is good until the next append.
func (b *Batch) Next() *Record {
	if n := len(b.Recs); n < cap(b.Recs) {
		b.Recs = b.Recs[:n+1]
		clear(b.Recs[n:])
		return &b.Recs[n]
	}
	b.Recs = append(slices.Grow(b.Recs, max(len(b.Recs), BatchSize)), Record{}) // append alone would copy five times as much
	return &b.Recs[len(b.Recs)-1]
}

// Repeat appends n copies of r and returns them; they are good until the next append. It costs a
// fraction of n assignments.
func (b *Batch) Repeat(r *Record, n int) []Record {
	out := b.Extend(n)
	repeat(out, r)
	return out
}

// repeatPortable is repeat on any processor: what is there already is copied in one piece, twice as
// long each time.
func repeatPortable(recs []Record, r *Record) {
	if len(recs) == 0 {
		return
	}
	recs[0] = *r
	for done := 1; done < len(recs); done *= 2 {
		copy(recs[done:], recs[:done])
	}
}

// Extend appends n records and returns them; they are good until the next append. What they hold is
// of another use of the batch: the caller fills them wholly.
func (b *Batch) Extend(n int) []Record {
	first := len(b.Recs)
	b.Recs = slices.Grow(b.Recs, n)[:first+n]
	return b.Recs[first:]
}

// Undo removes the last record, which its maker found to be bad.
func (b *Batch) Undo() { b.Recs = b.Recs[:len(b.Recs)-1] }

// Full says whether the source should hand b on.
func (b *Batch) Full() bool { return len(b.Recs) >= BatchSize }

// Metadata gives the record's Meta, nil when it has none.
func (b *Batch) Metadata(r *Record) *Meta {
	if r.Meta == 0 {
		return nil
	}
	return &b.Meta[r.Meta-1]
}

// Enrichment gives the record's Enr, nil when it has none.
func (b *Batch) Enrichment(r *Record) *Enr {
	if r.Enr == 0 {
		return nil
	}
	return &b.Enr[r.Enr-1]
}

// SetMeta puts m into the side table and points r to it.
func (b *Batch) SetMeta(r *Record, m Meta) {
	b.Meta = append(b.Meta, m)
	r.Meta = uint32(len(b.Meta))
}

// SpareMeta gives an empty Meta in the place behind those of the side table. It is lost if another
// is put there before KeepMeta points a record to it.
func (b *Batch) SpareMeta() *Meta {
	n := len(b.Meta)
	b.Meta = slices.Grow(b.Meta, 1)
	m := &b.Meta[:n+1][n]
	*m = Meta{}
	return m
}

// KeepMeta puts the Meta that SpareMeta gave last into the side table and points r to it.
func (b *Batch) KeepMeta(r *Record) {
	b.Meta = b.Meta[:len(b.Meta)+1]
	r.Meta = uint32(len(b.Meta))
}

// AddMetas puts n empty Metas into the side table and gives the index of the first. A record may
// point to one of them, or none.
func (b *Batch) AddMetas(n int) (first int) {
	first = len(b.Meta)
	b.Meta = slices.Grow(b.Meta, n)[:first+n]
	clear(b.Meta[first:])
	return first
}

// SetEnr puts e into the side table and points r to it.
func (b *Batch) SetEnr(r *Record, e Enr) {
	b.Enr = append(b.Enr, e)
	r.Enr = uint32(len(b.Enr))
}

// AddEnr puts an empty Enr into the side table and points r to it. The pointer is good until the
// next is added.
func (b *Batch) AddEnr(r *Record) *Enr {
	b.SetEnr(r, Enr{})
	return &b.Enr[r.Enr-1]
}

// Metered gives the record's Wire, nil when it has none.
func (b *Batch) Metered(r *Record) *Wire {
	if r.Wire == 0 {
		return nil
	}
	return &b.Wire[r.Wire-1]
}

// AddWire puts an empty Wire into the side table and points r to it. The pointer is good until
// the next is added.
func (b *Batch) AddWire(r *Record) *Wire {
	if b.Wire == nil {
		b.Wire = make([]Wire, 0, BatchSize)
	}
	b.Wire = append(b.Wire, Wire{})
	r.Wire = uint32(len(b.Wire))
	r.Has |= HasWire
	return &b.Wire[r.Wire-1]
}

// Copy appends a copy of r, which lives in from, with its side entries.
func (b *Batch) Copy(from *Batch, r *Record) *Record {
	b.Recs = append(b.Recs, *r)
	c := &b.Recs[len(b.Recs)-1]
	if r.Meta != 0 {
		b.SetMeta(c, from.Meta[r.Meta-1])
	}
	if r.Enr != 0 {
		b.SetEnr(c, from.Enr[r.Enr-1])
	}
	if r.Wire != 0 {
		w := from.Wire[r.Wire-1]
		*b.AddWire(c) = w
	}
	return c
}
