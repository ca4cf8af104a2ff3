package enrich

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

const lists = "../testdata/lists/"

// hitsOf writes what a shard finds of an address: "list indicator type note; …".
func hitsOf(s *stage, ip string) string {
	a := flow.MustAddr(ip)
	var out []string
	for _, h := range s.address(&a).src {
		out = append(out, strings.TrimSpace(fmt.Sprint(h.List, " ", h.Indicator, " ", h.Type, " ", h.Note)))
	}
	return strings.Join(out, "; ")
}

func mustLoad(t testing.TB, cfg Config) *Tables {
	t.Helper()
	tables, err := Load(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tables.Close(); err != nil {
			t.Error(err)
		}
	})
	return tables
}

func TestWatchlists(t *testing.T) {
	tables := mustLoad(t, Config{Watchlists: []Watchlist{
		{Path: lists + "plain.txt"},
		{Name: "named", Path: lists + "named.csv", Column: "ip", Note: "Comment"},
	}})
	s := tables.Stage().(*stage)
	f := func(ip, want string) {
		t.Helper()
		if got := hitsOf(s, ip); got != want {
			t.Errorf("%s:\n got %s\nwant %s", ip, got, want)
		}
	}
	f("192.0.2.1", "plain 192.0.2.1 ipv4-addr; named 192.0.2.1 ipv4-addr quoted, with a comma")
	f("192.0.2.2", "")
	f("198.51.100.1", "plain 198.51.100.0/24 ipv4-addr SBL1 quiet; named 198.51.100.1-198.51.100.6 ipv4-addr a range")
	f("198.51.100.7", "plain 198.51.100.7 ipv4-addr")
	f("198.51.100.8", "plain 198.51.100.0/24 ipv4-addr SBL1 quiet")
	f("2001:db8:1::1", "plain 2001:db8::/32 ipv6-addr; named 2001:db8:1::/48 ipv6-addr")
	f("2001:db8:2::1", "plain 2001:db8::/32 ipv6-addr")
	f("203.0.113.4", "")
	f("203.0.113.5", "plain 203.0.113.5-203.0.113.9 ipv4-addr")
	f("203.0.113.9", "plain 203.0.113.5-203.0.113.9 ipv4-addr")
	f("203.0.113.10", "")
	f("203.0.113.21", "plain 203.0.113.20-203.0.113.21 ipv4-addr")
	f("192.0.2.77", "plain ::ffff:192.0.2.77 ipv4-addr")
	want := []string{
		"watchlist ../testdata/lists/plain.txt: 4 lines are no address, prefix or range, the first at line 7 10 11; the other 7 indicators are used",
		"watchlist ../testdata/lists/named.csv: 2 lines are no address, prefix or range, the first at line 5 6; the other 3 indicators are used",
	}
	if got := tables.Warnings(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("warnings:\n got %q\nwant %q", got, want)
	}
	if tables.badLines != 6 {
		t.Errorf("bad lines: %d", tables.badLines)
	}
}

func TestDemoWatchlist(t *testing.T) {
	tables := mustLoad(t, Config{Watchlists: []Watchlist{{Name: "demo", Path: lists + "demo-watchlist.csv", Note: "note"}}})
	if w := tables.Warnings(); len(w) > 0 {
		t.Error(w)
	}
	got := hitsOf(tables.Stage().(*stage), "128.2.13.133")
	if want := "demo 128.2.0.0/16 ipv4-addr demo: SSH servers outside the lab in a capture"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHitsOfBothSides(t *testing.T) {
	tables := mustLoad(t, Config{Watchlists: []Watchlist{{Path: lists + "plain.txt"}}})
	b := flow.NewBatch()
	for _, dst := range []string{"198.51.100.7", "8.8.8.8"} {
		r := b.Next()
		r.Src, r.Dst = flow.MustAddr("192.0.2.1"), flow.MustAddr(dst)
	}
	tables.Stage().Do(b)
	got := fmt.Sprint(b.Enrichment(&b.Recs[0]).Hits, b.Enrichment(&b.Recs[1]).Hits)
	want := "[{plain 192.0.2.1 source ipv4-addr } {plain 198.51.100.7 destination ipv4-addr }] [{plain 192.0.2.1 source ipv4-addr }]"
	if got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if n := tables.Stats()[2]; n.Name != "enrich.watchlist_hits" || n.Value != 3 {
		t.Errorf("%+v", n)
	}
}

func TestListErrors(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	f := func(w Watchlist, want ...string) {
		t.Helper()
		_, err := Load(Config{Watchlists: []Watchlist{w}})
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v lacks %q", err, part)
			}
		}
	}
	f(Watchlist{}, "watchlists[0]: path: is missing")
	f(Watchlist{Path: "x", Format: "stix"}, `watchlists[0]: format: "stix" is not known: use auto, plain or csv`)
	f(Watchlist{Path: dir + "/none.txt"}, "open watchlist", "none.txt", "check watchlists.path")
	f(Watchlist{Path: write("a.csv", "x,y\n1,2\n"), Column: "ip"}, "a.csv", `column "ip" is not in the header "x,y"`)
	f(Watchlist{Path: write("long.txt", strings.Repeat("9", 1<<17))}, "long.txt", "line 1 is longer than 65536 bytes")
	tables := mustLoad(t, Config{Watchlists: []Watchlist{{Path: write("empty.txt", "# none\n")}}})
	if got := fmt.Sprint(tables.Warnings()); !strings.Contains(got, "empty.txt: has no indicators") {
		t.Error(got)
	}
}

func TestParseRange(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		p, err := parseRange(s)
		got := strings.Trim(fmt.Sprint(p), "[]")
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	}
	f("10.0.0.0-10.255.255.255", "10.0.0.0/8")
	f("0.0.0.0-255.255.255.255", "0.0.0.0/0")
	f("10.0.0.1-10.0.0.1", "10.0.0.1/32")
	f("10.0.0.1-10.0.0.6", "10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 10.0.0.6/32")
	f("255.255.255.254-255.255.255.255", "255.255.255.254/31")
	f("2001:db8::-2001:db8::ffff", "2001:db8::/112")
	f("10.0.0.9-10.0.0.1", "error")
	f("10.0.0.9-2001:db8::1", "error")
	f("10.1.2.3/8", "10.0.0.0/8")
	f("::ffff:10.1.2.3/104", "10.0.0.0/8")
	f("::ffff:10.1.2.3/64", "error")
	f("", "error")
}

// FuzzList feeds files of any kind: nothing may panic, and every prefix must be found again.
func FuzzList(f *testing.F) {
	for _, name := range []string{"plain.txt", "named.csv", "demo-watchlist.csv"} {
		text, err := os.ReadFile(lists + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, strings.HasSuffix(name, "csv"))
	}
	f.Add([]byte("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe\n\"a\n"), false)
	f.Fuzz(func(t *testing.T, text []byte, asCSV bool) {
		defer fuzztest.Guard()()
		if len(text) > 1<<12 {
			return
		}
		format := map[bool]string{true: "csv", false: "plain"}[asCSV]
		l := &list{name: "x"}
		if err := l.read(strings.NewReader(string(text)), &Watchlist{Format: format}); err != nil {
			return
		}
		l.table.All()(func(p netip.Prefix, _ *flow.Hit) bool {
			if _, ok := l.table.Lookup(p.Addr()); !ok {
				t.Errorf("%s is not found", p)
			}
			return true
		})
	})
}
