package capture

import "math"

// entropy is that of one payload: bits per byte times entropyScale, and over how many bytes. So many
// bytes have at most 7 bits each.
type entropy struct{ bits, over uint8 }

const (
	minEntropy   = 32  // bytes of a payload below which its entropy says nothing
	maxEntropy   = 128 // bytes of a payload that are counted
	entropyScale = 32
)

// entropyStep is what one more byte of a value adds that was seen so often before: c·log2(c) grows
// by so much, in 1/65536 bit. The sum of all steps is at most 128·7.
var entropyStep = func() (step [256]uint32) {
	weight := func(c int) float64 { return float64(c) * math.Log2(float64(max(c, 1))) }
	sum := uint32(0)
	for c := range maxEntropy {
		next := uint32(math.Round(weight(c+1) * 65536))
		step[c], sum = next-sum, next
	}
	return step
}()

// entropySize is log2 of a number of bytes, in 1/65536 bit.
var entropySize = func() (size [maxEntropy + 1]uint32) {
	for n := range size {
		size[n] = uint32(math.Round(math.Log2(float64(max(n, 1))) * 65536))
	}
	return size
}()

// entropyOf gives the entropy (Shannon) of the first bytes of b: log2(n) less the mean of log2 of how
// often each byte's value is among them. It goes over them once.
func entropyOf(b []byte) entropy {
	b = b[:min(len(b), maxEntropy)]
	if len(b) == 0 {
		return entropy{}
	}
	var seen [256]uint8
	sum := uint32(0)
	for _, c := range b {
		sum += entropyStep[seen[c]]
		seen[c]++
	}
	bits := entropySize[len(b)] - min(sum/uint32(len(b)), entropySize[len(b)])
	return entropy{uint8((bits*entropyScale + 1<<15) >> 16), uint8(len(b))}
}
