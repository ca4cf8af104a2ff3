package capture

import "slices"

// stream is the beginning of what one side sent, in order from its first byte. A segment that
// comes early is put where it belongs, beyond the bytes in order; they join when the hole before
// it is filled. Of a stream of datagrams the ends tell where each one ends.
type stream struct {
	buf   []byte // in order from the first byte; nil holds no block
	base  uint32 // sequence number of buf[0]
	begun bool
	lost  bool   // TCP: nothing begins like what was seen
	asked int    // bytes of buf when it was asked last whether they are whole
	early []span // stretches beyond a hole, in order and apart
	ends  []uint16
}

// span is a stretch of a stream's room, from and to as offsets from base.
type span struct{ from, to int }

const (
	tinyStream  = 512      // bytes of a side that are kept at first: most requests and datagrams fit
	smallStream = 4 << 10  // bytes of a side that there is always room for
	maxStream   = 16 << 10 // bytes of a side that are kept at most
	maxEarly    = 8        // stretches that are kept before a hole is filled
	maxEnds     = 8        // datagrams of a side that are kept
	largeShare  = 16       // one stream in so many may grow beyond smallStream
)

// blocks are the buffers of all streams: a stream takes one with its first byte and changes it for a
// larger one when it must.
type blocks struct {
	spare    [len(blockSizes)][][]byte
	made     int // large ones in all
	maxLarge int
}

var blockSizes = [...]int{tinyStream, smallStream, maxStream}

// get gives a block of the smallest size that holds n bytes, or of the largest that is to be had; nil when
// that is no larger than the stream's own, which has room for have.
func (x *blocks) get(n, have int) []byte {
	c := 0
	for c < len(blockSizes)-1 && blockSizes[c] < n {
		c++
	}
	if blockSizes[c] == maxStream && len(x.spare[c]) == 0 {
		if x.made >= x.maxLarge {
			c--
		} else {
			x.made++
		}
	}
	if blockSizes[c] <= have {
		return nil
	}
	if n := len(x.spare[c]); n > 0 {
		b := x.spare[c][n-1]
		x.spare[c] = x.spare[c][:n-1]
		return b
	}
	return make([]byte, 0, blockSizes[c])
}

func (x *blocks) put(b []byte) {
	for c, size := range blockSizes {
		if cap(b) == size {
			x.spare[c] = append(x.spare[c], b[:0])
		}
	}
}

// room makes the stream's block large enough to hold n bytes, and says how many it holds now.
func (x *blocks) room(s *stream, n int) int {
	if n > cap(s.buf) && cap(s.buf) < maxStream {
		if b := x.get(n, cap(s.buf)); b != nil {
			held := max(len(s.buf), s.reach())
			copy(b[:held], s.buf[:held])
			x.put(s.buf)
			s.buf = b[:len(s.buf)]
		}
	}
	return cap(s.buf)
}

// reach is where the last stretch that came early ends.
func (s *stream) reach() int {
	if n := len(s.early); n > 0 {
		return s.early[n-1].to
	}
	return 0
}

// reset empties the stream and gives its block back.
func (s *stream) reset(x *blocks) {
	x.put(s.buf)
	s.buf, s.early, s.ends, s.begun, s.lost, s.asked = nil, s.early[:0], s.ends[:0], false, false, 0
}

// restart begins the stream anew with a segment.
func (s *stream) restart(x *blocks, seq uint32, b []byte) {
	s.reset(x)
	s.begun, s.base = true, seq
	s.add(x, seq, b)
}

// full says whether the stream takes no more.
func (s *stream) full() bool { return len(s.buf) >= smallStream && len(s.buf) == cap(s.buf) }

// add puts a segment into the stream; grew says that there are more bytes in order.
func (s *stream) add(x *blocks, seq uint32, b []byte) (grew bool) {
	at := int(int32(seq - s.base))
	if at+len(b) <= len(s.buf) || at < -maxStream || at >= maxStream {
		return false // seen before, or too far away
	}
	if at < len(s.buf) {
		b, at = b[len(s.buf)-at:], len(s.buf)
	}
	n := min(len(b), x.room(s, at+len(b))-at)
	if n <= 0 {
		return false
	}
	b = b[:n]
	copy(s.buf[at:at+len(b)], b)
	if at > len(s.buf) {
		s.hold(span{at, at + len(b)})
		return false
	}
	s.buf = s.buf[:at+len(b)]
	for len(s.early) > 0 && s.early[0].from <= len(s.buf) {
		s.buf = s.buf[:max(len(s.buf), s.early[0].to)]
		s.early = slices.Delete(s.early, 0, 1)
	}
	return true
}

// hold remembers a stretch that came early, joined with those that it touches. One too many is
// forgotten: it will not come again, so the stream ends at its hole.
func (s *stream) hold(n span) {
	i := 0
	for i < len(s.early) && s.early[i].to < n.from {
		i++
	}
	for i < len(s.early) && s.early[i].from <= n.to {
		n = span{min(n.from, s.early[i].from), max(n.to, s.early[i].to)}
		s.early = slices.Delete(s.early, i, i+1)
	}
	if len(s.early) < maxEarly {
		s.early = slices.Insert(s.early, i, n)
	}
}

// datagram puts a datagram behind those before it.
func (s *stream) datagram(x *blocks, b []byte) (grew bool) {
	at := len(s.buf)
	if len(s.ends) == maxEnds || len(b) == 0 {
		return false
	}
	if b = b[:min(len(b), x.room(s, at+len(b))-at)]; len(b) == 0 {
		return false
	}
	s.buf = append(s.buf, b...)
	s.ends = append(s.ends, uint16(len(s.buf)))
	return true
}
