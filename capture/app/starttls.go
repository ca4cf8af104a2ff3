package app

import (
	"bytes"
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// Many protocols begin in the clear and go over to TLS on the same connection (RFC 2595, RFC 3207,
// RFC 4217): by a command of the client that the server agrees to.

// tlsInside gives where a side goes over to TLS: a record that begins with its hello. It is -1
// while it does not.
func tlsInside(b []byte, hello byte) int {
	for at := 0; ; at++ {
		i := bytes.Index(b[at:], []byte("\x16\x03"))
		if i < 0 {
			return -1
		}
		at += i
		if r := b[at:]; len(r) > 10 && r[2] <= 4 && r[5] == hello && r[6] == 0 && r[9] == 3 && r[10] <= 4 {
			return at
		}
	}
}

// startsTLS gives the part of the conversation that is TLS; ok is false while the client has not
// begun with it.
func startsTLS(v *View) (in View, ok bool) {
	c := tlsInside(v.Client, tlsClientHello)
	if c < 0 {
		return in, false
	}
	in = View{Proto: v.Proto, Client: v.Client[c:]}
	if s := tlsInside(v.Server, tlsServerHello); s >= 0 {
		in.Server = v.Server[s:]
	}
	return in, true
}

// startWhole waits for the handshake of a conversation that goes over to TLS; else own says.
func startWhole(v *View, own bool) bool {
	if in, ok := startsTLS(v); ok {
		return tlsWhole(&in)
	}
	return own
}

// startParse reads the handshake of a conversation that goes over to TLS.
func startParse(v *View, m *flow.Meta) bool {
	in, ok := startsTLS(v)
	return ok && tlsParse(&in, m)
}

// startOnly waits for TLS in protocols that tell nothing else: the flow's first packets show whether
// they go over to it.
func startOnly(v *View) bool { return startWhole(v, false) }

// lines gives each line that is whole, up to TLS, without its end; the first that f refuses ends it.
func lines(b []byte, f func(line []byte) bool) {
	for len(b) > 0 && b[0] != tlsHandshake {
		i := bytes.IndexByte(b, '\n')
		if i < 0 || !f(bytes.TrimRight(b[:i], "\r")) {
			return
		}
		b = b[i+1:]
	}
}

// word takes the first word of a line off; the word is in upper case.
func word(line []byte) (first string, rest []byte) {
	a, b, _ := bytes.Cut(line, []byte{' '})
	return string(bytes.ToUpper(a[:min(len(a), maxWord)])), bytes.TrimSpace(b)
}

const (
	maxWord  = 16   // letters of a command
	maxValue = 1024 // bytes of another value that are kept
	maxList  = 16   // values of a list that are kept
)

// clip makes a string of a value, up to maxValue bytes of it.
func clip(b []byte) string { return text(b[:min(len(b), maxValue)]) }

// once adds a value to a list that does not have it.
func once(list []string, s string) []string {
	if news(list, s) {
		list = append(list, s)
	}
	return list
}

// news says whether a value is to be added to a list.
func news(list []string, s string) bool {
	return s != "" && len(list) < maxList && !slices.Contains(list, s)
}

// keep sets a value that is not known yet.
func keep(at *string, b []byte) {
	if *at == "" {
		*at = clip(b)
	}
}
