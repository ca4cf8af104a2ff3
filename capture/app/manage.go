package app

// What keeps a network running: addresses, time, management, logs, services.

// dhcpCookie stands before the options (RFC 2131 section 3).
const dhcpCookie = "\x63\x82\x53\x63"

func dhcpAsks(b []byte) verdict    { return dhcp(b, 1) }
func dhcpReplies(b []byte) verdict { return dhcp(b, 2) }

// dhcp knows op(1) htype(1) hlen(1) hops(1) … and after 236 bytes the cookie; BOOTP has another
// or none (RFC 951).
func dhcp(b []byte, op byte) verdict {
	if len(b) < 236 || b[0] != op || b[2] > 16 || b[3] > 16 || b[1] > 37 {
		return no
	}
	if len(b) >= 240 && string(b[236:240]) == dhcpCookie {
		return yes
	}
	return when(len(b) >= 300 && zeros(b[28+int(b[2]):44]), weak)
}

func dhcp6Asks(b []byte) verdict    { return dhcp6(b, false) }
func dhcp6Replies(b []byte) verdict { return dhcp6(b, true) }

// dhcp6 knows type(1) transaction(3) and options of code(2) length(2) (RFC 8415 section 8); relays
// (12, 13) have hops(1) and two addresses before the options.
func dhcp6(b []byte, server bool) verdict {
	at := 4
	switch typ := b[0]; {
	case typ == 12 || typ == 13:
		at = 34
	case (typ == 2 || typ == 7 || typ == 10) != server || typ > 13:
		return no
	}
	options, known := 0, false
	for ; at+4 <= len(b); options++ {
		code, n := be16(b[at:]), be16(b[at+2:])
		if code == 0 || code > 143 {
			return no
		}
		known = known || code == 1 && n >= 4 || code == 9
		at += 4 + n
	}
	return when(at == len(b) && options > 0 && known, yes)
}

func ntpAsks(b []byte) verdict {
	switch b[0] & 7 {
	case 1, 3: // symmetric active, client
		return ntp(b)
	case 6, 7:
		return ntpControl(b, false)
	}
	return no
}

func ntpReplies(b []byte) verdict {
	switch b[0] & 7 {
	case 2, 4, 5:
		return ntp(b)
	case 6, 7:
		return ntpControl(b, true)
	}
	return no
}

// ntp knows leap, version and mode(1) stratum(1) poll(1) precision(1) delay(4) dispersion(4)
// reference(4) and four times (8 each), then perhaps extensions or a digest (RFC 5905 section 7.3).
func ntp(b []byte) verdict {
	version := b[0] >> 3 & 7
	if len(b) < 48 || len(b)%4 != 0 || version < 1 || version > 4 || b[1] > 16 || b[2] > 17 && b[2] < 0xf6 {
		return no
	}
	switch precision := int8(b[3]); {
	case precision > 0 && precision != 0x20 || precision < -32: // old clients give 2^-32 as 32
		return no
	case b[1] > 1 && b[1] < 16 && be32(b[4:]) < 1<<20 && be32(b[40:])>>24 >= 0x83: // a clock that has been set
		return yes
	case b[0]&7 == 3 && (zeros(b[1:40]) || zeros(b[4:40])) && len(b) == 48: // a client that tells nothing of itself
		return likely
	}
	return weak
}

// ntpControl knows modes 6 (RFC 9327 section 2) and 7 (of ntpd).
func ntpControl(b []byte, reply bool) verdict {
	if version := b[0] >> 3 & 7; len(b) < 8 || version < 1 || version > 4 {
		return no
	}
	if b[0]&7 == 7 {
		// response, more, version, mode(1) auth and sequence(1) implementation(1) code(1) error and
		// items(2) size of an item(2)
		ok := (b[0]&0x80 != 0) == reply && b[2] <= 3 && b[3] < 64 && (len(b) == 8 || len(b) >= 8+be16(b[4:])&0xfff*(be16(b[6:])&0xfff))
		return when(ok, weak)
	}
	ok := len(b) >= 12 && (b[1]&0x80 != 0) == reply && b[1]&0x1f <= 31 && be16(b[10:]) <= len(b)-12
	return when(ok, weak)
}

func snmpAsks(b []byte) verdict    { return snmp(b, false) }
func snmpReplies(b []byte) verdict { return snmp(b, true) }

