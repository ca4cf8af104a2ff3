package app

import "bytes"

// ftp knows the greeting of a server, and commands that are answered by codes (RFC 959).
func ftp(s *Look) verdict {
	b := s.B
	l, _ := line(b)
	switch {
	case foldAny(b, "USER ", "AUTH TLS", "AUTH SSL", "SYST\r", "FEAT\r", "PASV\r", "EPSV", "PORT ", "EPRT ", "OPTS ", "TYPE ", "CWD ", "RETR ", "STOR "):
		return when(code(s.Peer) && !foldContains(s.Peer[:min(len(s.Peer), 128)], "SMTP"), yes)
	case !code(b):
		return no
	case string(b[:3]) == "220" && foldContains(l, "FTP"):
		return yes
	case foldAny(s.Peer, "USER ", "AUTH TLS", "AUTH SSL", "SYST\r", "FEAT\r", "PASV\r", "EPSV", "PORT "):
		return yes
	case foldAny(b, "227 ENTERING PASSIVE", "229 ENTERING EXTENDED", "230 LOGIN", "150 OPENING ", "226 TRANSFER", "331 PASSWORD ", "331 PLEASE SPECIFY"):
		return yes
	case string(b[:3]) == "220":
		return when(s.port(21), weak)
	}
	return no
}

// tftp knows opcode(2) and what follows it (RFC 1350 section 5): of a request name, 0, mode, 0, of
// data and its acknowledgement block(2), of an error code(2) text, 0, and options (RFC 2347). Data
// looks like much else: it must have been acknowledged, or the port must be the usual one.
func tftp(s *Look) verdict {
	b := s.B
	if len(b) < 4 || b[0] != 0 {
		return no
	}
	switch b[1] {
	case 1, 2:
		return tftpFile(b[2:])
	case 3, 4:
		fits := b[1] == 3 && len(b) <= 516 || b[1] == 4 && len(b) == 4
		p := s.Peer
		answers := len(p) >= 4 && p[0] == 0 && p[1] == 7-b[1] && (p[1] == 3 || len(p) == 4) && be16(b[2:]) < 8
		return max(when(fits && s.port(69), weak), when(fits && answers, likely))
	case 5:
		ok := len(b) > 4 && be16(b[2:]) <= 8 && b[len(b)-1] == 0 && printable(b[4:len(b)-1])
		return when(ok && s.port(69), weak)
	case 6:
		return when(foldAny(b[2:], "BLKSIZE\x00", "TSIZE\x00", "TIMEOUT\x00", "WINDOWSIZE\x00"), yes)
	}
	return no
}

func tftpFile(b []byte) verdict {
	i := bytes.IndexByte(b, 0)
	if i < 1 || !printable(b[:i]) {
		return no
	}
	return when(foldAny(b[i+1:], "OCTET\x00", "NETASCII\x00", "MAIL\x00"), yes)
}

// rsync knows the greeting of both sides: "@RSYNCD: 31.0".
func rsync(s *Look) verdict { return hasPrefix(s.B, "@RSYNCD: ") }
