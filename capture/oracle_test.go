package capture

import (
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
	readTable(t, path, func(get func(string) string) {
		row := oracleRow{file: get("file"), community: get("community_id"), confirmed: get("confirmed_by")}
		row.sent(get("a_ip"), get("a_port"), get("b_ip"), get("b_port"), uint8(number(get("ipproto"))),
			[2]uint64{number(get("a_pkts")), number(get("a_ip_bytes"))}, [2]uint64{number(get("b_pkts")), number(get("b_ip_bytes"))})
		rows = append(rows, row)
	})
	return rows
}

// readTable reads a file of columns with tabs between them and a line of titles; get gives a line's column, "" when there is none.
func readTable(t *testing.T, path string, line func(get func(title string) string)) {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var column map[string]int
	for l := range strings.Lines(string(data)) {
		cols := strings.Split(strings.TrimSuffix(l, "\n"), "\t")
		if column == nil {
			column = map[string]int{}
			for i, title := range cols {
				column[title] = i
			}
			continue
		}
		line(func(title string) string {
			if i, ok := column[title]; ok {
				return cols[i]
			}
			return ""
		})
	}
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
	return s, (*s == *w || toItself(row.key) && joined(s) == joined(w)) && (row.community == "" || slices.Contains(f.ids, row.community))
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
