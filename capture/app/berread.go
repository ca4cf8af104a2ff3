package app

// elements walks elements of the Basic Encoding Rules (X.690) that follow each other. Of what was
// cut, a constructed element is walked as far as it goes; a cut value is none.
type elements []byte

const berConstructed = 0x20

// next gives the next element.
func (e *elements) next() (tag byte, body elements, ok bool) {
	tag, rest, n, ok := ber(*e)
	if !ok || n > len(rest) && tag&berConstructed == 0 {
		*e = nil
		return 0, nil, false
	}
	n = min(n, len(rest))
	*e = rest[n:]
	return tag, elements(rest[:n]), true
}

// take gives the next element if it has this tag, else it stays.
func (e *elements) take(tag byte) (body elements, ok bool) {
	if len(*e) == 0 || (*e)[0] != tag {
		return nil, false
	}
	_, body, ok = e.next()
	return body, ok
}

// into takes an element with each of the tags, one within the other.
func (e *elements) into(tags ...byte) (body elements, ok bool) {
	at := e
	for _, t := range tags {
		if body, ok = at.take(t); !ok {
			return nil, false
		}
		at = &body
	}
	return body, true
}

const (
	berInteger    = 0x02
	berOctets     = 0x04
	berOID        = 0x06
	berEnumerated = 0x0a
	berSequence   = 0x30
	berSet        = 0x31
	berContext    = 0xa0 // constructed: [0], [1], …
	berPlain      = 0x80 // primitive
	berApp        = 0x60 // constructed [APPLICATION 0] …
)

// integer reads the contents of an integer of up to eight bytes.
func (e elements) integer() (v int64, ok bool) {
	if len(e) == 0 || len(e) > 8 {
		return 0, false
	}
	v = int64(int8(e[0]))
	for _, c := range e[1:] {
		v = v<<8 | int64(c)
	}
	return v, true
}

// number takes an integer.
func (e *elements) number() (v int64, ok bool) {
	body, ok := e.take(berInteger)
	if !ok {
		return 0, false
	}
	return body.integer()
}
