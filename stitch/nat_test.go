package stitch

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// natOf gives the records of a run, each as what it is of and the other side that it is linked to.
func natOf(t *testing.T, table *Table, in string) (out []string) {
	t.Helper()
	who, id := regexp.MustCompile(`src=(\S+) dst=(\S+)`), regexp.MustCompile(`"NAT":"([^"]*)"`)
	names := map[string]string{}
	text := run(t, table, in)
	for l := range strings.Lines(in + text) {
		r, err := flow.ParseText(flow.NewBatch(), strings.TrimSpace(l))
		if err != nil {
			t.Fatal(err)
		}
		k, _ := r.Key()
		names[string(k.AppendCommunityID(nil, 0))] = fmt.Sprintf("%s:%d", &k.A, k.APort)
		if other, ok := r.Translated(); ok {
			k, _ := other.Key()
			names[string(k.AppendCommunityID(nil, 0))] = fmt.Sprintf("%s:%d", &k.A, k.APort)
		}
	}
	for l := range strings.Lines(text) {
		m := who.FindStringSubmatch(l)
		s := m[1] + ">" + m[2]
		if n := id.FindStringSubmatch(l); n != nil {
			s += " is " + names[n[1]]
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// The report from behind a translation of addresses is linked to the one from before it, whichever
// comes first; a port that is given to somebody else later is not.
func TestTranslations(t *testing.T) {
	f := func(name, in string, want ...string) {
		t.Helper()
		table := New(Config{})
		if got := natOf(t, table, in); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		if n := balanced(t, table); n["duplicates"] != 0 {
			t.Errorf("%s: duplicates: %v", name, n)
		}
	}
	const public, web, flags = "198.18.0.1:1025", "192.0.2.1:443", "fwd=5/500 fwd.flags=FSPA "
	const snat = flags + "src.nat=198.18.0.1 src.natport=1025 dst.natport=443"
	inside, outside := line(1, client, web, 0, 1, tcp+snat), line(2, public, web, 0, 1.1, tcp2+flags)
	linked := []string{"10.0.0.1:40000>192.0.2.1:443", "198.18.0.1:1025>192.0.2.1:443 is 10.0.0.1:40000"}
	f("source", inside+outside, linked...)
	f("source, the translated first", receivedAt(outside, 1)+receivedAt(inside, 9), linked...)
	f("source, the answer of the translated only", inside+line(2, web, public, 0, 1.1, tcp2+flags),
		"10.0.0.1:40000>192.0.2.1:443", "192.0.2.1:443>198.18.0.1:1025 is 10.0.0.1:40000")
	f("destination", line(1, client, "198.18.0.9:80", 0, 1, tcp+flags+"dst.nat=10.9.0.1 src.natport=40000 dst.natport=8080")+line(2, client, "10.9.0.1:8080", 0, 1, tcp2+flags),
		"10.0.0.1:40000>10.9.0.1:8080 is 10.0.0.1:40000", "10.0.0.1:40000>198.18.0.9:80")
	f("both directions by the exporter that translates, each as it came in", line(1, client, web, 0, 1, tcp+snat)+
		line(2, web, public, 0, 1, tcp+flags+"dst.nat=10.0.0.1 src.natport=443 dst.natport=40000"),
		"10.0.0.1:40000>192.0.2.1:443 is 192.0.2.1:443", "192.0.2.1:443>198.18.0.1:1025 is 10.0.0.1:40000")
	f("one public address for two clients", inside+line(3, "10.0.0.2:40000", web, 0, 1, tcp+strings.Replace(snat, "1025", "1026", 1))+
		outside+line(4, "198.18.0.1:1026", web, 0, 1, tcp2+flags),
		linked[0], "10.0.0.2:40000>192.0.2.1:443", linked[1], "198.18.0.1:1026>192.0.2.1:443 is 10.0.0.2:40000")
	second := line(5, "10.0.0.2:40000", web, 60, 61, tcp+snat)
	f("a port given to another client later", inside+outside+second+line(6, public, web, 60, 61, tcp2+flags),
		linked[0], "10.0.0.2:40000>192.0.2.1:443", linked[1], "198.18.0.1:1025>192.0.2.1:443 is 10.0.0.2:40000")
	f("what was before the translation was told of", line(2, public, web, 0, 1, tcp2+flags)+second, "10.0.0.2:40000>192.0.2.1:443", "198.18.0.1:1025>192.0.2.1:443")
	f("two clients that are said to have one port at once", inside+line(3, "10.0.0.2:40000", web, 0, 1, tcp+snat)+outside,
		linked[0], "10.0.0.2:40000>192.0.2.1:443", "198.18.0.1:1025>192.0.2.1:443")
	f("without ports it may be anybody's", line(1, client, web, 0, 1, tcp+flags+"src.nat=198.18.0.1")+line(2, "198.18.0.1:40000", web, 0, 1, tcp2+flags),
		"10.0.0.1:40000>192.0.2.1:443", "198.18.0.1:40000>192.0.2.1:443")
}

// A shard is told of translations that other shards have heard of, and remembers no more than maxLinks.
func TestToldTranslations(t *testing.T) {
	table := New(Config{})
	b := flow.NewBatch()
	for i := range uint32(maxLinks + 100) {
		var r flow.Record
		uniflow(&r, i, false, 0)
		r.NATSrc, r.NATSrcPort, r.Has = flow.MustAddr("198.18.0.1"), uint16(i), r.Has|flow.HasNATSrc|flow.HasNATPorts
		r.Dst = flow.Addr4(0xc6130000 + i>>16)
		if other, ok := r.Translated(); ok {
			b.Told = append(b.Told, other)
			if i >= maxLinks+98 {
				other.NATSrc, other.NATDst, other.Has = flow.Addr{}, flow.Addr{}, r.Has&^(flow.HasNATSrc|flow.HasNATDst|flow.HasNATPorts)
				b.Recs = append(b.Recs, other)
			}
		}
	}
	b.Last, b.Now = true, epoch
	table.Do(b)
	if len(table.links.list) != maxLinks || table.links.index.n != maxLinks {
		t.Errorf("%d translations are remembered, %d can be found", len(table.links.list), table.links.index.n)
	}
	for i := range b.Recs {
		if m := b.Metadata(&b.Recs[i]); m == nil || m.NAT == "" {
			t.Errorf("not linked: %s", flow.AppendText(nil, b, &b.Recs[i]))
		}
	}
	if n := balanced(t, table); n["in"] != 2 || n["flows"] != 2 {
		t.Errorf("what was told is counted: %v", n)
	}
	b.Free()
}

// However many clients are said to have one 5-tuple, few are remembered: the ones of late.
func TestTranslationsAlike(t *testing.T) {
	table := New(Config{})
	for i := range uint32(3 * maxAlike) {
		var r flow.Record
		uniflow(&r, 0, false, int64(i)*second)
		r.Src = flow.Addr4(0x0a000000 + i)
		r.NATSrc, r.NATSrcPort, r.Has = flow.MustAddr("198.18.0.1"), 7, r.Has|flow.HasNATSrc|flow.HasNATPorts
		table.learn(&r)
	}
	for i := range table.links.list {
		if l := &table.links.list[i]; l.end < epoch+(2*maxAlike-1)*second {
			t.Errorf("%d: %+v", i, l)
		}
	}
	if len(table.links.list) != maxAlike {
		t.Errorf("%d are remembered", len(table.links.list))
	}
}
