package app

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/maphash"
	"slices"
	"strconv"
	"sync/atomic"
)

// Fingerprints of TLS hellos: JA3 and JA3S (github.com/salesforce/ja3) and JA4, the one for
// clients (github.com/FoxIO-LLC/ja4, BSD licence).

// grease says whether a number is one of those that clients mix in at random (RFC 8701).
func grease(v int) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// knownHellos is how many sorts of hellos are remembered: a program sends the same sort again and
// again, and the digests cost more than all else that is read of a hello.
const knownHellos = 1 << 10

// maxTraits is how long the traits of a hello are that is remembered.
const maxTraits = 1 << 10

// fingerprint is what hellos with the same traits have in common. The traits of a client's begin with a
// letter; those of a server's are the text of its JA3S, which begins with a digit.
type fingerprint struct {
	traits, ja3, ja4 string
	alpn             []string // what is offered
}

var fingerprints [knownHellos]atomic.Pointer[fingerprint]

// fingerprint gives what the hello has in common with others; it is shared and stays as it is. transport
// is 't' for TCP and 'q' for QUIC.
func (h *offer) fingerprint(transport byte) *fingerprint {
	var room [maxTraits]byte
	traits := h.traits(room[:0], transport)
	place := &fingerprints[maphash.Bytes(sharedSeed, traits)%knownHellos]
	if known := place.Load(); known != nil && known.traits == string(traits) {
		return known
	}
	made := &fingerprint{ja3: h.ja3(), ja4: h.ja4(transport), alpn: tlsNames(h.alpn)}
	if len(traits) <= maxTraits {
		made.traits = string(traits)
		place.Store(made)
	}
	return made
}

// traits appends all that the fingerprint rests on: each part with its length, and without GREASE,
// which is another each time.
func (h *offer) traits(b []byte, transport byte) []byte {
	b = append(b, transport, byte(h.version>>8), byte(h.version), byte(len(h.alpn)>>8), byte(len(h.alpn)))
	b = append(b, h.alpn...)
	b = append(append(b, byte(len(h.points))), h.points...)
	for _, list := range [...]numbers{h.ciphers, h.groups, h.signatures, h.versions} {
		b = appendTrait(b, list)
	}
	r := reader{b: h.extensions}
	for typ, _, ok := tlsExtension(&r); ok; typ, _, ok = tlsExtension(&r) {
		if !grease(typ) {
			b = append(b, byte(typ>>8), byte(typ))
		}
	}
	return b
}

// appendTrait appends the numbers of a list that are not GREASE, and before them how many bytes they
// take.
func appendTrait(b []byte, list numbers) []byte {
	at := len(b)
	b = append(b, 0, 0)
	for i := range list.len() {
		if v := list.at(i); !grease(v) {
			b = append(b, byte(v>>8), byte(v))
		}
	}
	binary.BigEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	return b
}

// ja3 is the MD5 of "version,ciphers,extensions,groups,points" in decimal, each list with hyphens
// and without GREASE.
func (h *offer) ja3() string {
	var room [1024]byte
	b := strconv.AppendInt(room[:0], int64(h.version), 10)
	b = appendNumbers(append(b, ','), h.ciphers)
	b = appendTypes(append(b, ','), reader{b: h.extensions})
	b = appendNumbers(append(b, ','), h.groups)
	b = append(b, ',')
	for i, p := range h.points {
		if i > 0 {
			b = append(b, '-')
		}
		b = strconv.AppendInt(b, int64(p), 10)
	}
	return md5Text(b)
}

// ja3s is the MD5 of "version,cipher,extensions".
func ja3s(version, cipher int, extensions reader) string {
	var room [256]byte
	b := strconv.AppendInt(room[:0], int64(version), 10)
	b = strconv.AppendInt(append(b, ','), int64(cipher), 10)
	b = appendTypes(append(b, ','), extensions)
	place := &fingerprints[maphash.Bytes(sharedSeed, b)%knownHellos]
	if known := place.Load(); known != nil && known.traits == string(b) {
		return known.ja3
	}
	ja3s := md5Text(b)
	place.Store(&fingerprint{traits: string(b), ja3: ja3s})
	return ja3s
}

func md5Text(b []byte) string {
	sum := md5.Sum(b)
	var room [2 * md5.Size]byte
	hex.Encode(room[:], sum[:])
	return share(room[:])
}

// appendNumbers appends numbers in decimal with hyphens between them, without GREASE.
func appendNumbers(b []byte, list numbers) []byte {
	n := len(b)
	for i := range list.len() {
		b = appendHyphen(b, list.at(i), n)
	}
	return b
}

