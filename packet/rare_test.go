package packet

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/flowferry/flowferry/internal/fuzztest"
)

// A rare link header leads to the same packet as the bare IP bytes behind it.
func TestRareLinks(t *testing.T) {
	ip := unhex(t, "4500001e00010000401166cb0a0000010a000002", "00350035000a0000", "0102")
	f := func(link uint32, header, trailer string) {
		t.Helper()
		frame := append(append(unhex(t, header), ip...), unhex(t, trailer)...)
		var rare, bare Headers
		if r := Decode(LinkRaw, ip, len(ip), &bare); r != Accepted {
			t.Fatalf("bare IP: %d", r)
		}
		if r := Decode(link, frame, len(frame), &rare); r != Accepted {
			t.Fatalf("link %d: rejected as %s", link, rejectNames[r])
		}
		if rare.Src != bare.Src || rare.Dst != bare.Dst || rare.SrcPort != 53 || rare.IPLen != bare.IPLen || !bytes.Equal(rare.Payload, bare.Payload) {
			t.Errorf("link %d: %+v, want %+v", link, rare, bare)
		}
	}
	const data = "08000000" + "020000000001" + "020000000002" + "020000000003" + "0000" + "aaaa03" + "000000" + "0800"
	f(LinkWireless, data, "fcfcfcfc")
	f(LinkRadiotap, "0000080000000000"+data, "")
	f(LinkFDDI, "50"+"020000000001"+"020000000002"+"aaaa03"+"000000"+"0800", "")
}

func unhex(t *testing.T, parts ...string) (out []byte) {
	t.Helper()
	for _, p := range parts {
		b, err := hex.DecodeString(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

// Whatever the bytes, a rare link type neither panics nor is taken for a packet it is not, and what stands in
// memory behind the packet changes nothing.
func FuzzRareLinks(f *testing.F) {
	f.Add(uint8(LinkRadiotap), []byte{0, 0, 8, 0, 0, 0, 0, 0, 8, 0})
	f.Add(uint8(LinkRadiotap), []byte{0x30, 0x30, 0, 0, 0, 1, 0, 0x30})
	f.Add(uint8(LinkPFLog), []byte{61, 2, 0, 0})
	f.Add(uint8(LinkPrism), make([]byte, 160))
	f.Fuzz(func(t *testing.T, link uint8, b []byte) {
		defer fuzztest.Guard()()
		ether, rest, r := decodeRare(uint32(link), b)
		if r == Accepted && (ether != etherIPv4 && ether != etherIPv6 || len(rest) > len(b)) {
			t.Fatalf("ether %#x, %d bytes of %d", ether, len(rest), len(b))
		}
		more := append(bytes.Clone(b), make([]byte, 2000)...)
		if e, p, why := decodeRare(uint32(link), more[:len(b)]); e != ether || why != r || !bytes.Equal(p, rest) {
			t.Fatalf("ether %#x, %d bytes, %s with more bytes behind; %#x, %d, %s without", e, len(p), why, ether, len(rest), r)
		}
	})
}
