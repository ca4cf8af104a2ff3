package app

import "bytes"

// mysqlAsks knows the answer to the greeting: length(3) number 1(1) capabilities(4) largest(4)
// charset(1) zeros(23) user.
func mysqlAsks(b []byte) verdict {
	if len(b) < 36 || b[3] != 1 || b[0] == 0 {
		return no
	}
	n := le16(b) | int(b[2])<<16
	return when(n+4 == len(b) && b[5]&0x82 != 0 && zeros(b[13:32]), yes)
}

// mysqlReplies knows the greeting: length(3) number 0(1) version 10(1) text, 0, thread(4) …; or an
// error before it: 0xff code(2) text.
func mysqlReplies(b []byte) verdict {
	if len(b) < 8 {
		return no
	}
	n := le16(b) | int(b[2])<<16
	if b[3] != 0 || n < 8 || n > 1024 {
		return no
	}
	switch b[4] {
	case 10:
		end := bytes.IndexByte(b[5:min(len(b), 80)], 0)
		return when(end >= 3 && digit(b[5]) && printable(b[5:5+end]) && len(b) > 5+end+13 && b[5+end+13] == 0, yes)
	case 0xff:
		c := le16(b[5:])
		return when(c >= 1000 && c < 4000 && n+4 == len(b) && printable(b[7:]), likely)
	}
	return no
}

// postgresql knows start(4+4), the request for encryption and its answer, and typed messages of
// type(1) length(4) (PostgreSQL documentation, Message Formats).
func postgresql(s *Look) verdict {
	b := s.B
	if len(b) == 1 {
		return when((b[0] == 'S' || b[0] == 'N') && pgRequests(s.Peer), yes)
	}
	if len(b) < 8 {
		return maybe
	}
	n := be32(b[1:])
	switch b[0] {
	case 0:
		return when(pgRequests(b), yes)
	case 'R':
		kind := 0
		if len(b) >= 9 {
			kind = be32(b[5:])
		}
		return when(n >= 8 && n <= 64 && len(b) >= 9 && kind <= 12 && (n+1 <= len(b)), yes)
	case 'E', 'N':
		return when(n >= 16 && n < 1<<14 && b[5] == 'S' && printable(b[6:min(len(b), 10)]) && b[6] >= 'A', yes)
	case 'p':
		return when(pgPeer(s.Peer) && n+1 == len(b), yes)
	case 'Q':
		return when(n+1 == len(b) && b[len(b)-1] == 0 && printable(b[5:len(b)-1]), yes)
	}
	return when(pgRequests(s.Peer) && (b[0] == 'S' || b[0] == 'N'), yes)
}

// pgRequests says whether b is a start-up message: protocol 3.0, encryption or cancelling.
func pgRequests(b []byte) bool {
	if len(b) < 8 {
		return false
	}
	n, v := be32(b), be32(b[4:])
	switch v {
	case 80877103, 80877104: // SSLRequest, GSSENCRequest
		return n == 8
	case 80877102:
		return n == 16
	case 3 << 16:
		return n >= 8 && n < 1<<14 && len(b) > 9 && (b[8] == 0 || b[8] >= 'a' && b[8] <= 'z')
	}
	return false
}

func pgPeer(b []byte) bool { return len(b) >= 9 && b[0] == 'R' && be32(b[1:]) <= 64 }

func mssqlAsks(b []byte) verdict    { return mssql(b, 1<<1|1<<2|1<<3|1<<6|1<<7|1<<14|1<<16|1<<17|1<<18) }
func mssqlReplies(b []byte) verdict { return mssql(b, 1<<4) }

// mssql knows type(1) status(1) length(2) channel(2) number(1) window(1) (MS-TDS 2.2.3.1), and in
// a prelogin its first option: version, offset(2), length(2).
func mssql(b []byte, types uint32) verdict {
	if len(b) < 8 {
		return maybe
	}
	n := be16(b[2:])
	if types&(1<<b[0]) == 0 || b[1]&^0x1b != 0 || n < 8 || n > 1<<15 || b[7] != 0 || b[6] > 8 || len(b) > 4096 && n < 512 {
		return no
	}
	switch {
	case b[0] == 0x12:
		return when(len(b) >= 13 && b[8] <= 6 && b[9] == 0 && b[11] == 0, yes)
	case b[0] == 0x10:
		return when(len(b) >= 16 && le32(b[8:]) == n-8, yes)
	case b[0] == 4 && n == len(b) && be16(b[4:]) < 0x4000 && len(b) > 9: // begins with a token
		return when(b[8] >= 0x79 || b[8] == 0, yes)
	case n == len(b) && n > 8 && zeros(b[4:6]):
		return likely
	}
	return no
}

