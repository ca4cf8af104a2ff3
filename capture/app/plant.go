package app

// Protocols of plants and buildings.

func modbusAsks(b []byte) verdict    { return modbus(b, false) }
func modbusReplies(b []byte) verdict { return modbus(b, true) }

// modbus knows transaction(2) protocol 0(2) length(2) unit(1) function(1) and the length that the
// function needs (Modbus Messaging on TCP/IP section 3.1).
func modbus(b []byte, reply bool) verdict {
	if len(b) < 8 {
		return no
	}
	n := be16(b[4:])
	if be16(b[2:]) != 0 || n < 2 || n > 254 || n+6 > len(b) || be16(b) == 0 && len(b) > n+6 {
		return no
	}
	data := b[8 : 6+n]
	function := b[7]
	if function >= 0x80 { // exception: code(1)
		return when(reply && len(data) == 1 && data[0] >= 1 && data[0] <= 11 && function <= 0x80+43, yes)
	}
	ok, v := false, yes
	switch function {
	case 1, 2, 3, 4: // from(2) count(2); bytes(1) values
		ok = reply && len(data) >= 2 && len(data) == 1+int(data[0]) || !reply && len(data) == 4 && be16(data[2:]) > 0 && be16(data[2:]) <= 2000
	case 5, 6: // address(2) value(2), and the same back
		ok, v = len(data) == 4, likely
	case 15, 16: // from(2) count(2) bytes(1) values; from(2) count(2)
		ok = reply && len(data) == 4 || !reply && len(data) > 5 && len(data) == 5+int(data[4])
	case 22:
		ok = len(data) == 6
	case 23:
		ok = reply && len(data) > 1 && len(data) == 1+int(data[0]) || !reply && len(data) > 9 && len(data) == 9+int(data[8])
	case 43:
		ok = len(data) >= 3 && data[0] >= 13 && data[0] <= 14
	case 7, 8, 11, 17, 20, 21, 24, 90:
		ok, v = true, weak
	}
	return when(ok, v)
}

// dnp3 knows 0x0564(2) length(1) control(1) to(2) from(2) checksum(2) (IEEE 1815 section 9.2). The
// checksum is that of the bytes before it.
func dnp3(s *Look) verdict {
	b := s.B
	if len(b) < 10 {
		return when(len(b) < 2 || b[1] == 0x64, maybe)
	}
	return when(b[1] == 0x64 && b[2] >= 5 && dnp3CRC(b[:8]) == uint16(le16(b[8:])), yes)
}

// dnp3CRC is the CRC-16 of DNP: polynomial 0x3d65 reflected, inverted at the end.
func dnp3CRC(b []byte) (crc uint16) {
	for _, c := range b {
		crc ^= uint16(c)
		for range 8 {
			if crc&1 != 0 {
				crc = crc>>1 ^ 0xa6bc
			} else {
				crc >>= 1
			}
		}
	}
	return ^crc
}

func enipAsks(b []byte) verdict    { return enip(b, false) }
func enipReplies(b []byte) verdict { return enip(b, true) }

// enip knows command(2) length(2) session(4) status(4) context(8) options 0(4), little-endian (CIP
// volume 2 section 2-3).
func enip(b []byte, reply bool) verdict {
	if len(b) < 24 || b[1] != 0 || !zeros(b[20:24]) {
		return no
	}
	n, status := le16(b[2:]), le32(b[8:])
	if n+24 != len(b) || status > 0x69 || !reply && status != 0 {
		return no
	}
	switch b[0] {
	case 0x65: // register: version 1(2) options(2); the answer has the session
		return when(n == 4 && b[24] == 1 && reply == (le32(b[4:]) != 0), yes)
	case 0x6f, 0x70: // interface 0(4) time(2) items(2)
		return when(n >= 8 && zeros(b[24:28]) && le16(b[30:]) >= 1 && le16(b[30:]) <= 8 && le32(b[4:]) != 0, max(likely, when(n > 8, yes)))
	case 0x63, 0x64, 0x04:
		return when(reply == (n > 0) || n == 0, max(weak, when(n > 2 && le16(b[24:]) <= 8, yes)))
	}
	return when(b[0] == 0x66 && n == 0, weak)
}

// bacnet knows 0x81(1) function(1) length(2), and where a network unit follows its version 1
// (ASHRAE 135 annex J.2).
func bacnet(s *Look) verdict {
	b := s.B
	if len(b) < 4 || b[1] > 0x0c || be16(b[2:]) != len(b) {
		return no
	}
	at := 4
	switch b[1] {
	case 0x04:
		at = 10
	case 0x09, 0x0a, 0x0b:
	default:
		return likely
	}
	return when(len(b) > at+1 && b[at] == 1, yes)
}

// iec104 knows 0x68(1) length(1) and control(4): formats I, S and U (IEC 60870-5-104 section 5.1).
func iec104(s *Look) verdict {
	b, units := s.B, 0
	for ; len(b) >= 6; units++ {
		n := int(b[1])
		if b[0] != 0x68 || n < 4 || n > 253 {
			return no
		}
		switch {
		case b[2]&3 == 3: // U: one bit says what
			if c := b[2] &^ 3; n != 4 || c == 0 || c&(c-1) != 0 || !zeros(b[3:6]) {
				return no
			}
		case b[2]&3 == 1:
			if n != 4 || b[2] != 1 || b[3] != 0 || b[4]&1 != 0 {
				return no
			}
		case n < 10 || b[4]&1 != 0:
			return no
		}
		b = b[min(2+n, len(b)):]
	}
	switch {
	case len(b) > 0 && b[0] != 0x68, units == 0:
		return no
	case units > 1 || s.B[2]&1 != 0:
		return yes
	}
	return likely
}
