package packet

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/internal/fuzztest"
)

// The less common link types and wrappers lead to the IP header as well; each reject has its reason.
func TestDecodeOther(t *testing.T) {
	f := func(link uint32, header string, want Reject) {
		t.Helper()
		h, err := hex.DecodeString(strings.ReplaceAll(header, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		data := append(h, udpHi...)
		var p Headers
		if r := Decode(link, data, len(data), &p); r != want {
			t.Errorf("link %d, %s: %q, want %q", link, header, r, want)
		} else if r == Accepted && (string(p.Payload) != "hi" || p.DstPort != 80 || int(p.IPLen) != len(udpHi)) {
			t.Errorf("link %d, %s: got %+v", link, header, p)
		}
	}
	const mac = "010203040506 0a0b0c0d0e0f "
	const snap = "aaaa03 000000 0800 "
	f(LinkNFLOG, "02 00 002a 0800 0100 0800 0300 0500 0a00 00000000 2200 0900", Accepted)
	f(LinkNFLOG, "02 00 002a 0008 0001 0800 0300 0022 0009", Accepted)
	f(LinkNFLOG, "07 00 002a 2200 0900", RejectNotIP)
	f(LinkNFLOG, "02 00 002a 0300 0900", RejectHeader)
	f(LinkNFLOG, "02 00 002a 2000 0100", RejectTruncated)
	f(LinkPPI, "00 00 0800 65000000", Accepted)
	f(LinkPPI, "00 00 0c00 01000000 00000000"+mac+"0800", Accepted)
	f(LinkPPI, "00 00 0800 c0000000", RejectLink)
	f(LinkPPI, "00 00 ffff 65000000", RejectTruncated)
	f(LinkPKTAP, "0c000000 01000000 65000000", Accepted)
	f(LinkPKTAP, "ffffffff 01000000 65000000", RejectTruncated)
	f(LinkPPPDir, "01 ff03 0021", Accepted)
	f(LinkCHDLCDir, "01 0f00 0800", Accepted)
	f(LinkFrelayDir, "01 1861 0800", Accepted)
	f(LinkFrelay, "1861 0800", Accepted)
	f(LinkFrelay, "1861 03 cc", Accepted)
	f(LinkFrelay, "1861 03 00 cc", Accepted)
	f(LinkFrelay, "1860 6001 03 00 80 000000 0800", Accepted)
	f(LinkFrelay, "1861 03 00 80 0080c2 0007"+mac+"0800", Accepted)
	f(LinkFrelay, "1861 03 cf 0021", Accepted)
	f(LinkFrelay, "1861 03 81", RejectNotIP)
	f(LinkFrelay, "1800 0000", RejectHeader)
	f(LinkFrelay, "01 0800", RejectHeader)
	f(LinkSLIP, "00"+strings.Repeat("00", 15), Accepted)
	f(LinkEnc, "02000000 00000100 00000000", Accepted)
	f(LinkIPNET, "01 02 0000 00000054 00000002 00000000 ffffffff 00000000", Accepted)
	f(LinkIPNET, "01 07 0000 00000054 00000002 00000000 ffffffff 00000000", RejectNotIP)
	f(LinkIPoIB, strings.Repeat("00", 40)+"0800 0000", Accepted)
	f(LinkARCNET, "be00 f0", Accepted)
	f(LinkARCNET, "be00 d4 00 0001", Accepted)
	f(LinkARCNETLin, "be00 0000 d4 01 0001", Accepted)
	f(LinkARCNETLin, "be00 0000 d4 ff 0000 00 00 0001", Accepted)
	f(LinkARCNETLin, "be00 0000 d4 02 0001", RejectNotIP)
	f(LinkARCNETLin, "be00 0000 d5 00 0001", RejectNotIP)
	f(LinkTokenRing, "1040"+mac+snap, Accepted)
	f(LinkTokenRing, "1040 010203040506 8a0b0c0d0e0f 0430 0011"+snap, Accepted)
	f(LinkTokenRing, "1000"+mac+snap, RejectNotIP)
	f(LinkATM, snap, Accepted)
	f(LinkATM, "aaaa03 0080c2 0007 0000"+mac+"0800", Accepted)
	f(LinkATM, "fefe03 81", RejectNotIP)
	f(LinkFC, strings.Repeat("01", 16)+snap, Accepted)

	f(LinkEthernet, mac+"88e5 00 00 00000001 0800", Accepted)
	f(LinkEthernet, mac+"88e5 20 00 00000001 0a0b0c0d0e0f0001 0800", Accepted)
	f(LinkEthernet, mac+"88e5 2c 00 00000001 0a0b0c0d0e0f0001 0800", RejectNotIP)
	f(LinkEthernet, mac+"88e7 00000001"+mac+"8100 0001 0800", Accepted)
	f(LinkEthernet, mac+"8926 80010002 8100 0001 0800", Accepted)
	f(LinkEthernet, mac+"894f 0fc2 02 01 00000001", Accepted)
	f(LinkEthernet, mac+"894f 0fc6 01 03 00000001 00000000 00000000 00000000 00000000"+mac+"0800", Accepted)
	f(LinkEthernet, mac+"894f 0fc2 02 04 00000001 0fc2 02 05 00000001 00065140", Accepted)
	f(LinkEthernet, mac+"894f 0fc2 02 06 00000001", RejectNotIP)
	f(LinkEthernet, mac+"894f 0fc1 01 01 00000001", RejectHeader)
}

// Any bytes on any of these link types: no panic, and what is left is a part of them.
func FuzzDecodeOther(f *testing.F) {
	links := [...]uint32{LinkTokenRing, LinkARCNET, LinkSLIP, LinkATM, LinkFrelay, LinkEnc, LinkFC, LinkARCNETLin, LinkPPI, LinkPPPDir,
		LinkCHDLCDir, LinkFrelayDir, LinkIPNET, LinkNFLOG, LinkIPoIB, LinkPKTAP, LinkEthernet}
	f.Add(uint8(13), []byte("\x02\x00\x00\x2a\x08\x00\x01\x00\x08\x00\x03\x00\x22\x00\x09\x00"))
	f.Add(uint8(4), []byte("\x18\x61\x03\x00\x80\x00\x00\x00\x08\x00"))
	f.Add(uint8(16), []byte("\x01\x02\x03\x04\x05\x06\x01\x02\x03\x04\x05\x06\x89\x4f\x0f\xc2\x01\x01\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, link uint8, data []byte) {
		defer fuzztest.Guard()()
		var p Headers
		_, rest, r := decodeOther(links[int(link)%len(links)], data, &p)
		if r == Accepted && len(rest) > len(data) {
			t.Fatalf("%d bytes of %d", len(rest), len(data))
		}
		if r := Decode(links[int(link)%len(links)], data, len(data), &p); r != Accepted && r.String() == "" {
			t.Fatal("a reject without a name")
		}
	})
}
