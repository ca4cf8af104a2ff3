package stitch

import (
	"strings"
	"testing"
)

// Names of interfaces stay with the report that they were made for, whichever is kept.
func TestNamesOfTheReportThatCounts(t *testing.T) {
	f := func(name string, cfg Config, want string, lines ...string) {
		t.Helper()
		table := New(cfg)
		out := run(t, table, strings.Join(lines, ""))
		has := strings.Contains(out, `"Names":`)
		if has != (want != "") || has && !strings.Contains(out, `"Names":{"InIf":"`+want+`"}`) || strings.Count(out, "\n") != 1 {
			t.Errorf("%s: want %q in\n%s", name, want, out)
		}
		balanced(t, table)
	}
	report := func(ord int, exporter, name string, in string) string {
		rest := exporter + "fwd=" + in + "/500 fwd.flags=FSPA in=" + in
		if name != "" {
			rest += ` meta={"Names":{"InIf":"` + name + `"}}`
		}
		return line(ord, client, server, 0, 1, rest)
	}
	f("the first counts", Config{}, "a", report(1, tcp, "a", "5"), report(2, tcp2, "b", "6"))
	f("the first counts and has none", Config{}, "", report(1, tcp, "", "5"), report(2, tcp2, "b", "6"))
	f("the larger counts", Config{Counts: "max"}, "b", report(1, tcp, "a", "5"), report(2, tcp2, "b", "6"))
	f("the larger counts and has none", Config{Counts: "max"}, "", report(1, tcp, "a", "5"), report(2, tcp2, "", "6"))
	f("the smaller is the second", Config{Counts: "max"}, "b", report(1, tcp2, "b", "6"), report(2, tcp, "a", "5"))
}
