package app

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
)

// Fingerprints of TLS hellos: JA3 and JA3S (github.com/salesforce/ja3) and JA4, the one for
// clients (github.com/FoxIO-LLC/ja4, BSD licence).

// grease says whether a number is one of those that clients mix in at random (RFC 8701).
func grease(v int) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// ja3 is the MD5 of "version,ciphers,extensions,groups,points" in decimal, each list with hyphens
// and without GREASE.
func (h *offer) ja3() string {
	b := strconv.AppendInt(nil, int64(h.version), 10)
	for _, list := range [][]int{h.ciphers, h.extensions, h.groups, h.points} {
		b = appendHyphens(append(b, ','), list)
	}
	return md5Text(b)
}

// ja3s is the MD5 of "version,cipher,extensions".
func ja3s(version, cipher int, extensions []int) string {
	return md5Text(appendHyphens(fmt.Appendf(nil, "%d,%d,", version, cipher), extensions))
}

func md5Text(b []byte) string {
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

func appendHyphens(b []byte, list []int) []byte {
	n := len(b)
	for _, v := range list {
		if grease(v) {
			continue
		}
		if len(b) > n {
			b = append(b, '-')
		}
		b = strconv.AppendInt(b, int64(v), 10)
	}
	return b
}

// ja4 is transport, version, 'd' if a server is named else 'i', numbers of ciphers and extensions
// and the ends of the first ALPN value; then hashes of the sorted ciphers, and of the sorted
// extensions with the signature algorithms in their order.
func (h *offer) ja4(transport byte) string {
	ungreased := func(list []int) []int { return slices.DeleteFunc(slices.Clone(list), grease) }
	ciphers, extensions := ungreased(h.ciphers), ungreased(h.extensions)
	named := byte('i')
	if slices.Contains(extensions, tlsExtServerName) {
		named = 'd'
	}
	a := fmt.Sprintf("%c%s%c%02d%02d%s", transport, h.ja4Version(), named, min(len(ciphers), 99), min(len(extensions), 99), h.ja4ALPN())
	slices.Sort(ciphers)
	extensions = slices.DeleteFunc(extensions, func(v int) bool { return v == tlsExtServerName || v == tlsExtALPN })
	slices.Sort(extensions)
	c := appendHex(nil, extensions)
	if sigs := ungreased(h.signatures); len(sigs) > 0 && len(c) > 0 {
		c = appendHex(append(c, '_'), sigs)
	}
	return a + "_" + ja4Hash(appendHex(nil, ciphers)) + "_" + ja4Hash(c)
}

// ja4Version is the highest version that is offered.
func (h *offer) ja4Version() string {
	v := h.version
	if list := slices.DeleteFunc(slices.Clone(h.versions), grease); len(list) > 0 {
		v = slices.Max(list)
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
func (h *offer) ja4ALPN() string {
	if len(h.alpn) == 0 || h.alpn[0] == "" {
		return "00"
	}
	s := h.alpn[0]
	if !alnum(s[0]) || !alnum(s[len(s)-1]) {
		s = hex.EncodeToString([]byte(s))
	}
	return string([]byte{s[0], s[len(s)-1]})
}

func alnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func ja4Hash(b []byte) string {
	if len(b) == 0 {
		return "000000000000"
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:6])
}

// appendHex appends numbers of four hex digits with commas between them.
func appendHex(b []byte, list []int) []byte {
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "%04x", v)
	}
	return b
}
