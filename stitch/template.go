package stitch

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// template is what many records have in common: all but the key, counts, times and what else a
// content or a conversation holds. Records that are equal in it share it.
type template struct {
	rec  flow.Record
	refs uint32 // how many contents use it; 0 is free
}

// hints is how many templates are remembered by the hash of what they hold. One that has lost its
// place to another is not found any more: the next record like it makes a new one.
const hints = 1 << 14

// sided are the optional fields that records have for each direction.
const sided = flow.HasPayload | flow.HasFlags | flow.HasInitFlags | flow.HasToS | flow.HasTTL

// sides is the sided fields of a record in 8 bits.
type sides uint8

const _ = uint8(sided / flow.HasPayload) // they fit

func sidesOf(has flow.Set) sides    { return sides(has & sided / flow.HasPayload) }
func (s sides) set() flow.Set       { return flow.Set(s) * flow.HasPayload }
func (s sides) has(f flow.Set) bool { return s.set().Has(f) }

// intern gives the number of the template of r, to be given back by release.
func (t *Table) intern(r *flow.Record) uint32 {
	form := &t.form
	*form = *r
	blank(form)
	hint := &t.hints[hashOf(form)%hints]
	if n := *hint; n != 0 {
		if x := t.templates.at(n); x.refs != 0 && x.rec == *form {
			x.refs++
			return n
		}
	}
	n := t.templates.take()
	*t.templates.at(n) = template{*form, 1}
	*hint = n
	return n
}

func (t *Table) release(n uint32) {
	x := t.templates.at(n)
	if x.refs--; x.refs == 0 {
		t.templates.drop(n)
	}
}

// reform gives x a template of its own that change has changed.
func (t *Table) reform(x *content, change func(*flow.Record)) {
	old := x.what
	t.draft = t.templates.at(old).rec
	change(&t.draft)
	x.what = t.intern(&t.draft)
	t.release(old)
}

// blank empties what is not part of a template.
func blank(r *flow.Record) {
	r.Start, r.End, r.Received, r.Ord = 0, 0, 0, 0
	r.Has &^= sided | flow.HasRev | flow.HasWire
	r.Src, r.Dst, r.SrcPort, r.DstPort = flow.Addr{}, flow.Addr{}, 0, 0
	r.Fwd, r.Rev = flow.Counts{}, flow.Counts{}
	r.Segment, r.Meta, r.Enr, r.Wire = 0, 0, 0, 0
	r.EndReason, r.InitiatorBy, r.Complete, r.Skewed = 0, 0, false, false
}

// hashOf mixes what most often differs between templates.
func hashOf(r *flow.Record) uint32 {
	const k0, k1, k2, k3 = 0x9e3779b97f4a7c15, 0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3
	low := func(a *flow.Addr) uint64 { return binary.LittleEndian.Uint64(a[8:]) }
	h := (low(&r.Exporter)^uint64(r.Domain))*k0 ^ (uint64(r.InIf)<<32|uint64(r.OutIf))*k1 ^
		(uint64(r.SrcAS)<<32|uint64(r.DstAS))*k2 ^ (low(&r.NextHop)+uint64(r.SrcMask)<<8+uint64(r.DstMask))*k3
	h = h>>29 ^ h
	h ^= (low(&r.NATSrc)+uint64(r.NATSrcPort)<<16)*k1 ^ (low(&r.NATDst)+uint64(r.NATDstPort)<<16)*k0 ^
		(uint64(r.VLAN)<<48|uint64(r.PostVLAN)<<32|uint64(r.App)<<16|uint64(r.Sampling))*k3 ^
		(uint64(binary.LittleEndian.Uint32(r.SrcMAC[2:]))<<32|uint64(binary.LittleEndian.Uint32(r.DstMAC[2:])))*k2 ^
		(uint64(r.Has)+uint64(r.State)<<40+uint64(r.ICMPType)<<48+uint64(r.Proto)<<56)*k1
	return uint32((h * k0) >> 40)
}
