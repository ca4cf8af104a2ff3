package hunt

// keyset numbers groups. A value of a key is first numbered by itself; the first two numbers
// then make a pair, which is numbered; that and the third make a pair; and so on.
type keyset struct {
	values []*interner // per key
	pairs  []*table    // per key but the first
}

func newKeyset(keys int) *keyset {
	s := &keyset{}
	for i := range keys {
		s.values = append(s.values, newInterner())
		if i > 0 {
			s.pairs = append(s.pairs, newTable())
		}
	}
	return s
}

// len gives how many groups there are.
func (s *keyset) len() int {
	if len(s.pairs) == 0 {
		return s.values[0].len()
	}
	return len(s.pairs[len(s.pairs)-1].keys)
}

// put gives the number of the group with these numbers of values.
func (s *keyset) put(values []uint32) uint32 {
	n := values[0]
	for i, p := range s.pairs {
		n, _ = p.put(uint64(n)<<32 | uint64(values[i+1]))
	}
	return n
}

// split gives the numbers of the values of a group.
func (s *keyset) split(group uint32, dst []uint32) []uint32 {
	for range s.values {
		dst = append(dst, 0)
	}
	for i := len(s.pairs) - 1; i >= 0; i-- {
		p := s.pairs[i].keys[group]
		dst[i+1], group = uint32(p), uint32(p>>32)
	}
	dst[0] = group
	return dst
}

// key gives the values of a group.
func (s *keyset) key(group uint32) []string {
	key := make([]string, len(s.values))
	for i, v := range s.split(group, nil) {
		key[i] = string(s.values[i].at(v))
	}
	return key
}

// mapped numbers the values of a chunk's column over all chunks, each when it is first asked
// for.
type mapped struct {
	k   *coded
	to  *interner
	ids []uint32 // number+1 of each entry; 0 is not asked for yet
	buf []byte
}

func newMapped(k *coded, to *interner) *mapped {
	return &mapped{k: k, to: to, ids: make([]uint32, k.entries)}
}

func (m *mapped) id(entry uint32) uint32 {
	if m.ids[entry] == 0 {
		m.buf = m.k.append(m.buf[:0], entry)
		n, _ := m.to.put(m.buf)
		m.ids[entry] = n + 1
	}
	return m.ids[entry] - 1
}
