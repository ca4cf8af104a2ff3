package app

import (
	"bytes"
	"encoding/binary"
)

// What several recognisers need. Each says of bytes that are too few what suits its callers.

func be16(b []byte) int { return int(binary.BigEndian.Uint16(b)) }
func be32(b []byte) int { return int(binary.BigEndian.Uint32(b)) }
func le16(b []byte) int { return int(binary.LittleEndian.Uint16(b)) }
func le32(b []byte) int { return int(binary.LittleEndian.Uint32(b)) }

// each8 times a byte is 8 of it.
const each8 = 0x0101010101010101

// lower8 gives 8 bytes with the letters of ASCII in lower case.
func lower8(v uint64) uint64 {
	low := v & (0x7f * each8)
	upper := (low + (0x80-'A')*each8) &^ (low + (0x7f-'Z')*each8) &^ v & (0x80 * each8)
	return v | upper>>2
}

// when gives v if ok, else no.
func when(ok bool, v verdict) verdict {
	if ok {
		return v
	}
	return no
}

// foldPrefix says whether b begins with prefix, which is upper case, in whatever case.
func foldPrefix(b []byte, prefix string) bool {
	if len(b) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := b[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}

// foldIs says whether b is word, which is lower case, in whatever case.
func foldIs(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// foldAny says whether b begins with one of the words, which are upper case.
func foldAny(b []byte, words ...string) bool {
	if len(b) == 0 {
		return false
	}
	first := b[0]
	if first >= 'a' && first <= 'z' {
		first -= 'a' - 'A'
	}
	for _, w := range words {
		if w[0] == first && foldPrefix(b, w) {
			return true
		}
	}
	return false
}

// foldContains says whether word, which is upper case, is in b in whatever case.
func foldContains(b []byte, word string) bool {
	first, lower := word[0], word[0]
	if first >= 'A' && first <= 'Z' {
		lower += 'a' - 'A'
	}
	for ; len(b) >= len(word); b = b[1:] {
		if (b[0] == first || b[0] == lower) && foldPrefix(b, word) {
			return true
		}
	}
	return false
}

// line gives the first line without its end, and whether the end was seen.
func line(b []byte) (l []byte, ended bool) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, false
	}
	if l = b[:i]; i > 0 && l[i-1] == '\r' {
		l = l[:i-1]
	}
	return l, true
}

// printable says whether b is text: no control characters but tabs and line ends.
func printable(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' && c != '\r' && c != '\n' || c == 0x7f {
			return false
		}
	}
	return true
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// code says whether b begins with a reply code of three digits, then a space or a hyphen.
func code(b []byte) bool {
	return len(b) >= 4 && digit(b[0]) && digit(b[1]) && digit(b[2]) && (b[3] == ' ' || b[3] == '-')
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// ber reads the head of an element in the Basic Encoding Rules (X.690): its tag, and the bytes
// after the head; n is the length that it claims, size of the whole element.
func ber(b []byte) (tag byte, rest []byte, n int, ok bool) {
	if len(b) < 2 {
		return 0, nil, 0, false
	}
	tag, n, rest = b[0], int(b[1]), b[2:]
	if n < 0x80 {
		return tag, rest, n, true
	}
	size := n & 0x7f
	if size == 0 || size > 4 || len(rest) < size {
		return 0, nil, 0, false
	}
	n = 0
	for _, c := range rest[:size] {
		n = n<<8 | int(c)
	}
	return tag, rest[size:], n, true
}

// berNumber reads a short integer element and what follows it.
func berNumber(b []byte) (v int, rest []byte, ok bool) {
	tag, b, n, ok := ber(b)
	if !ok || tag != 2 || n < 1 || n > 5 || len(b) < n {
		return 0, nil, false
	}
	for _, c := range b[:n] {
		v = v<<8 | int(c)
	}
	return v, b[n:], true
}
