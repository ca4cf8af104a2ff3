package capture

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

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

// outerPorts are those of the tunnels over UDP that the program which made the table does not look into: AYIYA, GTP-U,
// Teredo and GRE in UDP. It looks into all others.
var outerPorts = [...]uint16{2152, 3544, 4754, 5072}

// tunnels is the policy under which a row of the table has to be met: outer for the flow of such a tunnel, else inner.
func (r *oracleRow) tunnels() string {
	for _, port := range outerPorts {
		if r.key.Proto == flow.ProtoUDP && (r.key.APort == port || r.key.BPort == port) {
			return TunnelsOuter
		}
	}
	return TunnelsInner
}

// metered meters each capture once for each policy.
type metered map[[2]string]perKey

func (m metered) sums(t *testing.T, path, tunnels string) perKey {
	at := [2]string{path, tunnels}
	if m[at] == nil {
		m[at] = sumFile(t, path, tunnels)
	}
	return m[at]
}

// Packets, IP bytes and community id are those of the oracle, under the policy for tunnels that the row's source has.
// Rows that a second program confirms are all alike; with those that another program contradicts we agree with the
// table.
func TestOracle(t *testing.T) {
	for _, c := range corpora(t) {
		var scores scoreboard
		files := metered{}
		for _, row := range readOracle(t, c.oracle) {
			tunnels := row.tunnels()
			got, hit := files.sums(t, filepath.Join(c.pcaps, row.file), tunnels).has(&row)
			scores.add(row.kind()+" "+tunnels+" "+protoName(row.key.Proto), hit)
			if !hit {
				scores.missed = append(scores.missed, fmt.Sprintf("%s %v want %v got %v %s", row.file, row.key, row.count, got, row.confirmed))
			}
		}
		scores.report(t, c.oracle, func(name string) bool { return !strings.HasPrefix(name, "unconfirmed") })
	}
}

// kind says who else has the row.
func (r *oracleRow) kind() string {
	switch {
	case r.confirmed == "":
		return "unconfirmed"
	case strings.HasSuffix(r.confirmed, "!"):
		return "contradicted by " + strings.TrimSuffix(r.confirmed, "!")
	}
	return "confirmed by " + r.confirmed
}

// scoreboard counts what agrees by name, and keeps what does not.
type scoreboard struct {
	scores map[string]*score
	missed []string
}

func (b *scoreboard) add(name string, hit bool) {
	if b.scores == nil {
		b.scores = map[string]*score{}
	}
	if b.scores[name] == nil {
		b.scores[name] = &score{}
	}
	b.scores[name].add(hit)
}

// report prints the table. Of what has not to be alike only the number counts.
func (b *scoreboard) report(t *testing.T, of string, alike func(name string) bool) {
	t.Helper()
	for _, name := range slices.Sorted(keys(b.scores)) {
		s := b.scores[name]
		t.Logf("%-32s %v", name, s)
		if alike(name) && s.hit < s.all {
			t.Errorf("%s: %s: not all agree", of, name)
		}
	}
	for _, m := range b.missed {
		t.Log("missed:", m)
	}
}

// programRow is what a program that was run on a capture says of one 5-tuple: the sum of its log's rows.
type programRow struct {
	oracleRow
	tunnels string // the policy that they were counted by
}

// readLog reads a log of a program: row gives of each line's columns the run, for a capture may have been read more than
// once, and the row, and leaves lines out. Rows of a run with the same 5-tuple are added up.
func readLog(t *testing.T, path string, row func(get func(string) string) (run string, r programRow, ok bool)) (rows []programRow) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type at struct {
		run, file string
		key       flow.Key
	}
	places := map[at]int{}
	var column map[string]int
	for line := range strings.Lines(string(data)) {
		cols := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if column == nil {
			column = map[string]int{}
			for i, name := range cols {
				column[name] = i
			}
			continue
		}
		get := func(name string) string {
			if i, ok := column[name]; ok {
				return cols[i]
			}
			return ""
		}
		run, r, ok := row(get)
		if !ok {
			continue
		}
		k := at{run, r.file, r.key}
		if i, again := places[k]; again {
			for side := range r.count {
				for j := range r.count[side] {
					rows[i].count[side][j] += r.count[side][j]
				}
			}
			continue
		}
		places[k] = len(rows)
		rows = append(rows, r)
	}
	return rows
}

// sent turns the counts of the two ends into those of the key's.
func (r *oracleRow) sent(src, sport, dst, dport string, proto uint8, from, to [2]uint64) {
	if !hasPorts(proto) {
		sport, dport = "0", "0"
	}
	rec := flow.Record{Src: flow.MustAddr(src), Dst: flow.MustAddr(dst), SrcPort: uint16(number(sport)), DstPort: uint16(number(dport)), Proto: proto}
	var forward bool
	if r.key, forward = rec.Key(); !forward {
		from, to = to, from
	}
	r.count = [2][2]uint64{from, to}
}

func number(s string) uint64 { n, _ := strconv.ParseUint(s, 10, 64); return n }

