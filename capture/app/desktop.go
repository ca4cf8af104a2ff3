package app

import (
	"bytes"

	"github.com/flowferry/flowferry/flow"
)

// rdpWhole waits for TLS, which the server chooses or not in its first answer.
func rdpWhole(v *View) bool {
	const chosen = 11 // offset of the type of the answer's negotiation data: 2 is a choice
	return startWhole(v, len(v.Server) > chosen && v.Server[chosen] != 2 || len(v.Server) > 0 && len(v.Server) <= chosen && len(v.Client) > 512)
}

// rdpParse reads the cookie of the first request (MS-RDPBCGR section 2.2.1.1) and the handshake of
// TLS after it.
func rdpParse(v *View, m *flow.Meta) bool {
	tls := startParse(v, m)
	_, rest, ok := bytes.Cut(v.Client[:min(len(v.Client), 256)], []byte("Cookie: mstshash="))
	user, _, ended := bytes.Cut(rest, []byte("\r\n"))
	if !ok || !ended || len(user) == 0 {
		return tls
	}
	m.Talk = &flow.Talk{User: clip(user)}
	return true
}
