package huge

import "unsafe"

// chunk is how many items a Slab grows by.
const chunk = 1 << chunkBits
const chunkBits = 10

// Slab keeps items by number, from 1; 0 is none. It grows in chunks, so that items never move,
// and uses freed items again, the last one first. The zero value is empty.
type Slab[T any] struct {
	chunks []*[chunk]T
	free   []uint32
	used   uint32 // numbers given out so far
}

// At gives the item with number i, which was taken. An index expression would check the chunk for
// nil by reading its first line, which is in no cache.
func (s *Slab[T]) At(i uint32) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(s.chunks[i>>chunkBits]), uintptr(i%chunk)*unsafe.Sizeof(*new(T))))
}

// Take gives an unused item, which may hold old values.
func (s *Slab[T]) Take() uint32 {
	if n := len(s.free); n > 0 {
		i := s.free[n-1]
		s.free = s.free[:n-1]
		return i
	}
	s.used++
	if int(s.used>>chunkBits) >= len(s.chunks) {
		s.grow()
	}
	return s.used
}

// grow adds a chunk; a slab that fills a huge page already adds as many chunks as fill one more.
func (s *Slab[T]) grow() {
	n, size := 1, unsafe.Sizeof([chunk]T{})
	if most := int((Page + size - 1) / size); len(s.chunks) >= most {
		n = most
	}
	for block := Slice[T](n * chunk); len(block) > 0; block = block[chunk:] {
		s.chunks = append(s.chunks, (*[chunk]T)(block))
	}
}

// Drop gives item i back.
func (s *Slab[T]) Drop(i uint32) { s.free = append(s.free, i) }

// Next gives the item that Take gives after so many others; 0 when there is no room for it yet.
func (s *Slab[T]) Next(after int) uint32 {
	if n := len(s.free); after < n {
		return s.free[n-1-after]
	} else if i := s.used + uint32(after-n) + 1; int(i>>chunkBits) < len(s.chunks) {
		return i
	}
	return 0
}

// Last is the highest number given out so far.
func (s *Slab[T]) Last() uint32 { return s.used }

// Held is how many items are taken.
func (s *Slab[T]) Held() int { return int(s.used) - len(s.free) }
