package app

// A Kerberos message is an application tag of ASN.1 around a SEQUENCE whose first field is the
// protocol version, 5 (RFC 4120 section 5.4); over TCP a length(4) stands before it.

func kerberosAsks(b []byte) verdict    { return kerberos(b, 1<<10|1<<12|1<<14|1<<20|1<<21|1<<22) }
func kerberosReplies(b []byte) verdict { return kerberos(b, 1<<11|1<<13|1<<15|1<<30) }

func kerberos(b []byte, tags uint32) verdict {
	if b[0] < 0x60 || b[0] > 0x7e || tags&(1<<(b[0]&0x1f)) == 0 {
		return no
	}
	_, b, _, ok := ber(b)
	if !ok || len(b) < 2 || b[0] != 0x30 {
		return no
	}
	if _, b, _, ok = ber(b); !ok || len(b) < 5 {
		return no
	}
	return when((b[0] == 0xa0 || b[0] == 0xa1) && string(b[1:5]) == "\x03\x02\x01\x05", yes)
}

func kerberosTCPAsks(b []byte) verdict    { return kerberosTCP(b, kerberosAsks) }
func kerberosTCPReplies(b []byte) verdict { return kerberosTCP(b, kerberosReplies) }

func kerberosTCP(b []byte, message func([]byte) verdict) verdict {
	if len(b) < 20 {
		return when(zeros(b[:min(len(b), 2)]), maybe)
	}
	if be32(b) > 1<<20 {
		return no
	}
	return message(b[4:])
}
