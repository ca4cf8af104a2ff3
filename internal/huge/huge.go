// Package huge makes large tables that the kernel may lay out on huge pages.
//
// A table of hundreds of megabytes that is read at random misses the translation cache for nearly
// each item when its pages are of 4 KiB. Linux gives larger ones to memory that asks for them
// (madvise(2), MADV_HUGEPAGE; the usual setting of transparent_hugepage/enabled is madvise, and
// the Go heap does not ask). Elsewhere the tables are plain slices.
package huge

import "unsafe"

// Page is the size of a huge page in bytes, on the common architectures.
const Page = 2 << 20

// Slice gives n zero values. From the size of a huge page on it asks for such pages. Memory that
// is not written to yet takes none; the first byte that is takes a whole page.
func Slice[T any](n int) []T {
	s := make([]T, n)
	if size := uintptr(n) * unsafe.Sizeof(*new(T)); size >= Page {
		ask(unsafe.Pointer(unsafe.SliceData(s)), size)
	}
	return s
}
