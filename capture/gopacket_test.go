package capture

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
	"github.com/flowferry/flowferry/packet"
)

// gopacketLinks are the link types that gopacket decodes as we do.
var gopacketLinks = map[uint32]gopacket.Decoder{
	packet.LinkEthernet: layers.LinkTypeEthernet, packet.LinkRaw: layers.LinkTypeRaw, packet.LinkNull: layers.LinkTypeNull,
	packet.LinkLoop: layers.LinkTypeLoop, packet.LinkSLL: layers.LinkTypeLinuxSLL, packet.LinkIPv4: layers.LayerTypeIPv4, packet.LinkIPv6: layers.LayerTypeIPv6,
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
	var k packet.Headers
	if r := packet.Decode(p.Link, p.Data, p.Wire, &k); r != packet.Accepted {
		return rejectNames[r]
	}
	s := fmt.Sprintf("%v %v %d", k.Src, k.Dst, k.IPLen)
	if (k.Proto == flow.ProtoTCP || k.Proto == flow.ProtoUDP) && k.HasPorts {
		s += fmt.Sprintf(" %d %d", k.SrcPort, k.DstPort)
	}
	return s
}

// differs are captures in which gopacket and we do not agree, and why.
var differs = map[string]string{
	"trunc__mpls-6in6-broken.pcap":       "gopacket keeps IPv4 headers whose total length is shorter than they are",
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
				case differs[strings.TrimSuffix(filepath.Base(path), ".gz")] != "":
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

// Whatever packet comes, the meter takes it and has it in one flow or in one named counter.
func FuzzPacket(f *testing.F) {
	for _, link := range []uint32{packet.LinkEthernet, packet.LinkRaw, packet.LinkSLL, packet.LinkPPP} {
		f.Add(link, udp(client, server, []byte("hi")), 60)
	}
	f.Fuzz(func(t *testing.T, link uint32, data []byte, wire int) {
		defer fuzztest.Guard()()
		m := newBuilder(t, Config{})
		m.m.Packet(&Packet{Data: data, Wire: max(len(data), wire&0xffff), Link: link, Ord: 1})
		m.m.Flush()
		rejected := uint64(0)
		for _, n := range m.m.n.rejects {
			rejected += n
		}
		if uint64(len(m.out.Recs))+rejected != 1 {
			t.Fatalf("%d records, %d rejects", len(m.out.Recs), rejected)
		}
	})
}
