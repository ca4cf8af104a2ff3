package metrics

import (
	"cmp"
	"fmt"
	"hash/maphash"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
)

// Reporter makes documents of the accounts of exporters. It is not safe for concurrent use.
type Reporter struct {
	origin uint64
	begun  int64 // Unix ns
	ord    uint64
	known  map[key]*past
	seed   maphash.Seed

	repeats struct {
		at    int64 // Unix ns
		known map[repeatKey]Repeats
	}
}

// NewReporter makes a Reporter. origin is that of the flows of the same run or file, and begun when
// that began, Unix ns.
func NewReporter(origin uint64, begun int64) *Reporter {
	return &Reporter{origin: origin, begun: begun, known: map[key]*past{}, seed: maphash.MakeSeed()}
}

// key is what there is one report for. The connections of an exporter are reported together: what
// one has counted goes on in another's account when it ends.
type key struct {
	addr, agent flow.Addr
	domain      uint32
	via         flow.Via
	by          netflow.Transport
}

func keyOf(s *netflow.ExporterStats) key { return key{s.Addr, s.Agent, s.Domain, s.Via, s.By} }

// past is what the last report told of an exporter.
type past struct {
	at         int64 // Unix ns
	first      int64
	total      Counts
	learned    uint64
	sessions   int
	told       map[uint64]bool // hashes of the facts
	interfaces map[uint32]netflow.InterfaceCounters
}

// forgotten says that the exporter was forgotten since, and what d has was counted anew.
func (p *past) forgotten(d *Document) bool {
	return d.Total.Datagrams < p.total.Datagrams || p.first != 0 && d.First > p.first
}

// Report makes the documents for what has happened since the last call: stats is what
// netflow.Decoder.Exporters gives, now in Unix ns. Of a file that has been read, now is 0: then the
// time of each exporter is that of its last datagram, so that the documents are the same each time.
//
// An exporter has a report each time, even when nothing came from it.
func (r *Reporter) Report(now int64, stats []netflow.ExporterStats) (docs []ecs.Document) {
	known := make(map[key]*past, len(stats))
	for len(stats) > 0 {
		k, n := keyOf(&stats[0]), 1
		for n < len(stats) && keyOf(&stats[n]) == k {
			n++
		}
		known[k] = r.exporter(&docs, cmp.Or(now, stats[0].Last), k, stats[:n])
		stats = stats[n:]
	}
	r.known = known
	return docs
}

// exporter makes the documents of one exporter, whose connections are given.
func (r *Reporter) exporter(docs *[]ecs.Document, now int64, k key, sessions []netflow.ExporterStats) *past {
	d := accountOf(k, sessions)
	old := r.known[k]
	if old == nil || old.forgotten(d) {
		old = &past{}
	}
	d.Time, d.End = now, now
	d.Start = min(cmp.Or(old.at, d.First, r.begun), now)
	d.Duration = d.End - d.Start
	d.Interval = d.Total
	d.Interval.sub(&old.total)
	r.write(docs, d)
	p := &past{at: now, first: d.First, total: d.Total, sessions: len(sessions)}
	r.counters(docs, k, sessions, old, p)
	r.facts(docs, now, k, sessions, old, p)
	return p
}

// write numbers a document and appends it.
func (r *Reporter) write(docs *[]ecs.Document, d *Document) {
	r.ord++
	d.Origin, d.Sequence = fmt.Sprintf("%016x", r.origin), int64(r.ord)
	*docs = append(*docs, ecs.Document{Time: d.Time, ID: ecs.ID(r.origin, r.ord), Text: d.Append(nil)})
}
