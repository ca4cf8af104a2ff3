package app

import (
	"bytes"

	"github.com/flowferry/flowferry/flow"
)

// pgWhole waits for TLS or the end of the session: each statement tells something.
func pgWhole(v *View) bool { return startWhole(v, false) }

// pgParse reads what the client starts with, the kinds of its statements, the server's version, and the
// codes of errors (PostgreSQL documentation, Message Formats). The password is not read.
func pgParse(v *View, m *flow.Meta) bool {
	tls := startParse(v, m)
	k := on(m)
	pgServer(v.Server, pgClient(v.Client, k), k)
	return k.end(m) || tls
}

const pgMaxMessages = 256 // messages that are read of one side

// pgClient reads requests for encryption and the start, length(4) code(4), then messages of type(1)
// length(4). It gives how many single letters the server answers with first.
func pgClient(b []byte, k *talker) (asked int) {
	for len(b) >= 8 && b[0] == 0 {
		n := be32(b)
		switch be32(b[4:]) {
		case 80877103:
			k.command("SSL_REQUEST")
			asked++
		case 80877104:
			k.command("GSSENC_REQUEST")
			asked++
		case 80877102:
			k.command("CANCEL_REQUEST")
		case 3 << 16:
			k.version("3.0")
			k.command("STARTUP")
			pgParameters(b[8:min(len(b), max(n, 8))], k)
		default:
			return asked
		}
		if n < 8 || n > len(b) {
			return asked
		}
		b = b[n:]
	}
	pgMessages(b, func(typ byte, b []byte) {
		switch typ {
		case 'Q':
			k.command(statement(b))
		case 'P': // a name, 0, a statement
			_, b, _ = zeroEnded(b)
			k.command(statement(b))
		case 'X':
			k.command("TERMINATE")
		}
	})
	return asked
}

// pgParameters reads names and values, each with a zero after it.
func pgParameters(b []byte, k *talker) {
	for {
		name, rest, ok := zeroEnded(b)
		value, rest, ok2 := zeroEnded(rest)
		if !ok || !ok2 || len(name) == 0 {
			return
		}
		switch string(name) {
		case "user":
			k.userText(value)
		case "database":
			k.nameText(value)
		case "application_name":
			k.clientText(value)
		}
		b = rest
	}
}

// pgServer reads the letters that answer requests for encryption, then messages.
func pgServer(b []byte, asked int, k *talker) {
	for ; asked > 0 && len(b) > 0 && (b[0] == 'S' || b[0] == 'N' || b[0] == 'G'); asked-- {
		k.result(map[byte]string{'S': "SSL_ACCEPTED", 'G': "GSSENC_ACCEPTED", 'N': "ENCRYPTION_REFUSED"}[b[0]])
		b = b[1:]
	}
	pgMessages(b, func(typ byte, b []byte) {
		switch {
		case typ == 'R' && len(b) >= 4 && be32(b) == 0:
			k.result("OK")
		case typ == 'S':
			if name, value, _ := bytes.Cut(b, []byte{0}); string(name) == "server_version" {
				k.serverText(bytes.TrimRight(value, "\x00"))
			}
		case typ == 'E': // fields of type(1) and text, 0
			for len(b) > 1 {
				text, rest, ok := zeroEnded(b[1:])
				if !ok {
					break
				}
				if b[0] == 'C' {
					k.result(clip(text))
				}
				b = rest
			}
		}
	})
}

// pgMessages gives messages of type(1) length(4), which counts itself; the last may be cut.
func pgMessages(b []byte, f func(typ byte, b []byte)) {
	for n := 0; n < pgMaxMessages && len(b) >= 5; n++ {
		size := be32(b[1:])
		if size < 4 || size > 1<<30 || b[0] < '1' || b[0] > 'z' {
			return
		}
		end := min(len(b), 1+size)
		f(b[0], b[5:end])
		b = b[end:]
	}
}