// A program's log has rows that differ from ours in some captures, for what docs/differences.md tells: so many.
var (
	arkimeDiffers = map[string]int{
		"arkime/IKEv1.pcap":          1,
		"arkime/IKEv2.pcap":          1,
		"arkime/ah-esp.pcap":         1,
		"arkime/gtp-iphone.pcap":     1,
		"arkime/igmp.pcap":           1,
		"arkime/ospf.pcap":           2,
		"arkime/pim.pcap":            1,
		"arkime/vxlan.pcap":          1,
		"arkime/wireshark-dhcp.pcap": 1,
	}
	zeekDiffers = map[string]int{
		"zeek/chksums__localhost-bad-chksum.pcap":         1,
		"zeek/communityid__sctp.pcap":                     1,
		"zeek/globus-url-copy.pcap":                       1,
		"zeek/ldap__missing_krbtgt_ldap_request.pcapng":   1,
		"zeek/ntp__misordered-ntp.pcap":                   1,
		"zeek/smtp.pcap":                                  2,
		"zeek/tunnels__gre-aruba-amsdu.pcap":              1,
		"zeek/tunnels__gtp__gtp2_different_udp_port.pcap": 2,
		"zeek/tunnels__teredo_bubble_with_payload.pcap":   2,
		"zeek/wikipedia.pcap":                             1,
	}
)

// Arkime's sessions are of what a tunnel carries, whichever it is: packets and community id agree under inner. Its bytes
// are those of frames.
func TestOracleArkime(t *testing.T) {
	for _, c := range corpora(t) {
		rows := readLog(t, filepath.Join(filepath.Dir(c.oracle), "arkime_flows.tsv"), func(get func(string) string) (_ string, r programRow, _ bool) {
			if get("src") == "" {
				return "", r, false // ARP
			}
			r.file = cmp.Or(get("file"), "pcap-arkime/"+get("pcap"))
			r.sent(get("src"), get("sport"), get("dst"), get("dport"), uint8(number(get("ipproto"))),
				[2]uint64{number(get("src_pkts"))}, [2]uint64{number(get("dst_pkts"))})
			r.community, r.tunnels = get("community_id"), TunnelsInner
			return "", r, true
		})
		compareLog(t, c, "Arkime", rows, arkimeDiffers, perKey.withoutBytes)
	}
}

// Zeek logs a connection for each IP header around a packet that has a transport behind it. Its rows that name a parent are
// of packets in a tunnel: they agree under inner; the others under outer.
func TestOracleZeek(t *testing.T) {
	for _, c := range corpora(t) {
		rows := readLog(t, filepath.Join(filepath.Dir(c.oracle), "zeek_conn.tsv"), func(get func(string) string) (_ string, r programRow, _ bool) {
			r.file = cmp.Or(get("file"), "pcap-zeek/"+strings.ReplaceAll(get("trace"), "/", "__"))
			r.sent(get("orig_h"), get("orig_p"), get("resp_h"), get("resp_p"), uint8(number(get("ip_proto"))),
				[2]uint64{number(get("orig_pkts")), number(get("orig_ip_bytes"))}, [2]uint64{number(get("resp_pkts")), number(get("resp_ip_bytes"))})
			if r.tunnels = TunnelsOuter; get("tunnel_parents") != "-" {
				r.tunnels = TunnelsInner
			}
			return get("btest") + get("log"), r, r.count != [2][2]uint64{} && r.key.Proto != 0 // some of its tests log no counts
		})
		compareLog(t, c, "Zeek", rows, zeekDiffers, func(sums perKey) perKey { return sums })
	}
}

// withoutBytes leaves packets.
func (l perKey) withoutBytes() perKey {
	for _, f := range l {
		f.count[0][1], f.count[1][1] = 0, 0
	}
	return l
}

// compareLog compares the rows of a program's log with our flows, of which it leaves what the program tells too.
func compareLog(t *testing.T, c corpus, program string, rows []programRow, differs map[string]int, leave func(perKey) perKey) {
	t.Helper()
	docs, err := os.ReadFile("../docs/differences.md")
	if err != nil {
		t.Fatal(err)
	}
	var b scoreboard
	files, missed := metered{}, map[string]int{}
	for i := range rows {
		r := &rows[i]
		path := filepath.Join(c.pcaps, r.file)
		if _, err := os.Stat(path); err != nil {
			continue
		}
		got, hit := leave(files.sums(t, path, r.tunnels)).has(&r.oracleRow)
		b.add(r.tunnels+" "+protoName(r.key.Proto), hit)
		missed[shortName(path)] += 0
		if !hit {
			missed[shortName(path)]++
			b.missed = append(b.missed, fmt.Sprintf("%s %v %s want %v got %v", r.file, r.key, r.tunnels, r.count, got))
		}
	}
	b.report(t, c.pcaps, func(string) bool { return false })
	for name, n := range missed {
		if row := fmt.Sprintf("| `%s` | %d | ", name, n)+program; n != differs[name] || n > 0 && !strings.Contains(string(docs), row) {
			t.Errorf("%s: %d rows differ, expected %d; docs/differences.md needs a row %s with that number", name, n, differs[name], row)
		}
	}
	if len(rows) < 200 {
		t.Errorf("only %d rows", len(rows))
	}
}
