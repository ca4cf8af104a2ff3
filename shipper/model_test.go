package shipper

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/flowferry/flowferry/shipper/shippertest"
)

// plan is a random course of events.
type plan struct {
	batches  []int // sizes
	faults   []shippertest.Fault
	poison   map[string]bool
	rejected map[string]bool
	maxBody  int
	cfg      Config
}

func drawPlan(rt *rapid.T) (p plan) {
	p.batches = rapid.SliceOfN(rapid.IntRange(0, 300), 1, 12).Draw(rt, "batches")
	total := 0
	for _, n := range p.batches {
		total += n
	}
	some := func(name string, most int) map[string]bool {
		m := map[string]bool{}
		for _, ord := range rapid.SliceOfN(rapid.IntRange(1, total+1), 0, most).Draw(rt, name) {
			m[idOf(ord)] = true
		}
		return m
	}
	p.poison, p.rejected = some("poison", 6), some("rejected", 20)
	p.faults = rapid.SliceOfN(rapid.Custom(drawFault), 0, 30).Draw(rt, "faults")
	p.maxBody = rapid.SampledFrom([]int{0, 0, 0, 2000, 20000, 100000}).Draw(rt, "max body")
	p.cfg = Config{
		Workers:     rapid.IntRange(1, 4).Draw(rt, "workers"),
		BatchBytes:  rapid.SampledFrom([]int{5000, 50000, 500000}).Draw(rt, "batch bytes"),
		QueueBytes:  rapid.SampledFrom([]int{1000, 200000, 10_000_000}).Draw(rt, "queue bytes"),
		Compression: rapid.SampledFrom([]int{-1, 1}).Draw(rt, "compression"),
		Block:       rapid.Bool().Draw(rt, "block"),
	}
	return p
}

func drawFault(rt *rapid.T) (f shippertest.Fault) {
	f.Delay = time.Duration(rapid.SampledFrom([]int{0, 0, 1, 20, 90}).Draw(rt, "delay")) * time.Second
	f.Apply = rapid.Bool().Draw(rt, "apply")
	switch rapid.IntRange(0, 6).Draw(rt, "fault") {
	case 1:
		f.Reset = true
	case 2:
		f.Cut = true
	case 3:
		f.Status = rapid.SampledFrom([]int{500, 502, 503, 504}).Draw(rt, "status")
	case 4:
		f.Status, f.Apply = rapid.SampledFrom([]int{301, 401, 403, 404, 429}).Draw(rt, "status"), false
	case 5:
		every := rapid.IntRange(1, 9).Draw(rt, "every")
		status := rapid.SampledFrom([]int{403, 404, 429, 503}).Draw(rt, "item status")
		f.Item = func(i int) *shippertest.Item {
			if i%every != 0 {
				return nil
			}
			return &shippertest.Item{Status: status}
		}
	}
	return f
}

// Whatever happens between us and the cluster, each document ends exactly once: in the cluster,
// as a dead letter, or dropped and counted.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := drawPlan(rt)
		var fault string
		synctest.Test(t, func(t *testing.T) { fault = p.run(t) })
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}

// run carries the plan out and says what is wrong.
func (p *plan) run(t *testing.T) string {
	c := &shippertest.Cluster{MaxBody: p.maxBody, Next: script(p.faults...),
		Poison: func(id string) bool { return p.poison[id] }, Reject: func(id string) bool { return p.rejected[id] }}
	p.cfg.DeadLetter = filepath.Join(t.TempDir(), "dead.ndjson")
	r := newRig(t, c, p.cfg)
	first := 1
	for _, n := range p.batches {
		r.put(t, first, n)
		first += n
	}
	if err := r.Close(context.Background()); err != nil {
		return err.Error()
	}
	return p.check(t, r, first-1)
}

func (p *plan) check(t *testing.T, r *rig, total int) string {
	ends := map[string]string{}
	for key := range r.cluster.Docs() {
		ends[key] = "cluster"
	}
	if r.stat("dead_letters") > 0 {
		for _, l := range r.letters(t) {
			key := l.Stream + "/" + l.ID
			if ends[key] != "" {
				return fmt.Sprintf("%s is in the %s and a dead letter for %d %s", key, ends[key], l.Status, l.Type)
			}
			ends[key] = "dead letters"
			if l.Status == 400 && !p.poison[l.ID] && !p.rejected[l.ID] {
				return fmt.Sprintf("%s is a dead letter without a cause: %d %s", key, l.Status, l.Type)
			}
		}
	}
	drops := r.stat("queue_drops")
	if p.cfg.Block && drops > 0 {
		return fmt.Sprintf("%d documents of a file were dropped", drops)
	}
	if got := uint64(len(ends)) + drops; got != uint64(total) || r.stat("documents_in") != got || r.stat("pending") != 0 {
		return fmt.Sprintf("%d documents have an end, of %d: %v", got, total, r.Stats())
	}
	if n := uint64(len(r.cluster.Docs())); r.stat("indexed")+r.stat("already_there") != n {
		return fmt.Sprintf("the cluster has %d documents: %v", n, r.Stats())
	}
	return ""
}
