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
	item uint32 // 0 is empty
}

// smallest is how many slots an index has at least.
const smallest = 256

// home is where a hash belongs.
func (x *index) home(hash uint32) uint32 { return hash & uint32(len(x.slots)-1) }

// next is the place behind at.
func (x *index) next(at uint32) uint32 { return (at + 1) & uint32(len(x.slots)-1) }

// first gives the place of the first item with this hash, and the item, 0 for none.
func (x *index) first(hash uint32) (at, item uint32) { return x.seek(hash, x.home(hash)) }

// another gives the place of the next item with this hash behind at, and the item, 0 for none.
func (x *index) another(hash, at uint32) (next, item uint32) { return x.seek(hash, x.next(at)) }

// seek looks for a hash from at on.
func (x *index) seek(hash, at uint32) (found, item uint32) {
	mask := uint32(len(x.slots) - 1)
	for ; ; at++ {
		s := x.slots[at&mask]
		if s.item == 0 || s.hash == hash {
			return at & mask, s.item
		}
	}
}

func (x *index) add(hash, item uint32) {
	if x.n++; 4*x.n > 3*len(x.slots) {
		x.grow()
	}
	x.put(indexSlot{hash, item})
}

func (x *index) put(s indexSlot) {
	at := x.home(s.hash)
	for x.slots[at].item != 0 {
		at = x.next(at)
	}
	x.slots[at] = s
}

func (x *index) grow() {
	old := x.slots
	x.slots = huge.Slice[indexSlot](max(smallest, 2*len(old)))
	for _, s := range old {
		if s.item != 0 {
			x.put(s)
		}
	}
}

// remove takes item out and moves what follows it up, so that no hole parts a run.
func (x *index) remove(hash, item uint32) {
	at := x.home(hash)
	for x.slots[at].item != item {
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
