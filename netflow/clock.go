package netflow

import (
	"slices"
	"time"
)

// maxSkew is how far an exporter's clock may be from ours before its datagrams count as skewed.
const maxSkew = 5 * time.Minute

// drift keeps how far the export times of the last datagrams were from when they arrived, ns.
// A datagram's way and the whole seconds of NetFlow v9 and IPFIX make some of the difference.
type drift struct {
	last [31]int64
	n    uint64 // how many there were
}

func (c *drift) take(skew int64) {
	c.last[c.n%uint64(len(c.last))] = skew
	c.n++
}

// median is that of the last datagrams; 0 when there were none. A few that were held up on the
// way do not move it.
func (c *drift) median() int64 {
	s := slices.Clone(c.last[:min(c.n, uint64(len(c.last)))])
	if len(s) == 0 {
		return 0
	}
	slices.Sort(s)
	return s[len(s)/2]
}

// skew is how much later a message came than it says it was sent, ns.
func (m *message) skew() int64 { return m.received - m.export }

func skewed(skew int64) bool { return skew > int64(maxSkew) || -skew > int64(maxSkew) }

// clock compares a message's export time with when it came. e is locked.
func (d *Decoder) clock(e *exporter, m message) {
	skew := m.skew()
	e.drift.take(skew)
	if skewed(skew) {
		e.count.Skewed++
		d.stats.skewed.Add(1)
	}
}
