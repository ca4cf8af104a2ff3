package metrics

import (
	"hash/maphash"
	"strconv"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/netflow"
)

// facts makes a document for each thing that options have told anew since the last time.
func (r *Reporter) facts(docs *[]ecs.Document, now int64, k key, sessions []netflow.ExporterStats, old, p *past) {
	for i := range sessions {
		p.learned += sessions[i].Learned
	}
	if p.learned == old.learned && p.sessions == old.sessions {
		p.told = old.told
		return
	}
	p.told = map[uint64]bool{}
	for i := range sessions {
		for _, f := range sessions[i].Facts() {
			hash := r.hash(f)
			if !old.told[hash] && !p.told[hash] {
				d := factOf(k, &f)
				d.Time = now
				r.write(docs, d)
			}
			p.told[hash] = true
		}
	}
}

// factOf makes the document of one thing that options have told.
func factOf(k key, f *netflow.Fact) *Document {
	d := documentOf(k, Learned)
	d.Kind = "state"
	id := decimal(f.ID)
	switch f.Kind {
	case netflow.FactInterface:
		d.IfID, d.IfName, d.IfAlias = id, f.Name, f.Desc
	case netflow.FactVRF:
		d.VRFID, d.VRFName = id, f.Name
	case netflow.FactApplication:
		d.AppID, d.AppName, d.AppDesc = id, f.Name, f.Desc
	case netflow.FactSampler:
		d.Sampler = id
	case netflow.FactRate:
		if f.ID != 0 {
			d.IfID = id
		}
	}
	d.Rate, d.Mode = int64(f.Rate), f.Mode
	return d
}

// hash tells facts apart without keeping them.
func (r *Reporter) hash(f netflow.Fact) uint64 { return maphash.Comparable(r.seed, f) }

func decimal(v uint64) string { return strconv.FormatUint(v, 10) }
