package stitch

import (
	"encoding/binary"
	"math/bits"

	"github.com/flowferry/flowferry/flow"
)

// traits are what many records have in common: all but the key, counts, times and what else a
// content or a conversation holds. They are as in flow.Record.
type traits struct {
	has                                    flow.Set // but for what is by side
	origin                                 uint64
	exporter, nextHop, natSrc, natDst      flow.Addr
	domain, sampling, inIf, outIf          uint32
	srcAS, dstAS, mpls                     uint32
	natSrcPort, natDstPort, vlan, postVLAN uint16
	app, appHint                           flow.App
	srcMAC, dstMAC                         flow.MAC
	icmpType, icmpCode, srcMask, dstMask   uint8
	via                                    flow.Via
	direction                              flow.Direction
	event                                  flow.Event
	state                                  flow.State
	appConfidence                          flow.Confidence
	appReason                              flow.Reason
	observers                              uint8
}

// template is traits that contents share.
type template struct {
	traits
	hash  uint32
	refs  uint32 // how many contents use it
	loose bool   // it is not in the index
}

// maxAlike is how many templates with one hash are told apart; more are not shared.
const maxAlike = 8

// sided are the optional fields that records have for each direction.
const sided = flow.HasPayload | flow.HasFlags | flow.HasInitFlags | flow.HasToS | flow.HasTTL

// sides is the sided fields of a record in 8 bits.
type sides uint8

const _ = uint8(sided / flow.HasPayload) // they fit

func sidesOf(has flow.Set) sides { return sides(has & sided / flow.HasPayload) }
func (s sides) set() flow.Set    { return flow.Set(s) * flow.HasPayload }

// traitsOf is what of has is not by side.
func traitsOf(has flow.Set) flow.Set { return has &^ (sided | flow.HasRev | flow.HasWire) }

// of makes x the traits of r.
func (x *traits) of(r *flow.Record) {
	x.has, x.origin = traitsOf(r.Has), r.Origin
	x.exporter, x.nextHop, x.natSrc, x.natDst = r.Exporter, r.NextHop, r.NATSrc, r.NATDst
	x.domain, x.sampling, x.inIf, x.outIf = r.Domain, r.Sampling, r.InIf, r.OutIf
	x.srcAS, x.dstAS, x.mpls = r.SrcAS, r.DstAS, r.MPLS
	x.natSrcPort, x.natDstPort, x.vlan, x.postVLAN = r.NATSrcPort, r.NATDstPort, r.VLAN, r.PostVLAN
	x.app, x.appHint, x.srcMAC, x.dstMAC = r.App, r.AppHint, r.SrcMAC, r.DstMAC
	x.icmpType, x.icmpCode, x.srcMask, x.dstMask = r.ICMPType, r.ICMPCode, r.SrcMask, r.DstMask
	x.via, x.direction, x.event, x.state = r.Via, r.Direction, r.Event, r.State
	x.appConfidence, x.appReason, x.observers = r.AppConfidence, r.AppReason, r.Observers
}

// give gives r, which is empty, the traits.
func (x *traits) give(r *flow.Record) {
	r.Has, r.Origin = x.has, x.origin
	r.Exporter, r.NextHop, r.NATSrc, r.NATDst = x.exporter, x.nextHop, x.natSrc, x.natDst
	r.Domain, r.Sampling, r.InIf, r.OutIf = x.domain, x.sampling, x.inIf, x.outIf
	r.SrcAS, r.DstAS, r.MPLS = x.srcAS, x.dstAS, x.mpls
	r.NATSrcPort, r.NATDstPort, r.VLAN, r.PostVLAN = x.natSrcPort, x.natDstPort, x.vlan, x.postVLAN
	r.App, r.AppHint, r.SrcMAC, r.DstMAC = x.app, x.appHint, x.srcMAC, x.dstMAC
	r.ICMPType, r.ICMPCode, r.SrcMask, r.DstMask = x.icmpType, x.icmpCode, x.srcMask, x.dstMask
	r.Via, r.Direction, r.Event, r.State = x.via, x.direction, x.event, x.state
	r.AppConfidence, r.AppReason, r.Observers = x.appConfidence, x.appReason, x.observers
}

// intern gives the number of the template of r, to be given back by release.
func (t *Table) intern(r *flow.Record) uint32 {
	last := &t.lately[kindOf(r)%uint32(len(t.lately))]
	if n := *last; n != 0 {
		if m := t.templates.At(n); m.refs != 0 && !m.loose && m.is(r) {
			m.refs++
			return n
		}
	}
	form := &t.form
	form.of(r)
	*last = t.internTraits(form)
	return *last
}

// kindOf is a short hash of where r came from and goes to: most records of one kind have one template.
func kindOf(r *flow.Record) uint32 {
	h := mix(uint64(r.InIf)<<32|uint64(r.OutIf), uint64(r.SrcAS)<<32|uint64(r.DstAS)+uint64(r.Domain)<<16)
	return uint32(h>>32 ^ h)
}

