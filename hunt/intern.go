package hunt

import "hash/maphash"

// interner numbers byte strings in the order of their first appearance. It holds no pointer per
// string, so that a million of them cost the garbage collector nothing.
type interner struct {
	seed  maphash.Seed
	slots []slot
	data  []byte
	ends  []int // string i is data[ends[i-1]:ends[i]]
}

// slot is a place of the hash table; n is the string's number+1, 0 is free.
type slot struct {
	hash uint32
	n    uint32
}

func newInterner() *interner {
	return &interner{seed: maphash.MakeSeed(), slots: make([]slot, 1024)}
}

func (t *interner) len() int { return len(t.ends) }

// at gives string i, valid until the next put.
func (t *interner) at(i uint32) []byte {
	from := 0
	if i > 0 {
		from = t.ends[i-1]
	}
	return t.data[from:t.ends[i]]
}

// put gives the number of s.
func (t *interner) put(s []byte) (n uint32, fresh bool) {
	h := maphash.Bytes(t.seed, s)
	tag, mask := uint32(h>>32), uint64(len(t.slots)-1)
	for i := h & mask; ; i = (i + 1) & mask {
		sl := &t.slots[i]
		if sl.n == 0 {
			t.data = append(t.data, s...)
			t.ends = append(t.ends, len(t.data))
			*sl = slot{tag, uint32(len(t.ends))}
			if 4*len(t.ends) > 3*len(t.slots) {
				t.grow()
			}
			return uint32(len(t.ends) - 1), true
		}
		if sl.hash == tag && string(t.at(sl.n-1)) == string(s) {
			return sl.n - 1, false
		}
	}
}

// grow doubles the table. The place in it comes of the low half of the hash, so the strings are
// hashed anew.
func (t *interner) grow() {
	t.slots = make([]slot, 2*len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for n := range t.ends {
		h := maphash.Bytes(t.seed, t.at(uint32(n)))
		i := h & mask
		for t.slots[i].n != 0 {
			i = (i + 1) & mask
		}
		t.slots[i] = slot{uint32(h >> 32), uint32(n + 1)}
	}
}

// adopt puts all strings of o and gives their numbers here.
func (t *interner) adopt(o *interner) []uint32 {
	to := make([]uint32, o.len())
	for i := range to {
		to[i], _ = t.put(o.at(uint32(i)))
	}
	return to
}
