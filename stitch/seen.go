package stitch

import "github.com/flowferry/flowferry/flow"

// maxSeen is how many other reports are listed for one record; further ones are only counted.
const maxSeen = 16

// seen is one other report in the list of a piece.
type seen struct {
	flow.Seen
	next uint32
}

// list notes r as another report of piece p. Reports by one exporter through the same
// interfaces add up.
func (t *Table) list(p *piece, r *flow.Record) {
	t.listSeen(p, seenOf(r))
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

func (t *Table) listSeen(p *piece, s flow.Seen) {
	at := &p.seen
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
	if p.lists >= maxSeen {
		return
	}
	p.lists++
	n := t.seens.take()
	*t.seens.at(n) = seen{Seen: s}
	*at = n
}

// copySeen adds the reports of p to those of sum.
func (t *Table) copySeen(sum, p *piece) {
	for i := p.seen; i != 0; i = t.seens.at(i).next {
		t.listSeen(sum, t.seens.at(i).Seen)
	}
}

func (t *Table) freeSeen(p *piece) {
	for i := p.seen; i != 0; {
		next := t.seens.at(i).next
		t.seens.drop(i)
		i = next
	}
	p.seen = 0
}

// metaOf gives the metadata of a waiting record, nil for none.
func (t *Table) metaOf(r *flow.Record) *flow.Meta {
	if r.Meta == 0 {
		return nil
	}
	return t.metas.at(r.Meta)
}

func (t *Table) freeMeta(r *flow.Record) {
	if r.Meta != 0 {
		*t.metas.at(r.Meta) = flow.Meta{}
		t.metas.drop(r.Meta)
		r.Meta = 0
	}
}

// addMeta takes over the parts of m that waiting record r does not have yet.
func (t *Table) addMeta(r *flow.Record, m *flow.Meta) {
	if m == nil {
		return
	}
	if r.Meta == 0 {
		r.Meta = t.metas.take()
		*t.metas.at(r.Meta) = *m
		return
	}
	have := t.metas.at(r.Meta)
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
	if have.Talk == nil {
		have.Talk = m.Talk
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
	if !have.Names.Of(r) && m.Names != nil {
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

// sayMeta gives out, a record in the batch, its metadata and the list of other reports. What
// its own reporter said in two parts is not another report.
func (t *Table) sayMeta(out *flow.Record, meta *flow.Meta, p *piece) {
	var m flow.Meta
	if meta != nil {
		m = *meta
	}
	if !m.Names.Of(out) {
		m.Names = nil // of another report
	}
	var list []flow.Seen
	for i := p.seen; i != 0; i = t.seens.at(i).next {
		q := &t.seens.at(i).Seen
		if q.Exporter == out.Exporter && q.Domain == out.Domain && q.InIf == out.InIf && q.OutIf == out.OutIf && out.Direction == 0 {
			continue
		}
		if list == nil {
			list = append(make([]flow.Seen, 0, len(m.Seen)+int(p.lists)), m.Seen...)
		}
		list = append(list, *q)
	}
	if list != nil {
		m.Seen = list
		out.Observers = uint8(min(1+len(list), 255))
	}
	if meta != nil || list != nil {
		t.batch.SetMeta(out, m)
	}
}
