package netflow

import (
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// ahead says whether what op does with a text of variable length can be done before all rows: the
// memos have it, and no element before it tells of the same.
func (p *plan) ahead(op op) bool {
	tells := func(s step) bool { return s.op > opInfo || s.then > opInfo }
	same := func(s step) bool { return s.then == op }
	return (op == opAppName || op == opUser || op == opHTTPHost) &&
		!slices.ContainsFunc(p.rows, tells) && !slices.ContainsFunc(p.texts, same)
}

// lookUp makes the Metas of the next n records and fills in the texts, one element after the other:
// several times faster than one record after the other, as no text waits for the memory that
// another is in. first is the index of the first Meta.
func (p *plan) lookUp(x *work, n int, buf []byte) (first int) {
	if len(p.texts) == 0 {
		return 0
	}
	first = x.b.AddMetas(n)
	metas := x.b.Meta[first:]
	for j := range p.texts {
		s := &p.texts[j]
		for i := range metas {
			p.text(x, &metas[i], s.then, s.varlen(x.at, i, buf))
		}
	}
	return first
}

func (p *plan) text(x *work, m *flow.Meta, op op, raw []byte) {
	switch op {
	case opAppName:
		m.AppName = x.names.get(raw)
	case opUser:
		m.User = x.names.get(raw)
	case opHTTPHost:
		x.meta = m
		x.httpHost(raw)
	}
}

// told readies the work for a record of which the texts are in a Meta.
func (x *work) told(at int) got {
	m := &x.b.Meta[at]
	x.meta, x.place = m, uint32(at+1)
	x.lent = m.HTTP != nil
	x.hasMeta = x.lent || m.AppName != "" || m.User != ""
	if x.lent {
		return gotInfo
	}
	return 0
}
