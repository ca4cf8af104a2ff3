package app

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// Handshake messages beside the hellos (RFC 5246 section 7.4).
const (
	tlsCertificates = 11
	tlsCertRequest  = 13
	tlsHelloDone    = 14
)

// tlsSeen is which handshake messages of a side were seen, by bits of their type.
type tlsSeen struct {
	whole uint32 // to their end
	ended bool   // nothing more will come in the clear
	clear bool   // it ended with a change to encryption, as it should
}

func (s tlsSeen) has(typ byte) bool { return s.whole&(1<<typ) != 0 }

// tlsScan looks at the messages of one side without putting them together.
func tlsScan(b []byte) (s tlsSeen) {
	var head [4]byte // of the message in hand
	have, left := 0, 0
	for len(b) >= 5 {
		typ, n, v := tlsRecord(b)
		fragment := b[5:min(5+n, len(b))]
		switch b = b[5+len(fragment):]; {
		case v == yes && typ == tlsAlert && n == 2 && (len(fragment) == 0 || fragment[0] == 1):
			continue // a warning
		case v != yes || typ != tlsHandshake:
			s.ended, s.clear = true, v == yes && typ != tlsAlert
			return s
		}
		for len(fragment) > 0 {
			if left == 0 {
				c := copy(head[have:], fragment)
				fragment = fragment[c:]
				if have += c; have < len(head) {
					break
				}
				have, left = 0, int(head[1])<<16|int(head[2])<<8|int(head[3])
			}
			c := min(left, len(fragment))
			fragment = fragment[c:]
			if left -= c; left == 0 {
				s.whole |= 1 << (head[0] & 31)
			}
		}
	}
	return s
}

// tlsMessages gives the handshake messages of a side one after the other.
func tlsMessages(b []byte) (msgs []byte) {
	for len(b) >= 5 {
		typ, n, v := tlsRecord(b)
		if v != yes || typ != tlsHandshake && (typ != tlsAlert || n != 2) {
			return msgs
		}
		fragment := b[5:min(5+n, len(b))]
		b = b[5+len(fragment):]
		switch {
		case typ == tlsAlert:
		case msgs == nil:
			msgs = fragment[:len(fragment):len(fragment)]
		default:
			msgs = append(msgs, fragment...)
		}
	}
	return msgs
}

// tlsMessage takes the next handshake message off: type(1) length(3) body. The last may be cut.
func tlsMessage(b []byte) (typ byte, body, rest []byte, ok bool) {
	if len(b) < 4 {
		return 0, nil, nil, false
	}
	n := min(int(b[1])<<16|int(b[2])<<8|int(b[3]), len(b)-4)
	return b[0], b[4 : 4+n], b[4+n:], true
}

// tlsWhole waits for the hellos and, before version 1.3, the certificates: the client sends one
// when it is asked to.
func tlsWhole(v *View) bool {
	c, s := tlsScan(v.Client), tlsScan(v.Server)
	if s.ended && len(v.Client) == 0 {
		return true // only one side was captured
	}
	helloed := (c.has(tlsClientHello) || c.ended) && (s.has(tlsServerHello) || s.ended)
	return helloed && (s.has(tlsHelloDone) || s.ended) && (!s.has(tlsCertRequest) || c.has(tlsCertificates) || c.ended)
}

func tlsParse(v *View, m *flow.Meta) bool {
	if len(v.Client) < 9 && len(v.Server) < 9 { // no message has begun
		return false
	}
	t := &flow.TLS{}
	session := tlsClient(v.Client, t)
	tlsServer(v.Server, session, t)
	if t.ServerName == "" && t.Version == "" && t.JA3 == "" && t.Subject == "" && t.Serial == "" {
		return false
	}
	m.TLS = t
	return true
}

// tlsClient reads what the client sends, and gives the session that it would go on with.
func tlsClient(b []byte, t *flow.TLS) (session []byte) {
	for msgs := tlsMessages(b); ; {
		typ, body, rest, ok := tlsMessage(msgs)
		if !ok {
			return session
		}
		switch msgs = rest; {
		case typ == tlsClientHello && t.JA3 == "":
			h := readHello(body)
			session = h.session
			h.tell(t, 't')
		case typ == tlsCertificates:
			if c, ok := tlsFirstCert(body); ok {
				t.Client = &c
			}
		}
	}
}

// tlsServer reads what the server sends. A session goes on when the server repeats the client's,
// or comes to encryption without a certificate; from version 1.3 on, when it takes a key from it.
func tlsServer(b, session []byte, t *flow.TLS) {
	var own []byte
	for msgs := tlsMessages(b); ; {
		typ, body, rest, ok := tlsMessage(msgs)
		if !ok {
			break
		}
		switch msgs = rest; {
		case typ == tlsServerHello && t.Version == "":
			own = tlsReadServer(body, t)
		case typ == tlsCertificates && t.SHA1 == "":
			if c, ok := tlsFirstCert(body); ok {
				t.Cert = c
			}
		}
	}
	s := tlsScan(b)
	if t.Version != "" && t.Version != "1.3" && s.clear && !s.has(tlsHelloDone) && !s.has(tlsCertificates) {
		t.Resumed = true
	}
	if len(own) > 0 && bytes.Equal(own, session) && t.Version != "1.3" && t.SHA1 == "" {
		t.Resumed = true
	}
}

