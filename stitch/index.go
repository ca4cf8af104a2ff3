package stitch

import "github.com/flowferry/flowferry/flow"

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
	x.slots = make([]indexSlot, max(smallest, 2*len(old)))
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

// ready hashes the keys of a batch, and reads what will be needed of the index and of the
// conversations that are known. The reads of different records do not wait for each other, as
// those of the work itself do: in a large table that is most of the time.
func (t *Table) ready(recs []flow.Record) {
	t.hashes = t.hashes[:0]
	sum := uint32(0)
	for i := range recs {
		h := uint32(recs[i].Hash(t.seed))
		t.hashes = append(t.hashes, h)
		sum += t.index.slots[t.index.home(h)].item
	}
	ahead := t.ahead[:0]
	for _, h := range t.hashes {
		if i := t.index.find(h); i != 0 {
			ahead = append(ahead, i)
		}
	}
	t.readConvs(ahead)
	t.ahead, t.touched = ahead, t.touched+uint64(sum)
}

// readySheet reads what will be needed to wake conversations.
func (t *Table) readySheet(convs []uint32) {
	t.readConvs(convs)
	sum := uint64(0)
	for _, i := range convs {
		if n := t.convs.at(i).total; n != 0 {
			x := t.totals.at(n)
			sum += x.bytes[0] + uint64(x.end)
		}
	}
	t.touched += sum
}

// readConvs reads conversations, and their first waiting pieces.
func (t *Table) readConvs(convs []uint32) {
	sum := uint32(0)
	for _, i := range convs {
		c := t.convs.at(i)
		sum += uint32(c.side[0].end) + c.far
	}
	for _, i := range convs {
		if c := t.convs.at(i); c.held != 0 && !c.has(dead) {
			p := t.pieces.at(c.held)
			sum += uint32(p.bytes[0]) + uint32(p.start[0]) + p.next
		}
	}
	t.touched += uint64(sum)
}

// find gives the first conversation with this hash, 0 for none.
func (x *index) find(hash uint32) uint32 {
	for at := x.home(hash); x.slots[at].item != 0; at = x.next(at) {
		if x.slots[at].hash == hash {
			return x.slots[at].item
		}
	}
	return 0
}
