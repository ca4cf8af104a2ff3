package netflow

import (
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// feed decodes datagrams in one small Decoder and checks what must hold for any input.
func feed(t *testing.T, datagrams ...[]byte) *flow.Batch {
	t.Helper()
	d, b := NewDecoder(Config{Hold: 4096, MaxTemplates: 8, MaxExporters: 4, MaxState: 1 << 20}), &flow.Batch{}
	for i, p := range datagrams {
		// Any outcome is right as long as it is counted.
		_ = d.Datagram(exporterAddr, 2055, p, received+int64(i), b)
	}
	balance(t, d)
	s := d.Stats()
	if n := stat(s, "records") + stat(s, "events"); n != uint64(len(b.Recs)) {
		t.Errorf("%d records counted, %d given", n, len(b.Recs))
	}
	if d.state.Load() < 0 {
		t.Errorf("%d bytes of state", d.state.Load())
	}
	for i := range b.Recs {
		if r := &b.Recs[i]; int(r.Meta) > len(b.Meta) || r.Ord != uint64(i+1) {
			t.Fatalf("record %d: meta %d of %d, ordinal %d", i, r.Meta, len(b.Meta), r.Ord)
		}
	}
	return b
}

func seeds(f *testing.F, pattern string, add func(p []byte)) {
	files, err := filepath.Glob(filepath.Join(logstash, pattern))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		add(payload(f, filepath.Base(file)))
	}
}

func FuzzV5(f *testing.F) {
	seeds(f, "netflow5*.dat", func(p []byte) { f.Add(p) })
	f.Add([]byte(v5Message(3, 1<<14|7, 30)))
	f.Fuzz(func(t *testing.T, p []byte) {
		defer fuzztest.Guard()()
		feed(t, p)
	})
}

// templates and data come apart, as exporters send them.
func FuzzV9(f *testing.F) {
	seeds(f, "netflow9*.dat", func(p []byte) { f.Add(p, []byte(v9Message(0, 0, set(256, twentyRecord(0))))) })
	for _, g := range vendorGroups(f) {
		if len(g.files) > 1 && strings.HasPrefix(g.files[0], "netflow9") {
			f.Add(payload(f, g.files[0]), payload(f, g.files[1]))
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		defer fuzztest.Guard()()
		feed(t, a, b, a)
	})
}

func FuzzIPFIX(f *testing.F) {
	for _, g := range vendorGroups(f) {
		if len(g.files) > 1 && strings.HasPrefix(g.files[0], "ipfix") {
			f.Add(payload(f, g.files[0]), payload(f, g.files[1]))
		}
	}
	f.Add([]byte(ipfixMessage(0, 0, set(2, named(256)))), []byte(ipfixMessage(1, 0, set(256, records(3, namedRecord)))))
	f.Add([]byte(ipfixMessage(0, 0, set(2, tmpl(256, 371, variable)))), []byte(ipfixMessage(1, 0, set(256, make(wire, 7)))))
	f.Add([]byte(ipfixMessage(0, 0, set(2, addresses), set(256, pair))), []byte(ipfixMessage(1, 0, set(2, wire{}.u16(2, 0)), set(256, pair))))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		defer fuzztest.Guard()()
		feed(t, a, b, b, a)
	})
}

// A datagram decodes to the same records whenever it comes again.
func FuzzDatagramTwice(f *testing.F) {
	seeds(f, "*.dat", func(p []byte) { f.Add(p) })
	f.Fuzz(func(t *testing.T, p []byte) {
		defer fuzztest.Guard()()
		d := NewDecoder(Config{})
		var again [3][]string
		for i := range again {
			b := &flow.Batch{}
			_ = d.Datagram(exporterAddr, 1, p, received, b) // any outcome
			for j := range b.Recs {
				b.Recs[j].Ord = 0
			}
			again[i] = texts(b)
		}
		// The first time templates and rates may come after the data they are for.
		if strings.Join(again[1], "\n") != strings.Join(again[2], "\n") {
			t.Errorf("second time\n%s\nthird time\n%s", strings.Join(again[1], "\n"), strings.Join(again[2], "\n"))
		}
		if exported := IsExport(p); exported && len(p) < 20 {
			t.Error("too short for an export")
		}
	})
}

// The account balances on all payloads, whole, cut, with bits turned over and in any order.
func TestAccountOnMutations(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var all [][]byte
	for _, g := range vendorGroups(t) {
		var group [][]byte
		for _, file := range g.files {
			group = append(group, payload(t, file))
		}
		feed(t, group...)
		all = append(all, group...)
	}
	for range 300 {
		var some [][]byte
		for range 1 + rnd.IntN(6) {
			some = append(some, mutate(rnd, all[rnd.IntN(len(all))]))
		}
		feed(t, some...)
	}
}

func mutate(rnd *rand.Rand, p []byte) []byte {
	p = append([]byte(nil), p...)
	switch rnd.IntN(4) {
	case 0:
		return p[:rnd.IntN(len(p))]
	case 1:
		for range 1 + rnd.IntN(20) {
			p[rnd.IntN(len(p))] ^= 1 << rnd.IntN(8)
		}
	case 2: // a length somewhere
		binary.BigEndian.PutUint16(p[rnd.IntN(len(p)-1):], uint16(rnd.Uint32()))
	}
	return p
}
