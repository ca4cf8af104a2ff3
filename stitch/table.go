package stitch

import (
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/huge"
)

// maxBack is by how much a batch's clock may go back (ns) before it counts as other data.
const maxBack = int64(time.Hour)

// Table is the stage of one shard. It must not be shared.
type Table struct {
	cfg Config
	// Config, in ns.
	window, half, skew, linger, active, shortest, quiet, idleTCP, idleElse, interimAfter int64
	windowTicks                                                                          uint32

	now   int64       // the batch's clock, never going back by a little
	tick  uint32      // its tick
	batch *flow.Batch // the one in hand

	convs     huge.Slab[conv]
	longs     huge.Slab[pair]
	pieces    huge.Slab[piece]
	totals    huge.Slab[total]
	templates huge.Slab[template]
	forms     index           // templates, but the loose ones
	came      [1 << 13]uint32 // hashes of templates that were asked for lately
	lately    [1 << 11]uint32 // the templates of the latest records, by kindOf; they may be gone
	form      traits          // room for intern
	asides    huge.Slab[aside]
	seens     huge.Slab[seen]
	metas     huge.Slab[flow.Meta]
	extras    huge.Slab[extra]
	links     links
	wire      *flow.Wire                 // of the record in hand; nil for none
	seed      uint64                     // of the hash: nobody outside can aim at a bucket
	index     index                      // conversations, live and dead
	hashes    []uint32                   // of the keys of the batch
	known     []uint32                   // the first conversations with them when the batch came; 0 is none
	due       []uint32                   // room for turn and forgetDead
	homes     []uint32                   // room for readyToForget
	hops      []hop                      // room for reports
	own       struct{ start, end int64 } // times of the direction of the piece in hand that its template is of; 0 is none
	room      []flow.Record              // for the records of the next batch
	touched   uint64                     // keeps the reads of ready from being optimised away
	wheel     [slots]slot
	sheets    huge.Slab[sheet]
	turned    int64                       // the wheel's tick
	hand      uint32                      // the conversation that oldest looked at last
	dead      struct{ head, tail uint32 } // queue of those that are only remembered
	held      int                         // flows that wait
	flushed   uint32                      // conversations looked at by flush
	parks     bool                        // a batch marked Last leaves what is held, for SaveState

	servers      ports
	sources      map[source]uint16
	reporters    []reporter // by number, from 1
	lastSource   source     // of the record before, and its number
	lastReporter uint16

	n     counts
	stats stats
	pairs pairs
}

// counts is what happened in one batch.
type counts struct {
	in, flows, paired, duplicates, sessions, interims, events, late, evicted, resumed, parked uint64
}

// stats is what happened so far; other goroutines read it.
type stats struct {
	in, flows, paired, duplicates, sessions, interims, events, late, evicted, held, resumed, parked atomic.Uint64
}

// New makes an empty Table. cfg must be valid.
func New(cfg Config) *Table {
	cfg = cfg.withDefaults()
	t := &Table{cfg: cfg, sources: map[source]uint16{}, seed: rand.Uint64()}
	t.window, t.half, t.skew, t.linger = int64(cfg.Window), int64(cfg.Half), int64(cfg.Skew), int64(cfg.Linger)
	t.active, t.shortest, t.quiet = int64(cfg.Active), int64(cfg.ShortestActive), int64(cfg.Quiet)
	t.idleTCP, t.idleElse, t.interimAfter = int64(cfg.IdleTCP), int64(cfg.Idle), int64(cfg.Interim)
	t.windowTicks = uint32((t.window + 1<<tickBits - 1) >> tickBits)
	t.index.grow()
	t.forms.grow()
	for _, p := range servers {
		t.servers.add(p)
	}
	for _, p := range cfg.ServerPorts {
		t.servers.add(p)
	}
	return t
}

