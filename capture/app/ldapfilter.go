package app

import "unicode/utf8"

const ldapMaxDepth = 16 // filters within each other

// ldapFilter appends the next filter as text (RFC 4511 section 4.5.1.7, RFC 4515), up to maxValue
// bytes and ldapMaxDepth deep.
func ldapFilter(dst []byte, e *elements, depth int) []byte {
	tag, body, ok := e.next()
	if !ok || depth > ldapMaxDepth || len(dst) > maxValue {
		return dst
	}
	dst = append(dst, '(')
	switch tag {
	case berContext, berContext + 1, berContext + 2: // and, or, not
		dst = append(dst, "&|!"[tag-berContext])
		for len(body) > 0 && len(dst) <= maxValue {
			dst = ldapFilter(dst, &body, depth+1)
		}
	case berContext + 3:
		dst = ldapMatch(dst, "=", body)
	case berContext + 4:
		dst = ldapSubstrings(dst, body)
	case berContext + 5:
		dst = ldapMatch(dst, ">=", body)
	case berContext + 6:
		dst = ldapMatch(dst, "<=", body)
	case berPlain + 7: // present
		dst = append(ldapText(dst, body), "=*"...)
	case berContext + 8:
		dst = ldapMatch(dst, "~=", body)
	case berContext + 9:
		dst = ldapExtensible(dst, body)
	}
	return append(dst, ')')
}

// ldapMatch appends an attribute and a value.
func ldapMatch(dst []byte, how string, body elements) []byte {
	name, _ := body.take(berOctets)
	value, _ := body.take(berOctets)
	return ldapText(append(ldapText(dst, name), how...), value)
}

// ldapSubstrings appends an attribute and the parts of a value: the first [0], any [1], the last [2].
func ldapSubstrings(dst []byte, body elements) []byte {
	name, _ := body.take(berOctets)
	dst = append(ldapText(dst, name), '=')
	parts, _ := body.take(berSequence)
	last := byte(0)
	for len(parts) > 0 && len(dst) <= maxValue {
		tag, part, ok := parts.next()
		if !ok {
			break
		}
		if last = tag; tag != berPlain {
			dst = append(dst, '*')
		}
		dst = ldapText(dst, part)
	}
	if last != berPlain+2 {
		dst = append(dst, '*')
	}
	return dst
}

// ldapExtensible appends [1] rule, [2] attribute, [3] value, [4] whether the DN's attributes count.
func ldapExtensible(dst []byte, body elements) []byte {
	rule, _ := body.take(berPlain + 1)
	name, _ := body.take(berPlain + 2)
	value, _ := body.take(berPlain + 3)
	dn, _ := body.take(berPlain + 4)
	dst = ldapText(dst, name)
	if len(dn) == 1 && dn[0] != 0 {
		dst = append(dst, ":dn"...)
	}
	if len(rule) > 0 {
		dst = ldapText(append(dst, ':'), rule)
	}
	return ldapText(append(dst, ":="...), value)
}

// ldapText appends a value, escaped where it would read as part of the filter or is no text.
func ldapText(dst, b []byte) []byte {
	const hex = "0123456789abcdef"
	plain := utf8.Valid(b)
	for _, c := range b[:min(len(b), maxValue)] {
		if c < ' ' || c == 0x7f || c >= 0x80 && !plain || c == '(' || c == ')' || c == '*' || c == '\\' {
			dst = append(dst, '\\', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}
