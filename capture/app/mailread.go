package app

import (
	"bytes"
	"mime"

	"github.com/flowferry/flowferry/flow"
)

// Commands behind which no others come (RFC 5321 section 4.1.1).
var mailData, mailQuit = []byte("\nDATA\r\n"), []byte("\nQUIT\r\n")

// mailWhole waits for the header fields of the first message, or the end of the session.
func mailWhole(v *View) bool {
	ends := bytes.Contains(v.fresh(0, len(mailQuit)), mailQuit)
	i := bytes.Index(v.Client, mailData)
	if i < 0 {
		return startWhole(v, ends)
	}
	message := v.Client[i+len(mailData):] // in the clear: it does not go over to TLS
	return ends || len(message) > 0 && !mailText(message[0]) || httpEnd(v.fresh(i+len(mailData), len("\r\n\r\n")))
}

// mailText says whether c may stand in the name of a header field (RFC 5322 section 2.2).
func mailText(c byte) bool { return c > ' ' && c < 0x7f && c != ':' }

// mailParse reads the commands of the client up to the header fields of its first message, and
// the greeting and the replies of the server (RFC 5321, RFC 5322).
func mailParse(v *View, m *flow.Meta) bool {
	mail, talk := &flow.Mail{}, &flow.Talk{}
	at := v.Client
	lines(v.Client, func(line []byte) bool {
		cmd, arg := word(line)
		at = at[bytes.IndexByte(at, '\n')+1:]
		talk.Commands = once(talk.Commands, mailCommand(cmd))
		switch {
		case cmd == "HELO" || cmd == "EHLO" || cmd == "LHLO":
			mail.Helo = clip(arg)
		case cmd == "MAIL" && mail.From == "":
			mail.From = mailPath(arg)
		case cmd == "RCPT":
			mail.To = once(mail.To, mailPath(arg))
		case cmd == "DATA":
			mailHeader(at, mail)
			return false
		}
		return cmd != "BDAT"
	})
	greeting(v.Server, talk)
	if mail.Helo != "" || mail.From != "" || mail.To != nil || mail.Subject != "" {
		m.Mail = mail
	}
	return endTalk(v, talk, m) || m.Mail != nil
}

// mailCommand gives a command that is one: what a client sends in a login dialog is none.
func mailCommand(cmd string) string {
	switch cmd {
	case "HELO", "EHLO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "VRFY", "EXPN", "HELP", "NOOP", "QUIT", "STARTTLS", "AUTH", "XCLIENT", "ETRN":
		return cmd
	}
	return ""
}

// mailPath gives the address in "FROM:<a@b.example> SIZE=1".
func mailPath(arg []byte) string {
	_, path, ok := bytes.Cut(arg, []byte{':'})
	if !ok {
		return ""
	}
	if i := bytes.IndexByte(path, '<'); i >= 0 {
		path, _, _ = bytes.Cut(path[i+1:], []byte{'>'})
	} else {
		path, _, _ = bytes.Cut(bytes.TrimSpace(path), []byte{' '})
	}
	return clip(path)
}

// mailHeader reads header fields; a line that begins with white space goes on with the field
// before it. They end with an empty line, or where there is none.
func mailHeader(b []byte, mail *flow.Mail) {
	var name, value []byte
	end := func() {
		if mail.Subject == "" && bytes.EqualFold(name, []byte("Subject")) {
			mail.Subject = mailWords(value)
		}
		name = nil
	}
	lines(b, func(line []byte) bool {
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			if len(value) < maxValue {
				value = append(value[:len(value):len(value)], line...)
			}
			return true
		}
		end()
		if len(line) == 0 || !mailText(line[0]) {
			return false
		}
		name, value, _ = bytes.Cut(line, []byte{':'})
		value = bytes.TrimSpace(value)
		return true
	})
	end()
}

// mailWords decodes MIME words (RFC 2047) of the character sets that the library knows.
func mailWords(b []byte) string {
	s, err := new(mime.WordDecoder).DecodeHeader(clip(b))
	if err != nil {
		return clip(b)
	}
	return clip([]byte(s))
}
