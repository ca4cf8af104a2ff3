package app

import (
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// mysqlWhole waits for TLS or the end of the session: each statement tells something.
func mysqlWhole(v *View) bool { return startWhole(v, false) }

// mysqlParse reads the greeting, the login without what proves the password, the kinds of the statements
// and the errors (MySQL internals, Client/Server Protocol). What comes after going over to TLS is TLS.
func mysqlParse(v *View, m *flow.Meta) bool {
	tls := startParse(v, m)
	k := on(m)
	mysqlPackets(v.Server, func(number byte, b []byte) bool { return mysqlServer(number, b, k) })
	mysqlPackets(v.Client, func(number byte, b []byte) bool { return mysqlClient(number, b, k) })
	return k.end(m) || tls
}

const mysqlMaxPackets = 256 // packets that are read of one side

// mysqlPackets gives packets of length(3) number(1), up to the first that f refuses; the last may be cut.
func mysqlPackets(b []byte, f func(number byte, b []byte) bool) {
	for n := 0; n < mysqlMaxPackets && len(b) > 4; n++ {
		size := le16(b) | int(b[2])<<16
		if !f(b[3], b[4:min(len(b), 4+size)]) || 4+size >= len(b) {
			return
		}
		b = b[4+size:]
	}
}

// mysqlServer reads the greeting, protocol(1) version 0, and whether login and statements went well.
func mysqlServer(number byte, b []byte, k *talker) bool {
	switch {
	case len(b) == 0 || b[0] == tlsHandshake && number == 3:
		return false
	case number == 0 && b[0] == 10:
		if version, _, ok := zeroEnded(b[1:min(len(b), 256)]); ok {
			k.version("10")
			k.serverText(version)
		}
	case b[0] == 0xff && len(b) > 3: // code(2) text
		k.result(strconv.Itoa(le16(b[1:])))
	case b[0] == 0 && len(b) >= 7 && number > 1 && number < 6 && k.see().Results == nil: // of the login
		k.result("OK")
	}
	return true
}

// mysqlClient reads the login, and what begins with number 0: commands.
func mysqlClient(number byte, b []byte, k *talker) bool {
	switch {
	case len(b) == 0:
	case number != 0:
		if len(k.see().Commands) == 0 && k.see().User == "" && len(b) > 32 && number == 1 {
			mysqlLogin(b, k)
		} else if number == 1 && len(b) == 32 && le16(b)&0x800 != 0 { // asks for TLS
			k.command("SSL_REQUEST")
			return false
		}
	case b[0] == 3 || b[0] == 0x16: // a statement, done or prepared
		k.command(statement(b[1:]))
	case b[0] == 2: // another database
		k.command("INIT_DB")
		k.nameText(b[1:])
	default:
		k.command(mysqlCommands[b[0]])
	}
	return true
}

// mysqlLogin reads capabilities(4) largest(4) charset(1) zeros(23) user 0, an answer to the challenge,
// and as the capabilities say the database 0, a method 0, and attributes.
func mysqlLogin(b []byte, k *talker) {
	const withDB, secure, method, attributes, lengths = 1 << 3, 1 << 15, 1 << 19, 1 << 20, 1 << 21
	can := le32(b)
	user, rest, ok := zeroEnded(b[32:])
	if !ok {
		return
	}
	k.command("LOGIN")
	k.userText(user)
	r := reader{b: rest}
	switch {
	case can&lengths != 0:
		r.take(r.mysqlNumber())
	case can&secure != 0:
		r.take(r.u8())
	default:
		r.mysqlText()
	}
	if can&withDB != 0 {
		k.nameText(r.mysqlText())
	}
	if can&method != 0 {
		r.mysqlText()
	}
	if can&attributes != 0 && !r.bad {
		all := reader{b: r.take(r.mysqlNumber())}
		for len(all.b) > 0 {
			name, value := all.take(all.mysqlNumber()), all.take(all.mysqlNumber())
			if string(name) == "program_name" {
				k.clientText(value)
			}
		}
	}
}

// mysqlNumber reads a number of 1 byte, or of as many as 0xfc and 0xfd say.
func (r *reader) mysqlNumber() int {
	switch n := r.u8(); {
	case n < 0xfb:
		return n
	case n == 0xfc:
		return r.u8() | r.u8()<<8
	case n == 0xfd:
		return r.u8() | r.u8()<<8 | r.u8()<<16
	}
	r.bad = true
	return 0
}

// mysqlText reads what ends with a zero.
func (r *reader) mysqlText() []byte {
	s, rest, ok := zeroEnded(r.b)
	r.b, r.bad = rest, r.bad || !ok
	return s
}

// mysqlCommands are the other commands by their numbers.
var mysqlCommands = [256]string{1: "QUIT", 4: "FIELD_LIST", 5: "CREATE_DB", 6: "DROP_DB", 7: "REFRESH", 8: "SHUTDOWN", 9: "STATISTICS", 10: "PROCESS_INFO",
	12: "PROCESS_KILL", 13: "DEBUG", 14: "PING", 17: "CHANGE_USER", 18: "BINLOG_DUMP", 21: "REGISTER_SLAVE", 0x17: "STMT_EXECUTE",
	0x19: "STMT_CLOSE", 0x1a: "STMT_RESET", 0x1b: "SET_OPTION", 0x1f: "RESET_CONNECTION"}
