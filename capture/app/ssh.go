package app

// SSH begins with an identification string on each side, "SSH-2.0-software comments" CR LF; a
// server may send other lines before it (RFC 4253 section 4.2).

func ssh(s *Look) verdict {
	v := hasPrefix(s.B, "SSH-")
	if v != yes || len(s.B) < 6 {
		return min(v, maybe)
	}
	return when(s.B[4] == '1' || s.B[4] == '2', yes)
}
