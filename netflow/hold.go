package netflow

import "github.com/flowferry/flowferry/flow"

// hold keeps data sets that came before their template, oldest first, within bounds of bytes
// and age.
type hold struct {
	sets  []heldSet
	bytes int
}

// heldSet is a data set and what of its message decoding needs.
type heldSet struct {
	id  uint16
	msg message
	buf []byte // 8 bytes of nothing, then the records
}

// message is what a message's header says about all of its records.
type message struct {
	received  int64  // Unix ns
	export    int64  // Unix ns
	uptime    uint32 // ms. Valid iff hasUptime
	hasUptime bool
}

const (
	heldBytes = 64 // of state for each held set, beyond its bytes
	lead      = 8  // bytes that must stand before a record; see number8
)

// park puts a set without template aside, or counts it as dropped.
func (d *Decoder) park(e *exporter, m message, id uint16, p []byte) {
	d.stats.noTemplate.Add(1)
	e.count.NoTemplate++
	h := &e.hold
	n := len(p) + heldBytes
	for len(h.sets) > 0 && (h.bytes+n > d.cfg.Hold || m.received-h.sets[0].msg.received > int64(d.cfg.HoldAge)) {
		d.letGo(e)
	}
	if n > d.cfg.Hold || e.gone {
		d.stats.heldDrops.Add(1)
		return
	}
	buf := append(make([]byte, lead, lead+len(p)), p...)
	h.sets = append(h.sets, heldSet{id, m, buf})
	h.bytes += n
	d.account(e, n)
	d.stats.held.Add(1)
}

// letGo drops the oldest held set.
func (d *Decoder) letGo(e *exporter) {
	h := &e.hold
	n := len(h.sets[0].buf) - lead + heldBytes
	h.sets = h.sets[1:]
	h.bytes -= n
	d.account(e, -n)
	d.stats.held.Add(-1)
	d.stats.heldDrops.Add(1)
}

// drop lets everything go.
func (h *hold) drop(d *Decoder) {
	n := len(h.sets)
	d.stats.held.Add(int64(-n))
	d.stats.heldDrops.Add(uint64(n))
	*h = hold{}
}

// replay decodes the held sets whose template has come since, in their order.
func (d *Decoder) replay(e *exporter, now int64, b *flow.Batch) {
	e.templates.learned = false
	old := e.hold.sets
	if len(old) == 0 {
		return
	}
	e.hold.sets = nil
	for _, s := range old {
		t := d.template(e, s.id, now)
		stale := now-s.msg.received > int64(d.cfg.HoldAge)
		if t == nil && !stale {
			e.hold.sets = append(e.hold.sets, s)
			continue
		}
		n := len(s.buf) - lead + heldBytes
		e.hold.bytes -= n
		d.account(e, -n)
		d.stats.held.Add(-1)
		e.work.begin(s.msg, b)
		if stale || e.work.dataSet(t, s.buf, lead) != nil {
			d.stats.heldDrops.Add(1)
		} else {
			d.stats.heldDecoded.Add(1)
		}
	}
}
