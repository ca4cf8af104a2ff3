package capture

import (
	"cmp"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// corpora gives the folders of captures to test on: the one in the repository, and the full one
// where it is at hand.
func corpora(t testing.TB) []corpus {
	list := []corpus{{"../testdata/pcap", "../testdata/oracle/flows.tsv"}}
	root := cmp.Or(os.Getenv("FLOWFERRY_SHARED_DATA"), "../../shared/data")
	if _, err := os.Stat(filepath.Join(root, "pcaps")); err != nil {
		t.Log("the full corpus is not here: FLOWFERRY_SHARED_DATA is not set")
		return list
	}
	return append(list, corpus{filepath.Join(root, "pcaps"), filepath.Join(root, "oracles/independent-flows.tsv")})
}

type corpus struct{ pcaps, oracle string }

// meterFile meters one file and returns its records in one batch, and the account.
func meterFile(t testing.TB, path string, cfg Config) (*flow.Batch, map[string]uint64) {
	t.Helper()
	s, err := NewSource(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	all := &flow.Batch{}
	err = s.Run(t.Context(), func(b *flow.Batch) {
		for i := range b.Recs {
			all.Copy(b, &b.Recs[i])
		}
		b.Free()
	})
	if err != nil {
		t.Fatal(err)
	}
	stats := map[string]uint64{}
	for _, st := range s.Stats() {
		stats[st.Name] = st.Value
	}
	return all, stats
}

// Each capture ends in under a second without panic, and each of its packets is in one flow or
// in one named counter.
func TestConservation(t *testing.T) {
	for _, c := range corpora(t) {
		files, packets := 0, uint64(0)
		err := filepath.WalkDir(c.pcaps, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			files++
			packets += conserves(t, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if files < 100 {
			t.Errorf("%s: only %d captures", c.pcaps, files)
		}
		t.Logf("%s: %d captures, %d packets", c.pcaps, files, packets)
	}
}

func conserves(t *testing.T, path string) (packets uint64) {
	t.Helper()
	head, err := os.ReadFile(path)
	if err != nil || len(head) == 0 {
		return 0
	}
	if !IsCapture(head) {
		t.Errorf("%s: IsCapture says no", path)
		return 0
	}
	began := cpu()
	b, n := meterFile(t, path, Config{})
	if took := cpu() - began; took > time.Second {
		t.Errorf("%s: took %v of CPU time", path, took)
	}
	in, out := countPackets(t, path), uint64(0)
	ords := map[uint64]bool{}
	for i := range b.Recs {
		r := &b.Recs[i]
		out += r.Fwd.Packets + r.Rev.Packets
		if ords[r.Ord] || r.Ord == 0 {
			t.Errorf("%s: ordinal %d names two records", path, r.Ord)
		}
		ords[r.Ord] = true
	}
	rejected := n["capture.unsupported_link"] + n["capture.not_ip"] + n["capture.truncated"] + n["capture.bad_header"]
	if in != n["capture.packets"] || out != n["capture.flow_packets"] || in != out+rejected {
		t.Errorf("%s: %d packets, %d in flows, %d rejected: %v", path, in, out, rejected, n)
	}
	return in
}

func countPackets(t *testing.T, path string) (n uint64) {
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for {
		if _, err := f.Next(); err != nil {
			return n
		}
		n++
	}
}

func keys[K comparable, V any](m map[K]V) func(func(K) bool) {
	return func(yield func(K) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func protoName(p uint8) string {
	switch p {
	case flow.ProtoTCP:
		return "tcp"
	case flow.ProtoUDP:
		return "udp"
	case flow.ProtoICMP, flow.ProtoICMPv6:
		return "icmp"
	case flow.ProtoSCTP:
		return "sctp"
	}
	return "other"
}
