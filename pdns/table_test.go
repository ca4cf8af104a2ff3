package pdns

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// text writes the pairs of a table, one a line.
func text(t *Table) string {
	var out []string
	for _, p := range t.Pairs() {
		out = append(out, fmt.Sprintf("%s %s %s chain=%v %d-%d count=%d by=%v", p.Name, p.Type, p.Data, p.Chain, p.First, p.Last, p.Count, p.By))
	}
	return strings.Join(out, "\n")
}

func TestTable(t *testing.T) {
	tab := NewTable(Filter{}, 100)
	dns := flow.MustAddr("10.0.0.53")
	tab.Add(&Observation{Questions: []string{"www.example"}, Answers: append(chain[:3:3], chain[2]), Server: dns, First: 20, Last: 25})
	tab.Add(&Observation{Questions: []string{"www.example"}, Answers: chain, Server: alice, First: 10, Last: 12})
	tab.Add(&Observation{Questions: []string{"edge7.cdn.example"}, Answers: chain[2:], Server: dns, First: 30, Last: 31})
	tab.Add(&Observation{Answers: []flow.Answer{{Name: "t.example", Type: "TXT", Data: "x"}, {Name: "example", Type: "MX", Data: "10 mail.example"}}})
	want := `edge7.cdn.example A 192.0.2.7 chain=false 10-31 count=3 by=[10.0.0.1 10.0.0.53]
example MX 10 mail.example chain=false 0-0 count=1 by=[]
www.cdn.example CNAME edge7.cdn.example chain=false 10-25 count=2 by=[10.0.0.1 10.0.0.53]
www.example A 192.0.2.7 chain=true 10-25 count=2 by=[10.0.0.1 10.0.0.53]
www.example CNAME www.cdn.example chain=false 10-25 count=2 by=[10.0.0.1 10.0.0.53]`
	if got := text(tab); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFilter(t *testing.T) {
	f := func(name, net string, p Pair, want bool) {
		t.Helper()
		filter := Filter{Name: name}
		if net != "" {
			filter.Net = netip.MustParsePrefix(net)
		}
		if filter.Match(&p) != want {
			t.Errorf("%s %s: %+v is %v", name, net, p, !want)
		}
	}
	a := Pair{Name: "a.example", Type: "A", Data: "192.0.2.7"}
	mx := Pair{Name: "example", Type: "MX", Data: "10 mail.example"}
	f("", "", a, true)
	f("a.example", "", a, true)
	f("example", "", a, false)
	f("*.example", "", a, true)
	f("*.example", "", Pair{Name: "example", Type: "A", Data: "192.0.2.7"}, false)
	f("mail.example", "", mx, true)
	f("*.example", "", mx, true)
	f("", "192.0.2.0/24", a, true)
	f("", "192.0.3.0/24", a, false)
	f("", "192.0.2.0/24", mx, false)
	f("", "2001:db8::/32", Pair{Name: "a.example", Type: "AAAA", Data: "2001:db8::1"}, true)
	f("b.example", "192.0.2.0/24", a, false)
}

// A full table leaves further pairs out and goes on with those it has; who answered is bounded.
func TestTableFull(t *testing.T) {
	tab := NewTable(Filter{}, 10)
	for range 2 {
		for i := range uint32(25) {
			o := answer(alice, "a.example", flow.Addr4(0xc0000200+i).String(), int64(i))
			o.Server = flow.Addr4(0x0a000100 + i)
			tab.Add(o)
		}
	}
	if all := tab.Pairs(); len(all) != 10 || all[0].Count != 2 || tab.Left() != 30 {
		t.Errorf("%d pairs, %d left out", len(all), tab.Left())
	}
	for i := range uint32(25) {
		o := answer(alice, "a.example", "192.0.2.0", 0)
		o.Server = flow.Addr4(0x0a000120 - i)
		tab.Add(o)
	}
	if by := tab.Pairs()[0].By; len(by) != maxBy || by[0] != flow.MustAddr("10.0.1.0") || by[7] != flow.MustAddr("10.0.1.14") {
		t.Errorf("answered by %v", by)
	}
}

// Sessions tell their pieces once more; they do not count.
func TestTableBatch(t *testing.T) {
	b := site(16)
	b.Copy(b, &b.Recs[0]).Kind = flow.KindSession
	tab := NewTable(Filter{}, 100)
	tab.Batch(b)
	want := `host0.example A 192.0.0.0 chain=false 0-0 count=1 by=[10.0.0.53]
host1.example A 192.0.0.1 chain=false 8000000-8000000 count=1 by=[10.0.0.53]`
	if got := text(tab); got != want {
		t.Errorf("got\n%s", got)
	}
}
