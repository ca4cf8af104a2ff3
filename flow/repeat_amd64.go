package flow

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

// repeat makes all of recs copies of r.
func repeat(recs []Record, r *Record) {
	if len(recs) > 0 && cpu.X86.HasAVX2 {
		repeatAVX2(&recs[0], len(recs), r)
	} else {
		repeatPortable(recs, r)
	}
}

// repeatAVX2 makes n records from the first on copies of r, which it holds in the processor's
// registers meanwhile.
//
//go:noescape
func repeatAVX2(first *Record, n int, r *Record)

// recordSize is what repeatAVX2 is made for: ten pieces of 32 bytes, the last two of which overlap.
const recordSize = 312

var _ [recordSize]byte = [unsafe.Sizeof(Record{})]byte{}
