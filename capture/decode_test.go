package capture

import (
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/flowferry/flowferry/flow"
)

// gopacketLinks are the link types that gopacket decodes as we do.
var gopacketLinks = map[uint32]gopacket.Decoder{
	linkEthernet: layers.LinkTypeEthernet, linkRaw: layers.LinkTypeRaw, linkNull: layers.LinkTypeNull,
	linkLoop: layers.LinkTypeLoop, linkSLL: layers.LinkTypeLinuxSLL, linkIPv4: layers.LayerTypeIPv4, linkIPv6: layers.LayerTypeIPv6,
}

// byGopacket tells of a packet what gopacket finds in it: the outermost addresses and the ports
// directly under them. ok is false where gopacket fails or panics.
func byGopacket(p *Packet) (got string, ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	d := gopacketLinks[p.Link]
	if d == nil {
		return "", false
	}
	var addr, ports string
	proto := uint8(0)
	for _, l := range gopacket.NewPacket(p.Data, d, gopacket.NoCopy).Layers() {
		switch l := l.(type) {
		case *layers.IPv4:
			if addr != "" {
				return addr + ports, true // a tunnel: the outer packet counts
			}
			proto = uint8(l.Protocol)
			addr = fmt.Sprintf("%v %v %d", l.SrcIP, l.DstIP, l.Length)
			if l.FragOffset != 0 {
				return addr, true
			}
		case *layers.IPv6:
			if addr != "" {
				return addr + ports, true
			}
			proto = uint8(l.NextHeader)
			addr = fmt.Sprintf("%v %v %d", l.SrcIP, l.DstIP, int(l.Length)+40)
		case *layers.TCP:
			if proto == flow.ProtoTCP && ports == "" {
				ports = fmt.Sprintf(" %d %d", l.SrcPort, l.DstPort)
			}
		case *layers.UDP:
			if proto == flow.ProtoUDP && ports == "" {
				ports = fmt.Sprintf(" %d %d", l.SrcPort, l.DstPort)
			}
		case *gopacket.DecodeFailure:
			return "", false
		}
	}
	return addr + ports, addr != ""
}

func byUs(p *Packet) string {
	var k packet
	if r := decode(p.Link, p.Data, p.Wire, &k); r != accepted {
		return rejectNames[r]
	}
	s := fmt.Sprintf("%v %v %d", k.src, k.dst, k.ipLen)
	if (k.proto == flow.ProtoTCP || k.proto == flow.ProtoUDP) && k.ports {
		s += fmt.Sprintf(" %d %d", k.sport, k.dport)
	}
	return s
}

// differs are captures in which gopacket and we do not agree, and why.
var differs = map[string]string{
	"trunc__mpls-6in6-broken.pcap.gz":    "gopacket keeps IPv4 headers whose total length is shorter than they are",
	"LINKTYPE_IPV4_invalid.pcap":         "IPv6 on the link type of IPv4: gopacket reads it as IPv4",
	"bigtcp-ipv4-vxlan-ipv4.pcap":        "total length 0 (segmentation offload): gopacket takes what was captured, we what was on the wire",
	"bigtcp-ipv6-hbh.pcap":               "payload length 0 (jumbogram): we take what was on the wire",
	"ipv6_jumbogram_1.pcap":              "payload length 0 (jumbogram): we take what was on the wire",
	"ipv6-bad-version.pcap":              "gopacket does not look at the version",
	"quic__383379789-decrypt-crash.pcap": "gopacket does not look at the version",
}

