package packet

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/internal/fuzztest"
)

// udpHi is an IPv4 packet from 10.0.0.1:40000 to 10.0.0.2:80 over UDP that says "hi".
var udpHi = []byte("\x45\x00\x00\x1e\x00\x00\x00\x00\x40\x11\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" +
	"\x9c\x40\x00\x50\x00\x0a\x00\x00hi")

// tcpFrame is an Ethernet frame of a TCP segment with so many bytes of payload.
func tcpFrame(payload int) []byte {
	b := append([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0}, make([]byte, 40+payload)...)
	ip := b[14:]
	ip[0], ip[8], ip[9], ip[32], ip[33] = 0x45, 64, 6, 5<<4, 0x10
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
	copy(ip[12:], "\x0a\x00\x00\x01\x0a\x00\x00\x02\x9c\x40\x00\x50")
	return b
}

// Decoding allocates nothing.
func TestAllocatesNothing(t *testing.T) {
	data := tcpFrame(500)
	var p Headers
	if n := testing.AllocsPerRun(1000, func() { Decode(LinkEthernet, data, len(data), &p) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Each link type and each tag leads to the IP header; each reject has its reason.
func TestDecodeLinks(t *testing.T) {
	ip := udpHi
	ip6 := append([]byte{0x60, 0, 0, 0, 0, 10, 17, 64}, make([]byte, 32)...)
	ip6 = append(ip6, 0, 1, 0, 2, 0, 10, 0, 0, 'h', 'i')
	f := func(link uint32, header string, ip []byte, want Reject) {
		t.Helper()
		h, err := hex.DecodeString(strings.ReplaceAll(header, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		data := append(h, ip...)
		var p Headers
		r := Decode(link, data, len(data), &p)
		if r != want {
			t.Errorf("link %d: %v, want %v", link, r, want)
		}
		if r == Accepted && (string(p.Payload) != "hi" || p.PayLen != 2 || !p.HasPorts || int(p.IPLen) != len(ip)) {
			t.Errorf("link %d: got %+v", link, p)
		}
	}
	mac := "010203040506 0a0b0c0d0e0f "
	f(LinkRaw, "", ip, Accepted)
	f(LinkRaw12, "", ip6, Accepted)
	f(LinkRaw14, "", ip, Accepted)
	f(LinkIPv4, "", ip, Accepted)
	f(LinkIPv6, "", ip6, Accepted)
	f(LinkEthernet, mac+"0800", ip, Accepted)
	f(LinkEthernet, mac+"86dd", ip6, Accepted)
	f(LinkEthernet, mac+"8100 0064 0800", ip, Accepted)
	f(LinkEthernet, mac+"88a8 0064 8100 0065 86dd", ip6, Accepted)
	f(LinkEthernet, mac+"9100 0064 9100 0065 8100 0066 0800", ip, Accepted)
	f(LinkEthernet, mac+"8847 00064040 00065140", ip, Accepted)
	f(LinkEthernet, mac+"8847 00065140 00000000"+mac+"0800", ip, Accepted)
	f(LinkEthernet, mac+"8864 1100 0001 0020 0021", ip, Accepted)
	f(LinkEthernet, mac+"8864 1100 0001 0020 57", ip6, Accepted)
	f(LinkEthernet, mac+"0026 aaaa03 000000 0800", ip, Accepted)
	f(LinkNull, "02000000", ip, Accepted)
	f(LinkNull, "0000001e", ip6, Accepted)
	f(LinkLoop, "00000018", ip6, Accepted)
	f(LinkSLL, "0000 0001 0006 0102030405060000 0800", ip, Accepted)
	f(LinkSLL2, "0800 0000 00000002 0001 00 06 0102030405060000", ip, Accepted)
	f(LinkPPP, "ff03 0021", ip, Accepted)
	f(LinkPPPHDLC, "0057", ip6, Accepted)
	f(LinkPPPEther, "1100 0001 0020 0021", ip, Accepted)
	f(LinkCHDLC, "0f00 0800", ip, Accepted)
	f(LinkMPLS, "00064040 00065140", ip, Accepted)

	f(9999, "", ip, RejectLink)
	f(LinkEthernet, mac+"0806", nil, RejectNotIP)
	f(LinkEthernet, mac+"0026 424203", nil, RejectNotIP)
	f(LinkEthernet, mac+"8864 1100 0001 0020 c021", nil, RejectNotIP)
	f(LinkNull, "07000000", nil, RejectNotIP)
	f(LinkEthernet, mac+"08", nil, RejectTruncated)
	f(LinkEthernet, mac+"8100 00", nil, RejectTruncated)
	f(LinkRaw, "", ip[:19], RejectTruncated)
	f(LinkRaw, "", ip6[:39], RejectTruncated)
	f(LinkRaw, "55", ip, RejectHeader)
	f(LinkRaw, "44", ip, RejectHeader)
	f(LinkEthernet, mac+strings.Repeat("8100 0001", 17), nil, RejectHeader)
}

// Any bytes on any link type: no panic, and what is Accepted makes sense.
func FuzzDecode(f *testing.F) {
	for _, link := range []uint32{LinkEthernet, LinkRaw, LinkSLL, LinkPPP} {
		f.Add(link, udpHi, 60)
	}
	f.Add(uint32(LinkEthernet), []byte("\x01\x02\x03\x04\x05\x06\x01\x02\x03\x04\x05\x06\x88\x47\x00\x06\x51\x40\x60\x00\x00\x00\x00\x10\x00\x40"), 100)
	f.Fuzz(func(t *testing.T, link uint32, data []byte, wire int) {
		defer fuzztest.Guard()()
		var p Headers
		wire = max(len(data), wire&0xffff)
		if r := Decode(link, data, wire, &p); r != Accepted {
			if r.String() == "" {
				t.Fatal("a reject without a name")
			}
			return
		}
		if len(p.Payload) > len(data) || int(p.PayLen) > int(p.IPLen) && p.IPLen > 40 {
			t.Fatalf("payload %d of %d bytes, IP %d", len(p.Payload), p.PayLen, p.IPLen)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	data := tcpFrame(500)
	var p Headers
	for b.Loop() {
		Decode(LinkEthernet, data, len(data), &p)
	}
}
