package app

import (
	"encoding/binary"
)

// A TLS record (RFC 8446 section 5.1) is type(1) version(2) length(2) fragment; a handshake
// message is type(1) length(3) body and may lie in several records.

const (
	tlsChange    = 20
	tlsAlert     = 21
	tlsHandshake = 22
	tlsData      = 23

	tlsClientHello = 1
	tlsServerHello = 2
	tlsCertificate = 11

	tlsMaxRecord = 1<<14 + 2048 // RFC 5246 section 6.2.3
)

// tlsRecord reads a record header: its type and how long its fragment is.
func tlsRecord(b []byte) (typ byte, n int, v verdict) {
	for i, c := range b[:min(len(b), 3)] {
		if i == 0 && (c < 20 || c > 24) || i == 1 && c != 3 || i == 2 && c > 4 {
			return 0, 0, no
		}
	}
	if len(b) < 5 {
		return 0, 0, maybe
	}
	n = int(binary.BigEndian.Uint16(b[3:]))
	if n == 0 || n > tlsMaxRecord {
		return 0, 0, no
	}
	return b[0], n, yes
}

// tlsAsks knows a ClientHello, in the form of SSL 2.0 too, and in mid-stream whole records.
func tlsAsks(b []byte) verdict {
	if b[0] == 0x80 {
		return sslAsks(b)
	}
	return tlsBegins(b, tlsClientHello)
}

// tlsReplies knows a ServerHello, and in mid-stream whole records.
func tlsReplies(b []byte) verdict { return tlsBegins(b, tlsServerHello) }

// sslAsks knows length(2, top bit set) type(1) version(2) and the lengths of ciphers, session and
// challenge (2 each), which make up the message (RFC 5246 appendix E.2).
func sslAsks(b []byte) verdict {
	if len(b) < 11 {
		return maybe
	}
	version := be16(b[3:])
	if b[2] != tlsClientHello || version != 2 && (version < 0x300 || version > 0x303) || be16(b[5:])%3 != 0 {
		return no
	}
	return when(be16(b)&0x7fff == 9+be16(b[5:])+be16(b[7:])+be16(b[9:]), yes)
}

func tlsBegins(b []byte, hello byte) verdict {
	typ, n, v := tlsRecord(b)
	if v != yes {
		return v
	}
	switch typ {
	case tlsHandshake:
		if len(b) < 11 {
			return maybe
		}
		size := int(b[6])<<16 | int(b[7])<<8 | int(b[8])
		switch {
		case (b[5] == tlsClientHello || b[5] == tlsServerHello) && size >= 38 && b[9] == 3 && b[10] <= 4:
			return when(b[5] == hello, yes)
		case b[5] == tlsClientHello || b[5] == tlsServerHello:
			return no
		}
		return when(b[5] <= 24 && size <= 1<<17 && (size <= n || b[5] == tlsCertificate), likely)
	case tlsData, tlsAlert, tlsChange:
		return tlsWholeRecords(b)
	}
	return no
}

// tlsWholeRecords knows records of the middle of a connection: the first and what follows it.
func tlsWholeRecords(b []byte) verdict {
	typ, n, _ := tlsRecord(b)
	if typ == tlsAlert && n != 2 && n < 16 || typ == tlsChange && n != 1 || typ == tlsAlert && n > 256 {
		return no
	}
	switch {
	case len(b) < 5+n:
		return maybe
	case len(b) == 5+n:
		return yes
	}
	_, _, v := tlsRecord(b[5+n:])
	return v
}
