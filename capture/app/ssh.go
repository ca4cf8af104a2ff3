package app

// SSH begins with an identification string on each side, "SSH-2.0-software comments" CR LF; a
// server may send other lines before it (RFC 4253 section 4.2).

func sshBegins(b []byte) verdict {
	v := hasPrefix(b, "SSH-")
	if v == yes && len(b) > 4 && b[4] != '1' && b[4] != '2' {
		return no
	}
	return v
}
