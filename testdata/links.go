//go:build ignore

package main

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
)

// links are link types, each with what stands before an IP header.
var links = []struct {
	link   uint32
	header string
}{
	{1, "020000000002 020000000001 0800"},                                                   // Ethernet
	{1, "020000000002 020000000001 88a8 0064 8100 0065 0800"},                               // two VLAN tags
	{1, "020000000002 020000000001 8847 00064040 00065140"},                                 // MPLS
	{1, "020000000002 020000000001 8864 1100 0001 0022 0021"},                               // PPPoE
	{1, "020000000002 020000000001 88e5 00 00 00000001 0800"},                               // MACsec, not encrypted
	{1, "020000000002 020000000001 88e7 00000001 020000000004 020000000003 8100 0001 0800"}, // provider backbone
	{1, "020000000002 020000000001 8926 80010002 8100 0001 0800"},                           // VN-Tag
	{1, "020000000002 020000000001 894f 0fc2 02 01 00000001"},                               // NSH
	{1, "020000000002 020000000001 894f 0fc6 01 03 00000001 00000000 00000000 00000000 00000000 020000000004 020000000003 0800"},
	{0, "02000000"},   // BSD loopback
	{108, "00000002"}, // OpenBSD loopback
	{101, ""},         // bare IP
	{228, ""},         // IPv4
	{113, "0000 0001 0006 0200000000010000 0800"},           // Linux cooked
	{276, "0800 0000 00000002 0001 00 06 0200000000010000"}, // Linux cooked, version 2
	{9, "ff03 0021"},                   // PPP
	{50, "ff03 0021"},                  // PPP with HDLC
	{51, "1100 0001 0022 0021"},        // PPPoE
	{204, "01 ff03 0021"},              // PPP with direction
	{104, "0f00 0800"},                 // Cisco HDLC
	{205, "01 0f00 0800"},              // with direction
	{107, "1861 03 cc"},                // frame relay
	{107, "1861 0800"},                 // by Cisco
	{107, "1861 03 00 80 000000 0800"}, // with SNAP
	{107, "1861 03 00 80 0080c2 0007 020000000002 020000000001 0800"}, // bridged
	{206, "01 1861 03 cc"}, // with direction
	{219, "00065140"},      // MPLS
	{127, "0000 0800 00000000 08000000 020000000001 020000000002 020000000003 0000 aaaa03 000000 0800"}, // 802.11
	{192, "00 00 0800 65000000"}, // PPI
	{192, "00 00 0800 01000000 020000000002 020000000001 0800"},
	{239, "02 00 002a 0800 0100 0800 0300 0500 0a00 00000000 LLLL 0900"}, // NFLOG
	{226, "01 02 0000 00000020 00000002 00000000 ffffffff 00000000"},     // Solaris
	{242, strings.Repeat("00", 40) + "0800 0000"},                        // InfiniBand
	{129, "be00 0000 d4 00 0001"},                                        // ARCNET
	{129, "be00 0000 f0"},                                                // ARCNET, RFC 1051
	{7, "be00 d4 00 0001"},
	{6, "1040 020000000002 020000000001 aaaa03 000000 0800"},            // token ring
	{6, "1040 020000000002 820000000001 0430 0011 aaaa03 000000 0800"},  // with a route
	{100, "aaaa03 000000 0800"},                                         // ATM
	{100, "aaaa03 0080c2 0007 0000 020000000002 020000000001 0800"},     // bridged
	{122, "0200000000000002 0200000000000001 aaaa03 000000 0800"},       // Fibre Channel
	{109, "02000000 00000100 00000000"},                                 // OpenBSD enc
	{258, "6c000000 01000000 65000000" + strings.Repeat("00", 0x6c-12)}, // macOS
	{8, "00 45" + strings.Repeat("00", 14)},                             // SLIP
	{10, "50 020000000002 020000000001 aaaa03 000000 0800"},             // FDDI
}

// everyLink is a pcapng file of all link types, the n-th of them with a packet from port 40000+n.
func everyLink() []byte {
	out := ngBlock(nil, 0x0a0d0d0a, []byte("\x4d\x3c\x2b\x1a\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"))
	for i, l := range links {
		t := &trace{}
		t.udp(0, netip.AddrPortFrom(end("10.0.0.1:0").Addr(), uint16(40000+i)), end("10.0.0.2:80"), []byte("link"))
		ip := t.packets[0].ip
		size := hex.EncodeToString(binary.LittleEndian.AppendUint16(nil, uint16(4+len(ip))))
		frame, err := hex.DecodeString(strings.ReplaceAll(strings.ReplaceAll(l.header, " ", ""), "LLLL", size))
		if err != nil {
			panic(err)
		}
		frame = append(frame, ip...)
		out = ngBlock(out, 1, binary.LittleEndian.AppendUint64(nil, uint64(l.link)))
		packet := []byte{}
		for _, v := range []int{i, 0, i, len(frame), len(frame)} {
			packet = binary.LittleEndian.AppendUint32(packet, uint32(v))
		}
		out = ngBlock(out, 6, append(packet, frame...))
	}
	return out
}

// ngBlock appends a block of pcapng.
func ngBlock(out []byte, kind uint32, body []byte) []byte {
	body = append(body, make([]byte, -len(body)&3)...)
	n := uint32(12 + len(body))
	out = binary.LittleEndian.AppendUint32(out, kind)
	out = append(binary.LittleEndian.AppendUint32(out, n), body...)
	return binary.LittleEndian.AppendUint32(out, n)
}
