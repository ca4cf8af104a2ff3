package pdns

import "github.com/flowferry/flowferry/flow"

// Learn makes the stage that takes answers in, for one shard.
func (n *Names) Learn() flow.Stage { return &learn{names: n} }

type learn struct {
	names *Names
	o     Observation
}

// Do takes the answers of b in.
func (l *learn) Do(b *flow.Batch) {
	if l.names.off {
		return
	}
	for i := range b.Recs {
		if l.o.observe(b, &b.Recs[i]) {
			l.names.Add(&l.o)
		}
	}
}

// Name makes the stage that gives flows names, for one shard. It stands after all that make a
// flow's Enr.
func (n *Names) Name() flow.Stage { return (*name)(n) }

type name Names

// Do looks up the addresses of b.
func (s *name) Do(b *flow.Batch) {
	n := (*Names)(s)
	if n.off || n.slots.Load() == nil {
		return
	}
	named := 0
	for i := range b.Recs {
		named += n.give(b, &b.Recs[i])
	}
	if named > 0 {
		n.stats.named.Add(uint64(named))
	}
}

// give gives the ends of a flow the names they were answered with, and says how many got one.
// The client asks for the server; who is the client may not be known, so both ways are looked at.
func (n *Names) give(b *flow.Batch, r *flow.Record) (named int) {
	dst, dstBy := n.Lookup(&r.Src, &r.Dst, r.Start)
	src, srcBy := n.Lookup(&r.Dst, &r.Src, r.Start)
	if dst == "" && src == "" {
		return 0
	}
	if r.Enr == 0 {
		b.SetEnr(r, flow.Enr{})
	}
	e := b.Enrichment(r)
	if dst != "" {
		e.DstDomain, e.DstDomainBy = dst, dstBy
		named++
	}
	if src != "" {
		e.SrcDomain, e.SrcDomainBy = src, srcBy
		named++
	}
	return named
}
