package netflow

// sequence follows the sequence numbers of one exporter and domain. What they count differs:
// v5 and v7 flows before this datagram, v9 datagrams, IPFIX data records before this message
// (RFC 7011 section 3.1).
type sequence struct {
	known  bool
	next   uint32 // the number expected next
	uptime uint32 // sysUptime of the last datagram in order, ms. Valid iff known and the version has one

	recent  [64]uint32 // numbers of the last datagrams
	recents int
	gaps    [16]gap // the last gaps
	gapped  int
	stray   uint32 // the number that would follow the last datagram of no known place

	lost                           int64
	reordered, duplicate, restarts uint64
}

// gap is a run of numbers that did not come.
type gap struct{ from, n uint32 }

// verdict is what a sequence number tells about its datagram.
type verdict uint8

const (
	inOrder   verdict = iota
	afterGap          // some were lost before it
	late              // it was overtaken by others
	again             // the same datagram came twice
	restarted         // the exporter began anew
)

// Numbers that jump further than this are those of an exporter that began anew.
const (
	maxGap  = 1 << 24 // forward, in flows, datagrams or records
	maxLate = 1 << 16 // backward
	maxBack = 60_000  // of sysUptime, ms
)

// take judges a datagram that begins at number n and counts units. delta is by how much the
// loss has grown. uptime is sysUptime in ms, 0 where the version has none.
func (s *sequence) take(n, units, uptime uint32) (v verdict, delta int64) {
	v, delta = s.judge(n, units, uptime)
	s.lost += delta
	switch v {
	case late:
		s.reordered++
	case again:
		s.duplicate++
		return v, delta
	case restarted:
		s.restarts++
		s.recents, s.gapped = 0, 0
		clear(s.gaps[:])
		fallthrough
	default:
		s.next, s.uptime, s.known = n+units, uptime, true
	}
	if units != 0 {
		s.recent[s.recents%len(s.recent)] = n
		s.recents++
	}
	return v, delta
}

func (s *sequence) judge(n, units, uptime uint32) (verdict, int64) {
	diff := int32(n - s.next)
	switch {
	case !s.known || diff == 0:
		return inOrder, 0
	case uptime != 0 && int32(s.uptime-uptime) > maxBack, diff > maxGap, diff < -maxLate:
		return restarted, 0
	case diff > 0:
		s.gaps[s.gapped%len(s.gaps)] = gap{s.next, uint32(diff)}
		s.gapped++
		return afterGap, int64(diff)
	case s.saw(n):
		return again, 0
	}
	for _, g := range s.gaps {
		if n-g.from < g.n {
			return late, -min(int64(units), int64(g.n), s.lost)
		}
	}
	if n == 0 || s.stray != 0 && n == s.stray {
		return restarted, 0
	}
	s.stray = n + units
	return late, 0
}

// saw says whether a datagram with number n was among the last ones.
func (s *sequence) saw(n uint32) bool {
	for _, r := range s.recent[:min(s.recents, len(s.recent))] {
		if r == n {
			return true
		}
	}
	return false
}

// lose makes any number count as expected next: how much the last datagram held is not known.
func (s *sequence) lose() { s.known = false }

// sequence judges the datagram at hand and keeps the account of all exporters.
func (d *Decoder) sequence(e *exporter, n, units, uptime uint32) {
	v, delta := e.seq.take(n, units, uptime)
	if delta != 0 {
		lost := &d.stats.lostRecords
		if e.key.version == 9 {
			lost = &d.stats.lostDatagrams
		}
		lost.Add(delta)
	}
	switch v {
	case late:
		d.stats.reordered.Add(1)
	case again:
		d.stats.duplicate.Add(1)
	case restarted:
		d.stats.restarts.Add(1)
	}
}
