package flowfiles

import "errors"

var errLZO = errors.New("broken LZO data")

// lzo decompresses a block of LZO1X into dst and gives what it wrote. It writes no more than
// cap(dst) bytes.
//
// LZO1X is a sequence of instructions, each a byte and the bytes that belong to it: a run of
// literals, or a match (distance, length) with up to three literals behind it. What the lowest
// instructions (0–15) mean depends on how many literals came before.
func lzo(dst, src []byte) ([]byte, error) {
	z := lzoState{dst: dst[:0], src: src}
	if len(src) > 0 && src[0] > 17 { // the first instruction may be a plain run
		n := int(src[0]) - 17
		z.at = 1
		if !z.literals(n) {
			return z.dst, errLZO
		}
		z.before = min(n, 4)
	}
	for {
		done, ok := z.step()
		if !ok {
			return z.dst, errLZO
		}
		if done {
			return z.dst, nil
		}
	}
}

type lzoState struct {
	dst, src []byte
	at       int // next byte of src
	before   int // literals before the next instruction: 0, 1–3 behind a match, 4 for a run
}

// next reads a byte; it is 0 behind the end, which step finds out by at.
func (z *lzoState) next() int {
	if z.at >= len(z.src) {
		z.at = len(z.src) + 1
		return 0
	}
	z.at++
	return int(z.src[z.at-1])
}

// long reads a length that does not fit its bits: zero bytes are 255 each.
func (z *lzoState) long(bits int) int {
	n := bits
	for {
		b := z.next()
		if b != 0 || z.at > len(z.src) {
			return n + b
		}
		n += 255
	}
}

// step does one instruction. done is the end mark: a match at distance 16384.
func (z *lzoState) step() (done, ok bool) {
	t := z.next()
	var distance, length, tail int
	switch {
	case t >= 64: // LLLDDDSS: 3–8 bytes within 2 KiB (two length bits more from 128 on)
		distance = t>>2&7 + z.next()<<3 + 1
		length = t>>5 + 1
		tail = t & 3
	case t >= 32: // within 16 KiB
		length = t & 31
		if length == 0 {
			length = z.long(31)
		}
		length += 2
		low := z.next()
		distance = low>>2 + z.next()<<6 + 1
		tail = low & 3
	case t >= 16: // within 16–48 KiB
		length = t & 7
		if length == 0 {
			length = z.long(7)
		}
		length += 2
		low := z.next()
		distance = t&8<<11 + low>>2 + z.next()<<6 + 16384
		tail = low & 3
		if distance == 16384 {
			return true, z.at == len(z.src) && length == 3
		}
	case z.before == 0: // a run of literals
		if t == 0 {
			t = z.long(15)
		}
		z.before = 4
		return false, z.at <= len(z.src) && z.literals(t+3)
	case z.before == 4: // 3 bytes, 2–3 KiB back, behind a run
		distance = t>>2 + z.next()<<2 + 2049
		length, tail = 3, t&3
	default: // 2 bytes within 1 KiB
		distance = t>>2 + z.next()<<2 + 1
		length, tail = 2, t&3
	}
	z.before = tail
	return false, z.at <= len(z.src) && z.match(distance, length) && z.literals(tail)
}

func (z *lzoState) literals(n int) bool {
	if n > len(z.src)-z.at || n > cap(z.dst)-len(z.dst) {
		return false
	}
	z.dst = append(z.dst, z.src[z.at:z.at+n]...)
	z.at += n
	return true
}

// match copies length bytes from distance back; they may overlap what is written.
func (z *lzoState) match(distance, length int) bool {
	n := len(z.dst)
	if distance > n || length > cap(z.dst)-n {
		return false
	}
	if distance >= length {
		z.dst = append(z.dst, z.dst[n-distance:n-distance+length]...)
		return true
	}
	z.dst = z.dst[:n+length]
	for i := n; i < n+length; i++ {
		z.dst[i] = z.dst[i-distance]
	}
	return true
}
