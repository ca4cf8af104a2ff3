package metrics

import (
	"cmp"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
	"github.com/flowferry/flowferry/stitch"
)

// Repeats is what one exporter reported again of traffic that was counted from another.
type Repeats struct{ Records, Bytes, Packets int64 }

// Whose counts were kept instead: flow.exporter.duplicates.of.
const (
	ofAnother = "exporter"
	ofItself  = "itself"
	OfOthers  = "others" // all pairs that are counted together
)

// repeatKey is what there is one document of duplicates for.
type repeatKey struct {
	kept, repeated flow.Addr
	other          bool
}

// Repeats makes the documents of duplicates, one for each pair of exporters that had some since the
// last call. now is in Unix ns; of a file that has been read it is 0, then the time is that of the last datagram
// that stats, the accounts of its exporters, tell of.
func (r *Reporter) Repeats(now int64, pairs []stitch.Pair, stats []netflow.ExporterStats) (docs []ecs.Document) {
	if now == 0 {
		for i := range stats {
			now = max(now, stats[i].Last)
		}
	}
	start := cmp.Or(r.repeats.at, r.begun, now)
	if r.repeats.known == nil {
		r.repeats.known = map[repeatKey]Repeats{}
	}
	for i := range pairs {
		p := &pairs[i]
		k := repeatKey{p.Kept, p.Repeated, p.Other}
		total, old := Repeats{long(p.Records), long(p.Bytes), long(p.Packets)}, r.repeats.known[k]
		if total == old {
			continue
		}
		r.repeats.known[k] = total
		d := &Document{Kind: "metric", Action: Duplicates, parts: partRepeats, Time: now, Start: min(start, now), End: now, Exporter: p.Repeated, Kept: p.Kept}
		d.Duration = d.End - d.Start
		d.RepeatsTotal = total
		d.Repeats = Repeats{total.Records - old.Records, total.Bytes - old.Bytes, total.Packets - old.Packets}
		switch {
		case p.Other:
			d.RepeatsOf = OfOthers
		case p.Kept == p.Repeated:
			d.RepeatsOf = ofItself
		default:
			d.RepeatsOf = ofAnother
		}
		r.write(&docs, d)
	}
	r.repeats.at = now
	return docs
}

// repeatRows are the fields of those documents.
func repeatRows() []Field {
	rows := []Field{
		{Name: "flow.exporter.duplicates.of", Type: ecs.Keyword, Of: ecs.Ours, Desc: "Of whose reports the duplicates are that this exporter sent: exporter is another one's, itself its own (at ingress and egress, or sent twice); others is all pairs beyond the first 1,024, without addresses.", part: partRepeats,
			at: func(d *Document) any { return &d.RepeatsOf }},
		{Name: "flow.exporter.duplicates.kept", Type: ecs.IP, Of: ecs.Ours, Desc: "The exporter whose counts were kept; absent where that is a meter of ours.", part: partRepeats,
			at: func(d *Document) any { return &d.Kept }},
	}
	for _, of := range [...]struct {
		prefix, when string
		at           func(d *Document) *Repeats
	}{
		{"flow.exporter.duplicates.interval.", " In the interval.", func(d *Document) *Repeats { return &d.Repeats }},
		{"flow.exporter.duplicates.total.", " Since the collector started.", func(d *Document) *Repeats { return &d.RepeatsTotal }},
	} {
		row := func(name, desc string, at func(c *Repeats) *int64) {
			rows = append(rows, Field{Name: of.prefix + name, Type: ecs.Long, Of: ecs.Ours, Desc: desc + of.when, part: partRepeats,
				at: func(d *Document) any { return at(of.at(d)) }})
		}
		row("records", "Flow records that were merged into another as duplicates.", func(c *Repeats) *int64 { return &c.Records })
		row("bytes", "Bytes that they told and that were not counted; those of single directions of other records too.", func(c *Repeats) *int64 { return &c.Bytes })
		row("packets", "Packets, likewise.", func(c *Repeats) *int64 { return &c.Packets })
	}
	return rows
}
