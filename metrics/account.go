package metrics

import (
	"time"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
)

// maxSkew is how far a clock may be off before it is tagged, as those of its flows are.
const maxSkew = int64(5 * time.Minute)

// accountOf makes the report of an exporter whose connections are given; over UDP it is one. What
// is no count is that of the connection heard last.
func accountOf(k key, sessions []netflow.ExporterStats) *Document {
	d := documentOf(k, Report)
	d.parts = partReport
	last := &sessions[0]
	for i := range sessions {
		s := &sessions[i]
		c := counts(s)
		d.Total.add(&c)
		if s.Last > last.Last {
			last = s
		}
		if s.First != 0 && (d.First == 0 || s.First < d.First) {
			d.First = s.First
		}
		if s.Session != 0 {
			d.Connections++
		}
		d.Templates += int64(s.Templates)
		d.Waiting += int64(s.Waiting)
		d.Held += int64(s.HeldBytes)
	}
	d.Last, d.Boot, d.Port = last.Last, last.Boot, int64(last.Port)
	d.Names, d.Samplers, d.SampledIfs = int64(last.Names), int64(last.Samplers), int64(last.SampledInterfaces)
	d.Rate = int64(last.Rate)
	if d.LostUnit = last.LostUnit; d.LostUnit != "" {
		d.parts |= partSequence
	}
	if last.Via == flow.ViaSFlow {
		d.parts |= partAgent
		return d
	}
	d.parts |= partClock
	d.Skew = last.Skew / int64(time.Millisecond)
	if last.Skew > maxSkew || -last.Skew > maxSkew {
		d.Tags = []string{ecs.ClockSkew}
	}
	return d
}

// documentOf begins a document of an exporter.
func documentOf(k key, action string) *Document {
	return &Document{Kind: "metric", Action: action, Exporter: k.addr, Agent: k.agent, Domain: int64(k.domain), Via: k.via.String(), Transport: k.by.String()}
}
