package netflow

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"strings"
)

// memo keeps what was made of texts that come again and again, so that each is made once. Of more
// than it has room for the ones kept last stay; it never grows.
type memo[T any] struct {
	seed maphash.Seed
	sets []memoSet[T]
}

type memoSet[T any] [4]struct {
	key string
	v   T
}

const (
	memoSets = 1 << 11 // times 4 texts
	maxMemo  = 256     // bytes; longer texts are not kept
)

// set gives the texts of which raw is one if it is kept.
func (m *memo[T]) set(raw []byte) *memoSet[T] {
	if m.sets == nil {
		m.seed, m.sets = maphash.MakeSeed(), make([]memoSet[T], memoSets)
	}
	return &m.sets[m.hash(raw)%memoSets]
}

// hash of a short text costs less than that of a map.
func (m *memo[T]) hash(raw []byte) uint64 {
	n := len(raw)
	var a, b uint64
	switch {
	case n > 32:
		return maphash.Bytes(m.seed, raw)
	case n > 16:
		a = binary.LittleEndian.Uint64(raw) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(raw[8:]), 29)
		b = binary.LittleEndian.Uint64(raw[n-8:]) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(raw[n-16:]), 29)
	case n >= 8:
		a, b = binary.LittleEndian.Uint64(raw), binary.LittleEndian.Uint64(raw[n-8:])
	case n >= 4:
		a, b = uint64(binary.LittleEndian.Uint32(raw)), uint64(binary.LittleEndian.Uint32(raw[n-4:]))
	case n > 0:
		a, b = uint64(raw[0])<<8|uint64(raw[n/2]), uint64(raw[n-1])
	}
	hi, lo := bits.Mul64(a^0x9e3779b97f4a7c15, b^0xd6e8feb86659fd93^uint64(n))
	return hi ^ lo
}

// get gives what was made of raw.
func (m *memo[T]) get(raw []byte) (v T, ok bool) {
	s := m.set(raw)
	for i := range s {
		if e := &s[i]; e.key == string(raw) && len(raw) > 0 {
			return e.v, true
		}
	}
	return v, false
}

// put keeps v as what was made of raw, which is also key.
func (m *memo[T]) put(raw []byte, key string, v T) {
	if len(raw) == 0 || len(raw) > maxMemo {
		return
	}
	s := m.set(raw)
	copy(s[1:], s[:])
	s[0].key, s[0].v = key, v
}

// names are texts as records keep them: without padding and blanks around them, in UTF-8.
type names struct{ memo[string] }

func (n *names) get(raw []byte) string {
	if s, ok := n.memo.get(raw); ok {
		return s
	}
	key := string(raw)
	s, _, _ := strings.Cut(key, "\x00")
	s = strings.ToValidUTF8(strings.TrimSpace(s), "\uFFFD")
	n.put(raw, key, s)
	return s
}

// trim cuts off padding, and blanks around the text.
func trim(raw []byte) []byte { return bytes.TrimSpace(text(raw)) }
