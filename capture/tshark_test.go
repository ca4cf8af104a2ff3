package capture

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// sharkFields are the columns asked of tshark; of a packet in a tunnel each has several values,
// the innermost last.
var sharkFields = []string{"ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "udp.srcport", "udp.dstport", "ip.len"}

// tsharkPackets counts the TCP and UDP packets of a capture per 5-tuple and end, and their bytes in
// IPv4, as tshark sees them. Fragments and packets that it can not decode are left out.
func tsharkPackets(t *testing.T, shark, path string) map[flow.Key][2][2]uint64 {
	args := []string{"-r", path, "-n", "-Y", "(tcp or udp) and ip and not icmp and not ip.flags.mf == 1 and not ip.frag_offset > 0 and not gre and not vxlan and not ipv6",
		"-o", "ip.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE", "-T", "fields"}
	for _, f := range sharkFields {
		args = append(args, "-e", f)
	}
	out, err := exec.Command(shark, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	sums := map[flow.Key][2][2]uint64{}
	for line := range bytes.Lines(out) {
		c := strings.Split(strings.TrimRight(string(line), "\n"), "\t")
		if len(c) != len(sharkFields) || strings.ContainsRune(string(line), ',') {
			continue
		}
		num := func(i int) uint64 { n, _ := strconv.ParseUint(c[i], 10, 64); return n }
		r := flow.Record{Src: flow.MustAddr(c[0]), Dst: flow.MustAddr(c[1]), Proto: flow.ProtoTCP, SrcPort: uint16(num(4)), DstPort: uint16(num(5))}
		if c[4] == "" {
			r.Proto, r.SrcPort, r.DstPort = flow.ProtoUDP, uint16(num(6)), uint16(num(7))
		}
		k, forward := r.Key()
		s, side := sums[k], 1
		if forward {
			side = 0
		}
		s[side][0], s[side][1] = s[side][0]+1, s[side][1]+num(8)
		sums[k] = s
	}
	return sums
}

// Packets and IP bytes per 5-tuple and direction are those of tshark, for TCP and UDP over plain
// IPv4.
func TestTshark(t *testing.T) {
	shark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	if testing.Short() {
		t.Skip("starts tshark for each capture")
	}
	paths, err := filepath.Glob("../testdata/pcap/arkime/*.pcap")
	if err != nil || len(paths) < 50 {
		t.Fatalf("%d captures, %v", len(paths), err)
	}
	all := 0
	for _, path := range paths[:40] {
		b, n := meterFile(t, path, Config{})
		if n["capture.fragments"]+n["capture.tunnelled"] > 0 {
			continue
		}
		sums, _ := sumByKey(b)
		for k, want := range tsharkPackets(t, shark, path) {
			all++
			if got := sums[k]; got == nil || *got != want {
				t.Errorf("%s: %d %v:%d %v:%d: got %v, tshark %v", path, k.Proto, k.A, k.APort, k.B, k.BPort, got, want)
			}
		}
	}
	t.Logf("%d 5-tuples", all)
	if all < 50 {
		t.Errorf("only %d 5-tuples", all)
	}
}
