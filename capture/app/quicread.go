package app

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// The first packets of QUIC, Initial ones, are encrypted with keys that anybody who sees them can
// derive (RFC 9001 section 5.2); in them lie the hellos of TLS.

const (
	quicMaxCrypto = 8 << 10 // bytes of the handshake of one side that are put together
	quicMaxFrames = 512     // frames of a packet that are looked at
	quicMaxLook   = 8       // datagrams of a side after which no hello is waited for
)

// quicKind is what sets versions of QUIC apart: the salt of the keys, the labels in front of their
// names, and the type bits of an Initial packet.
type quicKind struct {
	salt, prefix string
	initial      byte
}

var (
	quicV1    = quicKind{"\x38\x76\x2c\xf7\xf5\x59\x34\xb3\x4d\x17\x9a\xe6\xa4\xc8\x0c\xad\xcc\xbb\x7f\x0a", "quic ", 0}
	quicV2    = quicKind{"\x0d\xed\xe3\xde\xf7\x00\xa6\xdb\x81\x93\x81\xbe\x6e\x26\x9d\xcb\xf9\xbd\x2e\xd9", "quicv2 ", 1}
	quicDraft = quicKind{"\xaf\xbf\xec\x28\x99\x93\xd2\x4c\x9e\x97\x86\xf1\x9c\x61\x11\xe0\x43\x90\xa8\x99", "quic ", 0} // 29 to 32
	quicOlder = quicKind{"\xc3\xee\xf7\x12\xc7\x2e\xbb\x5a\x11\xa7\xd2\x43\x2b\xb4\x63\x65\xbe\xf9\xf5\x02", "quic ", 0} // 23 to 28
)

// quicKindOf knows version 1 (RFC 9001), 2 (RFC 9369) and the drafts from 23 on.
func quicKindOf(version uint32) (k *quicKind, ok bool) {
	switch draft := version & 0xff; {
	case version == 1 || version>>8 == 0xff0000 && (draft == 33 || draft == 34):
		return &quicV1, true
	case version == 0x6b3343cf:
		return &quicV2, true
	case version>>8 == 0xff0000 && draft >= 29 && draft <= 32:
		return &quicDraft, true
	case version>>8 == 0xff0000 && draft >= 23 && draft <= 28:
		return &quicOlder, true
	}
	return k, false
}

// quicVersionName names a version: "1", "2", "draft-29", "Q046".
func quicVersionName(v uint32) string {
	switch {
	case v == 1:
		return "1"
	case v == 0x6b3343cf:
		return "2"
	case v>>8 == 0xff0000:
		return "draft-" + strconv.Itoa(int(v&0xff))
	case v>>24 == 'Q' || v>>24 == 'T':
		return text(binary.BigEndian.AppendUint32(nil, v))
	}
	return fmt.Sprintf("0x%08x", v)
}

// quicPacket is a packet with a long header (RFC 9000 section 17.2).
type quicPacket struct {
	version uint32
	id      []byte // of the destination
	initial bool
	head    []byte // up to the packet number
	rest    []byte // from the packet number on
}

// quicNext takes the next packet off a datagram; ok is false for what has no length.
func quicNext(b []byte) (p quicPacket, after []byte, ok bool) {
	r := reader{b: b}
	first := r.u8()
	p.version = uint32(r.u16())<<16 | uint32(r.u16())
	p.id = r.take(r.u8())
	r.skip(r.u8())
	kind, known := quicKindOf(p.version)
	if r.bad || first&0x80 == 0 || !known {
		return p, nil, false
	}
	typ := byte(first) >> 4 & 3
	p.initial = typ == kind.initial
	if typ == (kind.initial+3)&3 { // Retry
		return p, nil, false
	}
	if p.initial {
		r.skip(r.varint())
	}
	n := r.varint()
	p.head = b[:len(b)-len(r.b)]
	p.rest = r.take(n)
	return p, r.b, !r.bad
}

// varint reads a number of 1, 2, 4 or 8 bytes (RFC 9000 section 16); more than an int holds is bad.
func (r *reader) varint() int {
	first := r.u8()
	n := first & 0x3f
	for range 1<<(first>>6) - 1 {
		n = n<<8 | r.u8()
	}
	if n < 0 || n > 1<<30 {
		r.b, r.bad = nil, true
		return 0
	}
	return n
}

// quicKeys opens the Initial packets of one side.
type quicKeys struct {
	kind *quicKind
	aead cipher.AEAD
	iv   [12]byte
	mask cipher.Block
}

