package capture

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// programRow is what a program that was run on a capture says of one 5-tuple: the sum of its log's rows.
type programRow struct {
	oracleRow
	under string // the policy for tunnels by which they were counted
}

// readLog reads a log of a program: row gives of each line's columns the run, for a capture may have been read more than
// once, and the row, and leaves lines out. Rows of a run with the same 5-tuple are added up.
func readLog(t *testing.T, path string, row func(get func(string) string) (run string, r programRow, ok bool)) (rows []programRow) {
	type at struct {
		run, file string
		key       flow.Key
	}
	places := map[at]int{}
	readTable(t, path, func(get func(string) string) {
		run, r, ok := row(get)
		if !ok {
			return
		}
		k := at{run, r.file, r.key}
		i, again := places[k]
		if !again {
			places[k] = len(rows)
			rows = append(rows, r)
			return
		}
		for side := range r.count {
			for j := range r.count[side] {
				rows[i].count[side][j] += r.count[side][j]
			}
		}
	})
	return rows
}

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
			r.community, r.under = get("community_id"), TunnelsInner
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
			if r.under = TunnelsOuter; get("tunnel_parents") != "-" {
				r.under = TunnelsInner
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
		got, hit := leave(files.sums(t, path, r.under)).has(&r.oracleRow)
		b.add(r.under+" "+protoName(r.key.Proto), hit)
		missed[shortName(path)] += 0
		if !hit {
			missed[shortName(path)]++
			b.missed = append(b.missed, fmt.Sprintf("%s %v %s want %v got %v", r.file, r.key, r.under, r.count, got))
		}
	}
	b.report(t, c.pcaps, func(string) bool { return false })
	for name, n := range missed {
		if row := fmt.Sprintf("| `%s` | %d | ", name, n) + program; n != differs[name] || n > 0 && !strings.Contains(string(docs), row) {
			t.Errorf("%s: %d rows differ, expected %d; docs/differences.md needs a row %s with that number", name, n, differs[name], row)
		}
	}
	if len(rows) < 200 {
		t.Errorf("only %d rows", len(rows))
	}
}
