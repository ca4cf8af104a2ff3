package stitch

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// brief gives a pair as "kept < repeated records/packets/bytes".
func (p Pair) brief() string {
	who := fmt.Sprintf("%s<%s", &p.Kept, &p.Repeated)
	if p.Other {
		who = "other"
	}
	return fmt.Sprintf("%s %d/%d/%d", strings.ReplaceAll(who, "198.51.100.", "."), p.Records, p.Packets, p.Bytes)
}

// Duplicates are counted by who was counted and who reported the same.
func TestPairs(t *testing.T) {
	const flags, both = " fwd.flags=FSPA", " fwd.flags=FSPA rev.flags=FSPA"
	f := func(name string, cfg Config, in string, want ...string) {
		t.Helper()
		table := New(cfg)
		run(t, table, in)
		var got []string
		for _, p := range table.Pairs() {
			got = append(got, p.brief())
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
		balanced(t, table)
	}
	f("none", Config{}, line(1, client, server, 0, 1, tcp+"fwd=5/500"+flags)+line(2, server, client, 0, 1, tcp2+"fwd=4/400"+flags))
	twice := line(1, client, server, 0, 1, tcp+"fwd=5/500"+flags) + line(2, client, server, 0, 1, tcp2+"fwd=6/600"+flags)
	f("the first counts", Config{}, twice, ".1<.2 1/6/600")
	f("the larger counts", Config{Counts: "max"}, twice, ".2<.1 1/5/500")
	f("one exporter at ingress and egress", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500 in=1 out=2 direction=ingress"+flags)+line(2, client, server, 0, 1, tcp+"fwd=5/500 in=1 out=2 direction=egress"+flags),
		".1<.1 1/5/500")
	f("a biflow of what two exporters told by halves", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500"+flags)+line(2, server, client, 0, 1, tcp2+"fwd=4/400"+flags)+
			line(3, client, server, 0, 1, "proto=6 exporter=198.51.100.3 fwd=5/510 rev=4/410"+both),
		".1<.3 1/5/510", ".2<.3 0/4/410")
	f("a biflow of which one direction is new", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500"+flags)+line(2, client, server, 0, 1, tcp2+"fwd=5/510 rev=4/400"+both), ".1<.2 0/5/510")
	f("after all was told", Config{},
		line(1, client, server, 0, 1, tcp+"fwd=5/500 rev=4/400"+both)+line(2, "10.0.0.9:50000", server, 30, 30, udp+"fwd=1/40")+
			line(3, client, server, 0, 1, tcp2+"fwd=5/510 rev=4/410"+both), ".1<.2 1/9/920")
}

// Beyond maxPairs, and of exporters beyond maxReporters, duplicates are counted together.
func TestManyPairs(t *testing.T) {
	table := New(Config{})
	b := flow.NewBatch()
	defer b.Free()
	for i := range uint32(2 * maxPairs) {
		for k := range uint32(2) {
			r := b.Next()
			uniflow(r, i, false, 0)
			r.Exporter = flow.Addr4(0x0a000000 + 2*i + k)
		}
	}
	b.Now = epoch
	table.Do(b)
	flush(table)
	n := balanced(t, table)
	sum := func(list []Pair) (records uint64, others int) {
		for i, p := range list {
			records += p.Records
			others += btoi(p.Other)
			if p.Other && i != len(list)-1 {
				t.Errorf("the others stand at %d of %d", i, len(list))
			}
		}
		return records, others
	}
	one := table.Pairs()
	if records, others := sum(one); len(one) != maxPairs+1 || others != 1 || records != n["duplicates"] || records != 2*maxPairs {
		t.Errorf("%d pairs, %d others, %d records of %v", len(one), others, records, n)
	}
	second := slices.Clone(one)
	for i := range second {
		second[i].Kept = second[i].Repeated
	}
	all := AddPairs(one, second)
	if records, others := sum(all); len(all) != maxPairs+1 || others != 1 || records != 4*maxPairs {
		t.Errorf("added up: %d pairs, %d others, %d records", len(all), others, records)
	}
}