// Where gopacket can decode a packet, we find the same addresses, length and ports.
func TestGopacket(t *testing.T) {
	for _, c := range corpora(t) {
		same, diff, stopped, failed := 0, 0, 0, 0
		err := filepath.WalkDir(c.pcaps, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "empty.pcap") {
				return err
			}
			packets, _ := readAll(t, path)
			for i := range packets {
				theirs, ok := byGopacket(&packets[i])
				ours := byUs(&packets[i])
				switch {
				case !ok:
					failed++
				case ours == theirs:
					same++
				case strings.HasPrefix(ours, theirs+" "): // gopacket reads no ports in a fragment and behind headers it doubts
					stopped++
				case differs[filepath.Base(path)] != "":
					diff++
				default:
					t.Errorf("%s: packet %d: ours %s, gopacket %s", path, i+1, ours, theirs)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d packets alike, %d known to differ, %d where gopacket reads no ports, %d it can not decode", c.pcaps, same, diff, stopped, failed)
		if same < 10000 {
			t.Errorf("too few packets to compare")
		}
	}
}

// Each link type and each tag leads to the IP header; each reject has its reason.
func TestDecodeLinks(t *testing.T) {
	ip := udp(client, server, []byte("hi"))
	ip6 := append([]byte{0x60, 0, 0, 0, 0, 10, 17, 64}, make([]byte, 32)...)
	ip6 = append(ip6, 0, 1, 0, 2, 0, 10, 0, 0, 'h', 'i')
	f := func(link uint32, header string, ip []byte, want reject) {
		t.Helper()
		h, err := hex.DecodeString(strings.ReplaceAll(header, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		data := append(h, ip...)
		var p packet
		r := decode(link, data, len(data), &p)
		if r != want {
			t.Errorf("link %d: %v, want %v", link, rejectNames[r], rejectNames[want])
		}
		if r == accepted && (string(p.payload) != "hi" || p.payLen != 2 || !p.ports || int(p.ipLen) != len(ip)) {
			t.Errorf("link %d: got %+v", link, p)
		}
	}
	mac := "010203040506 0a0b0c0d0e0f "
	f(linkRaw, "", ip, accepted)
	f(linkRaw12, "", ip6, accepted)
	f(linkRaw14, "", ip, accepted)
	f(linkIPv4, "", ip, accepted)
	f(linkIPv6, "", ip6, accepted)
	f(linkEthernet, mac+"0800", ip, accepted)
	f(linkEthernet, mac+"86dd", ip6, accepted)
	f(linkEthernet, mac+"8100 0064 0800", ip, accepted)
	f(linkEthernet, mac+"88a8 0064 8100 0065 86dd", ip6, accepted)
	f(linkEthernet, mac+"9100 0064 9100 0065 8100 0066 0800", ip, accepted)
	f(linkEthernet, mac+"8847 00064040 00065140", ip, accepted)
	f(linkEthernet, mac+"8847 00065140 00000000"+mac+"0800", ip, accepted)
	f(linkEthernet, mac+"8864 1100 0001 0020 0021", ip, accepted)
	f(linkEthernet, mac+"8864 1100 0001 0020 57", ip6, accepted)
	f(linkEthernet, mac+"0026 aaaa03 000000 0800", ip, accepted)
	f(linkNull, "02000000", ip, accepted)
	f(linkNull, "0000001e", ip6, accepted)
	f(linkLoop, "00000018", ip6, accepted)
	f(linkSLL, "0000 0001 0006 0102030405060000 0800", ip, accepted)
	f(linkSLL2, "0800 0000 00000002 0001 00 06 0102030405060000", ip, accepted)
	f(linkPPP, "ff03 0021", ip, accepted)
	f(linkPPPHDLC, "0057", ip6, accepted)
	f(linkPPPEther, "1100 0001 0020 0021", ip, accepted)
	f(linkCHDLC, "0f00 0800", ip, accepted)

	f(9999, "", ip, rejectLink)
	f(linkEthernet, mac+"0806", nil, rejectNotIP)
	f(linkEthernet, mac+"0026 424203", nil, rejectNotIP)
	f(linkEthernet, mac+"8864 1100 0001 0020 c021", nil, rejectNotIP)
	f(linkNull, "07000000", nil, rejectNotIP)
	f(linkEthernet, mac+"08", nil, rejectTruncated)
	f(linkEthernet, mac+"8100 00", nil, rejectTruncated)
	f(linkRaw, "", ip[:19], rejectTruncated)
	f(linkRaw, "", ip6[:39], rejectTruncated)
	f(linkRaw, "55", ip, rejectHeader)
	f(linkRaw, "44", ip, rejectHeader)
	f(linkEthernet, mac+strings.Repeat("8100 0001", 17), nil, rejectHeader)
}

// Any bytes on any link type: no panic, and what is accepted makes sense.
func FuzzDecode(f *testing.F) {
	for _, link := range []uint32{linkEthernet, linkRaw, linkSLL, linkPPP} {
		f.Add(link, udp(client, server, []byte("hi")), 60)
	}
	f.Add(uint32(linkEthernet), []byte("\x01\x02\x03\x04\x05\x06\x01\x02\x03\x04\x05\x06\x88\x47\x00\x06\x51\x40\x60\x00\x00\x00\x00\x10\x00\x40"), 100)
	f.Fuzz(func(t *testing.T, link uint32, data []byte, wire int) {
		var p packet
		wire = max(len(data), wire&0xffff)
		if r := decode(link, data, wire, &p); r != accepted {
			if rejectNames[r] == "" {
				t.Fatal("a reject without a name")
			}
			return
		}
		if len(p.payload) > len(data) || int(p.payLen) > int(p.ipLen) && p.ipLen > 40 {
			t.Fatalf("payload %d of %d bytes, IP %d", len(p.payload), p.payLen, p.ipLen)
		}
		m := newBuilder(t, Config{})
		m.m.Packet(&Packet{Data: data, Wire: wire, Link: link, Ord: 1})
		m.m.Flush()
		if len(m.out.Recs) != 1 {
			t.Fatalf("%d records", len(m.out.Recs))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	data := append([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0}, tcp(client, server, flow.ACK, 1, make([]byte, 500))...)
	var p packet
	for b.Loop() {
		decode(linkEthernet, data, len(data), &p)
	}
}
