package netflow

import "github.com/flowferry/flowferry/flow"

// begin readies the work for the records of a message.
func (x *work) begin(m message, b *flow.Batch) {
	e := x.e
	x.b, x.shared = b, 0
	x.export, x.uptime, x.hasUptime = m.export, m.uptime, m.hasUptime
	x.proto = flow.Record{
		Received: m.received, Exporter: e.key.addr, Domain: e.key.domain,
		Has: flow.HasDomain, Via: vias[e.key.version],
	}
}

// dataSet decodes the records of one set. buf holds them from pos on and ends with the set;
// at least lead bytes stand before pos.
func (x *work) dataSet(t *template, buf []byte, pos int) error {
	x.common()
	p := &t.plan
	records := 0
	var ok bool
	for len(buf)-pos >= p.min && !padding(p, buf[pos:]) {
		if t.options {
			pos, ok = x.optionsRecord(t, buf, pos)
		} else {
			pos, ok = p.run(x, buf, pos)
		}
		if !ok {
			return ErrRecord
		}
		records++
	}
	x.records += uint32(records)
	if records > 0 {
		x.e.used.Store(true)
	}
	return nil
}

// common brings what the exporter has told of itself up to date for the records to come.
func (x *work) common() {
	e := x.e
	x.proto.Sampling = e.rates.plain()
	x.byIf = len(e.rates.ingress) > 0
	if !x.hasUptime && e.boot != 0 && x.export >= e.boot {
		x.uptime, x.hasUptime = uint32((x.export-e.boot)/1e6), true
	}
}

// padding says whether the rest of a set is padding although it could hold a record: up to 3
// zero bytes behind records so short, as those of variable length only are (RFC 7011 section 3.3.1).
func padding(p *plan, rest []byte) bool {
	return p.min < 4 && len(rest) < 4 && zero(rest)
}
