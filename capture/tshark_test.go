package capture

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// keySums are packets and IP bytes of end A and end B per 5-tuple.
type keySums = map[flow.Key]*[2][2]uint64

// sharkDiffers are the captures in which tshark and we do not agree, with the most 5-tuples that
// differ under any option; docs/differences.md tells why.
var sharkDiffers = map[string]int{
	"made/links.pcapng": 4,
	"suricata/bug-7414-decoder-event-01__ip_secopt.pcap":        2,
	"suricata/sctp-pkt-too-small__input.pcap":                   2,
	"tcpdump/LINKTYPE_IPV4_invalid.pcap":                        1,
	"tcpdump/bigtcp-ipv4-vxlan-ipv4.pcap":                       2,
	"tcpdump/bigtcp-ipv6.pcap":                                  2,
	"zeek/ipv4__fragmented-2.pcap":                              2,
	"zeek/ipv6-mobility-dst-opts.pcap":                          1,
	"zeek/pbb-recursive-frames.pcapng":                          1,
	"zeek/tunnels__gre-aruba-amsdu.pcap":                        1,
	"zeek/tunnels__gtp__gtp9_unknown_or_too_short_payload.pcap": 2,
}

// Packets and IP bytes per 5-tuple and direction are those of tshark in all captures, for TCP, UDP,
// SCTP, ICMP and ICMPv6, with either policy for tunnels, and whether tshark reassembles fragments
// or not. Where it does not, it sees no ports in later fragments: then the ports of those two
// addresses are left out of account on both sides.
func TestTshark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed")
	}
	captures := everyCapture(t)
	merged := filepath.Join(t.TempDir(), "all.pcapng")
	begin := merge(t, merged, captures)
	options := []bool{true, false} // of ip.defragment
	shark := map[bool][]sharkPacket{}
	for _, defragment := range options {
		shark[defragment] = runShark(t, merged, defragment)
		if n := len(shark[defragment]); n != begin[len(captures)] {
			t.Fatalf("tshark shows %d packets of %d", n, begin[len(captures)])
		}
	}
	docs, err := os.ReadFile("../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	most := map[string]int{}
	for _, tunnels := range []string{TunnelsInner, TunnelsOuter} {
		scores := map[bool]*sharkScore{true: {}, false: {}}
		for i, path := range captures {
			b, _ := meterFile(t, path, Config{Tunnels: tunnels})
			sums, _ := sumByKey(b)
			for _, defragment := range options {
				ours, theirs := sums, sharkSums(shark[defragment], begin[i], begin[i+1], tunnels)
				if !defragment {
					ours, theirs = joinFragments(ours, theirs)
				}
				name := shortName(path)
				diff := scores[defragment].compare(ours, theirs)
				if most[name] = max(most[name], len(diff)); len(diff) > sharkDiffers[name] {
					t.Errorf("%s: tunnels %s, ip.defragment %v:\n\t%s", name, tunnels, defragment, strings.Join(diff, "\n\t"))
				}
			}
		}
		for _, defragment := range options {
			s := scores[defragment]
			t.Logf("tunnels %s, ip.defragment %-5v: %d of %d 5-tuples", tunnels, defragment, s.same, s.all)
			if s.all < 1000 {
				t.Errorf("only %d 5-tuples", s.all)
			}
		}
	}
	for name, n := range sharkDiffers {
		if _, met := most[name]; !met {
			continue // of the full corpus, which is not here
		}
		if row := fmt.Sprintf("| `%s` | %d |", name, n); most[name] != n || !strings.Contains(string(docs), row) {
			t.Errorf("%s: at most %d 5-tuples differ; docs/differences.md needs a row %s with that number", name, most[name], row)
		}
	}
}

// sharkScore counts the 5-tuples that are the same, and all.
type sharkScore struct{ same, all int }

