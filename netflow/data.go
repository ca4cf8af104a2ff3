package netflow

import "github.com/flowferry/flowferry/flow"

// begin readies the work for the records of a message.
func (x *work) begin(m message, b *flow.Batch) {
	e := x.e
	x.b, x.meta = b, nil
	x.shared.n, x.sampled = 0, 0
	x.export, x.uptime, x.hasUptime = m.export, m.uptime, m.hasUptime
	r := &x.proto // filled in its place: a literal would be made elsewhere and copied
	*r = flow.Record{}
	r.Exporter = e.key.addr
	r.Received, r.Origin, r.Domain = m.received, x.d.cfg.Origin, e.key.domain
	r.Has, r.Via, r.Skewed = flow.HasDomain, vias[e.key.version], skewed(m.skew())
}

// dataSet decodes the records of one set. buf holds them from pos on and ends with the set;
// at least lead bytes stand before pos.
func (x *work) dataSet(t *template, buf []byte, pos int) (err error) {
	if t.options {
		return x.optionsSet(t, buf, pos)
	}
	x.common()
	first, events := len(x.b.Recs), x.events
	err = t.plan.records(x, buf, pos)
	x.counted(len(x.b.Recs)-first, x.events-events)
	return err
}

// counted enters records just made, events among them, in the accounts.
func (x *work) counted(n int, events uint64) {
	if n == 0 {
		return
	}
	x.counts.records += uint32(n)
	x.counts.flows += uint32(n)
	e, s := x.e, &x.d.stats
	e.count.Events += events
	e.count.Records += uint64(n) - events
	s.records.Add(uint64(n) - events)
	if events != 0 {
		s.events.Add(events)
	}
	if !e.used.Load() {
		e.used.Store(true)
	}
}

func (x *work) optionsSet(t *template, buf []byte, pos int) error {
	for len(buf)-pos >= t.plan.min && !padding(&t.plan, buf[pos:]) {
		next, ok := x.optionsRecord(t, buf, pos)
		if !ok {
			return ErrRecord
		}
		pos = next
		x.counts.records++
	}
	return nil
}

// common brings what the exporter has told of itself up to date for the records to come.
func (x *work) common() {
	e := x.e
	x.proto.Sampling = e.rates.plain()
	x.byIf = len(e.rates.ingress) > 0
	x.byName = len(e.facts.interfaces)+len(e.facts.vrfs) > 0
	x.plain = !x.byIf && !x.byName
	if x.proto.Meta = 0; e.rates.common.mode != "" {
		x.proto.Meta = x.share(alike{mode: e.rates.common.mode})
	}
	if !x.hasUptime && e.boot != 0 {
		x.uptime, x.hasUptime = uint32((x.export-e.boot)/1e6), true
	}
}

// padding says whether the rest of a set is padding although it could hold a record: up to 3
// zero bytes behind records of variable length (RFC 7011 section 3.3.1).
func padding(p *plan, rest []byte) bool {
	return p.tail < p.min && p.min < 4 && len(rest) < 4 && zero(rest)
}
