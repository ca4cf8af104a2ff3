package app

import (
	"encoding/binary"
)

// A TLS record (RFC 8446 section 5.1) is type(1) version(2) length(2) fragment; a handshake
// message is type(1) length(3) body and may lie in several records.

const (
	tlsAlert     = 21
	tlsHandshake = 22
	tlsData      = 23

	tlsClientHello = 1
	tlsServerHello = 2

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

// tlsAsks knows a ClientHello, and in mid-stream two records in a row.
func tlsAsks(b []byte) verdict { return tlsBegins(b, tlsClientHello) }

// tlsReplies knows a ServerHello, and in mid-stream two records in a row.
func tlsReplies(b []byte) verdict { return tlsBegins(b, tlsServerHello) }

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
		if b[5] != hello || size < 38 || b[9] != 3 || b[10] > 4 {
			return no
		}
		return yes
	case tlsData:
		switch {
		case len(b) < 5+n:
			return maybe
		case len(b) == 5+n:
			return yes
		}
		_, _, v = tlsRecord(b[5+n:])
		return v
	}
	return no
}
