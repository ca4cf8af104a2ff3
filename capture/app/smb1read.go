package app

import "strconv"

// smb1Chain reads a message (MS-CIFS section 2.2.3): magic(4) command(1) status(4) flags(1) flags(2) and 20
// more, then commands one after another, each of words(1) 2·words bytes(2) bytes. Some begin their
// words with the next command(1) 0(1) and where it stands(2).
func smb1Chain(b []byte, k *talker) {
	m := smb1Message{b: b, wide: b[11]&0x80 != 0, reply: b[9]&0x80 != 0}
	if m.reply && b[10+1]&0x40 != 0 {
		k.result(ntStatus(uint32(le32(b[5:]))))
	}
	cmd, at := int(b[4]), 32
	for range smb1MaxChain {
		k.command(named(smb1Commands, cmd, "COMMAND_"))
		words := 2 * int(at8(b, at))
		m.words = bytesAt(b, at+1, words)
		if m.words == nil || at+1+words+2 > len(b) {
			return
		}
		m.from = at + 1 + words + 2
		m.to = min(len(b), m.from+le16(b[m.from-2:]))
		if m.reply {
			m.answer(cmd, k)
		} else {
			m.request(cmd, k)
		}
		if !smb1Chains(cmd) || len(m.words) < 4 || m.words[0] == 0xff {
			return
		}
		next := le16(m.words[2:])
		if next <= at {
			return
		}
		cmd, at = int(m.words[0]), next
	}
}

const smb1MaxChain = 4 // commands that are read of one message

// at8 gives a byte, 0 when it is not there.
func at8(b []byte, at int) byte {
	if at >= len(b) {
		return 0
	}
	return b[at]
}

func smb1Chains(cmd int) bool {
	return cmd == 0x24 || cmd == 0x2d || cmd == 0x2e || cmd == 0x2f || cmd >= 0x73 && cmd <= 0x75 || cmd == 0xa2
}

// smb1Message is one command of a message: its words, and its bytes by their places in b.
type smb1Message struct {
	b           []byte
	words       []byte
	from, to    int
	wide, reply bool
}

// str reads a string that ends with a zero: in UTF-16 at an even place, or of single bytes. An end that
// was cut off ends it too.
func (m *smb1Message) str(at int, unicode bool) (s string, next int) {
	if !unicode {
		for next = at; next < m.to && m.b[next] != 0; next++ {
		}
		return clip(m.b[min(at, m.to):min(next, m.to)]), next + 1
	}
	at += at & 1
	for next = at; next+1 < m.to && (m.b[next] != 0 || m.b[next+1] != 0); next += 2 {
	}
	return wide(m.b[min(at, m.to):min(next, m.to)]), next + 2
}

// request reads the names in a request (MS-CIFS section 2.2.4, MS-SMB section 2.2.4).
func (m *smb1Message) request(cmd int, k *talker) {
	w := m.words
	switch {
	case cmd == 0x73 && len(w) == 24: // chain(4) buffer(2) most(2) number(2) key(4) length(2)
		ntlm(bytesAt(m.b, m.from, le16(w[14:])), k)
	case cmd == 0x73 && len(w) == 26: // … length(2) length(2): two answers to the challenge
		user, next := m.str(m.from+le16(w[14:])+le16(w[16:]), m.wide)
		domain, _ := m.str(next, m.wide)
		k.user(user)
		k.domain(domain)
	case cmd == 0x75 && len(w) == 8 && k.moreNames(): // chain(4) flags(2) length(2)
		path, _ := m.str(m.from+le16(w[6:]), m.wide)
		k.name(path)
	case cmd == 0xa2 && len(w) == 48 && k.moreNames(): // chain(4) 0(1) length(2) …
		at := m.from
		if m.wide {
			at += at & 1
		}
		k.name(m.letters(at, le16(w[5:])))
	case cmd == 0x2d && k.moreNames():
		path, _ := m.str(m.from, m.wide)
		k.name(path)
	case smb1Path(cmd) && m.from < m.to && m.b[m.from] == 4 && k.moreNames(): // format(1) string
		path, _ := m.str(m.from+1, m.wide)
		k.name(path)
	}
}

// smb1Path says whether the bytes of a request are one path or several.
func smb1Path(cmd int) bool {
	return cmd <= 1 || cmd == 2 || cmd == 3 || cmd == 6 || cmd == 7 || cmd == 8 || cmd == 9 || cmd == 0x0f || cmd == 0x10 || cmd == 0x70
}

// letters reads a string of a known length, without the zero that may end it.
func (m *smb1Message) letters(at, n int) string {
	b := bytesAt(m.b, at, min(n, max(m.to-at, 0)))
	for m.wide && len(b) >= 2 && b[len(b)-1] == 0 && b[len(b)-2] == 0 {
		b = b[:len(b)-2]
	}
	for !m.wide && len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return letters(b, m.wide)
}

// answer reads the dialect and who the server is.
func (m *smb1Message) answer(cmd int, k *talker) {
	w := m.words
	switch {
	case cmd == 0x72 && len(w) >= 2 && le16(w) != 0xffff: // dialect(2), of those the client has listed
		k.version(smb1Version(len(w), le16(w)))
	case cmd == 0x73 && len(w) == 8: // chain(4) action(2) length(2)
		ntlm(bytesAt(m.b, m.from, le16(w[6:])), k)
	}
}

// smb1Version names the dialect of a server by the form of its answer: only that of NT LM 0.12 has 17
// words (MS-CIFS section 2.2.4.52.2).
func smb1Version(bytes, index int) string {
	switch bytes {
	case 34:
		return "NT LM 0.12"
	case 26:
		return "LANMAN"
	}
	return "dialect " + strconv.Itoa(index)
}

// smb1Commands are commands by their numbers (MS-CIFS section 2.2.2.1).
var smb1Commands = map[int]string{0x00: "CREATE_DIRECTORY", 0x01: "DELETE_DIRECTORY", 0x02: "OPEN", 0x03: "CREATE", 0x04: "CLOSE", 0x05: "FLUSH",
	0x06: "DELETE", 0x07: "RENAME", 0x08: "QUERY_INFORMATION", 0x09: "SET_INFORMATION", 0x0a: "READ", 0x0b: "WRITE", 0x0e: "CREATE_TEMPORARY",
	0x0f: "CREATE_NEW", 0x10: "CHECK_DIRECTORY", 0x22: "SET_INFORMATION2", 0x23: "QUERY_INFORMATION2", 0x24: "LOCKING_ANDX", 0x25: "TRANSACTION",
	0x26: "TRANSACTION_SECONDARY", 0x2b: "ECHO", 0x2d: "OPEN_ANDX", 0x2e: "READ_ANDX", 0x2f: "WRITE_ANDX", 0x32: "TRANSACTION2",
	0x33: "TRANSACTION2_SECONDARY", 0x34: "FIND_CLOSE2", 0x70: "TREE_CONNECT", 0x71: "TREE_DISCONNECT", 0x72: "NEGOTIATE", 0x73: "SESSION_SETUP_ANDX",
	0x74: "LOGOFF_ANDX", 0x75: "TREE_CONNECT_ANDX", 0x80: "QUERY_INFORMATION_DISK", 0x81: "SEARCH", 0xa0: "NT_TRANSACT",
	0xa1: "NT_TRANSACT_SECONDARY", 0xa2: "NT_CREATE_ANDX", 0xa4: "NT_CANCEL", 0xa5: "NT_RENAME"}
