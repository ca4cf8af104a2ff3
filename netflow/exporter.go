package netflow

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/flowferry/flowferry/flow"
)

// exporterKey tells exporters apart. The source port is in it only where Config.ByPort says so:
// elsewhere an exporter that restarts on a new port keeps its templates. Over TCP they end with
// their connection. It has no padding, so that it is hashed and compared in one piece.
type exporterKey struct {
	addr    flow.Addr
	agent   flow.Addr // of sFlow, where it is not addr: who sampled, behind a relay; else zero
	domain  uint32    // observation domain (IPFIX), source id (v9), engine type and id (v5, v6), scheme before them (v8), sub-agent (sFlow)
	port    uint16    // of several exporters behind addr; else 0
	version uint16
	link
}

// exporter is the state of one exporter and domain. A datagram is decoded under mu.
type exporter struct {
	key  exporterKey
	seen atomic.Int64 // receive time of the last datagram, Unix ns
	used atomic.Bool  // gave a record or a template

	settled atomic.Bool // sent settledAfter datagrams: with used, the last to be forgotten

	mu        sync.Mutex
	gone      bool // forgotten by the Decoder
	state     int64
	first     int64 // receive time of the first datagram, Unix ns
	port      uint16
	seq       sequence
	rates     rates
	templates templates
	hold      hold
	facts     facts
	drift     drift
	boot      int64 // systemInitTimeMilliseconds from options, Unix ns; 0 is unknown
	work      *work // of the datagram at hand, between exporterOf and release
	count     ExporterStats

	// Of sFlow agents.
	sources    sources
	interfaces map[uint32]*InterfaceCounters // by ifIndex; at most maxInterfaces
	original   []flow.Element                // that names key.agent
}

// Limits of what options and counter samples may teach about one exporter. What is beyond them is
// only counted.
const (
	maxInterfaces = 16384
	maxVRFs       = 4096
	maxApps       = 16384 // application names
	maxText       = 256   // bytes of one name or description
	maxSamplers   = 1024
	evictSample   = 8  // exporters, or templates, looked at to find one to forget
	settledAfter  = 16 // datagrams. Of a forged address there is one, or few
)

// exporter finds or makes the state and locks it. The caller unlocks it with d.release.
func (d *Decoder) exporter(src *source, version uint16, domain uint32) *exporter {
	return d.exporterOf(&exporterKey{addr: src.addr, domain: domain, version: version, link: src.link}, src)
}

// exporterOf looks first at the exporter that the work at hand was last for: what a reader gets is
// in runs of the same one.
func (d *Decoder) exporterOf(key *exporterKey, src *source) *exporter {
	if src.transport == OverUDP && d.byPort.has(src.addr) {
		key.port = src.port
	}
	x := d.works.take(d)
	if x.e == nil || x.e.key != *key {
		x.e = d.find(key, src)
	}
	for x.e.mu.Lock(); x.e.gone; x.e.mu.Lock() {
		x.e.mu.Unlock()
		x.e = d.find(key, src)
	}
	e := x.e
	e.work = x
	if e.seen.Load() != src.received { // what a reader gets at once has one time
		e.seen.Store(src.received)
	}
	e.port = src.port
	if e.first == 0 {
		e.first = src.received
	}
	if e.count.Datagrams++; e.count.Datagrams >= settledAfter && !e.settled.Load() {
		e.settled.Store(true)
	}
	return e
}

// find gives the exporter of the key; if there is none a new one.
func (d *Decoder) find(key *exporterKey, src *source) *exporter {
	d.mu.RLock()
	e := d.exporters[*key]
	d.mu.RUnlock()
	if e == nil {
		e = d.newExporter(key, src)
	}
	return e
}

func (d *Decoder) newExporter(key *exporterKey, src *source) *exporter {
	e := &exporter{key: *key, first: src.received}
	e.seen.Store(src.received)
	e.rates.override = cmp.Or(d.rates[key.agent], d.rates[src.addr])
	if key.version == versionSFlow {
		e.original = originalExporter(key.agent)
	}
	if key.version == 9 || key.version == versionSFlow {
		e.seq.style = countsDatagrams
	}
	d.mu.Lock()
	if known := d.exporters[*key]; known != nil {
		d.mu.Unlock()
		return known
	}
	d.inherit(e)
	var victim *exporter
	if len(d.exporters) >= d.cfg.MaxExporters {
		victim = d.takeVictim(*key)
	}
	d.exporters[*key] = e
	d.mu.Unlock()
	d.forget(victim)
	return e
}

// release unlocks e and, when all exporters together hold too much, forgets some.
func (d *Decoder) release(e *exporter) {
	e.work.b, e.work.walk.r = nil, nil
	d.works.give(e.work)
	e.work = nil
	e.mu.Unlock()
	for d.state.Load() > int64(d.cfg.MaxState) {
		d.mu.Lock()
		victim := d.takeVictim(exporterKey{})
		d.mu.Unlock()
		if victim == nil {
			return
		}
		d.forget(victim)
	}
}

// takeVictim removes one exporter other than keep from the table: of a few taken at random one
// that never was of use, else one of which little was heard, else the one not heard for longest.
// So who sends from many addresses pushes out his own. d.mu is held.
func (d *Decoder) takeVictim(keep exporterKey) *exporter {
	var victim *exporter
	worse := func(a, b *exporter) bool {
		if a.used.Load() != b.used.Load() {
			return !a.used.Load()
		}
		if a.settled.Load() != b.settled.Load() {
			return !a.settled.Load()
		}
		return a.seen.Load() < b.seen.Load()
	}
	n := 0
	for k, e := range d.exporters {
		if k == keep {
			continue
		}
		if victim == nil || worse(e, victim) {
			victim = e
		}
		if n++; n == evictSample {
			break
		}
	}
	if victim != nil {
		delete(d.exporters, victim.key)
	}
	return victim
}

