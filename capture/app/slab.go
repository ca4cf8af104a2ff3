package app

import "unsafe"

// slab gives out places in blocks of them, which cost one allocation each. A block lives as long as one
// of its places is in use, with all that they point to: so blocks are small, and what may live long does
// not stay in one (see Snapshot).
type slab[T any] struct{ free []T }

// slabBytes is how large a block is: small enough for the collector to look through with others at once.
const slabBytes = 512

// next gives the n places that take gives out next, which are empty. Of those that are not taken then
// the caller empties what it has used.
func (s *slab[T]) next(n int) []T {
	if n > len(s.free) {
		s.free = make([]T, max(n, slabBytes/int(unsafe.Sizeof(*new(T)))))
	}
	return s.free[:n]
}

// take gives out n places, nil for none.
func (s *slab[T]) take(n int) []T {
	if n == 0 {
		return nil
	}
	places := s.free[:n:n]
	s.free = s.free[n:]
	return places
}
