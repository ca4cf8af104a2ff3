package packet

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// wrap puts bytes given as hex before an inner packet and an IPv4 header of the protocol before both.
func wrap(t testing.TB, proto uint8, header string, inner []byte) []byte {
	t.Helper()
	h, err := hex.DecodeString(strings.ReplaceAll(header, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	b := append(append([]byte("\x45\x00\x00\x00\x00\x00\x00\x00\x40\x00\x00\x00\xc0\x00\x02\x01\xc0\x00\x02\x02"), h...), inner...)
	b[9] = proto
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	return b
}

// overUDP gives the hex of a UDP header from port 49152.
func overUDP(port uint16) string { return fmt.Sprintf("c000 %04x 0000 0000 ", port) }

// Each tunnel leads to the packet inside and tells its id; what is no tunnel is left alone.
func TestInner(t *testing.T) {
	const mac = "010203040506 0a0b0c0d0e0f "
	ip6 := append([]byte{0x60, 0, 0, 0, 0, 10, 17, 64}, make([]byte, 32)...)
	ip6 = append(ip6, "\x9c\x40\x00\x50\x00\x0a\x00\x00hi"...)
	f := func(kind flow.Tunnel, id int, proto uint8, header string, inner []byte) {
		t.Helper()
		b := wrap(t, proto, header, inner)
		var p, in Headers
		var tun Tunnel
		if r := Decode(LinkRaw, b, len(b), &p); r != Accepted {
			t.Fatalf("outer: %v", r)
		}
		if !Inner(&p, &in, &tun) {
			t.Errorf("%v: nothing inside", kind)
			return
		}
		if tun.Kind != kind || tun.HasID != (id >= 0) || tun.HasID && tun.ID != uint32(id) || tun.Src != p.Src || tun.Dst != p.Dst {
			t.Errorf("%v: %+v", kind, tun)
		}
		if string(in.Payload) != "hi" || in.DstPort != 80 || int(in.IPLen) != len(inner) || in.PayLen != 2 {
			t.Errorf("%v: %+v", kind, in)
		}
	}
	f(flow.TunnelIPIP, -1, 4, "", udpHi)
	f(flow.TunnelIPIP, -1, 41, "", ip6)
	f(flow.TunnelIPIP, -1, 94, "", udpHi)
	f(flow.TunnelEther, -1, 143, mac+"0800", udpHi)
	f(flow.TunnelEther, -1, 97, "3000"+mac+"86dd", ip6)
	f(flow.TunnelMPLS, -1, 137, "00065140", udpHi)
	f(flow.TunnelMPLS, -1, 17, overUDP(6635)+"00065140", udpHi)
	f(flow.TunnelGRE, -1, 47, "0000 0800", udpHi)
	f(flow.TunnelGRE, 7, 47, "b000 86dd 00000000 00000007 00000001", ip6)
	f(flow.TunnelGRE, -1, 47, "0000 883e 00010203", udpHi)
	f(flow.TunnelGRE, -1, 47, "0000 8100 0064 0800", udpHi)
	f(flow.TunnelGRE, -1, 17, overUDP(4754)+"0000 0800", udpHi)
	f(flow.TunnelNVGRE, 0x1234, 47, "2000 6558 00123401"+mac+"0800", udpHi)
	f(flow.TunnelERSPAN, -1, 47, "0000 88be"+mac+"0800", udpHi)
	f(flow.TunnelERSPAN, 100, 47, "1000 88be 00000001 10010064 00000000"+mac+"0800", udpHi)
	f(flow.TunnelERSPAN, 100, 47, "1000 22eb 00000001 20010064 00000000 00000000"+mac+"0800", udpHi)
	f(flow.TunnelERSPAN, 100, 47, "1000 22eb 00000001 20010064 00000000 00000001 0000000000000000"+mac+"0800", udpHi)
	f(flow.TunnelERSPAN, 100, 47, "1000 22eb 00000001 20010064 00000000 00000800", udpHi)
	f(flow.TunnelPPTP, 9, 47, "3081 880b 00200009 00000001 00000002 ff03 0021", udpHi)
	f(flow.TunnelVXLAN, 100, 17, overUDP(4789)+"08000000 00006400"+mac+"0800", udpHi)
	f(flow.TunnelVXLAN, 100, 17, overUDP(4790)+"0c000001 00006400", udpHi)
	f(flow.TunnelGeneve, 100, 17, overUDP(6081)+"01006558 00006400 00000000"+mac+"0800", udpHi)
	f(flow.TunnelGeneve, 100, 17, overUDP(6081)+"000086dd 00006400", ip6)
	f(flow.TunnelGTPU, 5, 17, overUDP(2152)+"30ff 001e 00000005", udpHi)
	f(flow.TunnelGTPU, 5, 17, overUDP(2152)+"34ff 0022 00000005 00000085 01100900", udpHi)
	f(flow.TunnelTeredo, -1, 17, overUDP(3544)+"0001 0000 0000000000000000 00 0000 ffff ffffffff", ip6)
	f(flow.TunnelAYIYA, -1, 17, overUDP(5072)+"4052 1129 00000000"+strings.Repeat("00", 16+20), ip6)
	f(flow.TunnelL2TP, 1<<16|2, 17, overUDP(1701)+"0002 0001 0002 ff03 0021", udpHi)
	f(flow.TunnelL2TP, 1<<16|2, 17, overUDP(1701)+"4a02 0000 0001 0002 0000 0000 0002 0000 57", ip6)

	f(flow.TunnelPIM, -1, 103, "2100 dfff 00000000", udpHi)
	f(flow.TunnelPIM, -1, 103, "2100 dfff 80000000", ip6)
	f(flow.TunnelVXLAN, 100, 17, overUDP(4790)+"0c000004 00006400 0fc2 02 01 00000001", udpHi)

	none := func(proto uint8, header string, inner []byte) {
		t.Helper()
		b := wrap(t, proto, header, inner)
		var p, in Headers
		var tun Tunnel
		if Decode(LinkRaw, b, len(b), &p); Inner(&p, &in, &tun) {
			t.Errorf("%s: found %v", header, tun.Kind)
		}
	}
	none(17, overUDP(53), udpHi)
	none(103, "2100 dfff 40000000", udpHi)
	none(103, "2000 dfff 00000000", udpHi)
	none(17, overUDP(4789)+"00000000 00006400"+mac+"0800", udpHi)
	none(17, overUDP(4789)+"08000000 00006400"+mac+"0806", nil)
	none(17, overUDP(6081)+"3f006558 00006400", udpHi)
	none(17, overUDP(2152)+"3201 0004 00000000 00000000", nil)
	none(17, overUDP(2152)+"34ff 0022 00000005 00000085 00", nil)
	none(17, overUDP(1701)+"c802 0014 0001 0002", udpHi)
	none(47, "4000 0800", udpHi)
	none(47, "0003 0800", udpHi)
	none(4, "", []byte{0x45, 0})
	long := slices.Clone(udpHi) // by its length it goes on behind the packet that carries it
	long[3]++
	none(4, "", long)
	none(17, overUDP(4790)+"0c000001 00006400", long)
}

// Whatever the bytes, what is found inside is no longer than what is around it.
func FuzzInner(f *testing.F) {
	for _, h := range []struct {
		proto  uint8
		header string
	}{{4, ""}, {47, "10 00 88 be 00000001 10010064 00000000 010203040506 0a0b0c0d0e0f 0800"}, {17, overUDP(2152) + "34ff 0022 00000005 00000085 01100900"},
		{17, overUDP(5072) + "4052 1129 00000000"}, {17, overUDP(1701) + "4a02 0000 0001 0002 0000 0000 0002 0000 57"}} {
		f.Add(wrap(f, h.proto, h.header, udpHi))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		defer fuzztest.Guard()()
		var p, in Headers
		var tun Tunnel
		if Decode(LinkRaw, b, len(b), &p) != Accepted || !Inner(&p, &in, &tun) {
			return
		}
		if tun.Kind == flow.TunnelNone || len(in.Payload) > len(p.Payload) {
			t.Fatalf("%+v in %+v", in, p)
		}
	})
}

// TestMayCarry holds the glance at the ports to what enterUDP knows: a port is passed over only if
// nothing is found there.
func TestMayCarry(t *testing.T) {
	f := func(port uint16, want bool) {
		t.Helper()
		for _, p := range []Headers{{Proto: flow.ProtoUDP, DstPort: port}, {Proto: flow.ProtoUDP, SrcPort: port}} {
			p.Payload = make([]byte, 64)
			if p.MayCarry() != want {
				t.Errorf("port %d: %v", port, !want)
			}
			p.Payload = nil
			if p.MayCarry() {
				t.Errorf("port %d without payload", port)
			}
		}
	}
	for _, port := range []uint16{portL2TP, portGTPU, portTeredo, portGREUDP, portVXLAN, portGPE, portAYIYA, portGeneve, portMPLSUDP, portVXLANOld} {
		f(port, true)
	}
	for _, port := range []uint16{53, 123, 443, 5060} {
		f(port, false)
	}
	if p := (Headers{Proto: flow.ProtoGRE, Payload: make([]byte, 8)}); !p.MayCarry() {
		t.Error("GRE")
	}
	if p := (Headers{Proto: flow.ProtoGRE, Payload: make([]byte, 8), Frag: true}); p.MayCarry() {
		t.Error("a fragment")
	}
}

// An answer of DNS to a client that drew the port of a tunnel is read as what it is, although
// its bytes would pass for a packet of IPv6.
func TestPortByChance(t *testing.T) {
	answer := unhex(t, "02000000010102000000020208004500005201a6400040110000", "59a0147b0a0018b9", "00350dd8003e0000",
		"6c0981800001000100000000", "087777773535373930", "076578616d706c65", "03636f6d00", "00010001", "c00c000100010000012c0004af10c788")
	var p, in Headers
	var tunnel Tunnel
	if r := Decode(LinkEthernet, answer, len(answer), &p); r != Accepted || p.DstPort != portTeredo {
		t.Fatal(r, p.DstPort)
	}
	if Inner(&p, &in, &tunnel) {
		t.Errorf("%v from %v", tunnel.Kind, p.SrcPort)
	}
	answer[35] = 0x36
	answer[34] = 0x10 // as from a client's port
	Decode(LinkEthernet, answer, len(answer), &p)
	if !Inner(&p, &in, &tunnel) {
		t.Error("the bytes no longer pass for a tunnel: the test shows nothing")
	}
}
