package stitch

import (
	"unsafe"

	"github.com/flowferry/flowferry/internal/huge"
)

// chunk is how many items a slab grows by.
const chunk = 1 << chunkBits
const chunkBits = 10

// slab keeps items by number, from 1; 0 is none. It grows in chunks, so that items never move,
// and uses freed items again.
type slab[T any] struct {
	chunks []*[chunk]T
	free   []uint32
	used   uint32 // numbers given out so far
}

// at gives the item with number i. An index expression would check the chunk for nil by reading its
// first line, which is in no cache.
func (s *slab[T]) at(i uint32) *T {
	return (*T)(unsafe.Add(unsafe.Pointer(s.chunks[i>>chunkBits]), uintptr(i%chunk)*unsafe.Sizeof(*new(T))))
}

// take gives an unused item, which may hold old values.
func (s *slab[T]) take() uint32 {
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

// grow adds a chunk; a slab that fills a huge page already adds as many chunks as fit on one.
func (s *slab[T]) grow() {
	n, most := 1, int(huge.Page/unsafe.Sizeof([chunk]T{}))
	if len(s.chunks) >= most {
		n = max(1, most)
	}
	for block := huge.Slice[T](n * chunk); len(block) > 0; block = block[chunk:] {
		s.chunks = append(s.chunks, (*[chunk]T)(block))
	}
}

// drop gives item i back.
func (s *slab[T]) drop(i uint32) { s.free = append(s.free, i) }
