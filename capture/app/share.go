package app

import (
	"encoding/binary"
	"hash/maphash"
	"sync/atomic"
	"unsafe"

	"github.com/flowferry/flowferry/flow"
)

// Names come again and again: what was made a string of lately is not made one a second time.

const (
	sharedTexts = 1 << 12
	maxShared   = 128 // bytes of a text that is kept
)

var (
	shared [sharedTexts]struct {
		// text points to the bytes of a string of which the first byte is the length of the rest: it is
		// found in one step, and costs one allocation.
		text atomic.Pointer[byte]
		hash atomic.Uint32 // of the text: one that is not there is not looked at
	}
	sharedSeed = maphash.MakeSeed()
)

// share gives string(b), the one from before if it is still there. A text takes the place of another
// with the same hash, so what is held is at most sharedTexts of them.
func share(b []byte) string {
	if len(b) > maxShared {
		return string(b)
	}
	sum := maphash.Bytes(sharedSeed, b)
	place, hash := &shared[sum%sharedTexts], uint32(sum>>32)
	if old := place.text.Load(); old != nil && place.hash.Load() == hash && int(*old) == len(b) {
		if text := unsafe.String(old, 1+len(b))[1:]; text == string(b) {
			return text
		}
	}
	var room [1 + maxShared]byte
	text := string(append(append(room[:0], byte(len(b))), b...))
	place.text.Store(unsafe.StringData(text))
	place.hash.Store(hash)
	return text[1:]
}

// texts is what texts are made with: room for one in the making, and those of addresses that were made
// lately.
type texts struct {
	room      [dnsRoom]byte
	addresses []addressText // sharedTexts places, none before the first
}

// addressText is an IPv4 address and its text; ip is 0 in an empty place.
type addressText struct {
	ip   uint32
	text string
}

// address gives an IPv4 address as text. One takes the place of another with the same hash.
func (x *texts) address(b [4]byte) string {
	if x.addresses == nil {
		x.addresses = make([]addressText, sharedTexts)
	}
	ip := binary.BigEndian.Uint32(b[:])
	place := &x.addresses[ip*0x9e3779b1>>20%sharedTexts]
	if place.ip != ip || ip == 0 {
		a := flow.Addr4(ip)
		place.ip, place.text = ip, string(a.AppendTo(x.room[:0]))
	}
	return place.text
}
