package app

import (
	"bytes"

	"github.com/flowferry/flowferry/flow"
)

// SSH begins with an identification string on each side, "SSH-2.0-software comments" CR LF; a
// server may send other lines before it (RFC 4253 section 4.2).

func ssh(s side) verdict {
	v := hasPrefix(s.b, "SSH-")
	if v != yes || len(s.b) < 6 {
		return min(v, maybe)
	}
	return when(s.b[4] == '1' || s.b[4] == '2', yes)
}

// sshBanner gives the identification string, "" when it was not seen; whole says that it has its
// line end.
func sshBanner(b []byte) (banner string, whole bool) {
	if !bytes.HasPrefix(b, []byte("SSH-")) {
		i := bytes.Index(b, []byte("\nSSH-"))
		if i < 0 {
			return "", false
		}
		b = b[i+1:]
	}
	line, _, ended := bytes.Cut(b, []byte{'\n'})
	return text(bytes.TrimRight(line[:min(len(line), 255)], "\r")), ended
}

func sshWhole(client, server []byte) bool {
	_, c := sshBanner(client)
	_, s := sshBanner(server)
	return c && s
}

func sshParse(client, server []byte, m *flow.Meta) bool {
	c, _ := sshBanner(client)
	s, _ := sshBanner(server)
	m.SSH = &flow.SSH{Client: c, Server: s}
	return c != "" || s != ""
}
