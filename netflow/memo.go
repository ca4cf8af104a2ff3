package netflow

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"strings"
)

// memo keeps what was made of texts that come again and again, so that each is made once. It never
// grows: where there is no room a text takes the place of another.
type memo[T any] struct{ all *[memoSize]memoEntry[T] }

// memoEntry is at the place that the hash of its text says, or at one of the three beside it.
type memoEntry[T any] struct {
	words
	key string
	v   T
}

const (
	memoSize = 1 << 13 // texts
	maxMemo  = 256     // bytes; longer texts are not kept
)

// get gives what was made of raw.
func (m *memo[T]) get(raw []byte) (v T, ok bool) { return m.known(wordsOf(raw), raw) }

// known is get with the words at hand.
func (m *memo[T]) known(w words, raw []byte) (v T, ok bool) {
	if len(raw) == 0 || m.all == nil {
		return v, false
	}
	if e, ok := m.find(w, raw); ok {
		return e.v, true
	}
	return v, false
}

// find gives the entry of a text, or the one to put it into.
func (m *memo[T]) find(w words, raw []byte) (e *memoEntry[T], ok bool) {
	h := w.hash(len(raw))
	for i := range uint64(4) {
		e = &m.all[(h^i)%memoSize]
		if e.words == w && len(e.key) == len(raw) && (len(raw) <= wholeWords || e.key == string(raw)) {
			return e, true
		}
		if e.key == "" {
			return e, false
		}
	}
	return &m.all[h%memoSize], false
}

// touch reads of the entry where the text most likely is, so that it is in the cache soon.
func (m *memo[T]) touch(w words, n int) uint64 {
	if m.all == nil {
		return 0
	}
	return m.all[w.hash(n)%memoSize].a
}

// put keeps v as what was made of raw, which is also key.
func (m *memo[T]) put(raw []byte, key string, v T) {
	if len(raw) == 0 || len(raw) > maxMemo {
		return
	}
	if m.all == nil {
		m.all = new([memoSize]memoEntry[T])
	}
	w := wordsOf(raw)
	e, _ := m.find(w, raw)
	*e = memoEntry[T]{w, key, v}
}

// words stand for a text: with its length they tell it apart if it is of at most wholeWords bytes,
// of which some may be in them twice; of a longer one they are a hash.
type words struct{ a, b, c, d uint64 }

const wholeWords = 32

var seed = maphash.MakeSeed()

func wordsOf(raw []byte) (w words) {
	le := binary.LittleEndian
	switch n := len(raw); {
	case n > wholeWords:
		w.a = maphash.Bytes(seed, raw)
	case n >= 8:
		w.a, w.b = le.Uint64(raw), le.Uint64(raw[n-8:])
		w.c, w.d = le.Uint64(raw[min(8, n-8):]), le.Uint64(raw[max(16, n)-16:])
	case n >= 4:
		w.a, w.b = uint64(le.Uint32(raw)), uint64(le.Uint32(raw[n-4:]))
	case n > 0:
		w.a, w.b = uint64(raw[0])<<8|uint64(raw[n/2]), uint64(raw[n-1])
	}
	return w
}

// hash of a text of n bytes.
func (w words) hash(n int) uint64 {
	hi, lo := bits.Mul64(w.a^bits.RotateLeft64(w.c, 29)^0x9e3779b97f4a7c15, w.b^bits.RotateLeft64(w.d, 29)^0xd6e8feb86659fd93^uint64(n))
	return hi ^ lo
}

// names are texts as records keep them: without padding and blanks around them, in UTF-8.
type names struct{ memo[string] }

func (n *names) get(raw []byte) string { return n.name(wordsOf(raw), raw) }

// name is get with the words at hand.
func (n *names) name(w words, raw []byte) string {
	if s, ok := n.known(w, raw); ok {
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
