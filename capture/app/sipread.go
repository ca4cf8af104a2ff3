package app

import (
	"bytes"

	"github.com/flowferry/flowferry/flow"
)

// sipParse reads the messages of both sides.
func sipParse(v *View, m *flow.Meta) bool {
	client := sipFollow(v.Proto, v.Client, m)
	return sipFollow(v.Proto, v.Server, m) || client
}

// sipWhole waits for a message of each side over TCP.
func sipWhole(v *View) bool { return httpEnd(v.Client) && httpEnd(v.Server) }

// sipFollow reads a datagram, or the messages that begin a side of TCP (RFC 3261 section 7): a line,
// header fields, an empty line, and a body of the length that a field tells.
func sipFollow(proto uint8, b []byte, m *flow.Meta) bool {
	k := on(m)
	own := first(k.see().SIP)
	for n := 0; n <= maxMore && len(b) > 0; n++ {
		length, ok := 0, false
		sipLines(b, func(i int, line []byte) bool {
			if i == 0 {
				ok = sipStart(line, k)
				return ok
			}
			if v := sipField(line, "CONTENT-LENGTH", 'L'); v != nil {
				if n, _, ok := number(v); ok && n < 1<<20 {
					length = int(n)
				}
			}
			sipHeader(line, k, &own)
			return true
		})
		_, body, ended := bytes.Cut(b, []byte("\r\n\r\n"))
		if !ok || proto == flow.ProtoUDP || !ended || length > len(body) {
			break
		}
		b = body[length:]
	}
	if own != first(k.see().SIP) {
		k.edit().SIP = part(own)
	}
	return k.end(m)
}

const sipMaxLines = 64 // of a header that are read

// sipLines gives each whole line of the header by its number; what f refuses ends it.
func sipLines(b []byte, f func(i int, line []byte) bool) {
	for i := range sipMaxLines {
		l, ended := line(b)
		if !ended || len(l) == 0 || !f(i, l) {
			return
		}
		b = b[bytes.IndexByte(b, '\n')+1:]
	}
}

// sipStart reads "METHOD uri SIP/2.0" or "SIP/2.0 200 text".
func sipStart(line []byte, k *talker) bool {
	if rest, ok := bytes.CutPrefix(line, []byte("SIP/2.0 ")); ok {
		if len(rest) < 3 || !digit(rest[0]) || !digit(rest[1]) || !digit(rest[2]) || len(rest) > 3 && rest[3] != ' ' {
			return false
		}
		k.version("2.0")
		k.result(unlisted(k.see().Results, rest[:3]))
		return true
	}
	rest, ok := bytes.CutSuffix(line, []byte(" SIP/2.0"))
	method, uri, ok2 := bytes.Cut(rest, []byte{' '})
	if !ok || !ok2 || len(method) == 0 || len(method) > maxWord {
		return false
	}
	k.version("2.0")
	k.command(unlisted(k.see().Commands, method))
	k.nameText(bytes.TrimSpace(uri))
	return true
}

// sipHeader takes over what a field tells. Of a digest (RFC 3261 section 22.4) the user is kept, not the answer.
func sipHeader(line []byte, k *talker, own *flow.SIP) {
	if len(line) < 3 {
		return
	}
	switch line[0] | 0x20 {
	case 'f':
		keep(&own.From, sipAddress(sipField(line, "FROM", 'F')))
	case 't':
		keep(&own.To, sipAddress(sipField(line, "TO", 'T')))
	case 'c', 'i':
		keep(&own.CallID, sipField(line, "CALL-ID", 'I'))
	case 'u':
		keep(&own.UserAgent, sipField(line, "USER-AGENT", 0))
	case 's':
		k.serverText(sipField(line, "SERVER", 0))
	case 'a':
		k.userText(sipUser(sipField(line, "AUTHORIZATION", 0)))
	case 'p':
		k.userText(sipUser(sipField(line, "PROXY-AUTHORIZATION", 0)))
	}
}

// sipField gives the value of a field if it has this name, in upper case, or this short form, in
// upper case; 0 is none.
func sipField(line []byte, name string, short byte) []byte {
	i := bytes.IndexByte(line, ':')
	if i < 0 {
		return nil
	}
	have := bytes.TrimRight(line[:i], " \t")
	if len(have) == len(name) && foldPrefix(have, name) || len(have) == 1 && short != 0 && have[0]&^0x20 == short {
		return bytes.TrimSpace(line[i+1:])
	}
	return nil
}

// sipAddress gives the URI of "Bob" <sip:bob@host;user=phone>;tag=1: what is in the brackets, or
// without them up to the parameters of the field.
func sipAddress(b []byte) []byte {
	if i := bytes.IndexByte(b, '"'); i >= 0 { // a name may hold brackets
		if j := bytes.IndexByte(b[i+1:], '"'); j >= 0 {
			b = b[i+j+2:]
		}
	}
	if i := bytes.IndexByte(b, '<'); i >= 0 {
		b, _, _ = bytes.Cut(b[i+1:], []byte{'>'})
	} else {
		b, _, _ = bytes.Cut(b, []byte{';'})
	}
	return bytes.TrimSpace(b)
}

// sipUser gives the user of a digest.
func sipUser(b []byte) []byte {
	const name = "USERNAME=\""
	for i := range b {
		if (b[i] == 'u' || b[i] == 'U') && foldPrefix(b[i:], name) {
			user, _, ok := bytes.Cut(b[i+len(name):], []byte{'"'})
			if ok {
				return user
			}
		}
	}
	return nil
}
