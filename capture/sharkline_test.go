package capture

import (
	"bufio"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// sharkFields are the columns asked of tshark. Of a packet in a tunnel each has a value for each of its headers, the
// outermost first.
var sharkFields = []string{"frame.protocols", "ip.src", "ip.dst", "ip.proto", "ip.len", "ip.flags.mf", "ip.frag_offset", "ip.reassembled_in",
	"ipv6.src", "ipv6.dst", "ipv6.plen", "ipv6.opt.jumbo", "ipv6.fraghdr.nxt", "ipv6.fraghdr.more", "ipv6.fraghdr.offset", "ipv6.reassembled.in",
	"tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport", "sctp.srcport", "sctp.dstport"}

// sharkIP is an IP header that tshark shows, and the ports behind it.
type sharkIP struct {
	src, dst     string
	sport, dport uint16
	proto        uint8
	length       uint64
	frag         bool // a fragment, the first or a later one
	ported       bool
}

var sharkProtos = map[string]uint8{"tcp": flow.ProtoTCP, "udp": flow.ProtoUDP, "sctp": flow.ProtoSCTP}

// ports notes the first ports behind the header.
func (ip *sharkIP) ports(proto uint8, src, dst uint64) {
	if !ip.ported {
		ip.proto, ip.sport, ip.dport, ip.ported = proto, uint16(src), uint16(dst), true
	}
}

// sharkPacket is what tshark shows of one packet: its IP headers, the outermost first.
type sharkPacket struct {
	ip          []sharkIP
	reassembled int // the packet, from 1, that completes the datagram of which the last header has a fragment; 0 is none
}

// quoting are protocols that carry the beginnings of packets which are none of their own; tshark dissects those too.
var quoting = []string{"icmp", "icmpv6", "nhrp", "sflow", "openflow"}

// parseShark reads a line of tshark's. frame.protocols tells which header follows which.
func parseShark(line string) (p sharkPacket) {
	columns := map[string][]string{}
	for i, c := range strings.Split(line, "\t") {
		if c != "" {
			columns[sharkFields[i]] = strings.Split(c, ",")
		}
	}
	next := func(field string) string {
		c := columns[field]
		if len(c) == 0 {
			return ""
		}
		columns[field] = c[1:]
		return c[0]
	}
	num := func(field string) uint64 { n, _ := strconv.ParseUint(next(field), 0, 64); return n }
	var at *sharkIP // the header in hand
	begin := func(ip sharkIP) {
		p.ip = append(p.ip, ip)
		at = &p.ip[len(p.ip)-1]
	}
	fragment := func(more, offset string) {
		m, o := next(more), num(offset)
		at.frag = m == "1" || o > 0
	}
	for _, name := range strings.Split(strings.Join(columns["frame.protocols"], ","), ":") {
		switch name {
		case "ip":
			begin(sharkIP{src: next("ip.src"), dst: next("ip.dst"), proto: uint8(num("ip.proto")), length: num("ip.len")})
			fragment("ip.flags.mf", "ip.frag_offset")
		case "ipv6":
			begin(sharkIP{src: next("ipv6.src"), dst: next("ipv6.dst"), length: 40 + num("ipv6.plen")})
		}
		if at == nil {
			continue
		}
		switch name {
		case "ipv6.hopopts":
			if jumbo := num("ipv6.opt.jumbo"); jumbo > 0 {
				at.length = 40 + jumbo
			}
		case "ipv6.fraghdr":
			at.proto = uint8(num("ipv6.fraghdr.nxt"))
			fragment("ipv6.fraghdr.more", "ipv6.fraghdr.offset")
		case "tcp", "udp", "sctp":
			at.ports(sharkProtos[name], num(name+".srcport"), num(name+".dstport"))
		case "icmpv6":
			at.proto = flow.ProtoICMPv6
		}
		if slices.Contains(quoting, name) {
			break
		}
	}
	p.reassembled = int(num("ip.reassembled_in") + num("ipv6.reassembled.in"))
	return p
}

// header gives the index of the header that counts, -1 for none: the outermost, or the innermost,
// but none within a fragment, as we do not look into those.
func (p *sharkPacket) header(tunnels string) int {
	for i := range p.ip {
		if tunnels == TunnelsOuter || p.ip[i].frag {
			return i
		}
	}
	return len(p.ip) - 1
}

// sharkSums counts packets and IP bytes per 5-tuple and end.
func sharkSums(all []sharkPacket, from, to int, tunnels string) keySums {
	sums := keySums{}
	for i := range all[from:to] {
		p := &all[from+i]
		h := p.header(tunnels)
		if h < 0 {
			continue
		}
		ip := p.ip[h]
		if ip.src == "" || ip.dst == "" {
			continue // too short or too broken for tshark
		}
		if whole := p.reassembled - 1; !ip.ported && h == len(p.ip)-1 && whole >= from && whole < to && h < len(all[whole].ip) {
			w := &all[whole].ip[h]
			ip.proto, ip.sport, ip.dport = w.proto, w.sport, w.dport
		}
		r := flow.Record{Src: flow.MustAddr(ip.src), Dst: flow.MustAddr(ip.dst), Proto: ip.proto, SrcPort: ip.sport, DstPort: ip.dport}
		k, forward := r.Key()
		if sums[k] == nil {
			sums[k] = new([2][2]uint64)
		}
		side := 1
		if forward {
			side = 0
		}
		sums[k][side][0]++
		sums[k][side][1] += ip.length
	}
	return sums
}

// runShark has tshark dissect a capture file. The port of VXLAN before its assignment is one for us without being told.
func runShark(t *testing.T, path string, defragment bool) []sharkPacket {
	args := []string{"-r", path, "-2", "-n", "-o", fmt.Sprint("ip.defragment:", defragment), "-o", fmt.Sprint("ipv6.defragment:", defragment),
		"-o", "tcp.desegment_tcp_streams:FALSE", "-o", "sctp.reassembly:FALSE",
		"-d", "udp.port==8472,vxlan", "-T", "fields"}
	for _, f := range sharkFields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command("tshark", args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all []sharkPacket
	s := bufio.NewScanner(out)
	for s.Buffer(nil, 1<<20); s.Scan(); {
		all = append(all, parseShark(s.Text()))
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return all
}