// Stats gives the account of this shard:
// in + resumed = flows + paired + duplicates + held + parked; sessions, interims, events, late and evicted stand apart.
func (t *Table) Stats() []flow.Stat {
	s := &t.stats
	return []flow.Stat{
		{Name: "stitch.in", Value: s.in.Load()},                 // flows taken
		{Name: "stitch.flows", Value: s.flows.Load()},           // flows written out
		{Name: "stitch.paired", Value: s.paired.Load()},         // put into another as its other direction
		{Name: "stitch.duplicates", Value: s.duplicates.Load()}, // other reports of the same traffic
		{Name: "stitch.held", Value: s.held.Load()},             // waiting now
		{Name: "stitch.resumed", Value: s.resumed.Load()},       // flows that an earlier run had left waiting
		{Name: "stitch.parked", Value: s.parked.Load()},         // flows left waiting for a later run
		{Name: "stitch.sessions", Value: s.sessions.Load()},     // sessions written out
		{Name: "stitch.interims", Value: s.interims.Load()},     // of sessions: totals told while they go on
		{Name: "stitch.events", Value: s.events.Load()},         // records passed through
		{Name: "stitch.late", Value: s.late.Load()},             // of flows: after the end of their conversation
		{Name: "stitch.evicted", Value: s.evicted.Load()},       // conversations written out early because the table was full
	}
}

func (t *Table) publish() {
	s, n := &t.stats, &t.n
	for _, c := range [...]struct {
		to *atomic.Uint64
		n  uint64
	}{{&s.in, n.in}, {&s.flows, n.flows}, {&s.paired, n.paired}, {&s.duplicates, n.duplicates},
		{&s.sessions, n.sessions}, {&s.interims, n.interims}, {&s.events, n.events}, {&s.late, n.late}, {&s.evicted, n.evicted}, {&s.resumed, n.resumed}, {&s.parked, n.parked}} {
		if c.n != 0 {
			c.to.Add(c.n)
		}
	}
	s.held.Store(uint64(t.held))
	t.pairs.flush()
	*n = counts{}
}

// Do takes the flows out of b, and puts into it those that have waited long enough.
func (t *Table) Do(b *flow.Batch) {
	t.batch = b
	t.ready(b.Recs)
	for i := range b.Told {
		t.told(&b.Told[i])
	}
	in := b.Recs
	b.Recs = t.room[:0]
	for i := range in {
		r := &in[i]
		t.advance(r.Received)
		if !stitchable(r) {
			b.Recs = append(b.Recs, *r)
			t.pass(&b.Recs[len(b.Recs)-1])
			continue
		}
		t.n.in++
		if r.Has&(flow.HasNATSrc|flow.HasNATDst) != 0 {
			t.learn(r)
		}
		t.wire = b.Metered(r)
		t.absorb(r, t.hashes[i], t.known[i], b.Metadata(r))
	}
	t.room = in[:0]
	t.advance(b.Now)
	if b.Last && !t.parks {
		t.flush(maxFlush)
	}
	t.batch, t.wire = nil, nil
	t.publish()
}

// stitchable says whether r is a flow with enough of a key to find its kin. What the exporter
// has added up of several flows has none; nor has one that a firewall refused: its verdict is not
// that of what came through on the same ports.
func stitchable(r *flow.Record) bool {
	if r.Kind != flow.KindFlow || r.Has.Has(flow.HasFlows) || r.Event == flow.EventDenied || !r.Has.Has(flow.HasProto) || r.Src.IsZero() && r.Dst.IsZero() {
		return false
	}
	switch r.Proto {
	case flow.ProtoTCP, flow.ProtoUDP, flow.ProtoSCTP:
		return r.Has.Has(flow.HasPorts)
	}
	return true
}

// pass counts a record that is not stitched. A flow (an aggregate without ports, say) is told
// in full as it is.
func (t *Table) pass(r *flow.Record) {
	if r.Kind != flow.KindFlow {
		t.n.events++
		return
	}
	t.n.in++
	t.n.flows++
	r.Complete = r.EndReason != flow.EndActive
}

// maxFlush is how many records a Last batch has before the next part of what is held is left to another.
const maxFlush = 16 * flow.BatchSize

// flush writes out what is held, as a forced end, from where the batch before has ended, until the
// batch holds most records.
func (t *Table) flush(most int) {
	for t.dead.head != 0 {
		t.forgetOldest()
	}
	for ; t.flushed < t.convs.Last(); t.flushed++ {
		if len(t.batch.Recs) >= most {
			t.batch.More = true
			return
		}
		if c := t.convs.At(t.flushed + 1); c.has(used) {
			t.finish(c, flow.EndForced)
			t.forget(t.flushed + 1)
		}
	}
	t.flushed = 0
}

// idle is the silence (ns) that separates two conversations of a protocol.
func (t *Table) idle(proto uint8) int64 {
	if proto == flow.ProtoTCP {
		return t.idleTCP
	}
	return t.idleElse
}