// appendTypes does the same with the types of extensions.
func appendTypes(b []byte, r reader) []byte {
	n := len(b)
	for typ, _, ok := tlsExtension(&r); ok; typ, _, ok = tlsExtension(&r) {
		b = appendHyphen(b, typ, n)
	}
	return b
}

// appendHyphen appends a number to a list that begins at n.
func appendHyphen(b []byte, v, n int) []byte {
	if grease(v) {
		return b
	}
	if len(b) > n {
		b = append(b, '-')
	}
	return strconv.AppendInt(b, int64(v), 10)
}

// ja4 is transport, version, 'd' if a server is named else 'i', numbers of ciphers and extensions
// and the ends of the first ALPN value; then hashes of the sorted ciphers, and of the sorted
// extensions with the signature algorithms in their order.
func (h *offer) ja4(transport byte) string {
	var rooms [3][128]uint16 // more are rare
	ciphers := ungreased(rooms[0][:0], h.ciphers)
	extensions, named, count := h.ja4Extensions(rooms[1][:0])
	var room [64]byte
	a := append(room[:0], transport)
	a = append(a, h.ja4Version()...)
	a = append(a, named)
	a = appendTwo(appendTwo(a, len(ciphers)), count)
	first, last := h.ja4ALPN()
	a = append(a, first, last, '_')
	slices.Sort(ciphers)
	slices.Sort(extensions)
	var text [1024]byte
	a = append(appendJA4(a, appendHex(text[:0], ciphers)), '_')
	c := appendHex(text[:0], extensions)
	if sigs := ungreased(rooms[2][:0], h.signatures); len(sigs) > 0 && len(c) > 0 {
		c = appendHex(append(c, '_'), sigs)
	}
	return share(appendJA4(a, c))
}

// ungreased appends numbers without GREASE.
func ungreased(list []uint16, n numbers) []uint16 {
	for i := range n.len() {
		if v := n.at(i); !grease(v) {
			list = append(list, uint16(v))
		}
	}
	return list
}

// ja4Extensions appends the types of the extensions that are hashed, and says whether a server is
// named and how many extensions there are.
func (h *offer) ja4Extensions(list []uint16) (all []uint16, named byte, count int) {
	named = 'i'
	r := reader{b: h.extensions}
	for typ, _, ok := tlsExtension(&r); ok; typ, _, ok = tlsExtension(&r) {
		switch {
		case grease(typ):
			continue
		case typ == tlsExtServerName:
			named = 'd'
		case typ != tlsExtALPN:
			list = append(list, uint16(typ))
		}
		count++
	}
	return list, named, count
}

// appendTwo appends two digits, at most 99.
func appendTwo(b []byte, n int) []byte {
	n = min(n, 99)
	return append(b, '0'+byte(n/10), '0'+byte(n%10))
}

// ja4Version is the highest version that is offered.
func (h *offer) ja4Version() string {
	v, highest := h.version, -1
	for i := range h.versions.len() {
		if o := h.versions.at(i); !grease(o) {
			highest = max(highest, o)
		}
	}
	if highest >= 0 {
		v = highest
	}
	switch v {
	case 0x304:
		return "13"
	case 0x303:
		return "12"
	case 0x302:
		return "11"
	case 0x301:
		return "10"
	case 0x300:
		return "s3"
	case 0x002:
		return "s2"
	}
	return "00"
}

// ja4ALPN is the first and the last letter of the first ALPN value; of one that does not begin
// and end with letters or digits, those of its hex form.
func (h *offer) ja4ALPN() (first, last byte) {
	s, ok := tlsFirstName(h.alpn)
	if !ok || len(s) == 0 {
		return '0', '0'
	}
	if first, last = s[0], s[len(s)-1]; !alnum(first) || !alnum(last) {
		return hexDigits[first>>4], hexDigits[last&15]
	}
	return first, last
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// appendJA4 appends the first 12 digits of the SHA-256 of text, zeros for no text.
func appendJA4(b, text []byte) []byte {
	if len(text) == 0 {
		return append(b, "000000000000"...)
	}
	sum := sha256.Sum256(text)
	return hex.AppendEncode(b, sum[:6])
}

const hexDigits = "0123456789abcdef"

// appendHex appends numbers of four hex digits with commas between them.
func appendHex(b []byte, list []uint16) []byte {
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, hexDigits[v>>12], hexDigits[v>>8&15], hexDigits[v>>4&15], hexDigits[v&15])
	}
	return b
}
