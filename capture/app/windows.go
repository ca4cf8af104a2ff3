package app

// SMB and NetBIOS.

func smbAsks(b []byte) verdict    { return smb(b, false) }
func smbReplies(b []byte) verdict { return smb(b, true) }

// smb knows the session header of type 0(1) length(3), then the protocol: 0xff "SMB" for SMB 1
// (MS-CIFS 2.2.3.1), 0xfe for 2 and 3 (MS-SMB2 2.2.1), 0xfd encrypted, 0xfc compressed.
func smb(b []byte, reply bool) verdict {
	if len(b) < 8 {
		return maybe
	}
	if string(b[5:8]) != "SMB" || b[4] < 0xfc {
		return no
	}
	answers := false
	switch {
	case b[4] == 0xff && len(b) > 13:
		answers = b[13]&0x80 != 0
	case b[4] == 0xfe && len(b) > 20:
		answers = b[20]&1 != 0
	}
	return when(answers == reply, yes)
}

// nbssAsks knows a session request (RFC 1002 section 4.3.2): type(1) flags(1) length(2) two names.
func nbssAsks(b []byte) verdict {
	if len(b) < 6 {
		return maybe
	}
	return when(b[0] == 0x81 && b[1] <= 1 && be16(b[2:]) == 68 && b[4] == 32, yes)
}

// nbssReplies knows the answers: positive, negative, retarget.
func nbssReplies(b []byte) verdict {
	if len(b) < 4 || b[1] != 0 {
		return no
	}
	n := be16(b[2:])
	switch {
	case b[0] == 0x82 && n == 0 && len(b) == 4, b[0] == 0x83 && n == 1 && len(b) == 5 && b[4] >= 0x80, b[0] == 0x84 && n == 6 && len(b) == 10:
		return weak
	}
	return no
}

func nbnsAsks(b []byte) verdict    { return nbns(b, 0) }
func nbnsReplies(b []byte) verdict { return nbns(b, 0x80) }

// nbns knows the header of DNS, then a name of 32 letters, type 32 or 33, class IN (RFC 1002
// section 4.2.1).
func nbns(b []byte, qr byte) verdict {
	if len(b) < dnsHeader+34+4 || b[2]&0x80 != qr || be16(b[4:]) > 1 || be16(b[6:]) > 1 {
		return no
	}
	next, ok := dnsSkip(b, dnsHeader)
	if !ok || next+4 > len(b) {
		return no
	}
	typ := be16(b[next:])
	if typ == 10 { // NULL in a negative answer
		typ = 32
	}
	return when(dnsIsNetBIOS(b[dnsHeader:next], uint16(typ)) && be16(b[next+2:]) == 1, yes)
}

// nbdgm knows type(1) flags(1) id(2) address(4) port(2) length(2) offset(2) (RFC 1002 section
// 4.4.1).
func nbdgm(s *Look) verdict {
	b := s.B
	if len(b) == 11 { // error: code(1)
		return when(b[0] == 0x13 && b[10] >= 0x82 && b[10] <= 0x84, yes)
	}
	if len(b) < 15 || b[1]&0xf0 != 0 {
		return no
	}
	if b[0] >= 0x14 {
		return when(be16(b[8:]) == 138 && b[10] == 32, yes)
	}
	return when(b[14] == 32 && (be16(b[10:]) == len(b)-14 || be16(b[8:]) == 138), yes)
}