// is says whether x are the traits of r: what of would make of it.
func (x *traits) is(r *flow.Record) bool {
	return x.has == traitsOf(r.Has) && x.origin == r.Origin &&
		x.inIf == r.InIf && x.outIf == r.OutIf && x.srcAS == r.SrcAS && x.dstAS == r.DstAS &&
		x.exporter == r.Exporter && x.nextHop == r.NextHop && x.natSrc == r.NATSrc && x.natDst == r.NATDst &&
		x.domain == r.Domain && x.sampling == r.Sampling && x.mpls == r.MPLS &&
		x.natSrcPort == r.NATSrcPort && x.natDstPort == r.NATDstPort && x.vlan == r.VLAN && x.postVLAN == r.PostVLAN &&
		x.app == r.App && x.appHint == r.AppHint && x.srcMAC == r.SrcMAC && x.dstMAC == r.DstMAC &&
		x.icmpType == r.ICMPType && x.icmpCode == r.ICMPCode && x.srcMask == r.SrcMask && x.dstMask == r.DstMask &&
		x.via == r.Via && x.direction == r.Direction && x.event == r.Event && x.state == r.State &&
		x.appConfidence == r.AppConfidence && x.appReason == r.AppReason && x.observers == r.Observers
}

// internTraits gives the number of the template of form. One that has not come lately is loose: where
// most records differ, looking for others like them costs more than it saves.
func (t *Table) internTraits(form *traits) uint32 {
	hash := form.mix()
	x, alike := &t.forms, 0
	for at, n := x.first(hash); n != 0; at, n = x.another(hash, at) {
		if m := t.templates.At(n); m.traits == *form {
			m.refs++
			return n
		}
		alike++
	}
	if came := &t.came[hash%uint32(len(t.came))]; *came != hash {
		*came = hash
		return t.putTemplate(form, hash, true)
	}
	n := t.putTemplate(form, hash, alike >= maxAlike)
	if alike < maxAlike {
		x.add(hash, n)
	}
	return n
}

func (t *Table) putTemplate(form *traits, hash uint32, loose bool) uint32 {
	n := t.templates.Take()
	m := t.templates.At(n)
	m.traits, m.hash, m.refs, m.loose = *form, hash, 1, loose
	return n
}

// release gives back the use of template n.
func (t *Table) release(n uint32) {
	m := t.templates.At(n)
	if m.refs--; m.refs != 0 {
		return
	}
	if !m.loose {
		t.forms.remove(m.hash, n)
	}
	t.templates.Drop(n)
}

// reform gives x a template of its own that change has changed.
func (t *Table) reform(x *content, change func(*traits)) {
	old := x.what
	t.form = t.templates.At(old).traits
	change(&t.form)
	x.what = t.internTraits(&t.form)
	t.release(old)
}

// turn turns x round, as turn does with a record.
func (x *traits) turn() {
	var r flow.Record
	x.give(&r)
	turn(&r)
	x.of(&r)
}

// sameSource says whether r was reported from where x was.
func (x *traits) sameSource(r *flow.Record) bool {
	return x.exporter == r.Exporter && x.domain == r.Domain && x.inIf == r.InIf && x.outIf == r.OutIf && x.direction == r.Direction
}

// named says whether n, which may be nil, are the names for x.
func (x *traits) named(n *flow.Names) bool {
	return n != nil && n.Vantage == flow.Vantage{Exporter: x.exporter, Domain: x.domain, InIf: x.inIf, OutIf: x.outIf}
}

// mix hashes x.
func (x *traits) mix() uint32 {
	two := func(a, b uint32) uint64 { return uint64(a)<<32 | uint64(b) }
	four := func(a, b, c, d uint16) uint64 { return two(uint32(a)<<16|uint32(b), uint32(c)<<16|uint32(d)) }
	mac := func(a *flow.MAC) uint64 {
		return two(uint32(a[0])<<8|uint32(a[1]), binary.BigEndian.Uint32(a[2:]))
	}
	addr := func(a *flow.Addr) uint64 {
		return binary.LittleEndian.Uint64(a[:]) + binary.LittleEndian.Uint64(a[8:])*0xff51afd7ed558ccd
	}
	a := mix(addr(&x.exporter)^uint64(x.domain), two(x.inIf, x.outIf))
	b := mix(two(x.srcAS, x.dstAS), addr(&x.nextHop)+two(uint32(x.srcMask), uint32(x.dstMask)))
	c := mix(addr(&x.natSrc)+four(x.natSrcPort, x.natDstPort, x.vlan, x.postVLAN), addr(&x.natDst)+two(x.mpls, x.sampling))
	d := mix(mac(&x.srcMAC)+uint64(x.app)<<48, mac(&x.dstMAC)+uint64(x.has)+uint64(x.state)<<56+uint64(x.icmpType)<<48)
	h := mix(a+b, c+d)
	return uint32(h>>32 ^ h)
}

// mix multiplies and folds.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0xa0761d6478bd642f, b^0xe7037ed1a0b428db)
	return hi ^ lo
}