// forget gives back what a removed exporter held.
func (d *Decoder) forget(e *exporter) {
	if e == nil {
		return
	}
	d.strip(e)
	d.stats.exportersEvicted.Add(1)
}

// strip takes from e, which is in the table no more, what it holds: a work may still point to it.
func (d *Decoder) strip(e *exporter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hold.drop(d)
	e.templates, e.rates, e.facts, e.sources, e.interfaces = templates{}, rates{}, facts{}, sources{}, nil
	d.state.Add(-e.state)
	e.state, e.gone = 0, true
}

// account adds n bytes of state, or gives them back. e is locked.
func (d *Decoder) account(e *exporter, n int) {
	if !e.gone {
		e.state += int64(n)
		d.state.Add(int64(n))
	}
}

// ExporterStats is the account of one exporter and domain.
type ExporterStats struct {
	Addr    flow.Addr
	Port    uint16 // source port of its last datagram
	ByPort  bool   // Port is part of who it is (Config.ByPort)
	Via     flow.Via
	By      Transport
	Session uint64 // number of its connection; 0 over UDP, and for all ended connections together
	Domain  uint32
	First   int64 // receive time of its first and last datagram, Unix ns; First is 0 when none came since the state was loaded
	Last    int64
	Boot    int64  // when it started, as it says, Unix ns; 0 is unknown
	Rate    uint32 // sampling: one packet in Rate; 0 is unknown, or differs by sampler or interface
	Waiting int    // data sets held for a template
	Skew    int64  // receive time less export time, ns, median of the last 31 datagrams: positive where its clock is behind

	Samplers, SampledInterfaces int // how many have a rate of their own
	Names                       int // of interfaces, VRFs and applications that options have told

	Datagrams, Faulty              uint64
	Records, Events, Options       uint64
	Templates                      int // known now
	NoTemplate                     uint64
	Lost                           int64 // records (v5 to v8), datagrams (v9, sFlow), data records (IPFIX), or what else the exporter counts
	Reordered, Duplicate, Restarts int64
	HeldBytes                      int
	TemplateChanges, Withdrawals   uint64
	Skewed                         uint64 // datagrams whose export time was more than 5 minutes off
	LostUnit                       string // what Lost counts: "flows", "records" (those of options too) or "datagrams"; "" of NetFlow v1, which has no numbers
	Learned                        uint64 // how often options told something new; see Facts

	from *exporter // that Facts asks

	// Of sFlow agents.
	Agent                       flow.Addr // who sampled, where that is not Addr; else zero
	FlowSamples, CounterSamples uint64
	LostSamples                 int64               // flow samples, counters and discarded packets that did not come
	SampleDrops                 uint64              // samples that the agent says it had to drop
	Interfaces                  []InterfaceCounters // the last of each, by Index
}

// Exporters gives the account of each exporter, ordered by address, version and domain.
func (d *Decoder) Exporters() []ExporterStats {
	d.mu.RLock()
	all := make([]*exporter, 0, len(d.exporters))
	for _, e := range d.exporters {
		all = append(all, e)
	}
	d.mu.RUnlock()
	out := make([]ExporterStats, 0, len(all))
	for _, e := range all {
		out = append(out, e.stats())
	}
	slices.SortFunc(out, func(a, b ExporterStats) int {
		return cmp.Or(a.Addr.Compare(&b.Addr), cmp.Compare(a.Via, b.Via), cmp.Compare(a.Domain, b.Domain), a.Agent.Compare(&b.Agent),
			cmp.Compare(a.By, b.By), cmp.Compare(a.Session, b.Session), cmp.Compare(a.Port, b.Port))
	})
	return out
}

func (e *exporter) stats() ExporterStats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.count
	s.Addr, s.Domain, s.Via, s.Port = e.key.addr, e.key.domain, vias[e.key.version], e.port
	s.By, s.Session, s.ByPort = e.key.transport, e.key.session, e.key.port != 0
	s.First, s.Last, s.Boot = e.first, e.seen.Load(), e.boot
	s.Rate, s.Samplers, s.SampledInterfaces = e.rates.plain(), len(e.rates.samplers), len(e.rates.ingress)
	s.Skew, s.Names = e.drift.median(), e.facts.len()
	s.Agent, s.Interfaces = e.key.agent, e.interfaceList()
	s.Templates, s.Waiting, s.HeldBytes = len(e.templates.byID), len(e.hold.sets), e.hold.bytes
	s.LostUnit, s.from = e.lostUnit(), e
	s.Lost, s.Reordered, s.Duplicate, s.Restarts = e.seq.lost, e.seq.reordered, e.seq.duplicate, e.seq.restarts
	return s
}

var vias = [...]flow.Via{
	versionSFlow: flow.ViaSFlow, 1: flow.ViaNetFlow1, 5: flow.ViaNetFlow5, 6: flow.ViaNetFlow6, 7: flow.ViaNetFlow7,
	8: flow.ViaNetFlow8, 9: flow.ViaNetFlow9, 10: flow.ViaIPFIX,
}
