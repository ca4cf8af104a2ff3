package main

import (
	"context"
	"testing"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
)

// comparing is a sink that compares the name a flow has by its payload with that by DNS.
type comparing struct {
	t           *testing.T
	same, other int
}

func (c *comparing) Put(_ context.Context, b *flow.Batch) error {
	defer b.Free()
	domain, by := ecs.Lookup("destination.domain"), ecs.Lookup("flow.domain_by")
	for i := range b.Recs {
		r := &b.Recs[i]
		e := b.Enrichment(r)
		if e == nil || e.DstDomainBy != flow.DomainDNS || by.Str(b, r) == "dns" {
			continue
		}
		if name := domain.Str(b, r); name == e.DstDomain {
			c.same++
		} else {
			c.other++
			c.t.Logf("%s by %s, %s by DNS", name, by.Str(b, r), e.DstDomain)
		}
	}
	return nil
}

func (c *comparing) Close(context.Context) error { return nil }

// namesCompared imports captures and counts the flows that payload and DNS name alike, and not.
func namesCompared(t *testing.T, cfg *Config, paths []string) (same, other int) {
	t.Helper()
	stages, err := newStages(cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	inputs, _ := openInputs(paths, asAuto, cfg)
	for _, in := range inputs {
		c := &comparing{t: t}
		p := &flow.Pipeline{Stages: stages.forPipeline().forShard, Sink: c, Block: true}
		_ = p.Run(t.Context(), in.source) // of a broken capture, what was read is compared
		same, other = same+c.same, other+c.other
	}
	return same, other
}
