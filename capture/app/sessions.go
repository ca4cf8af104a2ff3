package app

import (
	"bytes"

	"github.com/flowferry/flowferry/flow"
)

// ftpWhole waits for the end of the session or the handshake of TLS: each command tells something.
func ftpWhole(v *View) bool {
	return startWhole(v, bytes.Contains(v.Server, []byte("\n221 ")))
}

// ftpParse reads commands, reply codes and the greeting (RFC 959). The password is not read.
func ftpParse(v *View, m *flow.Meta) bool {
	t := &flow.Talk{}
	lines(v.Client, func(line []byte) bool {
		cmd, arg := word(line)
		t.Commands = once(t.Commands, ftpCommand(cmd))
		switch cmd {
		case "USER":
			t.User = clip(arg)
		case "RETR", "STOR", "STOU", "APPE", "DELE", "RNFR", "RNTO", "MKD", "RMD", "SIZE", "MDTM":
			t.Names = once(t.Names, clip(arg))
		}
		return true
	})
	greeting(v.Server, t)
	return endTalk(v, t, m)
}

// ftpCommand gives a command that is one: three or four letters.
func ftpCommand(cmd string) string {
	if len(cmd) < 3 || len(cmd) > 4 {
		return ""
	}
	for i := range len(cmd) {
		if cmd[i] < 'A' || cmd[i] > 'Z' {
			return ""
		}
	}
	return cmd
}

// greeting reads the first line of a server, and the codes that its replies begin with.
func greeting(b []byte, t *flow.Talk) {
	lines(b, func(line []byte) bool {
		code := replyCode(line)
		if t.Server == "" && code != "" && len(line) > 4 {
			t.Server = clip(line[4:])
		}
		t.Results = once(t.Results, code)
		return true
	})
}

// replyCode gives the three digits that a reply begins with, "" when it does not.
func replyCode(line []byte) string {
	if len(line) < 3 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return ""
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return ""
		}
	}
	return string(line[:3])
}

// endTalk puts what was read into m, with the handshake of a conversation that goes over to TLS.
func endTalk(v *View, t *flow.Talk, m *flow.Meta) bool {
	tls := startParse(v, m)
	if t.Commands == nil && t.Server == "" && t.Results == nil {
		return tls
	}
	m.Talk = t
	return true
}

func popWhole(v *View) bool { return startWhole(v, bytes.Contains(v.Client, []byte("QUIT\r\n"))) }

// popParse reads commands, the user and the greeting (RFC 1939).
func popParse(v *View, m *flow.Meta) bool {
	t := &flow.Talk{}
	lines(v.Client, func(line []byte) bool {
		cmd, arg := word(line)
		switch cmd {
		case "USER", "APOP":
			user, _, _ := bytes.Cut(arg, []byte{' '})
			t.User = clip(user)
			t.Commands = once(t.Commands, cmd)
		case "PASS", "STAT", "LIST", "RETR", "DELE", "NOOP", "RSET", "QUIT", "TOP", "UIDL", "STLS", "AUTH", "CAPA":
			t.Commands = once(t.Commands, cmd)
		}
		return true
	})
	lines(v.Server, func(line []byte) bool {
		word, arg := word(line)
		if word != "+OK" && word != "-ERR" {
			return true
		}
		if t.Server == "" && word == "+OK" {
			t.Server = clip(arg)
		}
		t.Results = once(t.Results, word)
		return true
	})
	return endTalk(v, t, m)
}

func imapWhole(v *View) bool { return startWhole(v, bytes.Contains(v.Server, []byte("* BYE"))) }

// imapParse reads commands, which stand after a tag of the client's choice, the user, the boxes
// that are opened, and the greeting (RFC 9051).
func imapParse(v *View, m *flow.Meta) bool {
	t := &flow.Talk{}
	lines(v.Client, func(line []byte) bool {
		_, rest := word(line)
		cmd, arg := word(rest)
		switch cmd {
		case "LOGIN":
			t.User = clip(quoted(arg))
		case "SELECT", "EXAMINE":
			t.Names = once(t.Names, clip(quoted(arg)))
		case "AUTHENTICATE", "CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "CREATE", "DELETE", "LIST", "LSUB", "STATUS", "APPEND", "FETCH", "STORE", "COPY", "UID", "SEARCH", "IDLE", "ID", "NAMESPACE":
		default:
			return true
		}
		t.Commands = once(t.Commands, cmd)
		return true
	})
	lines(v.Server, func(line []byte) bool {
		tag, rest := word(line)
		state, arg := word(rest)
		switch state {
		case "OK", "NO", "BAD", "PREAUTH", "BYE":
			if t.Server == "" && tag == "*" {
				t.Server = clip(arg)
			}
			t.Results = once(t.Results, state)
		}
		return true
	})
	return endTalk(v, t, m)
}

// quoted gives the first of several values, with or without quotation marks.
func quoted(b []byte) []byte {
	if len(b) > 0 && b[0] == '"' {
		first, _, _ := bytes.Cut(b[1:], []byte{'"'})
		return first
	}
	first, _, _ := bytes.Cut(b, []byte{' '})
	return first
}
