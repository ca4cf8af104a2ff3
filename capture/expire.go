package capture

import (
	"time"

	"github.com/flowferry/flowferry/flow"
)

// The flows wait in a few lists, each in order of their last packet, so that what has ended
// stands at the head of one and what was silent longest is found at once.

// hold is how long an open TCP flow whose two sides were seen is kept after its last packet.
func (m *Meter) hold() time.Duration { return max(m.limits[classTCP].Idle, m.cfg.Linger) }

// limit gives the time-outs of a flow in a list.
func (m *Meter) limit(e *entry) *Timeouts { return &m.limits[e.list] }

// enlist moves flow i to the end of the list it belongs in now, when that is another one than before or
// its packet before this one came in an earlier second.
func (m *Meter) enlist(i uint32, e *entry) {
	l := listID(classOf(e.proto))
	switch {
	case e.closed():
		l = listClosed
	case e.proto == flow.ProtoTCP && e.seen&(seenSent0|seenSent1) == seenSent0|seenSent1:
		l = listHeld
	}
	if l != e.list || e.touched < m.second {
		m.unlink(e)
		m.push(i, e, l)
	}
}

// closed says whether TCP has ended: FIN from all sides that were seen to send, or RST.
func (e *entry) closed() bool {
	fins := e.seen / seenFIN0 & 3
	return e.seen&(seenRST0|seenRST1) != 0 || fins != 0 && fins == e.seen/seenSent0&3
}

// tick moves the clock and once a second exports what has ended.
func (m *Meter) tick(t int64) {
	if m.clock = max(m.clock, t); m.clock-m.second >= int64(time.Second) {
		m.expireAll()
	}
}

// expireAll exports what has ended.
func (m *Meter) expireAll() {
	m.second = m.clock - m.clock%int64(time.Second)
	m.releaseHeld(fragmentHold)
	for c := range classes {
		m.expire(listID(c), m.limits[c].Idle)
	}
	m.expire(listHeld, m.hold())
	m.expire(listClosed, m.cfg.Linger)
}

// expire exports the flows at the head of a list that were silent for longer than after. Those that come next
// are looked up one by one meanwhile.
func (m *Meter) expire(l listID, after time.Duration) {
	var room [2][maxAhead]uint32
	w, leaving := m.walk(l), room[0][:0]
	for i := w.next(&m.queues); i != none; i = w.next(&m.queues) {
		if leaving = append(leaving, i); len(leaving) == maxAhead {
			break
		}
	}
	for turn := 1; len(leaving) > 0 && m.silent(m.at(leaving[0]), after); turn++ {
		m.readyToLeave(leaving)
		later := room[turn%2][:0]
		for _, i := range leaving {
			if next := w.next(&m.queues); next != none {
				later = append(later, next)
			}
			e := m.at(i)
			if !m.silent(e, after) {
				return
			}
			m.export(i, m.whyEnded(e, flow.EndIdle))
			m.drop(i)
		}
		leaving = later
	}
}

// silent says whether a flow had no packet for longer than after.
func (m *Meter) silent(e *entry, after time.Duration) bool {
	return time.Duration(m.clock-e.touched) > after
}

// whyEnded is why a flow ended that is taken out of the table for another reason than a packet:
// its own end if it had one, else the given reason.
func (m *Meter) whyEnded(e *entry, otherwise flow.EndReason) flow.EndReason {
	switch {
	case e.list == listClosed:
		return flow.EndOfFlow
	case time.Duration(m.clock-e.touched) > m.limit(e).Idle:
		return flow.EndIdle
	}
	return otherwise
}

// evict makes room: a closed flow that only waits for stragglers, else the one silent longest.
func (m *Meter) evict() {
	i := m.oldest()
	m.n.evicted++
	m.export(i, m.whyEnded(m.at(i), flow.EndLackResources))
	m.drop(i)
}

// oldest gives a closed flow, else the one silent longest; none when there is no flow.
func (m *Meter) oldest() uint32 {
	i := m.first(listClosed)
	if i != none {
		return i
	}
	for l := range listClosed {
		if head := m.first(l); head != none && (i == none || m.at(head).touched < m.at(i).touched) {
			i = head
		}
	}
	return i
}

// Flush exports all flows, oldest first, and hands the last batch on. The meter is empty then
// and can be used again.
func (m *Meter) Flush() {
	m.releaseHeld(-1)
	for i := m.oldest(); i != none; i = m.oldest() {
		m.export(i, m.whyEnded(m.at(i), flow.EndForced))
		m.drop(i)
	}
	if len(m.batch.Recs) > 0 {
		m.send()
	}
	m.publish()
}
