package app

import (
	"bytes"
	"net/netip"

	"github.com/flowferry/flowferry/flow"
)

// Announced is what a message of one conversation says of another.
type Announced struct {
	App  flow.App  // what it will speak; AppNone when only what goes over it is said, of the one announced last
	Addr flow.Addr // where it will go; zero is the sender of the message
	Port uint16

	Command string // what goes over it: RETR, STOR, LIST; "" is not said
	Name    string // of what: a file or a folder; "" is not said
}

// Talk gives what goes over the conversation, nil when that is not said.
func (a *Announced) Talk() *flow.Talk {
	if a.Command == "" {
		return nil
	}
	return &flow.Talk{Commands: []string{a.Command}, Names: once(nil, a.Name)}
}

// Announces says whether conversations with this label may announce others.
func Announces(app flow.App) bool {
	return app == flow.AppFTP || app == flow.AppIRC || app == flow.AppTFTP
}

// Announcement reads what the payload of a conversation with this label announces first. rest is what
// is to be read after it; sender is the port that it came from.
func Announcement(app flow.App, b []byte, sender uint16) (a Announced, rest []byte, ok bool) {
	if len(b) < 4 {
		return a, nil, false
	}
	switch app {
	case flow.AppFTP:
		return ftpAnnounces(b)
	case flow.AppIRC:
		a, ok = ircAnnounces(b)
	case flow.AppTFTP:
		a, ok = tftpAnnounces(b, sender)
	}
	return a, nil, ok && a.Port != 0
}

// ftpAnnounces reads the first of the lines that announces something, among the first few.
func ftpAnnounces(b []byte) (a Announced, rest []byte, ok bool) {
	const most = 16
	for n := 0; n < most && len(b) > 0; n++ {
		l, ended := line(b)
		b = b[len(l):]
		if ended {
			b = b[bytes.IndexByte(b, '\n')+1:]
		}
		if a, ok = ftpAnnounced(l); ok && a.Port != 0 {
			return a, b, true
		}
		if a, ok = ftpTransfer(l); ok {
			return a, b, true
		}
	}
	return a, nil, false
}

// ftpTransfer reads the commands that use the data connection (RFC 959 section 4.1.3, RFC 3659).
func ftpTransfer(l []byte) (a Announced, ok bool) {
	if !foldAny(l, "RETR", "STOR", "STOU", "APPE", "LIST", "NLST", "MLSD") || len(l) > 4 && l[4] != ' ' {
		return a, false
	}
	cmd, arg := word(l)
	return Announced{Command: cmd, Name: clip(arg)}, true
}

// ftpAnnounced reads PORT and the answer 227 (RFC 959 section 4.1.2), EPRT and 229 (RFC 2428).
func ftpAnnounced(l []byte) (a Announced, ok bool) {
	a.App = flow.AppFTPData
	switch {
	case foldPrefix(l, "227 "):
		i := bytes.IndexByte(l, '(') + 1
		if i == 0 {
			i = bytes.IndexFunc(l[4:], func(r rune) bool { return r >= '0' && r <= '9' }) + 4
		}
		if i < 4 {
			return a, false
		}
		return ftpNumbers(a, l[i:])
	case foldPrefix(l, "PORT "):
		return ftpNumbers(a, l[5:])
	case foldPrefix(l, "229 "):
		return ftpExtended(a, l[bytes.IndexByte(l, '(')+1:])
	case foldPrefix(l, "EPRT "):
		return ftpExtended(a, l[5:])
	}
	return a, false
}

// ftpNumbers reads "192,0,2,1,4,1": address and port.
func ftpNumbers(a Announced, b []byte) (Announced, bool) {
	var n [6]uint64
	for i := range n {
		var ok bool
		if n[i], b, ok = number(b); !ok || n[i] > 255 || i < 5 && (len(b) == 0 || b[0] != ',') {
			return a, false
		}
		if i < 5 {
			b = b[1:]
		}
	}
	a.Addr = flow.Addr4(uint32(n[0]<<24 | n[1]<<16 | n[2]<<8 | n[3]))
	a.Port = uint16(n[4]<<8 | n[5])
	return a, true
}

// ftpExtended reads "|2|2001:db8::1|5282|" or, without family and address, "|||5282|".
func ftpExtended(a Announced, b []byte) (Announced, bool) {
	if len(b) < 5 {
		return a, false
	}
	sep := b[0]
	_, b, _ = bytes.Cut(b[1:], b[:1])
	i := bytes.IndexByte(b, sep)
	if i < 0 || i > 45 {
		return a, false
	}
	if i > 0 {
		ip, err := netip.ParseAddr(string(b[:i]))
		if err != nil {
			return a, false
		}
		a.Addr = flow.Addr(ip.As16())
	}
	port, rest, ok := number(b[i+1:])
	a.Port = uint16(port)
	return a, ok && port < 1<<16 && len(rest) > 0 && rest[0] == sep
}

// tftpAnnounces reads a request to read or write: operation(2), name, 0 (RFC 1350 section 5). The server
// answers from another port than the one asked (section 4).
func tftpAnnounces(b []byte, sender uint16) (a Announced, ok bool) {
	if b[0] != 0 || b[1] != 1 && b[1] != 2 {
		return a, false
	}
	name, _, _ := bytes.Cut(b[2:], []byte{0})
	return Announced{App: flow.AppTFTP, Port: sender, Command: [...]string{"RRQ", "WRQ"}[b[1]-1], Name: clip(name)}, true
}

// ircAnnounces reads "DCC SEND name 3221225985 1025 99" in a message to another client (CTCP): the
// address is a number.
func ircAnnounces(b []byte) (a Announced, ok bool) {
	i := bytes.Index(b, []byte("\x01DCC SEND "))
	if i < 0 {
		return a, false
	}
	b = b[i+10:]
	if i = bytes.IndexByte(b, ' '); i < 0 {
		return a, false
	}
	name := b[:i]
	ip, rest, ok := number(b[i+1:])
	if !ok || ip >= 1<<32 || len(rest) == 0 || rest[0] != ' ' {
		return a, false
	}
	port, _, ok := number(rest[1:])
	return Announced{flow.AppIRCData, flow.Addr4(uint32(ip)), uint16(port), "SEND", clip(name)}, ok && port < 1<<16
}

// number reads a decimal number of at most ten digits.
func number(b []byte) (n uint64, rest []byte, ok bool) {
	i := 0
	for ; i < len(b) && i < 10 && digit(b[i]); i++ {
		n = n*10 + uint64(b[i]-'0')
	}
	return n, b[i:], i > 0
}
