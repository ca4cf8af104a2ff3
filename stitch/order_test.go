package stitch

import (
	"cmp"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
	"pgregory.net/rapid"
)

// datagram is one export datagram, and when it was sent.
type datagram struct {
	from    flow.Addr
	sent    int64
	payload []byte
}

// realDatagrams are those of each group of testdata/export/logstash, from two exporters that
// saw the same traffic.
func realDatagrams(t testing.TB) (out []datagram) {
	const dir = "../testdata/export/logstash"
	groups, err := os.ReadFile(filepath.Join(dir, "GROUPS.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	n := uint32(0)
	for line := range strings.Lines(string(groups)) {
		_, files, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if !strings.HasSuffix(files, ".dat") {
			continue
		}
		n += 2
		for _, file := range strings.Fields(files) {
			p, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, datagram{flow.Addr4(0xc6120000 + n), sentAt(p), p}, datagram{flow.Addr4(0xc6120000 + n + 1), sentAt(p), p})
		}
	}
	return out
}

// sentAt gives the export time that the header of a datagram tells.
func sentAt(p []byte) int64 {
	at := 8 // NetFlow v5, v9
	if binary.BigEndian.Uint16(p) == 10 {
		at = 4
	}
	return int64(binary.BigEndian.Uint32(p[at:])) * second
}

// arrive decodes the datagrams in the order in which they arrive, those of an exporter one after
// another, stitches what they hold, and gives the complete flows, without what tells who reported
// first and when. after gives the delay of each.
func arrive(t testing.TB, all []datagram, after func() int64) []string {
	all = slices.Clone(all)
	last := map[flow.Addr]int64{}
	for i := range all {
		d := &all[i]
		d.sent = max(last[d.from], d.sent+after())
		last[d.from] = d.sent
	}
	slices.SortStableFunc(all, func(a, b datagram) int { return cmp.Compare(a.sent, b.sent) })
	dec, table, out := netflow.NewDecoder(netflow.Config{}), New(Config{}), []string(nil)
	collect := func(b *flow.Batch) {
		table.Do(b)
		for i := range b.Recs {
			if r := b.Recs[i]; r.Complete && stitchable(&r) && r.Has.Has(flow.HasTimes) { // others depend on when they came
				r.Exporter, r.Ord, r.Received, r.Skewed, r.Meta = flow.Addr{}, 0, 0, false, 0
				out = append(out, string(flow.AppendText(nil, b, &r)))
			}
		}
		b.Free()
	}
	for _, d := range all {
		b := flow.NewBatch()
		_ = dec.Datagram(d.from, 2055, d.payload, d.sent, b) // some are broken on purpose
		b.Now = d.sent
		collect(b)
	}
	b := flow.NewBatch()
	b.Now = all[len(all)-1].sent + 24*60*minute // what is open ends by itself
	collect(b)
	collect(flush(table))
	balanced(t, table)
	slices.Sort(out)
	return out
}

// TestOrderOfDatagrams lets two exporters' datagrams arrive in any order within the window: the
// complete flows are the same.
func TestOrderOfDatagrams(t *testing.T) {
	all := realDatagrams(t)
	want := arrive(t, all, func() int64 { return 0 })
	one := slices.DeleteFunc(slices.Clone(all), func(d datagram) bool { return d.from.As4()&1 != 0 })
	if alone := arrive(t, one, func() int64 { return 0 }); len(want) < 100 || len(alone) != len(want) {
		t.Fatalf("%d complete flows, and %d of one exporter", len(want), len(alone))
	}
	rapid.Check(t, func(r *rapid.T) {
		got := arrive(t, all, func() int64 { return rapid.Int64Range(0, 9*second).Draw(r, "delay") })
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				r.Fatalf("%d complete flows, want %d; want\n%s\ngot\n%s", len(got), len(want), want[i], got[min(i, len(got)-1)])
			}
		}
	})
}