// snmp knows SEQUENCE { version INTEGER, community OCTET STRING, PDU } (RFC 1157 section 4,
// RFC 3416) and SEQUENCE { 3, SEQUENCE { id, size, flags, model } … } (RFC 3412 section 6).
func snmp(b []byte, reply bool) verdict {
	_, rest, _, ok := ber(b)
	if !ok {
		return no
	}
	version, rest, ok := berNumber(rest)
	if !ok || version < 0 || version > 3 {
		return no
	}
	tag, rest, n, ok := ber(rest)
	if !ok {
		return no
	}
	if version == 3 {
		id, _, ok := berNumber(rest)
		return when(tag == 0x30 && ok && id >= 0 && !reply, yes)
	}
	if tag != 4 || len(rest) <= n {
		return no
	}
	pdu := rest[n]
	return when(pdu >= 0xa0 && pdu <= 0xa8 && (pdu == 0xa2) == reply, yes)
}

// syslog knows <priority>, with a version (RFC 5424) or a date (RFC 3164) after it, or any text.
func syslog(s *Look) verdict {
	b := s.B
	end, priority := 1, 0
	for ; end < len(b) && end < 4 && digit(b[end]); end++ {
		priority = priority*10 + int(b[end]-'0')
	}
	if end == 1 || end+1 >= len(b) || b[end] != '>' || priority > 191 {
		return no
	}
	rest := b[end+1:]
	switch {
	case len(rest) > 6 && rest[0] == '1' && rest[1] == ' ' && (digit(rest[2]) || rest[2] == '-'):
		return yes
	case len(rest) > 15 && months(rest):
		return yes
	case printable(rest[:min(len(rest), 64)]):
		return likely
	}
	return no
}

// months says whether b begins with a date: "Oct 11 22:14:15".
func months(b []byte) bool {
	const names = "JanFebMarAprMayJunJulAugSepOctNovDec"
	for i := 0; i < len(names); i += 3 {
		if string(b[:3]) == names[i:i+3] {
			return b[3] == ' '
		}
	}
	return false
}

// syslogTCP may have the length of the message before it (RFC 6587 section 3.4.1).
func syslogTCP(s *Look) verdict {
	b := s.B
	for len(b) > 0 && digit(b[0]) {
		b = b[1:]
	}
	if len(b) < len(s.B) {
		if len(s.B)-len(b) > 5 || len(b) < 2 || b[0] != ' ' {
			return no
		}
		b = b[1:]
	}
	if b[0] != '<' {
		return no
	}
	return syslog(&Look{B: b})
}

func radiusAsks(b []byte) verdict    { return radius(b, "\x01\x04\x0c\x28\x2b") }
func radiusReplies(b []byte) verdict { return radius(b, "\x02\x03\x05\x0b\x0d\x29\x2a\x2c\x2d") }

// radius knows code(1) id(1) length(2) authenticator(16) and attributes of type(1) length(1)
// (RFC 2865 section 3) that fill it.
func radius(b []byte, codes string) verdict {
	if len(b) < 20 || be16(b[2:]) != len(b) || len(b) > 4096 {
		return no
	}
	known := false
	for i := range len(codes) {
		known = known || b[0] == codes[i]
	}
	at := 20
	for at+2 <= len(b) && b[at+1] >= 2 {
		at += int(b[at+1])
	}
	switch {
	case !known:
		return no
	case at != len(b) || len(b) == 20:
		return weak
	}
	return yes
}

func slpAsks(b []byte) verdict    { return slp(b, "\x01\x03\x04\x06\x08\x09") }
func slpReplies(b []byte) verdict { return slp(b, "\x02\x05\x07\x0a\x0b") }

// slp knows version(1) function(1) length(3) flags(2) (RFC 2608 section 8), and of version 1
// version(1) function(1) length(2) flags(1) dialect(1) language(2) (RFC 2165 section 6).
func slp(b []byte, functions string) verdict {
	if len(b) < 12 {
		return maybe
	}
	known := false
	for i := range len(functions) {
		known = known || b[1] == functions[i]
	}
	switch {
	case !known:
		return no
	case b[0] == 2:
		return when(int(b[2])<<16|be16(b[3:]) == len(b) && be16(b[5:])&0x1fff == 0 && be16(b[12-2:]) != 0, yes)
	}
	return when(be16(b[2:]) == len(b) && b[5] == 0 && b[6] >= 'a' && b[6] <= 'z' && b[7] >= 'a' && b[7] <= 'z', yes)
}