// tlsFirstCert reads the sender's own certificate: a list(3) of certificates(3+n), its own first
// (RFC 5246 section 7.4.2).
func tlsFirstCert(b []byte) (c flow.Cert, ok bool) {
	r := reader{b: b}
	r.skip(3)
	n := r.u8() << 16
	cert := r.take(n | r.u16())
	if r.bad {
		return c, false
	}
	return readCert(cert)
}

// Extensions (IANA tls-extensiontype-values).
const (
	tlsExtServerName = 0
	tlsExtGroups     = 10
	tlsExtPoints     = 11
	tlsExtSignatures = 13
	tlsExtALPN       = 16
	tlsExtPSK        = 41
	tlsExtVersions   = 43
)

// offer is what a ClientHello offers, in its order. Its slices are parts of the hello.
type offer struct {
	version    int
	session    []byte
	ciphers    numbers
	extensions []byte // type(2) length(2) data, again and again
	groups     numbers
	points     []byte
	signatures numbers
	versions   numbers
	serverName []byte
	alpn       []byte // list(2) of names(1+n)
}

// numbers are 16-bit numbers as they stand in a message.
type numbers []byte

func (n numbers) len() int     { return len(n) / 2 }
func (n numbers) at(i int) int { return int(binary.BigEndian.Uint16(n[2*i:])) }

// readHello reads version(2) random(32) session(1+n) ciphers(2+n) compression(1+n)
// extensions(2+n) (RFC 8446 section 4.1.2).
func readHello(b []byte) (h offer) {
	r := reader{b: b}
	h.version = r.u16()
	r.skip(32)
	h.session = r.take(r.u8())
	h.ciphers = r.take(r.u16())
	r.skip(r.u8())
	r.u16()
	h.extensions = r.b
	named := false
	for {
		typ, data, ok := tlsExtension(&r)
		if !ok {
			return h
		}
		x := reader{b: data}
		switch typ {
		case tlsExtServerName: // list(2) type(1) name(2+n) (RFC 6066 section 3)
			x.u16()
			if x.u8() == 0 && !named {
				h.serverName = x.take(x.u16())
				named = len(h.serverName) > 0
			}
		case tlsExtALPN:
			h.alpn = data
		case tlsExtGroups:
			h.groups = x.take(x.u16())
		case tlsExtSignatures:
			h.signatures = x.take(x.u16())
		case tlsExtVersions:
			h.versions = x.take(x.u8())
		case tlsExtPoints:
			h.points = x.take(x.u8())
		}
	}
}

// tell writes what the hello tells into t. transport is 't' for TCP and 'q' for QUIC.
func (h *offer) tell(t *flow.TLS, transport byte) {
	known := h.fingerprint(transport)
	t.ServerName, t.ALPN = sharedText(h.serverName), known.alpn
	t.JA3, t.JA4 = known.ja3, known.ja4
}

// tlsReadServer reads version(2) random(32) session(1+n) cipher(2) compression(1) extensions(2+n)
// (RFC 8446 section 4.1.3), and gives the session. From 1.3 on the version stands in an extension.
func tlsReadServer(b []byte, t *flow.TLS) (session []byte) {
	r := reader{b: b}
	legacy := r.u16()
	r.skip(32)
	session = r.take(r.u8())
	cipher := r.u16()
	if r.bad {
		return nil
	}
	r.u8()
	r.u16()
	version := legacy
	rest := r
	for {
		typ, data, ok := tlsExtension(&r)
		if !ok {
			break
		}
		x := reader{b: data}
		switch typ {
		case tlsExtVersions:
			if v := x.u16(); !x.bad {
				version = v
			}
		case tlsExtPSK:
			t.Resumed = true
		case tlsExtALPN:
			if name, ok := tlsFirstName(data); ok {
				t.NextProto = sharedText(name)
			}
		}
	}
	t.Version, t.Cipher, t.JA3S = tlsVersion(version), tlsCipher(cipher), ja3s(legacy, cipher, rest)
	return session
}

// tlsExtension takes the next extension off, if it is whole: type(2) length(2) data.
func tlsExtension(r *reader) (typ int, data []byte, ok bool) {
	if len(r.b) < 4 {
		return 0, nil, false
	}
	typ, data = r.u16(), r.take(r.u16())
	return typ, data, !r.bad
}

// tlsMaxNames bounds the protocols of an ALPN offer that are kept.
const tlsMaxNames = 16

// tlsNames reads a list(2) of names(1+n) (RFC 7301 section 3.1).
func tlsNames(b []byte) []string {
	var names []string
	x := reader{b: b}
	x.u16()
	for len(x.b) > 0 && len(names) < tlsMaxNames {
		name := x.take(x.u8())
		if x.bad {
			break
		}
		names = append(names, sharedText(name))
	}
	return slices.Clip(names)
}

// tlsFirstName gives the first name of such a list.
func tlsFirstName(b []byte) (name []byte, ok bool) {
	x := reader{b: b}
	x.u16()
	if len(x.b) == 0 {
		return nil, false
	}
	name = x.take(x.u8())
	return name, !x.bad
}

// tlsVersions are the names of the versions from 0x301 on.
var tlsVersions = [...]string{"1.0", "1.1", "1.2", "1.3"}

// tlsVersion names a protocol version; drafts of 1.3 are 0x7f00 and the draft's number.
func tlsVersion(v int) string {
	switch {
	case v == 0x300:
		return "SSL 3.0"
	case v > 0x300 && v <= 0x304:
		return tlsVersions[v-0x301]
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

func (r *reader) u32() uint32 { return uint32(r.u16())<<16 | uint32(r.u16()) }
