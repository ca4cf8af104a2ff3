package app

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// seal makes a protected Initial packet of the frames, as a client or server would.
func seal(t testing.TB, version uint32, id, number string, side int, frames string) string {
	kind, _ := quicKindOf(version)
	k, err := new(quicRoom).derive(kind, []byte(id), side)
	if err != nil {
		t.Fatal(err)
	}
	size := len(number)
	head := []byte{0xc0 | kind.initial<<4 | byte(size-1)}
	head = append(binary.BigEndian.AppendUint32(head, version), byte(len(id)))
	head = append(append(head, id...), 0, 0) // no source id, no token
	n := size + len(frames) + k.aead.Overhead()
	head = binary.BigEndian.AppendUint16(head, 0x4000|uint16(n))
	nonce := append([]byte(nil), k.iv[:]...)
	for i := range size {
		nonce[12-size+i] ^= number[i]
	}
	body := k.aead.Seal(nil, nonce, []byte(frames), append(head[:len(head):len(head)], number...))
	packet := append(append(head, number...), body...)
	var mask [16]byte
	at := len(head)
	k.mask.Encrypt(mask[:], packet[at+4:at+20])
	packet[0] ^= mask[0] & 0x0f
	for i := range size {
		packet[at+i] ^= mask[1+i]
	}
	return string(packet)
}

// crypto makes a CRYPTO frame.
func crypto(at int, data string) string {
	return "\x06" + string(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, 0x4000|uint16(at)), 0x4000|uint16(len(data)))) + data
}

// The hello lies in pieces, in no order, over packets and datagrams, between padding and ACKs.
func TestQUIC(t *testing.T) {
	f := func(version uint32, name string) {
		t.Helper()
		const id = "original"
		hello, reply := clientHello[5:], serverHello[5:]
		one := seal(t, version, id, "\x00", 0, strings.Repeat("\x00", 30)+crypto(40, hello[40:60])+"\x01"+crypto(0, hello[:10]))
		two := seal(t, version, id, "\x00\x01", 0, crypto(10, hello[10:40])+"\x02\x05\x01\x01\x00\x01\x01"+crypto(60, hello[60:]))
		answer := seal(t, version, id, "\x00", 1, "\x03\x00\x00\x00\x00\x01\x01\x01"+crypto(0, reply))
		v := View{Proto: flow.ProtoUDP, Client: []byte(one), ClientEnds: []uint16{uint16(len(one))}}
		if v.Whole(flow.AppQUIC) {
			t.Error("whole with a part")
		}
		v.Client, v.ClientEnds = []byte(one+two), []uint16{uint16(len(one)), uint16(len(one + two))}
		v.Server = []byte(answer)
		if !v.Whole(flow.AppQUIC) {
			t.Error("not whole with all")
		}
		if v.Latest = []byte("\x41short"); v.Whole(flow.AppQUIC) {
			t.Error("looked at again for a packet without a part of the handshake")
		}
		if v.Latest = []byte(answer); !v.Whole(flow.AppQUIC) {
			t.Error("not whole with the answer")
		}
		var m flow.Meta
		if !v.Metadata(flow.AppQUIC, &m) || m.TLS == nil || m.TLS.ServerName != "host.net" || m.TLS.Version != "1.3" ||
			!strings.HasPrefix(m.TLS.JA4, "q12d0103h2_") || m.Talk.Version != name {
			t.Errorf("%+v, %+v", m.TLS, m.Talk)
		}
		v.Client, v.ClientEnds, v.Server, m = v.Client[:len(one)], v.ClientEnds[:1], nil, flow.Meta{}
		if !v.Metadata(flow.AppQUIC, &m) || m.TLS != nil || m.Talk.Version != name {
			t.Errorf("a part of another conversation is %+v, %+v", m.TLS, m.Talk)
		}
	}
	f(1, "1")
	f(0x6b3343cf, "2")
	f(0xff00001d, "draft-29")
	f(0xff00001b, "draft-27")
}

// The example of RFC 9001 appendix A.1: keys from the destination id 0x8394c8f03e515708.
func TestQUICKeys(t *testing.T) {
	k, err := new(quicRoom).derive(&quicV1, []byte(x("8394c8f03e515708")), 0)
	if err != nil || string(k.iv[:]) != x("fa044b2f42a3fd3b46fb255c") {
		t.Errorf("iv %x, %v", k.iv, err)
	}
	k, err = new(quicRoom).derive(&quicV2, []byte(x("8394c8f03e515708")), 0)
	if err != nil || string(k.iv[:]) != x("91f73e2351d8fa91660e909f") { // RFC 9369 appendix A.1
		t.Errorf("iv %x, %v", k.iv, err)
	}
}

func FuzzQUIC(f *testing.F) {
	one := seal(f, 1, "original", "\x00", 0, crypto(0, clientHello[5:]))
	fuzz(f, flow.AppQUIC, flow.ProtoUDP, [2]string{one, one}, [2]string{one[:40], ""})
}

// Whatever the frames are, they are read without harm and the hello stays bounded.
func FuzzQUICFrames(f *testing.F) {
	f.Add([]byte(crypto(5, "data") + "\x02\x05\x01\x01\x00\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer fuzztest.Guard()()
		var c quicCrypto
		c.frames(b)
		if len(c.whole()) > quicMaxCrypto {
			t.Error("too long")
		}
	})
}

func FuzzCert(f *testing.F) {
	f.Add(newCert(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer fuzztest.Guard()()
		readCert(b)
	})
}

// Each row of the parsers names the file it is written in.
func TestParsers(t *testing.T) {
	for _, p := range parsers {
		if _, err := os.Stat(p.file); err != nil {
			t.Errorf("%v: %v", p.app, err)
		}
	}
}
