package app

import "bytes"

// Protocols of lines with a reply code or a status word. Many share the commands USER, PASS, QUIT
// and the code 220, so a line that others have too is only weak until the other side has spoken.

// smtp knows the greeting and the answers of a server, EHLO and HELO of a client (RFC 5321).
func smtp(s *Look) verdict {
	b := s.B
	l, _ := line(b)
	switch {
	case foldAny(b, "EHLO ", "HELO ", "LHLO "):
		return when(len(s.Peer) == 0 || code(s.Peer), yes)
	case foldAny(b, "MAIL FROM:", "RCPT TO:"):
		return yes
	case !code(b):
		return no
	case foldContains(l, "SMTP") && string(b[:3]) == "220":
		return yes
	case foldPrefix(s.Peer, "EHLO ") || foldPrefix(s.Peer, "HELO "):
		return yes
	case string(b[:4]) == "250-" && bytes.Contains(b, []byte("\n250")), string(b[:5]) == "354 E":
		return likely
	case string(b[:3]) == "220" && s.port(25):
		return likely
	}
	return no
}

// pop3 knows +OK and -ERR of a server, and the commands that no other protocol has (RFC 1939).
func pop3(s *Look) verdict {
	b := s.B
	if len(b) < 4 {
		return when(b[0] == '+' || b[0] == '-', maybe)
	}
	asked := foldAny(s.Peer, "USER ", "APOP ", "CAPA", "STLS", "AUTH", "STAT", "LIST", "UIDL", "QUIT", "PASS ", "RETR ")
	answered := bytes.HasPrefix(s.Peer, []byte("+OK")) || bytes.HasPrefix(s.Peer, []byte("-ERR"))
	switch {
	case bytes.HasPrefix(b, []byte("+OK")) && (len(b) == 3 || b[3] == ' ' || b[3] == '\r'):
		l, _ := line(b)
		switch {
		case asked || foldContains(l, "POP"):
			return yes
		case len(l) > 4:
			return likely
		}
		return weak
	case bytes.HasPrefix(b, []byte("-ERR ")):
		return when(asked, yes)
	case foldAny(b, "APOP ", "UIDL\r", "STAT\r", "CAPA\r", "RETR ", "USER ", "AUTH", "STLS\r", "PASS "):
		return when(answered, yes)
	}
	return no
}

// imap knows untagged status lines and tagged commands and results (RFC 9051 section 2.2).
func imap(s *Look) verdict {
	b := s.B
	if b[0] == '*' {
		switch {
		case len(b) < 5:
			return when(len(b) == 1 || b[1] == ' ', maybe)
		case foldAny(b, "* OK", "* PREAUTH", "* BYE"):
			l, _ := line(b)
			return max(likely, when(foldContains(l, "IMAP") || imapTagged(s.Peer), yes))
		case foldAny(b, "* CAPABILITY ", "* FLAGS (", "* LIST (", "* STATUS ", "* SEARCH", "* LSUB ("):
			return yes
		}
		for i := 2; i < len(b) && i < 12; i++ {
			if !digit(b[i]) {
				return when(i > 2 && foldAny(b[i:], " EXISTS", " FETCH (", " RECENT", " EXPUNGE"), yes)
			}
		}
		return no
	}
	return when(imapTagged(b), yes)
}

// imapTagged says whether b begins with a tag and a command or result.
func imapTagged(b []byte) bool {
	i := bytes.IndexByte(b[:min(len(b), 32)], ' ')
	if i < 1 {
		return false
	}
	for _, c := range b[:i] {
		if !digit(c) && (c|0x20 < 'a' || c|0x20 > 'z') && c != '.' && c != '-' {
			return false
		}
	}
	rest := b[i+1:]
	switch {
	case foldAny(rest, "CAPABILITY\r\n", "LOGIN ", "AUTHENTICATE ", "STARTTLS\r\n", "NAMESPACE\r\n", "UID FETCH ", "UID SEARCH ",
		"UID STORE ", "LSUB \"", "EXAMINE ", "ID (", "ID NIL"):
		return true
	case foldAny(rest, "SELECT ", "LIST \"", "NOOP\r\n", "LOGOUT\r\n", "FETCH ", "IDLE\r\n", "STATUS "):
		for _, c := range b[:i] { // words that others have: the tag must have a number
			if digit(c) {
				return true
			}
		}
	case foldAny(rest, "OK ", "NO ", "BAD "):
		return digit(b[i-1]) && foldAny(rest[3:], "CAPABILITY", "LOGIN", "LOGGED", "AUTHENTICATE", "[CAPABILITY", "[READ-", "FETCH ", "NOOP", "SELECT", "UID ")
	}
	return false
}

// nntp knows the greeting, the answers and the commands that no other protocol has (RFC 3977).
func nntp(s *Look) verdict {
	b := s.B
	l, _ := line(b)
	switch {
	case foldAny(b, "MODE READER", "XOVER ", "GROUP ", "NEWGROUPS ", "ARTICLE ", "AUTHINFO ", "XHDR ", "IHAVE ", "LISTGROUP"):
		return max(weak, when(foldAny(b, "MODE READER", "AUTHINFO ", "XOVER ", "NEWGROUPS ") || code(s.Peer), yes))
	case !code(b) || string(b[:2]) != "20" && string(b[:2]) != "21" && string(b[:2]) != "48":
		return no
	case foldContains(l, "NNTP") || foldContains(l, "INN ") || foldContains(l, "NEWSREADER") || foldContains(l, "NEWS SERVER") || foldContains(l, "USENET") || foldContains(l, "(POSTING") || foldContains(l, "POSTING "):
		return yes
	case foldAny(s.Peer, "MODE READER", "GROUP ", "AUTHINFO "):
		return yes
	case string(b[:3]) == "200" || string(b[:3]) == "201":
		return weak
	}
	return no
}
