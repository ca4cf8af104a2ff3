package app

// Operations of LDAP by their application tags (RFC 4511 section 4.2 on), those of a client and
// those of a server, as bits of the tag's number.
const (
	ldapRequests  = 1<<0 | 1<<2 | 1<<3 | 1<<6 | 1<<8 | 1<<10 | 1<<12 | 1<<14 | 1<<16 | 1<<23
	ldapResponses = 1<<1 | 1<<4 | 1<<5 | 1<<7 | 1<<9 | 1<<11 | 1<<13 | 1<<15 | 1<<19 | 1<<24 | 1<<25
)

func ldapAsks(b []byte) verdict    { return ldap(b, ldapRequests) }
func ldapReplies(b []byte) verdict { return ldap(b, ldapResponses) }

// ldap knows SEQUENCE { id INTEGER, operation }.
func ldap(b []byte, operations uint32) verdict {
	if len(b) < 7 {
		return maybe
	}
	_, rest, n, ok := ber(b)
	if !ok || n < 5 {
		return no
	}
	id, rest, ok := berNumber(rest)
	if !ok || id < 0 || len(rest) < 2 {
		return no
	}
	tag := rest[0]
	switch {
	case tag == 0x42: // unbind has no content
		return when(operations == ldapRequests && rest[1] == 0 && n <= 7, yes)
	case tag == 0x4a || tag == 0x50: // delete and abandon are plain strings
		return when(operations == ldapRequests && int(rest[1]) <= n, likely)
	case tag&0xe0 != 0x60 || operations&(1<<(tag&0x1f)) == 0:
		return no
	}
	_, body, m, ok := ber(rest)
	if !ok || m > n || len(body) < 2 {
		return no
	}
	switch tag & 0x1f {
	case 0: // bind: version
		v, _, ok := berNumber(body)
		return when(ok && v >= 2 && v <= 3, yes)
	case 1, 5, 7, 9, 11, 13, 15, 24: // results begin with a code
		return when(string(body[:2]) == "\x0a\x01", yes)
	case 23:
		return when(body[0] == 0x80, yes)
	}
	return when(body[0] == 0x04 || body[0] == 0x30 || body[0] == 0x80, yes)
}
