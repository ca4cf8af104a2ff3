package stitch

// Times to wake are ticks of 2^tickBits ns of the batch's clock. They are 32 bits and go round
// once in more than two years, so they are compared by their distance.
const tickBits = 24 // a tick is 17 ms: what leaves at once is little even of a million flows a second

// in gives the first tick that is no earlier than d (ns) from now.
func (t *Table) in(d int64) uint32 { return uint32((t.now + d + 1<<tickBits - 1) >> tickBits) }

// past says whether tick has come.
func (t *Table) past(tick uint32) bool { return int32(tick-t.tick) <= 0 }

// later gives the later of two ticks.
func later(a, b uint32) uint32 {
	if int32(a-b) < 0 {
		return b
	}
	return a
}

// sooner gives the earlier of two ticks.
func sooner(a, b uint32) uint32 {
	if int32(a-b) < 0 {
		return a
	}
	return b
}
