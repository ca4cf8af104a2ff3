package netflow

// sources follows the numbers of samples: each data source of an agent counts its own, flow
// samples, counter samples and discarded packets apart. It is a hash table with linear probing,
// for a look-up stands before each sample.
type sources struct {
	slots []sourceSlot // a power of two of them
	n     int          // in use
}

// sourceSlot is what is known of one data source.
type sourceSlot struct {
	key   uint64 // 0 is empty
	next  uint32 // number expected
	drops uint32 // the agent's count of samples it had to drop
	lost  uint32 // that did not come and may still
}

// What a data source numbers.
const (
	sourceFlows uint64 = iota + 1
	sourceCounters
	sourceDiscards
)

// Limits of what an agent may have: the table is used to three quarters. Samples of further
// sources are decoded, and their numbers not followed.
const (
	maxSourceSlots  = 8192
	sourceSlotBytes = 24
)

func sourceKey(kind uint64, class, index uint32) uint64 {
	return kind<<62 | uint64(class)&(1<<30-1)<<32 | uint64(index)
}

// find gives the slot of a key, or the empty one where it belongs. There is room.
func (s *sources) find(key uint64) *sourceSlot {
	mask := uint64(len(s.slots) - 1)
	for i := key * 0x9e3779b97f4a7c15 >> 40; ; i++ {
		if slot := &s.slots[i&mask]; slot.key == key || slot.key == 0 {
			return slot
		}
	}
}

// grow doubles the table, and says by how many bytes; 0 when it is at its limit.
func (s *sources) grow() (bytes int) {
	old := s.slots
	size := max(16, 2*len(old))
	if size > maxSourceSlots {
		return 0
	}
	s.slots = make([]sourceSlot, size)
	for _, slot := range old {
		if slot.key != 0 {
			*s.find(slot.key) = slot
		}
	}
	return (size - len(old)) * sourceSlotBytes
}

// restart forgets where the numbers were: the agent began anew.
func (s *sources) restart() { clear(s.slots); s.n = 0 }

// take judges the number of a sample: how many were lost before it, or -1 when it is a late one
// that was counted as lost; and how many the agent says it had to drop since the last one.
func (slot *sourceSlot) take(n, drops uint32) (lost, dropped int64) {
	diff := int32(n - slot.next)
	switch {
	case diff == 0:
	case diff > 0 && diff <= maxGap:
		slot.lost += uint32(diff)
		lost = int64(diff)
	case diff < 0 && diff > -maxLate:
		if slot.lost > 0 {
			slot.lost--
			lost = -1
		}
		return lost, 0
	default:
		slot.lost, slot.drops = 0, drops
	}
	if d := int32(drops - slot.drops); d > 0 && d <= maxGap {
		dropped = int64(d)
	}
	slot.next, slot.drops = n+1, drops
	return lost, dropped
}

// source enters the number of a sample, and the agent's count of samples dropped, into the
// account of its data source.
func (x *work) source(kind uint64, class, index, n, drops uint32) {
	if !x.follow {
		return
	}
	s := &x.e.sources
	key := sourceKey(kind, class, index)
	if 4*(s.n+1) > 3*len(s.slots) {
		grown := s.grow()
		if grown == 0 && s.find(key).key == 0 {
			return
		}
		x.d.account(x.e, grown)
	}
	slot := s.find(key)
	if slot.key == 0 {
		s.n++
		*slot = sourceSlot{key: key, next: n + 1, drops: drops}
		return
	}
	if n == slot.next && drops == slot.drops {
		slot.next++
		return
	}
	lost, dropped := slot.take(n, drops)
	x.e.count.LostSamples += lost
	x.e.count.SampleDrops += uint64(dropped)
	x.d.stats.sflowLostSamples.Add(lost)
	x.d.stats.sflowDrops.Add(uint64(dropped))
}
