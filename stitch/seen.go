package stitch

import "github.com/flowferry/flowferry/flow"

// maxSeen is how many other reports are listed for one record; further ones are only counted.
const maxSeen = 16

// seen is one other report in a list.
type seen struct {
	flow.Seen
	next uint32
}

// list notes r as another report of x. Reports by one exporter through the same interfaces add up.
func (t *Table) list(x *content, r *flow.Record) { t.listSeen(x, seenOf(r)) }

// listOther does so unless r was reported from where x was.
func (t *Table) listOther(x *content, r *flow.Record) {
	if !t.templates.at(x.what).sameSource(r) {
		t.list(x, r)
	}
}

func seenOf(r *flow.Record) flow.Seen {
	s := flow.Seen{Exporter: r.Exporter, Domain: r.Domain, InIf: r.InIf, OutIf: r.OutIf, Start: r.Start, End: r.End,
		Bytes: r.Fwd.Bytes, Packets: r.Fwd.Packets}
	if r.Has.Has(flow.HasRev) {
		s.Bytes += r.Rev.Bytes
		s.Packets += r.Rev.Packets
	}
	return s
}

func (t *Table) listSeen(x *content, s flow.Seen) {
	at := &x.seen
	for *at != 0 {
		q := t.seens.at(*at)
		if q.Exporter == s.Exporter && q.Domain == s.Domain && q.InIf == s.InIf && q.OutIf == s.OutIf {
			q.Start, q.End = min(q.Start, s.Start), max(q.End, s.End)
			q.Bytes += s.Bytes
			q.Packets += s.Packets
			return
		}
		at = &q.next
	}
	if x.lists >= maxSeen {
		return
	}
	x.lists++
	n := t.seens.take()
	*t.seens.at(n) = seen{Seen: s}
	*at = n
}

// copySeen adds the reports of x to those of sum.
func (t *Table) copySeen(sum, x *content) {
	for i := x.seen; i != 0; i = t.seens.at(i).next {
		t.listSeen(sum, t.seens.at(i).Seen)
	}
}

func (t *Table) freeSeen(x *content) {
	for i := x.seen; i != 0; {
		next := t.seens.at(i).next
		t.seens.drop(i)
		i = next
	}
	x.seen = 0
}

// metaOf gives the metadata of x, nil for none.
func (t *Table) metaOf(x *content) *flow.Meta {
	if x.meta == 0 {
		return nil
	}
	return t.metas.at(x.meta)
}

// addMeta takes over the parts of m that x does not have yet.
func (t *Table) addMeta(x *content, m *flow.Meta) {
	if m == nil {
		return
	}
	if x.meta == 0 {
		x.meta = t.metas.take()
		*t.metas.at(x.meta) = *m
		return
	}
	have := t.metas.at(x.meta)
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
	if !t.templates.at(x.what).named(have.Names) && m.Names != nil {
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

// sayMeta gives out, a record in the batch, its metadata, the list of other reports and the other
// side of a translation. What its own reporter said in two parts is not another report.
func (t *Table) sayMeta(out *flow.Record, meta *flow.Meta, x *content, nat string) {
	var m flow.Meta
	if meta != nil {
		m = *meta
	}
	if !m.Names.Of(out) {
		m.Names = nil // of another report
	}
	var list []flow.Seen
	for i := x.seen; i != 0; i = t.seens.at(i).next {
		q := &t.seens.at(i).Seen
		if q.Exporter == out.Exporter && q.Domain == out.Domain && q.InIf == out.InIf && q.OutIf == out.OutIf && out.Direction == 0 {
			continue
		}
		if list == nil {
			list = append(make([]flow.Seen, 0, len(m.Seen)+int(x.lists)), m.Seen...)
		}
		list = append(list, *q)
	}
	if list != nil {
		m.Seen = list
		out.Observers = uint8(min(1+len(list), 255))
	}
	m.NAT = nat
	if meta != nil || list != nil || nat != "" {
		t.batch.SetMeta(out, m)
	}
}