// compare tells of the 5-tuples that differ, of the protocols that are compared.
func (s *sharkScore) compare(ours, theirs keySums) (diff []string) {
	all := map[flow.Key]bool{}
	for _, m := range []keySums{ours, theirs} {
		for k := range m {
			all[k] = protoName(k.Proto) != "other"
		}
	}
	for k, compared := range all {
		if !compared {
			continue
		}
		s.all++
		if got, want := ours[k], theirs[k]; got != nil && want != nil && (*got == *want || toItself(k) && joined(got) == joined(want)) {
			s.same++
		} else {
			diff = append(diff, fmt.Sprintf("%d %v:%d %v:%d: got %v, tshark %v", k.Proto, k.A, k.APort, k.B, k.BPort, got, want))
		}
	}
	return diff
}

// toItself says that the ends of k are one: its directions can not be told apart.
func toItself(k flow.Key) bool { return k.A == k.B && k.APort == k.BPort }

// joined is both directions in one.
func joined(c *[2][2]uint64) [2]uint64 { return [2]uint64{c[0][0] + c[1][0], c[0][1] + c[1][1]} }

// joinFragments leaves out the ports between two ends of which tshark shows later fragments.
func joinFragments(ours, theirs keySums) (_, _ keySums) {
	whole := func(k flow.Key) flow.Key { k.APort, k.BPort = 0, 0; return k }
	frags := map[flow.Key]bool{}
	for k := range theirs {
		if hasPorts(k.Proto) && k.APort == 0 && k.BPort == 0 {
			frags[k] = true
		}
	}
	join := func(m keySums) keySums {
		out := keySums{}
		for k, v := range m {
			if frags[whole(k)] {
				k = whole(k)
			}
			if out[k] == nil {
				out[k] = new([2][2]uint64)
			}
			for i := range v {
				for j := range v[i] {
					out[k][i][j] += v[i][j]
				}
			}
		}
		return out
	}
	return join(ours), join(theirs)
}

// everyCapture lists the captures of the repository, and of the full corpus those that are not in it.
func everyCapture(t *testing.T) (captures []string) {
	seen := map[string]bool{}
	for _, c := range corpora(t) {
		for _, path := range capturesIn(t, c.pcaps) {
			if name := shortName(path); !seen[name] {
				seen[name] = true
				captures = append(captures, path)
			}
		}
	}
	return captures
}

// shortName is a capture's origin and file, alike in the repository and in the full corpus.
func shortName(path string) string {
	origin := strings.TrimPrefix(filepath.Base(filepath.Dir(path)), "pcap-")
	return origin + "/" + strings.TrimSuffix(filepath.Base(path), ".gz")
}

// committed lists the captures of the repository.
func committed(t *testing.T) []string { return capturesIn(t, "../testdata/pcap") }

func capturesIn(t *testing.T, root string) (captures []string) {
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if info, err := d.Info(); err == nil && info.Size() > 0 {
			captures = append(captures, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return captures
}

// ngWriter writes all captures into one, so that tshark need start but once.
type ngWriter struct {
	*bufio.Writer
	links   []uint32 // of the interfaces described so far
	packets int
}

func (w *ngWriter) block(kind uint32, body []byte) {
	body = append(body, make([]byte, -len(body)&3)...)
	n := uint32(12 + len(body))
	b := binary.LittleEndian.AppendUint32(nil, kind)
	b = append(binary.LittleEndian.AppendUint32(b, n), body...)
	w.Write(binary.LittleEndian.AppendUint32(b, n))
}

func (w *ngWriter) packet(p *Packet) {
	i := slices.Index(w.links, p.Link)
	if i < 0 {
		i = len(w.links)
		w.links = append(w.links, p.Link)
		w.block(1, binary.LittleEndian.AppendUint64(nil, uint64(p.Link)))
	}
	us := uint64(p.Time / 1000)
	b := []byte{}
	for _, v := range []uint32{uint32(i), uint32(us >> 32), uint32(us), uint32(len(p.Data)), uint32(p.Wire)} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	w.block(6, append(b, p.Data...))
	w.packets++
}

// merge writes the packets of the captures into one file and tells where those of each begin.
func merge(t *testing.T, path string, captures []string) (begin []int) {
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := &ngWriter{Writer: bufio.NewWriter(f)}
	w.block(magicNG, []byte("\x4d\x3c\x2b\x1a\x01\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"))
	for _, c := range captures {
		begin = append(begin, w.packets)
		packets, _ := readAll(t, c)
		for i := range packets {
			w.packet(&packets[i])
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return append(begin, w.packets)
}
