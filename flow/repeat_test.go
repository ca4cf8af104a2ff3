package flow

import (
	"slices"
	"testing"
	"unsafe"
)

// Both ways to repeat a record give whole copies of it and write nothing behind them.
func TestRepeat(t *testing.T) {
	var r, other Record
	for at := range unsafe.Sizeof(r) {
		*(*uint8)(unsafe.Add(unsafe.Pointer(&r), at)) = uint8(at)
		*(*uint8)(unsafe.Add(unsafe.Pointer(&other), at)) = 0xdb
	}
	for n := range 70 {
		want := slices.Concat(slices.Repeat([]Record{r}, n), []Record{other})
		for name, repeat := range map[string]func([]Record, *Record){"portable": repeatPortable, "repeat": repeat} {
			got := slices.Repeat([]Record{other}, n+1)
			if repeat(got[:n], &r); !slices.Equal(got, want) {
				t.Errorf("%s: %d records are not as they should be", name, n)
			}
		}
	}
	b := Batch{Recs: slices.Repeat([]Record{other}, 8)[:1]}
	if got := b.Repeat(&r, 3); len(got) != 3 || got[2] != r || !slices.Equal(b.Recs, []Record{other, r, r, r}) {
		t.Errorf("appended %d, the batch holds %d", len(got), len(b.Recs))
	}
}
