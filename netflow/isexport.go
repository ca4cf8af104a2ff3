package netflow

import "encoding/binary"

// IsExport says whether payload is a whole NetFlow v5, v9, IPFIX or sFlow v5 datagram by its structure:
// all lengths must agree to the byte. It is meant to find exports in a capture.
func IsExport(payload []byte) bool {
	if len(payload) < ipfixHeader {
		return false
	}
	switch binary.BigEndian.Uint16(payload) {
	case versionSFlow:
		return isSFlow(payload)
	case 5:
		l := layouts[5]
		n := int(binary.BigEndian.Uint16(payload[2:]))
		return n >= 1 && n <= maxFixed && len(payload) == l.header+n*l.record
	case 9:
		return len(payload) > 20 && areSets(payload[20:], setTemplateV9, setOptionsV9)
	case 10:
		return areMessages(payload)
	}
	return false
}

func areMessages(p []byte) bool {
	for len(p) > 0 {
		if len(p) <= ipfixHeader || binary.BigEndian.Uint16(p) != 10 {
			return false
		}
		n := int(binary.BigEndian.Uint16(p[2:]))
		if n <= ipfixHeader || n > len(p) || !areSets(p[ipfixHeader:n], setTemplate, setOptions) {
			return false
		}
		p = p[n:]
	}
	return true
}

// areSets walks sets: each of a known id and of a length that fits, the last up to the end or
// to a zero-filled rest.
func areSets(p []byte, template, options uint16) bool {
	n := 0
	for ; len(p) >= 4; n++ {
		id, size := binary.BigEndian.Uint16(p), int(binary.BigEndian.Uint16(p[2:]))
		if n > 0 && zero(p) {
			return true
		}
		if size <= 4 || size > len(p) || id < setData && id != template && id != options {
			return false
		}
		p = p[size:]
	}
	return n > 0 && zero(p)
}
