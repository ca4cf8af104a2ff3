package capture

import (
	"bufio"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// zeekKey is the ends of a TCP connection as Zeek's log has them.
type zeekKey struct {
	src, dst     string
	sport, dport uint16
}

// State and history of TCP connections are those of Zeek's conn.log, for connections that both
// count alike: Zeek leaves out what its scripts or checksums discard.
func TestZeek(t *testing.T) {
	f, err := os.Open("../testdata/oracle/zeek_conn.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var column map[string]int
	all, states, histories := 0, 0, 0
	for s := bufio.NewScanner(f); s.Scan(); {
		cols := strings.Split(s.Text(), "\t")
		if column == nil {
			column = map[string]int{}
			for i, name := range cols {
				column[name] = i
			}
			continue
		}
		get := func(name string) string { return cols[column[name]] }
		path := filepath.Join("../testdata/pcap", get("file"))
		if _, err := os.Stat(path); err != nil || get("proto") != "tcp" {
			continue
		}
		num := func(name string) uint64 { n, _ := strconv.ParseUint(get(name), 10, 64); return n }
		k := zeekKey{get("orig_h"), get("resp_h"), uint16(num("orig_p")), uint16(num("resp_p"))}
		r, w := onlyFlow(t, path, k)
		if r == nil || r.Fwd.Packets != num("orig_pkts") || r.Rev.Packets != num("resp_pkts") {
			continue
		}
		all++
		if w.Conn.String() == get("conn_state") {
			states++
		} else {
			t.Logf("%s %v: state %v, Zeek %s (%v, %s)", get("file"), k, w.Conn, get("conn_state"), w.History, get("history"))
		}
		if w.History.String() == strings.ReplaceAll(strings.ReplaceAll(get("history"), "C", ""), "c", "") {
			histories++
		} else {
			t.Logf("%s %v: history %v, Zeek %s", get("file"), k, w.History, get("history"))
		}
	}
	t.Logf("of %d connections: state of %d, history of %d as Zeek has them", all, states, histories)
	if all < 30 || states*100 < all*98 || histories*100 < all*90 {
		t.Errorf("of %d connections only %d have Zeek's state and %d its history", all, states, histories)
	}
}

// onlyFlow gives the flow with these ends, nil when there is none or several.
func onlyFlow(t *testing.T, path string, k zeekKey) (r *flow.Record, w *flow.Wire) {
	b, _ := meterFile(t, path, Config{Idle: 300 * sec})
	for i := range b.Recs {
		q := &b.Recs[i]
		if q.Proto == flow.ProtoTCP && (zeekKey{q.Src.String(), q.Dst.String(), q.SrcPort, q.DstPort}) == k {
			if r != nil {
				return nil, nil
			}
			r, w = q, b.Metered(q)
		}
	}
	return r, w
}
