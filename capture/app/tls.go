package app

import (
	"encoding/binary"
	"fmt"

	"github.com/flowferry/flowferry/flow"
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

// tlsHello gives the body of the first handshake message of side b, as far as it was seen.
func tlsHello(b []byte, hello byte) (body []byte, whole bool) {
	var msg []byte
	for len(b) >= 5 {
		typ, n, v := tlsRecord(b)
		if v != yes || typ != tlsHandshake {
			return tlsBody(msg, hello, true)
		}
		fragment := b[5:min(5+n, len(b))]
		if b = b[5+len(fragment):]; msg == nil {
			msg = fragment[:len(fragment):len(fragment)]
		} else {
			msg = append(msg, fragment...)
		}
		if body, whole = tlsBody(msg, hello, false); whole {
			return body, true
		}
	}
	return tlsBody(msg, hello, false)
}

// tlsBody takes the handshake header off. ended says that no more will come.
func tlsBody(msg []byte, hello byte, ended bool) (body []byte, whole bool) {
	if len(msg) < 4 {
		return nil, ended
	}
	n := int(msg[1])<<16 | int(msg[2])<<8 | int(msg[3])
	if msg[0] != hello {
		return nil, true
	}
	return msg[4:min(4+n, len(msg))], len(msg) >= 4+n || ended
}

func tlsWhole(client, server []byte) bool {
	_, c := tlsHello(client, tlsClientHello)
	_, s := tlsHello(server, tlsServerHello)
	return c && s
}

func tlsParse(client, server []byte, m *flow.Meta) bool {
	t := &flow.TLS{}
	c, _ := tlsHello(client, tlsClientHello)
	s, _ := tlsHello(server, tlsServerHello)
	if c != nil {
		tlsReadClient(c, t)
	}
	if s != nil {
		tlsReadServer(s, t)
	}
	m.TLS = t
	return t.ServerName != "" || t.Version != "" || len(t.ALPN) > 0
}

// Extensions (IANA tls-extensiontype-values).
const (
	tlsExtServerName = 0
	tlsExtALPN       = 16
	tlsExtVersions   = 43
)

// tlsReadClient reads version(2) random(32) session(1+n) ciphers(2+n) compression(1+n)
// extensions(2+n) (RFC 8446 section 4.1.2).
func tlsReadClient(b []byte, t *flow.TLS) {
	r := reader{b: b}
	r.skip(34)
	r.skip(r.u8())
	r.skip(r.u16())
	r.skip(r.u8())
	r.u16()
	tlsExtensions(&r, func(typ int, x reader) {
		switch typ {
		case tlsExtServerName: // list(2) type(1) name(2+n) (RFC 6066 section 3)
			x.u16()
			if x.u8() == 0 && t.ServerName == "" {
				t.ServerName = text(x.take(x.u16()))
			}
		case tlsExtALPN:
			t.ALPN = tlsNames(x)
		}
	})
}

// tlsReadServer reads version(2) random(32) session(1+n) cipher(2) compression(1) extensions(2+n)
// (RFC 8446 section 4.1.3). From 1.3 on the version stands in an extension.
func tlsReadServer(b []byte, t *flow.TLS) {
	r := reader{b: b}
	version := r.u16()
	r.skip(32)
	r.skip(r.u8())
	cipher := r.u16()
	if r.bad {
		return
	}
	r.u8()
	r.u16()
	tlsExtensions(&r, func(typ int, x reader) {
		switch typ {
		case tlsExtVersions:
			if v := x.u16(); !x.bad {
				version = v
			}
		case tlsExtALPN:
			if names := tlsNames(x); len(names) > 0 {
				t.NextProto = names[0]
			}
		}
	})
	t.Version, t.Cipher = tlsVersion(version), tlsCipher(cipher)
}

// tlsExtensions gives each extension that is whole: type(2) length(2) data.
func tlsExtensions(r *reader, each func(typ int, x reader)) {
	for len(r.b) >= 4 {
		typ, data := r.u16(), r.take(r.u16())
		if r.bad {
			return
		}
		each(typ, reader{b: data})
	}
}

// tlsMaxNames bounds the protocols of an ALPN offer that are kept.
const tlsMaxNames = 16

// tlsNames reads a list(2) of names(1+n) (RFC 7301 section 3.1).
func tlsNames(x reader) (names []string) {
	x.u16()
	for len(x.b) > 0 && len(names) < tlsMaxNames {
		name := x.take(x.u8())
		if x.bad {
			break
		}
		names = append(names, text(name))
	}
	return names
}

// tlsVersion names a protocol version; drafts of 1.3 are 0x7f00 and the draft's number.
func tlsVersion(v int) string {
	switch {
	case v == 0x300:
		return "SSL 3.0"
	case v > 0x300 && v <= 0x304:
		return fmt.Sprintf("1.%d", v-0x301)
	case v>>8 == 0x7f:
		return "1.3"
	}
	return fmt.Sprintf("0x%04x", v)
}

func tlsCipher(id int) string {
	if name := tlsCiphers[uint16(id)]; name != "" {
		return name
	}
	return fmt.Sprintf("0x%04x", id)
}

// reader takes big-endian numbers and bytes off a slice. Reading beyond the end makes it bad and
// gives zeros from then on.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.bad = nil, true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) skip(n int) { r.take(n) }

func (r *reader) u8() int {
	if b := r.take(1); b != nil {
		return int(b[0])
	}
	return 0
}

func (r *reader) u16() int {
	if b := r.take(2); b != nil {
		return int(binary.BigEndian.Uint16(b))
	}
	return 0
}
