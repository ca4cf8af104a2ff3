package capture

import (
	"bufio"
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		return 0
	}
	if ok, err := IsCapture(path); !ok || err != nil {
		t.Errorf("%s: IsCapture is %v, %v", path, ok, err)
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

// oracleRow is what two programs that share no code with us say of one flow.
type oracleRow struct {
	file, community, confirmed string
	key                        flow.Key
	count                      [2][2]uint64 // of end A and end B: packets, IP bytes
}

func readOracle(t *testing.T, path string) (rows []oracleRow) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	column := map[string]int{}
	for s := bufio.NewScanner(f); s.Scan(); {
		cols := strings.Split(s.Text(), "\t")
		if len(column) == 0 {
			for i, name := range cols {
				column[name] = i
			}
			continue
		}
		get := func(name string) string { return cols[column[name]] }
		num := func(name string) uint64 { n, _ := strconv.ParseUint(get(name), 10, 64); return n }
		r := flow.Record{Src: flow.MustAddr(get("a_ip")), Dst: flow.MustAddr(get("b_ip")), Proto: uint8(num("ipproto"))}
		if hasPorts(r.Proto) {
			r.SrcPort, r.DstPort = uint16(num("a_port")), uint16(num("b_port"))
		}
		row := oracleRow{file: get("file"), community: get("community_id"), confirmed: get("confirmed_by")}
		a, b := [2]uint64{num("a_pkts"), num("a_ip_bytes")}, [2]uint64{num("b_pkts"), num("b_ip_bytes")}
		var forward bool
		if row.key, forward = r.Key(); !forward {
			a, b = b, a
		}
		row.count = [2][2]uint64{a, b}
		rows = append(rows, row)
	}
	return rows
}

// sumByKey sums the records of a capture per direction-free 5-tuple, as the oracle does; ICMP
// and others by addresses alone.
func sumByKey(b *flow.Batch) (sums map[flow.Key]*[2][2]uint64, ids map[flow.Key][]string) {
	sums, ids = map[flow.Key]*[2][2]uint64{}, map[flow.Key][]string{}
	for i := range b.Recs {
		r := &b.Recs[i]
		k, forward := r.Key()
		fwd, rev := &r.Fwd, &r.Rev
		if !forward {
			fwd, rev = rev, fwd
		}
		if sums[k] == nil {
			sums[k] = new([2][2]uint64)
		}
		s := sums[k]
		s[0][0], s[0][1] = s[0][0]+fwd.Packets, s[0][1]+fwd.Bytes
		s[1][0], s[1][1] = s[1][0]+rev.Packets, s[1][1]+rev.Bytes
		ids[k] = append(ids[k], string(r.AppendCommunityID(nil, 0)))
	}
	return sums, ids
}

// perKey is what a capture's records sum up to per 5-tuple.
type perKey map[flow.Key]*summed

type summed struct {
	count [2][2]uint64
	ids   []string
}

func sumFile(t *testing.T, path, tunnels string) perKey {
	b, _ := meterFile(t, path, Config{Tunnels: tunnels})
	sums, ids := sumByKey(b)
	all := perKey{}
	for k, s := range sums {
		all[k] = &summed{*s, ids[k]}
	}
	return all
}

// has says whether the oracle's row is among the flows. A flow from an end to itself has no
// directions that could be told apart.
func (l perKey) has(row *oracleRow) (got *[2][2]uint64, hit bool) {
	f := l[row.key]
	if f == nil {
		return nil, false
	}
	s, w := &f.count, &row.count
	itself := row.key.A == row.key.B && row.key.APort == row.key.BPort && s[0][0]+s[1][0] == w[0][0]+w[1][0]
	return s, (*s == *w || itself) && (row.community == "" || slices.Contains(f.ids, row.community))
}

// Packets, IP bytes and community id are those of the oracle, in the rows that a second program
// confirms. Of a tunnel over UDP the oracle tells of the outer flow, of other tunnels of what is
// inside: a row may be met by either policy, and the table says by which.
func TestOracle(t *testing.T) {
	for _, c := range corpora(t) {
		type score struct{ hit, all int }
		scores := map[string]*score{}
		add := func(name string, hit bool) {
			if scores[name] == nil {
				scores[name] = &score{}
			}
			scores[name].all++
			if hit {
				scores[name].hit++
			}
		}
		var missed []string
		file := ""
		var inner, outer perKey
		for _, row := range readOracle(t, c.oracle) {
			if row.file != file {
				file = row.file
				inner, outer = sumFile(t, filepath.Join(c.pcaps, file), TunnelsInner), nil
			}
			got, hit := inner.has(&row)
			proto := protoName(row.key.Proto)
			if !hit {
				if outer == nil {
					outer = sumFile(t, filepath.Join(c.pcaps, file), TunnelsOuter)
				}
				if _, hit = outer.has(&row); hit {
					proto = "outer " + proto
				}
			}
			if row.confirmed == "" {
				proto += " unconfirmed"
			}
			add(proto, hit)
			if !hit && (row.confirmed != "" || testing.Verbose()) {
				missed = append(missed, fmt.Sprintf("%s %d %v:%d %v:%d want %v got %v %s", row.file, row.key.Proto, row.key.A, row.key.APort, row.key.B, row.key.BPort, row.count, got, row.confirmed))
			}
		}
		for _, name := range slices.Sorted(keys(scores)) {
			s := scores[name]
			t.Logf("%-18s %4d of %4d %6.2f %%", name, s.hit, s.all, 100*float64(s.hit)/float64(s.all))
			if !strings.HasSuffix(name, "unconfirmed") && float64(s.hit) < 0.99*float64(s.all) {
				t.Errorf("%s: %s: fewer than 99 %% agree", c.oracle, name)
			}
		}
		for _, m := range missed {
			t.Log("missed:", m)
		}
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
