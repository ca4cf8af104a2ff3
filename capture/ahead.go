package capture

import "github.com/flowferry/flowferry/packet"

// In a large table most of the time is waiting for memory. So packets are taken a few at a time:
// before the first of them is counted, what all of them will need is read, one kind of thing after
// another, in loops that do nothing else. Reads that do not depend on each other wait together.

// maxAhead is how many packets are decoded before the first of them is counted.
const maxAhead = 16

// farFlows is how many flows, with their entries of 320 bytes, a processor's cache holds well enough:
// with fewer, reading ahead costs more than it saves.
const farFlows = 1 << 15

// upcoming is a packet that will be counted next.
type upcoming struct {
	packet.Headers
	reject packet.Reject
	plain  bool   // its flow is that of its own ports: no fragment, nothing in a tunnel
	hash   uint32 // of its flow. Valid iff plain
	likely uint32 // entry that is its flow's unless the table has changed; none is not known
}

// read decodes a packet.
func (m *Meter) read(u *upcoming, pkt *Packet) {
	p := &u.Headers
	u.reject = packet.Decode(pkt.Link, pkt.Data, pkt.Wire, p)
	u.likely = none
	if u.plain = u.reject == packet.Accepted && p.HasPorts && !p.Frag && !(m.inside && p.MayCarry()); u.plain {
		u.hash = m.hash(p)
	}
}

// ready looks where the flows of decoded packets may be. In a large table it reads what will be needed to
// count them: of the index, of the flows that are known, or of the entries that new ones will take, and of
// what they have told.
func (m *Meter) ready(next []upcoming) {
	far := m.entries.Held() >= m.far
	if far {
		m.touched += m.readIndex(next)
	}
	for i := range next {
		if u := &next[i]; u.plain {
			u.likely = m.probe(u.hash)
		}
	}
	if far {
		needed := m.needed(next)
		m.touched += m.readEntries(needed) + m.readTold(needed)
	}
}

// readIndex reads the places of the index in which flows are looked for first.
func (t *table) readIndex(next []upcoming) (sum uint64) {
	for i := range next {
		sum += t.readPlaces(next[i].hash)
	}
	return sum
}

// readPlaces reads where a flow with the hash is looked for: mostly in one cache line, sometimes in two.
func (t *table) readPlaces(hash uint32) uint64 {
	const behind = 6 // places; few flows stand further from where they are looked for first
	mask := uint32(len(t.buckets) - 1)
	return uint64(t.buckets[hash&mask].i) + uint64(t.buckets[(hash+behind)&mask].i)
}

// needed gives the entries of flows that are known, and those that new flows will take.
func (m *Meter) needed(next []upcoming) []uint32 {
	entries, opened := m.known[:0], 0
	for i := range next {
		u := &next[i]
		switch {
		case u.likely != none:
			entries = append(entries, u.likely)
		case u.plain:
			if free := m.entries.Next(opened); free != 0 {
				entries = append(entries, free)
			}
			opened++
		}
	}
	return entries
}

// readEntries reads each cache line of the entries.
func (t *table) readEntries(known []uint32) (sum uint64) {
	for _, i := range known {
		e := t.at(i)
		sum += uint64(e.src[0]) + e.count[0].Bytes + uint64(e.detail) + uint64(e.segment) + uint64(e.link)
	}
	return sum
}

// readTold reads what flows have told.
func (m *Meter) readTold(known []uint32) (sum uint64) {
	for _, i := range known {
		if t := m.at(i).meta(); t != 0 {
			if d := m.metas.at(t).dns; d != nil {
				sum += uint64(d.ID) + uint64(len(d.More))
			}
		}
	}
	return sum
}

// probe gives the first entry that has the hash; none when there is none.
func (t *table) probe(hash uint32) uint32 {
	mask := uint32(len(t.buckets) - 1)
	for n := hash & mask; ; n = (n + 1) & mask {
		if b := &t.buckets[n]; b.i == none || b.hash == hash {
			return b.i
		}
	}
}

// readyToLeave reads what will be needed to export and drop entries.
func (m *Meter) readyToLeave(leaving []uint32) {
	sum := m.readEntries(leaving)
	for _, i := range leaving {
		e := m.at(i)
		sum += m.readPlaces(e.hash)
		if t := e.meta(); t != 0 {
			sum += uint64(len(m.metas.at(t).parent))
		}
		if i := e.inspect(); i != 0 {
			sum += m.inspects.at(i).read()
		}
	}
	m.touched += sum
}

// read reads the first payload bytes of both sides.
func (in *inspect) read() (sum uint64) {
	for i := range in.side {
		if b := in.side[i].buf; len(b) > 0 {
			sum += uint64(b[0])
		}
	}
	return sum
}
