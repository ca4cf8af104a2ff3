package app

import (
	"hash/maphash"
	"sync/atomic"
)

// Names come again and again: what was made a string of lately is not made one a second time.

const (
	sharedTexts = 1 << 12
	maxShared   = 128 // bytes of a text that is kept
)

var (
	shared     [sharedTexts]atomic.Pointer[string]
	sharedSeed = maphash.MakeSeed()
)

// share gives string(b), the one from before if it is still there. A text takes the place of another
// with the same hash, so what is held is at most sharedTexts of them.
func share(b []byte) string {
	if len(b) > maxShared {
		return string(b)
	}
	place := &shared[maphash.Bytes(sharedSeed, b)%sharedTexts]
	if old := place.Load(); old != nil && *old == string(b) {
		return *old
	}
	s := string(b)
	place.Store(&s)
	return s
}
