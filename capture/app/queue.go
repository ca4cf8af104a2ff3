package app

func mqttAsks(b []byte) verdict    { return mqtt(b, false) }
func mqttReplies(b []byte) verdict { return mqtt(b, true) }

// mqtt knows type and flags(1) remaining length(1–4), and of CONNECT the name "MQTT" or "MQIsdp"
// with its level, of CONNACK flags(1) code(1) (OASIS MQTT 3.1.1 section 3).
func mqtt(b []byte, server bool) verdict {
	n, at := 0, 1
	for shift := 0; ; shift += 7 {
		if at >= len(b) || shift > 21 {
			return no
		}
		n |= int(b[at]&0x7f) << shift
		if at++; b[at-1] < 0x80 {
			break
		}
	}
	rest := b[at:]
	typ, flags := b[0]>>4, b[0]&15
	switch {
	case typ == 1 && !server && len(rest) >= 8:
		return when(flags == 0 && (string(rest[:6]) == "\x00\x04MQTT" && rest[6] >= 4 && rest[6] <= 5 || string(rest[:8]) == "\x00\x06MQIsdp"), yes)
	case typ == 2 && server && n == len(rest):
		return when(flags == 0 && n >= 2 && rest[0] <= 1 && (n == 2 && rest[1] <= 5 || n > 2 && rest[2] == byte(n-3)), weak)
	case n != len(rest) || typ == 15:
		return no
	case typ == 8 && !server: // subscribe: id(2) name(2+n) level(1)
		return when(flags == 2 && n >= 6 && be16(rest[2:])+5 <= n && be16(rest[2:]) > 0 && printable(rest[4:4+be16(rest[2:])]), likely)
	case typ == 3 && n > 4: // publish: name(2+n)
		name := be16(rest)
		return when(name > 0 && name+2 <= n && printable(rest[2:2+name]) && flags&6 != 6, weak)
	case (typ == 12 || typ == 13) && n == 0 && (typ == 13) == server, typ >= 4 && typ <= 7 && n == 2, (typ == 9 || typ == 11) && server && n >= 2 && n <= 6:
		return weak
	}
	return no
}

// amqpAsks knows the protocol header "AMQP" id(1) version(3) (OASIS AMQP 1.0 section 2.2, AMQP
// 0-9-1 section 4.2.2).
func amqpAsks(b []byte) verdict {
	if b[0] != 'A' {
		return amqpFrame(b)
	}
	v := hasPrefix(b, "AMQP")
	if v != yes || len(b) < 8 {
		return min(v, maybe)
	}
	return when(b[4] <= 3 && b[5] <= 1 && b[6] <= 9 && b[7] <= 10, yes)
}

func amqpReplies(b []byte) verdict { return amqpFrame(b) }

// amqpFrame knows type(1) channel(2) size(4) payload and the end 0xce; of a method class(2) and
// method(2).
func amqpFrame(b []byte) verdict {
	if len(b) < 8 || b[0] == 0 || b[0] > 8 || be16(b[1:]) > 1<<12 {
		return no
	}
	n := be32(b[3:])
	if n > 1<<17 || b[0] == 1 && n < 4 || b[0] == 8 && n != 0 {
		return no
	}
	if len(b) < 8+n {
		ok := b[0] == 1 && len(b) >= 11 && (be16(b[7:]) == 10 || be16(b[7:]) == 60) && be16(b[9:]) < 120 && n > 64
		return when(ok, likely)
	}
	return when(b[7+n] == 0xce, yes)
}

func coapAsks(b []byte) verdict    { return coap(b, false) }
func coapReplies(b []byte) verdict { return coap(b, true) }

// coap knows version, type and token length(1) code(1) id(2) token and options of delta and
// length(1), up to 0xff and a payload (RFC 7252 section 3).
func coap(b []byte, reply bool) verdict {
	if len(b) < 4 || b[0]&15 > 8 || len(b) < 4+int(b[0]&15) {
		return no
	}
	class, detail, typ := b[1]>>5, b[1]&31, b[0]>>4&3
	switch {
	case reply && (class != 2 && class != 4 && class != 5 || detail > 15), !reply && (class != 0 || detail > 7 || typ > 1):
		return no
	}
	options, number := 0, 0
	for at := 4 + int(b[0]&15); at < len(b); options++ {
		if b[at] == 0xff {
			return when(at+1 < len(b) && (options > 0 || reply), max(weak, when(options > 0, likely)))
		}
		delta, n := int(b[at]>>4), int(b[at]&15)
		at++
		for _, v := range []*int{&delta, &n} {
			switch *v {
			case 13:
				if at >= len(b) {
					return no
				}
				*v, at = 13+int(b[at]), at+1
			case 14:
				if at+1 >= len(b) {
					return no
				}
				*v, at = 269+be16(b[at:]), at+2
			case 15:
				return no
			}
		}
		if number += delta; number > 2100 || at+n > len(b) {
			return no
		}
		if (number == 3 || number == 11 || number == 15) && !printable(b[at:at+n]) {
			return no
		}
		at += n
	}
	return max(weak, when(options > 0 && (number == 11 || number == 12 || number == 15 || number == 6 || number == 14), likely))
}
