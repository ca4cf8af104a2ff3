package huge

import (
	"slices"
	"testing"
)

// TestSlab: items keep their place and value while the slab grows, those that are given back come again, the
// last one first, and Next tells which.
func TestSlab(t *testing.T) {
	var s Slab[[200]uint64]
	if i := s.Next(0); i != 0 {
		t.Errorf("an empty slab has room for item %d", i)
	}
	places := map[uint32]*[200]uint64{}
	for n := range 5000 { // the chunks come singly at first, then several at once
		next := s.Next(0)
		i := s.Take()
		if next != 0 && next != i || i != uint32(n+1) || s.Last() != i {
			t.Fatalf("item %d, said before %d, last %d; want %d", i, next, s.Last(), n+1)
		}
		places[i] = s.At(i)
		places[i][7] = uint64(i)
	}
	for i, at := range places {
		if s.At(i) != at || at[7] != uint64(i) {
			t.Fatalf("item %d has moved, or has %d", i, at[7])
		}
	}
	s.Drop(17)
	s.Drop(4)
	want := []uint32{s.Next(0), s.Next(1), s.Next(2)}
	if got := []uint32{s.Take(), s.Take(), s.Take()}; !slices.Equal(got, want) || !slices.Equal(got, []uint32{4, 17, 5001}) {
		t.Errorf("taken %v, said before %v", got, want)
	}
	if s.Held() != 5001 {
		t.Errorf("%d are held", s.Held())
	}
}
