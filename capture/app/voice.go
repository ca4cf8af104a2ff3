package app

import "bytes"

// sip knows "METHOD uri SIP/2.0" and "SIP/2.0 200" (RFC 3261 section 7).
func sip(s *Look) verdict {
	b := s.B
	if v := hasPrefix(b, "SIP/2.0 "); v != no {
		return v
	}
	l, ended := line(b)
	switch {
	case bytes.HasSuffix(l, []byte(" SIP/2.0")):
		return yes
	case ended || len(l) > 512:
		return no
	case foldAny(b, "INVITE ", "REGISTER ", "OPTIONS ", "ACK ", "BYE ", "CANCEL ", "SUBSCRIBE ", "NOTIFY ", "MESSAGE ", "REFER ", "INFO "):
		return max(maybe, when(foldContains(l, " SIP:") || foldContains(l, " SIPS:"), likely))
	}
	return no
}

// rtspAsks knows "METHOD uri RTSP/1.0" (RFC 7826 section 7).
func rtspAsks(b []byte) verdict {
	if !foldAny(b, "OPTIONS ", "DESCRIBE ", "SETUP ", "PLAY ", "PAUSE ", "TEARDOWN ", "ANNOUNCE ", "GET_PARAMETER ", "SET_PARAMETER ", "RECORD ", "REDIRECT ") {
		return no
	}
	l, ended := line(b)
	switch {
	case bytes.HasSuffix(l, []byte(" RTSP/1.0")) || bytes.HasSuffix(l, []byte(" RTSP/2.0")):
		return yes
	case !ended && len(l) < 512 && foldContains(l, " RTSP:"):
		return maybe
	}
	return no
}

func rtspReplies(b []byte) verdict {
	return max(hasPrefix(b, "RTSP/1.0 "), hasPrefix(b, "RTSP/2.0 "))
}

// mgcp knows "VERB transaction endpoint MGCP 1.0" and "200 transaction text" (RFC 3435 section 3.2).
func mgcp(s *Look) verdict {
	l, _ := line(s.B)
	switch {
	case foldContains(l, " MGCP 1.0") || foldContains(l, " MGCP 0.1"):
		return yes
	case len(l) > 4 && code(l) && digit(l[4]):
		return max(weak, when(foldContains(s.Peer, " MGCP 1.0"), yes))
	}
	return no
}

// megaco knows "MEGACO/1 [address]:port" and its short form "!/1" (RFC 3525 annex B).
func megaco(s *Look) verdict {
	if foldPrefix(s.B, "MEGACO/") {
		return yes
	}
	return when(len(s.B) > 8 && s.B[0] == '!' && s.B[1] == '/' && digit(s.B[2]) && s.B[3] == ' ', yes)
}
