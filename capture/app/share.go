package app

import (
	"hash/maphash"
	"sync/atomic"
	"unsafe"
)

// Names come again and again: what was made a string of lately is not made one a second time.

const (
	sharedTexts = 1 << 12
	maxShared   = 128 // bytes of a text that is kept
)

var (
	// shared points to the bytes of strings of which the first byte is the length of the rest: a text is
	// found in one step, and costs one allocation.
	shared [sharedTexts]atomic.Pointer[byte]
	// sharedHash has the hash of each: a text that is not there is not looked at.
	sharedHash [sharedTexts]atomic.Uint32
	sharedSeed = maphash.MakeSeed()
)

// share gives string(b), the one from before if it is still there. A text takes the place of another
// with the same hash, so what is held is at most sharedTexts of them.
func share(b []byte) string {
	if len(b) > maxShared {
		return string(b)
	}
	sum := maphash.Bytes(sharedSeed, b)
	at, hash := sum%sharedTexts, uint32(sum>>32)
	place := &shared[at]
	if old := place.Load(); old != nil && sharedHash[at].Load() == hash && int(*old) == len(b) {
		if text := unsafe.String(old, 1+len(b))[1:]; text == string(b) {
			return text
		}
	}
	var room [1 + maxShared]byte
	text := string(append(append(room[:0], byte(len(b))), b...))
	place.Store(unsafe.StringData(text))
	sharedHash[at].Store(hash)
	return text[1:]
}
