package netflow

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/flowferry/flowferry/flow"
)

// exporterKey tells exporters apart. The source port is not in it: an exporter that restarts
// on a new port keeps its templates. Over TCP they end with their connection.
type exporterKey struct {
	addr    flow.Addr
	domain  uint32 // observation domain (IPFIX), source id (v9), engine type and id (v5)
	version uint16
	link
}

// exporter is the state of one exporter and domain. A datagram is decoded under mu.
type exporter struct {
	key  exporterKey
	seen atomic.Int64 // receive time of the last datagram, Unix ns
	used atomic.Bool  // gave a record or a template: the last to be forgotten

	mu        sync.Mutex
	gone      bool // forgotten by the Decoder; what it still learns is not accounted
	state     int64
	first     int64 // receive time of the first datagram, Unix ns
	port      uint16
	seq       sequence
	rates     rates
	templates templates
	hold      hold
	apps      map[uint64]string // applicationId → applicationName, from options
	boot      int64             // systemInitTimeMilliseconds from options, Unix ns; 0 is unknown
	work      work
	count     ExporterStats
}

// Limits of what options may teach about one exporter.
const (
	maxApps     = 16384 // application names
	maxAppName  = 256   // bytes of one
	maxSamplers = 1024
	evictSample = 8 // exporters, or templates, looked at to find one to forget
)

// exporter finds or makes the state and locks it. The caller unlocks it with d.release.
func (d *Decoder) exporter(src source, version uint16, domain uint32) *exporter {
	key := exporterKey{src.addr, domain, version, src.link}
	d.mu.RLock()
	e := d.exporters[key]
	d.mu.RUnlock()
	if e == nil {
		e = d.newExporter(key, src)
	}
	e.seen.Store(src.received)
	e.mu.Lock()
	e.port = src.port
	e.count.Datagrams++
	return e
}

func (d *Decoder) newExporter(key exporterKey, src source) *exporter {
	e := &exporter{key: key, first: src.received}
	e.seen.Store(src.received)
	e.rates.override = d.rates[src.addr]
	e.work.init(d, e)
	if key.version == 9 {
		e.seq.style = countsDatagrams
	}
	d.mu.Lock()
	if known := d.exporters[key]; known != nil {
		d.mu.Unlock()
		return known
	}
	d.inherit(e)
	var victim *exporter
	if len(d.exporters) >= d.cfg.MaxExporters {
		victim = d.takeVictim(key)
	}
	d.exporters[key] = e
	d.mu.Unlock()
	d.forget(victim)
	return e
}

// release unlocks e and, when all exporters together hold too much, forgets some.
func (d *Decoder) release(e *exporter) {
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
// that never was of use, else the one not heard for longest. d.mu is held.
func (d *Decoder) takeVictim(keep exporterKey) *exporter {
	var victim *exporter
	worse := func(a, b *exporter) bool {
		if a.used.Load() != b.used.Load() {
			return !a.used.Load()
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

// strip takes from e, which is in the table no more, what it holds.
func (d *Decoder) strip(e *exporter) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hold.drop(d)
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
	Via     flow.Via
	By      Transport
	Session uint64 // number of its connection; 0 over UDP, and for all ended connections together
	Domain  uint32
	First   int64 // receive time of its first and last datagram, Unix ns
	Last    int64
	Boot    int64  // when it started, as it says, Unix ns; 0 is unknown
	Rate    uint32 // sampling: one packet in Rate; 0 is unknown, or differs by sampler
	Waiting int    // data sets held for a template

	Datagrams, Faulty              uint64
	Records, Events, Options       uint64
	Templates                      int // known now
	NoTemplate                     uint64
	Lost                           int64 // flows (v5, v7), datagrams (v9), data records (IPFIX), or what else the exporter counts
	Reordered, Duplicate, Restarts int64
	HeldBytes                      int
	TemplateChanges, Withdrawals   uint64
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
		return cmp.Or(a.Addr.Compare(&b.Addr), cmp.Compare(a.Via, b.Via), cmp.Compare(a.Domain, b.Domain),
			cmp.Compare(a.By, b.By), cmp.Compare(a.Session, b.Session))
	})
	return out
}

func (e *exporter) stats() ExporterStats {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := e.count
	s.Addr, s.Domain, s.Via, s.Port = e.key.addr, e.key.domain, vias[e.key.version], e.port
	s.By, s.Session = e.key.transport, e.key.session
	s.First, s.Last, s.Boot = e.first, e.seen.Load(), e.boot
	s.Rate = e.rates.plain()
	s.Templates, s.Waiting, s.HeldBytes = len(e.templates.byID), len(e.hold.sets), e.hold.bytes
	s.Lost, s.Reordered, s.Duplicate, s.Restarts = e.seq.lost, e.seq.reordered, e.seq.duplicate, e.seq.restarts
	return s
}

var vias = map[uint16]flow.Via{
	1: flow.ViaNetFlow1, 5: flow.ViaNetFlow5, 7: flow.ViaNetFlow7, 9: flow.ViaNetFlow9, 10: flow.ViaIPFIX,
}
