package app

// telnet knows commands of 0xff, verb and option (RFC 854, RFC 855): one may be chance, two not.
func telnet(s *Look) verdict {
	b, n := s.B, 0
	for ; len(b) >= 3 && b[0] == 0xff; n++ {
		switch {
		case b[1] == 250: // subnegotiation, up to 0xff 240
			end := 3
			for end+1 < len(b) && (b[end] != 0xff || b[end+1] != 240) {
				end++
			}
			if end+1 >= len(b) {
				return when(n > 0 && b[2] <= 50, yes)
			}
			b = b[end+2:]
		case b[1] >= 251 && b[1] <= 254 && (b[2] <= 50 || b[2] == 255):
			b = b[3:]
		default:
			return when(n > 0 && b[1] >= 240, likely)
		}
	}
	switch {
	case n >= 2:
		return yes
	case n == 1:
		return likely
	}
	return no
}

// vnc knows "RFB 003.008\n" (RFC 6143 section 7.1.1).
func vnc(s *Look) verdict {
	v := hasPrefix(s.B, "RFB 00")
	if v != yes || len(s.B) < 12 {
		return min(v, maybe)
	}
	return when(digit(s.B[6]) && s.B[7] == '.' && digit(s.B[8]) && digit(s.B[10]) && s.B[11] == '\n', yes)
}

// rdpudpAsks knows the first packet of RDP over UDP (MS-RDPEUDP 2.2.2): all ones(4) window(2)
// flags(2: SYN), then the initial sequence number and two sizes of a packet.
func rdpudpAsks(b []byte) verdict    { return rdpudp(b, 0x0001) }
func rdpudpReplies(b []byte) verdict { return rdpudp(b, 0x0005) }

func rdpudp(b []byte, flags int) verdict {
	if len(b) < 16 || be16(b[6:])&0x0005 != flags {
		return no
	}
	if flags == 1 && be32(b) != 0xffffffff {
		return no
	}
	up, down := be16(b[12:]), be16(b[14:])
	return when(up >= 1132 && up <= 1232 && down >= 1132 && down <= 1232 && len(b) >= 1132, yes)
}
