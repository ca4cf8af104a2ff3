package store

import "math/bits"

// Bitmap is one bit per row of a Chunk, 64 to a word; bits beyond the last row are zero.
type Bitmap []uint64

// NewBitmap makes a Bitmap for n rows, none set.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+63)/64) }

// Get says whether row i is set.
func (b Bitmap) Get(i int) bool { return b[i>>6]>>(i&63)&1 != 0 }

// Set sets row i.
func (b Bitmap) Set(i int) { b[i>>6] |= 1 << (i & 63) }

// Fill sets the first n rows.
func (b Bitmap) Fill(n int) {
	for i := range n >> 6 {
		b[i] = ^uint64(0)
	}
	if n&63 != 0 {
		b[n>>6] |= 1<<(n&63) - 1
	}
}

// And keeps the rows that o has too.
func (b Bitmap) And(o Bitmap) {
	for i := range b {
		b[i] &= o[i]
	}
}

// Or adds the rows of o.
func (b Bitmap) Or(o Bitmap) {
	for i := range b {
		b[i] |= o[i]
	}
}

// Not turns the first n rows round.
func (b Bitmap) Not(n int) {
	for i := range b {
		b[i] = ^b[i]
	}
	if n&63 != 0 {
		b[len(b)-1] &= 1<<(n&63) - 1
	}
}

// Count gives the number of rows set.
func (b Bitmap) Count() (n int) {
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}
