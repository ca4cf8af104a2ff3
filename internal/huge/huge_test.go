package huge

import (
	"slices"
	"testing"
)

// TestSlice: a slice of any size is there, zero, and can be written from end to end; what asks for
// huge pages leaves the memory beside it as it was.
func TestSlice(t *testing.T) {
	var all [][]uint64
	for _, n := range []int{0, 1, 100, Page/8 - 1, Page / 8, Page/8 + 1, 3*Page/8 + 5} {
		s := Slice[uint64](n)
		if len(s) != n || slices.ContainsFunc(s, func(v uint64) bool { return v != 0 }) {
			t.Errorf("%d: %d values, or they are not zero", n, len(s))
		}
		for i := range s {
			s[i] = uint64(n)<<32 | uint64(i)
		}
		all = append(all, s)
	}
	for _, s := range all {
		for i, v := range s {
			if v != uint64(len(s))<<32|uint64(i) {
				t.Fatalf("value %d of %d is %#x", i, len(s), v)
			}
		}
	}
}

// TestPointers: values with pointers are seen by the garbage collector.
func TestPointers(t *testing.T) {
	s := Slice[*int](Page / 4)
	for i := range s {
		v := i
		s[i] = &v
	}
	for i, p := range s {
		if *p != i {
			t.Fatalf("value %d is %d", i, *p)
		}
	}
}
