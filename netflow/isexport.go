package netflow

import "encoding/binary"

// IsExport says whether payload is a whole datagram of NetFlow v1, v5 to v9, IPFIX or sFlow v5 by
// its structure: all lengths must agree to the byte. It is meant to find exports in a capture.
func IsExport(payload []byte) bool {
	if len(payload) < ipfixHeader {
		return false
	}
	switch version := binary.BigEndian.Uint16(payload); version {
	case versionSFlow:
		return isSFlow(payload)
	case 1, 5, 6, 7, 8:
		return areRecords(version, payload)
	case 9:
		return len(payload) > 20 && areSets(payload[20:], setTemplateV9, setOptionsV9)
	case 10:
		return areMessages(payload)
	}
	return false
}

// areRecords says whether a datagram of a fixed version is as long as its count says. The rare
// versions must also have a clock that can be: a short datagram of another protocol may well
// begin with a small number or two.
func areRecords(version uint16, p []byte) bool {
	l, err := layoutOf(version, p)
	if err != nil || version != 5 && binary.BigEndian.Uint32(p[12:]) >= 1e9 {
		return false
	}
	n := int(binary.BigEndian.Uint16(p[2:]))
	return n >= 1 && n <= l.max() && len(p) == l.header+n*l.record()
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
