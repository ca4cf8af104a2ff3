package app

// SSH begins with an identification string on each side, "SSH-2.0-software comments" CR LF; a
// server may send other lines before it (RFC 4253 section 4.2).

func ssh(s side) verdict {
	v := hasPrefix(s.b, "SSH-")
	if v != yes || len(s.b) < 6 {
		return min(v, maybe)
	}
	return when(s.b[4] == '1' || s.b[4] == '2', yes)
}
