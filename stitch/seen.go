package stitch

import (
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// maxSeen is how many other reports are listed for one record; the exporters of further ones are not.
const maxSeen = 16

// seen is one other report in a list. What it tells by direction is from A to B first.
type seen struct {
	hop
	then        uint32   // the next of the list
	first, last [2]int64 // of a piece, by side: what time it told of; 0 is none
}

// list notes r as another report of x. Reports by one exporter through the same interfaces add up.
func (t *Table) list(x *content, r *flow.Record) {
	q := t.listSeen(x, seenOf(r))
	if q == nil {
		return
	}
	s := btoi(backwards(r))
	q.cover(s, r)
	if r.Has.Has(flow.HasRev) {
		q.cover(1-s, r)
	}
}

// cover adds the time of r to that of side s.
func (q *seen) cover(s int, r *flow.Record) {
	if q.last[s] == 0 {
		q.first[s], q.last[s] = r.Start, r.End
		return
	}
	q.first[s], q.last[s] = min(q.first[s], r.Start), max(q.last[s], r.End)
}

// listOther does so unless r was reported from where x was. That reporter's word on the direction that
// is counted from another one is listed.
func (t *Table) listOther(x *content, r *flow.Record) {
	if !t.templates.At(x.what).sameSource(r) || x.form&mixed != 0 && btoi(backwards(r)) != x.forward() {
		t.list(x, r)
	}
}

// seenOf makes r one report, by side.
func seenOf(r *flow.Record) hop {
	h := hop{Seen: flow.Seen{Exporter: r.Exporter, Domain: r.Domain, InIf: r.InIf, OutIf: r.OutIf, Start: r.Start, End: r.End,
		Bytes: r.Fwd.Bytes, Packets: r.Fwd.Packets}, ttl: [2]uint8{r.Fwd.TTL, 0}, next: [2]flow.Addr{r.NextHop}}
	if r.Has.Has(flow.HasRev) {
		h.Bytes += r.Rev.Bytes
		h.Packets += r.Rev.Packets
		h.ttl[1] = r.Rev.TTL
	}
	if backwards(r) {
		h.turn()
	}
	return h
}

// backwards says whether r is sent by B, as key.of does.
func backwards(r *flow.Record) bool {
	c := r.Src.Compare(&r.Dst)
	return c > 0 || c == 0 && r.SrcPort > r.DstPort
}

// listSeen adds s to the list of x, and gives where; nil if that is full.
func (t *Table) listSeen(x *content, s hop) *seen {
	at := &t.asideOf(x).seen
	for *at != 0 {
		q := t.seens.At(*at)
		if q.Exporter == s.Exporter && q.Domain == s.Domain && q.InIf == s.InIf && q.OutIf == s.OutIf {
			q.add(&s)
			return q
		}
		at = &q.then
	}
	if x.lists >= maxSeen {
		return nil
	}
	x.lists++
	n := t.seens.Take()
	q := t.seens.At(n)
	*q = seen{hop: s}
	*at = n
	return q
}

// add adds a report from the same place.
func (h *hop) add(o *hop) {
	h.Start, h.End = min(h.Start, o.Start), max(h.End, o.End)
	h.Bytes += o.Bytes
	h.Packets += o.Packets
	for d, ttl := range o.ttl {
		if ttl != 0 && (h.ttl[d] == 0 || ttl < h.ttl[d]) {
			h.ttl[d] = ttl
		}
		if h.next[d].IsZero() {
			h.next[d] = o.next[d]
		}
	}
}

// copySeen adds the reports of x to those of sum.
func (t *Table) copySeen(sum, x *content) {
	for i := t.besides(x).seen; i != 0; i = t.seens.At(i).then {
		t.listSeen(sum, t.seens.At(i).hop)
	}
}

// metaOf gives the metadata of x, nil for none.
func (t *Table) metaOf(x *content) *flow.Meta {
	n := t.besides(x).meta
	if n == 0 {
		return nil
	}
	return t.metas.At(n)
}

// addMeta takes over the parts of m, which may be nil, that x does not have yet.
func (t *Table) addMeta(x *content, m *flow.Meta) {
	if m != nil {
		t.joinMeta(x, m)
	}
}

func (t *Table) joinMeta(x *content, m *flow.Meta) {
	a := t.asideOf(x)
	if a.meta == 0 {
		a.meta = t.metas.Take()
		*t.metas.At(a.meta) = *m
		return
	}
	have := t.metas.At(a.meta)
	if have.DNS == nil {
		have.DNS = m.DNS
	}
	if have.HTTP == nil {
		have.HTTP = m.HTTP
	}
	if have.TLS == nil {
		have.TLS = m.TLS
	}
	if have.SSH == nil {
		have.SSH = m.SSH
	}
	if have.Mail == nil {
		have.Mail = m.Mail
	}
	if m.Talk.Size() > have.Talk.Size() {
		have.Talk = m.Talk
	}
	if have.Parent == "" {
		have.Parent = m.Parent
	}
	if have.Code == 0 {
		have.Code, have.Reason = m.Code, m.Reason
	}
	if have.AppName == "" {
		have.AppName = m.AppName
	}
	if have.User == "" {
		have.User = m.User
	}
	if have.Sampler == "" {
		have.Sampler = m.Sampler
	}
	if !t.templates.At(x.what).named(have.Names) && m.Names != nil {
		have.Names = m.Names
	}
	if have.Unknown == nil {
		have.Unknown = m.Unknown
	}
	if have.Cloud == nil {
		have.Cloud = m.Cloud
	}
	if have.Extra == nil {
		have.Extra = m.Extra
	}
	if have.Seen == nil {
		have.Seen = m.Seen
	}
}

// sayMeta gives out, a record in the batch, its metadata, the list of reports and the other side of
// a translation.
func (t *Table) sayMeta(out *flow.Record, meta *flow.Meta, x *content, nat string) {
	var m flow.Meta
	if meta != nil {
		m = *meta
	}
	if !m.Names.Of(out) {
		m.Names = nil // of another report
	}
	if list := t.reports(out, x); len(list) > 1 {
		m.Seen = slices.Concat(m.Seen, list)
		out.Observers = uint8(min(len(list), 255))
	}
	m.NAT = nat
	if meta != nil || len(m.Seen) > 0 || nat != "" {
		t.batch.SetMeta(out, m)
	}
}

// reports gives the reports of out in the order of the path, its own among them. What its own reporter
// said in two parts is not another report.
func (t *Table) reports(out *flow.Record, x *content) []flow.Seen {
	own, turned := seenOf(out), backwards(out)
	s := x.forward()
	own.next = [2]flow.Addr{}
	own.next[s] = out.NextHop
	if x.form&mixed != 0 { // the other direction is another reporter's, which is listed
		own.Bytes, own.Packets, own.ttl[1-s] = x.bytes[s], x.packets[s], 0
		if t.own.end != 0 {
			own.Start, own.End = t.own.start, t.own.end
		}
	}
	if turned {
		own.turn()
	}
	hops := append(t.hops[:0], own)
	for i := t.besides(x).seen; i != 0; i = t.seens.At(i).then {
		h := t.seens.At(i).hop
		if turned {
			h.turn()
		}
		switch own := h.Exporter == out.Exporter && h.Domain == out.Domain && h.InIf == out.InIf && h.OutIf == out.OutIf && out.Direction == 0; {
		case !own:
			hops = append(hops, h)
		case x.form&mixed != 0:
			hops[0].add(&h)
		}
	}
	t.hops = hops
	if len(hops) == 1 {
		return nil
	}
	inOrder(hops)
	list := make([]flow.Seen, len(hops))
	for i := range hops {
		list[i] = hops[i].Seen
	}
	return list
}