func oracleAsks(b []byte) verdict    { return oracle(b, 1<<1|1<<6|1<<3|1<<12) }
func oracleReplies(b []byte) verdict { return oracle(b, 1<<2|1<<4|1<<5|1<<11|1<<12) }

// oracle knows length(2) checksum 0(2) type(1) flags(1) checksum 0(2) of the transparent network
// substrate. A connection has version(2) compatible(2) and a description.
func oracle(b []byte, types uint32) verdict {
	if len(b) < 8 {
		return maybe
	}
	n := be16(b)
	if !zeros(b[2:4]) || !zeros(b[6:8]) || b[4] > 19 || types&(1<<b[4]) == 0 || n < 8 || b[5]&^0x3f != 0 {
		return no
	}
	switch {
	case len(b) < 12:
		return when(b[4] == 11 && n == 8, weak)
	case b[4] == 1 || b[4] == 2:
		version := be16(b[8:])
		return when(version >= 300 && version <= 330 && (b[4] == 2 || be16(b[10:]) <= version), yes)
	case b[4] == 4 || b[4] == 5:
		return when(bytes.Contains(b, []byte("(DESCRIPTION=")), yes)
	}
	return no
}

// redis knows the serialisation of a command, "*2\r\n$4\r\n", and of the answers (RESP).
func redis(s *Look) verdict {
	b := s.B
	l, ended := line(b)
	if len(l) < 2 || !ended || len(b) < len(l)+2 || b[len(l)] != '\r' {
		return when(!ended && len(l) < 8 && b[0] == '*', maybe)
	}
	number := true
	for _, c := range l[1:] {
		number = number && (digit(c) || c == '-')
	}
	asked := len(s.Peer) > 4 && s.Peer[0] == '*' && digit(s.Peer[1])
	rest := b[len(l)+2:]
	switch b[0] {
	case '*':
		return when(number && len(rest) > 1 && (rest[0] == '$' || rest[0] == ':' || rest[0] == '*') && (digit(rest[1]) || rest[1] == '-'), yes)
	case '$', ':':
		return when(number && asked, yes)
	case 'P': // commands may also be plain lines
		return when(string(l) == "PING" && (len(s.Peer) == 0 || s.Peer[0] == '+'), weak)
	case '+', '-':
		return when(asked || string(l) == "+PONG", yes)
	}
	return no
}

func mongoAsks(b []byte) verdict    { return mongo(b, false) }
func mongoReplies(b []byte) verdict { return mongo(b, true) }

// mongo knows length(4) id(4) answers(4) operation(4), little-endian (MongoDB Wire Protocol).
func mongo(b []byte, reply bool) verdict {
	if len(b) < 26 {
		return no
	}
	n, to, op := le32(b), le32(b[8:]), le32(b[12:])
	if n < 26 || n > 48<<20 || n < len(b) && n < 36 || reply && to == 0 {
		return no
	}
	rest := b[16:]
	switch op {
	case 1:
		return when(reply && le32(rest) < 16 && len(b) >= 36, yes)
	case 2013: // flags(4) kind(1) document or sequence
		return when((reply == (to != 0)) && le32(rest)&^0x10003 == 0 && rest[4] <= 1 && n >= len(b) || le32(rest) == 0 && rest[4] == 0 && le32(rest[5:]) == n-21, yes)
	case 2004, 2001, 2002, 2005, 2006: // flags(4) collection, 0
		end := bytes.IndexByte(rest[4:min(len(rest), 128)], 0)
		return when(!reply && le32(rest) < 256 && end > 2 && printable(rest[4:4+end]) && bytes.IndexByte(rest[4:4+end], '.') > 0, yes)
	case 2012: // compressed(4) size(4) compressor(1)
		return when(le32(rest) >= 2001 && le32(rest) <= 2013 && rest[8] <= 3, yes)
	}
	return no
}
