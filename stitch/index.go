package stitch

import "github.com/flowferry/flowferry/internal/huge"

// index finds items, conversations say, by the hash of their key: an open table with linear
// probing, of which an entry is 8 bytes. Several items may have one key. It is used to three quarters.
type index struct {
	slots []indexSlot // a power of two of them
	n     int         // in use
}

type indexSlot struct {
	hash uint32
	item uint32 // 0 is empty; with more
}

// more marks a slot behind which another one with its hash may stand. Without it a search for all
// of a hash would go on to the next empty slot, which may be in another cache line.
const more = 1 << 31

// smallest is how many slots an index has at least.
const smallest = 256

// home is where a hash belongs.
func (x *index) home(hash uint32) uint32 { return hash & uint32(len(x.slots)-1) }

// next is the place behind at.
func (x *index) next(at uint32) uint32 { return (at + 1) & uint32(len(x.slots)-1) }

// first gives the place of the first item with this hash, ok says whether there is one.
func (x *index) first(hash uint32) (at uint32, ok bool) { return x.seek(hash, x.home(hash)) }

// last says whether no other item with the hash of the one at at follows it.
func (x *index) last(at uint32) bool { return x.slots[at].item&more == 0 }

// another gives the place of the next item with the hash of the one at at.
func (x *index) another(at uint32) (next uint32, ok bool) {
	s := x.slots[at]
	if s.item&more == 0 {
		return 0, false
	}
	return x.seek(s.hash, x.next(at))
}

// seek looks for a hash from at on.
func (x *index) seek(hash, at uint32) (found uint32, ok bool) {
	slots := x.slots
	mask := uint32(len(slots) - 1)
	for {
		s := slots[at&mask]
		if s.item == 0 {
			return 0, false
		}
		if s.hash == hash {
			return at & mask, true
		}
		at++
	}
}

// item gives what is at a place that was found.
func (x *index) item(at uint32) uint32 { return x.slots[at].item &^ more }

func (x *index) add(hash, item uint32) {
	if x.n++; 4*x.n > 3*len(x.slots) {
		x.grow()
	}
	x.put(indexSlot{hash, item})
}

func (x *index) put(s indexSlot) {
	at := x.home(s.hash)
	for x.slots[at].item != 0 {
		if x.slots[at].hash == s.hash {
			x.slots[at].item |= more
		}
		at = x.next(at)
	}
	x.slots[at] = s
}

func (x *index) grow() {
	old := x.slots
	x.slots = huge.Slice[indexSlot](max(smallest, 2*len(old)))
	for _, s := range old {
		if s.item &^= more; s.item != 0 {
			x.put(s)
		}
	}
}

// remove takes item out and moves what follows it up, so that no hole parts a run. Those of one hash
// stay in their order.
func (x *index) remove(hash, item uint32) {
	at := x.home(hash)
	for x.item(at) != item {
		at = x.next(at)
	}
	x.n--
	for gap := at; ; {
		at = x.next(at)
		s := x.slots[at]
		if s.item == 0 {
			x.slots[gap] = indexSlot{}
			return
		}
		// s may move up to the gap if it does not belong behind it.
		if mask := uint32(len(x.slots) - 1); (at-x.home(s.hash))&mask >= (at-gap)&mask {
			x.slots[gap], gap = s, at
		}
	}
}
