package netflow

import "sync/atomic"

// sequence follows the sequence numbers of one exporter and domain. What they count differs:
// v5 to v8 records before this datagram, v9 datagrams, IPFIX data records before this message
// (RFC 7011 section 3.1). Some exporters count otherwise, which is found out; see style.
type sequence struct {
	known  bool
	prev   uint32 // number of the last datagram in its place
	count  counts // what it held
	uptime uint32 // its sysUptime, ms; 0 where the version has none
	style  style

	recent  [64]uint32 // numbers of the last datagrams
	recents int
	gaps    [16]gap // the last gaps
	gapped  int
	stray   uint32 // the number that would follow the last datagram of no known place

	last      uint32 // number of the last datagram, in its place or not
	lastCount counts
	suspect   style // that would explain the last datagram. Valid iff suspected
	suspected bool
	before    sequenceTotals // when suspicion arose

	sequenceTotals
}

// sequenceTotals is what the numbers have told so far.
type sequenceTotals struct {
	lost      int64 // in what the exporter counts
	reordered int64 // datagrams that came late
	duplicate int64 // datagrams that came again
	restarts  int64
}

// counts is what a datagram holds.
type counts struct{ records, flows uint32 } // flows: records without those of options

// style is what the numbers of an exporter count.
type style uint8

const (
	countsRecords   style = iota // data records before this message: the standard for IPFIX and v5 to v8
	countsDatagrams              // the standard for v9
	countsFlows                  // data records before this one, but not options
	throughRecords               // data records up to and with this message
	throughFlows                 // the same without options: softflowd
	styles
)

// siblings differ only by whether options records count.
var siblings = [styles]style{countsFlows, countsDatagrams, countsRecords, throughFlows, throughRecords}

// expected is the number that a datagram holding now has after one numbered prev that held was.
func (s style) expected(prev uint32, was, now counts) uint32 {
	switch s {
	case countsDatagrams:
		return prev + 1
	case countsFlows:
		return prev + was.flows
	case throughRecords:
		return prev + now.records
	case throughFlows:
		return prev + now.flows
	}
	return prev + was.records
}

// units is what a datagram counts for.
func (s style) units(c counts) uint32 {
	switch s {
	case countsDatagrams:
		return 1
	case countsFlows, throughFlows:
		return c.flows
	}
	return c.records
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

// take judges a datagram with number n that holds c. uptime is sysUptime in ms, 0 where the
// version has none.
func (s *sequence) take(n uint32, c counts, uptime uint32) verdict {
	s.suspicion(n, c)
	v, lost := s.judge(n, c, uptime)
	s.lost += lost
	switch v {
	case late:
		s.reordered++
	case again:
		s.duplicate++
	case restarted:
		s.restarts++
		s.recents, s.gapped = 0, 0
		clear(s.gaps[:])
	}
	if v != late && v != again {
		s.prev, s.count, s.uptime, s.known = n, c, uptime, true
	}
	if v != again && s.style.units(c) != 0 {
		s.recent[s.recents%len(s.recent)] = n
		s.recents++
	}
	s.last, s.lastCount = n, c
	return v
}

func (s *sequence) judge(n uint32, c counts, uptime uint32) (v verdict, lost int64) {
	next := s.style.expected(s.prev, s.count, c)
	diff := int32(n - next)
	switch {
	case !s.known || diff == 0:
		return inOrder, 0
	case uptime != 0 && int32(s.uptime-uptime) > maxBack, diff > maxGap, diff < -maxLate:
		return restarted, 0
	case diff > 0:
		s.gaps[s.gapped%len(s.gaps)] = gap{next, uint32(diff)}
		s.gapped++
		return afterGap, int64(diff)
	case s.saw(n):
		return again, 0
	}
	units := s.style.units(c)
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

// suspicion changes the style when another one explains two datagrams running that this one
// does not; what was counted in between is taken back. v5 has but one style.
func (s *sequence) suspicion(n uint32, c counts) {
	if !s.known || s.style.expected(s.last, s.lastCount, c) == n {
		s.suspected = false
		return
	}
	if s.suspected && s.suspect.expected(s.last, s.lastCount, c) == n {
		s.style, s.suspected, s.sequenceTotals = s.suspect, false, s.before
		s.prev, s.count = s.last, s.lastCount
		clear(s.gaps[:])
		return
	}
	s.suspected = false
	if o := siblings[s.style]; o != s.style && o.expected(s.last, s.lastCount, c) == n {
		s.style = o // the options records are the difference: no need to wait
		return
	}
	for other := range styles {
		if other != s.style && c.records != 0 && other.expected(s.last, s.lastCount, c) == n {
			s.suspect, s.suspected, s.before = other, true, s.sequenceTotals
			return
		}
	}
}

// lostUnit is what the numbers of an exporter count, as far as it has been found out.
func (e *exporter) lostUnit() string {
	switch {
	case e.key.version == 1:
		return ""
	case e.seq.style == countsDatagrams:
		return "datagrams"
	case e.key.version >= 9 && (e.seq.style == countsRecords || e.seq.style == throughRecords):
		return "records"
	}
	return "flows"
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
func (s *sequence) lose() { s.known, s.suspected = false, false }

// sequence judges the datagram at hand and keeps the account of all exporters.
func (d *Decoder) sequence(e *exporter, n uint32, c counts, uptime uint32) verdict {
	was := e.seq.sequenceTotals
	v := e.seq.take(n, c, uptime)
	now := e.seq.sequenceTotals
	if was == now {
		return v
	}
	lost := &d.stats.lostRecords
	if e.key.version == 9 || e.key.version == versionSFlow {
		lost = &d.stats.lostDatagrams
	}
	for _, t := range []struct {
		at    *atomic.Int64
		delta int64
	}{
		{lost, now.lost - was.lost}, {&d.stats.reordered, now.reordered - was.reordered},
		{&d.stats.duplicate, now.duplicate - was.duplicate}, {&d.stats.restarts, now.restarts - was.restarts},
	} {
		t.at.Add(t.delta)
	}
	return v
}