// quicRoom is what the Initial packets of one conversation after another are opened in.
type quicRoom struct {
	version uint32 // that the client begins with; 0 is none
	id      []byte // what the keys come from: the first destination id of the client, and after a Retry that of the packet itself
	keys    [2]quicKeys
	crypto  [2]quicCrypto

	hash   hash.Hash                          // SHA-256
	block  [sha256.BlockSize + quicMaxID]byte // what is hashed
	sum    [sha256.Size]byte
	head   []byte // of the packet that is opened
	frames []byte
}

// quicMaxID is how long an id may be (RFC 8999 section 5.1).
const quicMaxID = 255

// derive gives the keys of a side, which come from a destination id.
func (q *quicRoom) derive(kind *quicKind, id []byte, side int) (k quicKeys, err error) {
	secret := q.hmac([]byte(kind.salt), id) // RFC 5869 section 2.2: the salt is the key
	secret = q.expand(secret, "", [2]string{"client in", "server in"}[side], sha256.Size)
	k.kind = kind
	key, mask := q.expand(secret, kind.prefix, "key", 16), q.expand(secret, kind.prefix, "hp", 16)
	iv := q.expand(secret, kind.prefix, "iv", 12)
	k.iv = [12]byte(iv[:12])
	block, err := aes.NewCipher(key[:16])
	if err != nil {
		return k, err
	}
	if k.aead, err = cipher.NewGCM(block); err != nil {
		return k, err
	}
	k.mask, err = aes.NewCipher(mask[:16])
	return k, err
}

// expand derives n bytes, the first of what it gives, for a label (RFC 8446 section 7.1). They fit
// in one block of HKDF-Expand (RFC 5869 section 2.3).
func (q *quicRoom) expand(secret [sha256.Size]byte, prefix, label string, n int) [sha256.Size]byte {
	var room [64]byte
	info := append(room[:0], 0, byte(n), byte(len("tls13 ")+len(prefix)+len(label)))
	info = append(append(append(info, "tls13 "...), prefix...), label...)
	return q.hmac(secret[:], append(info, 0, 1))
}

// hmac is HMAC with SHA-256 (RFC 2104) for a key of at most a block and a message of at most quicMaxID bytes.
func (q *quicRoom) hmac(key, message []byte) [sha256.Size]byte {
	return *q.half(key, 0x5c, q.half(key, 0x36, message)[:])
}

// half hashes a message behind the key, of which each byte is changed by pad.
func (q *quicRoom) half(key []byte, pad byte, message []byte) *[sha256.Size]byte {
	if q.hash == nil {
		q.hash = sha256.New()
	}
	head := q.block[:sha256.BlockSize]
	clear(head[copy(head, key):])
	for i := range head {
		head[i] ^= pad
	}
	n := copy(q.block[len(head):], message)
	q.hash.Reset()
	q.hash.Write(q.block[:len(head)+n])
	q.hash.Sum(q.sum[:0])
	return &q.sum
}

// unprotect takes the protection off a packet (RFC 9001 section 5.4) and gives its frames, until the next.
func (q *quicRoom) unprotect(k *quicKeys, p *quicPacket) (frames []byte, ok bool) {
	if len(p.rest) < 20 {
		return nil, false
	}
	var mask [16]byte
	k.mask.Encrypt(mask[:], p.rest[4:20])
	first := p.head[0] ^ mask[0]&0x0f
	size := int(first&3) + 1
	q.head = append(append(append(q.head[:0], first), p.head[1:]...), p.rest[:size]...)
	head := q.head
	nonce := k.iv
	for i := range size {
		head[len(p.head)+i] ^= mask[1+i]
		nonce[12-size+i] ^= head[len(p.head)+i]
	}
	frames, err := k.aead.Open(q.frames[:0], nonce[:], p.rest[size:], head)
	if err != nil {
		return nil, false
	}
	q.frames = frames
	return frames, true
}

// quicCrypto puts together the handshake of one side, whose pieces come in any order.
type quicCrypto struct {
	buf  []byte
	have []span
}

// span is a stretch of bytes.
type span struct{ from, to int }

// whole gives the bytes from the first on without a hole.
func (c *quicCrypto) whole() []byte {
	end := 0
	for grew := true; grew; {
		grew = false
		for _, s := range c.have {
			if s.from <= end && s.to > end {
				end, grew = s.to, true
			}
		}
	}
	return c.buf[:end]
}

