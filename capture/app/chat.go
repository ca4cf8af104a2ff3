package app

import "bytes"

// irc knows the first commands of a client, and numeric or notice messages of a server (RFC 2812
// section 3.1, section 2.3).
func irc(s *Look) verdict {
	b := s.B
	l, ended := line(b)
	switch {
	case b[0] == ':':
		return ircServer(l)
	case foldAny(b, "NICK ", "USER ", "PASS "):
		registers := ended && (foldContains(b, "\nUSER ") || foldContains(b, "\nNICK ") || foldContains(b, "\nJOIN "))
		if registers || foldPrefix(b, "NICK ") && (len(s.Peer) == 0 || s.Peer[0] == ':' || foldPrefix(s.Peer, "NOTICE ")) {
			return when(printable(b), yes)
		}
		if foldPrefix(b, "USER ") && bytes.Count(l, []byte{' '}) >= 4 && bytes.IndexByte(l, ':') > 0 {
			return yes
		}
		return when(ended && len(s.Peer) == 0, maybe)
	case foldAny(b, "CAP LS", "CAP REQ ", "NOTICE AUTH :", "NOTICE * :", "PRIVMSG #"):
		return yes
	case foldAny(b, "PRIVMSG ", "JOIN #", "JOIN &", "PING :", "PONG :", "PING LAG", "PONG LAG", "MODE #", "WHO #"):
		return likely
	}
	return no
}

// ircServer knows ":name 001 …" and ":name VERB …".
func ircServer(l []byte) verdict {
	_, rest, ok := bytes.Cut(l, []byte{' '})
	if !ok || !printable(l[:len(l)-len(rest)]) {
		return no
	}
	if len(rest) > 4 && code(rest) && rest[3] == ' ' {
		return yes
	}
	return when(foldAny(rest, "NOTICE ", "PRIVMSG ", "JOIN ", "PART ", "QUIT ", "MODE ", "NICK ", "PONG ", "CAP ", "TOPIC ", "KICK "), yes)
}

// xmpp knows the head of a stream (RFC 6120 section 4.2) and the stanzas in it.
func xmpp(s *Look) verdict {
	b := s.B[:min(len(s.B), 256)]
	switch {
	case bytes.Contains(b, []byte("<stream:")):
		return yes
	case bytes.HasPrefix(b, []byte("<?xml")):
		return maybe
	case bytes.HasPrefix(b, []byte("<iq ")), bytes.HasPrefix(b, []byte("<presence")), bytes.HasPrefix(b, []byte("<message ")):
		return likely
	case bytes.HasPrefix(b, []byte("<starttls ")), bytes.HasPrefix(b, []byte("<open xmlns='urn:ietf:params:xml:ns:xmpp")):
		return yes
	}
	return no
}