// frames reads the frames that an Initial packet may hold (RFC 9000 section 12.4).
func (c *quicCrypto) frames(b []byte) {
	r := reader{b: b}
	for n := 0; len(r.b) > 0 && !r.bad && n < quicMaxFrames; {
		typ := r.varint()
		if typ > 1 { // padding may be long
			n++
		}
		switch typ {
		case 0:
			r.b = bytes.TrimLeft(r.b, "\x00")
		case 1:
		case 2, 3: // ACK
			r.varint()
			r.varint()
			ranges := r.varint()
			r.varint()
			for i := 0; i < ranges && !r.bad; i++ {
				r.varint()
				r.varint()
			}
			for i := 0; typ == 3 && i < 3; i++ {
				r.varint()
			}
		case 6:
			at := r.varint()
			data := r.take(r.varint())
			if r.bad || at+len(data) > quicMaxCrypto {
				return
			}
			if more := at + len(data) - len(c.buf); more > 0 {
				c.buf = append(c.buf, make([]byte, more)...)
			}
			copy(c.buf[at:], data)
			c.have = append(c.have, span{at, at + len(data)})
		default:
			return
		}
	}
}

// quicHandshake is what the Initial packets of both sides tell.
type quicHandshake struct {
	version        uint32 // 0 is none
	client, server []byte
}

// open opens the Initial packets of both sides. What it gives is good until the next conversation.
func (q *quicRoom) open(v *View) quicHandshake {
	q.version, q.id, q.keys = 0, nil, [2]quicKeys{}
	for side, b := range [2][]byte{v.Client, v.Server} {
		c := &q.crypto[side]
		c.buf, c.have = c.buf[:0], c.have[:0]
		ends := [2][]uint16{v.ClientEnds, v.ServerEnds}[side]
		for at, i := 0, 0; at < len(b); i++ {
			end := len(b)
			if i < len(ends) {
				end = int(ends[i])
			}
			q.datagram(side, b[at:end])
			at = end
		}
	}
	return quicHandshake{q.version, q.crypto[0].whole(), q.crypto[1].whole()}
}

// datagram opens the Initial packets of a datagram.
func (q *quicRoom) datagram(side int, b []byte) {
	for len(b) > 0 {
		p, rest, ok := quicNext(b)
		if q.version == 0 && side == 0 {
			q.version = p.version
		}
		if b = rest; !ok {
			return
		}
		if !p.initial {
			continue
		}
		if side == 0 && q.id == nil {
			q.id = p.id
		}
		if q.id == nil {
			return // of the server nothing can be opened
		}
		if frames, ok := q.packet(side, &p); ok {
			q.crypto[side].frames(frames)
		}
	}
}

// packet opens a packet with the keys of its side or, a client's, with those of its own id.
func (q *quicRoom) packet(side int, p *quicPacket) (frames []byte, ok bool) {
	kind, _ := quicKindOf(p.version)
	k := &q.keys[side]
	if k.aead == nil {
		var err error
		if *k, err = q.derive(kind, q.id, side); err != nil {
			return nil, false
		}
	}
	if frames, ok = q.unprotect(k, p); ok || side == 1 || kind == k.kind && bytes.Equal(p.id, q.id) {
		return frames, ok
	}
	again, err := q.derive(kind, p.id, side)
	if err != nil {
		return nil, false
	}
	if frames, ok = q.unprotect(&again, p); ok {
		*k, q.id = again, p.id
	}
	return frames, ok
}

// quicHello gives the body of the hello that a handshake begins with.
func quicHello(b []byte, hello byte) (body []byte, ok bool) {
	typ, body, _, ok := tlsMessage(b)
	return body, ok && typ == hello && len(body) == int(b[1])<<16|int(b[2])<<8|int(b[3])
}

// quicWhole waits for the hellos: the client's may need several datagrams.
func quicWhole(v *View) bool {
	if len(v.ClientEnds) >= quicMaxLook || len(v.ServerEnds) >= quicMaxLook {
		return true
	}
	if len(v.Client) == 0 || len(v.Server) == 0 || len(v.Latest) > 0 && v.Latest[0]&0x80 == 0 {
		return false // a short header has nothing of the handshake behind it
	}
	h := v.quic.open(v)
	_, asked := quicHello(h.client, tlsClientHello)
	_, answered := quicHello(h.server, tlsServerHello)
	if asked && answered {
		v.hellos = h
	}
	return asked && answered
}

func quicParse(v *View, m *flow.Meta) bool {
	o := v.hellos
	if v.hellos = (quicHandshake{}); o.version == 0 {
		o = v.quic.open(v)
	}
	if o.version != 0 {
		m.Talk = &flow.Talk{Version: quicVersionName(o.version)}
	}
	t := &flow.TLS{}
	if body, ok := quicHello(o.client, tlsClientHello); ok {
		h := readHello(body)
		h.tell(t, 'q')
	}
	if body, ok := quicHello(o.server, tlsServerHello); ok {
		tlsReadServer(body, t)
	}
	if t.JA3 != "" || t.Version != "" {
		m.TLS = t
	}
	return m.TLS != nil || m.Talk != nil
}
