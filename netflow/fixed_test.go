package netflow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/tools/txtar"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
	"github.com/flowferry/flowferry/internal/golden"
)

// made are payloads of two records in each fixed form, by make.go.
const made = "../testdata/export/made"

// madeFiles gives the names of those payloads, and the payloads.
func madeFiles(t testing.TB) (names []string, payloads []wire) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(made, "netflow*.dat"))
	if err != nil || len(files) != 18 {
		t.Fatalf("%d payloads: %v", len(files), err)
	}
	for _, file := range files {
		p, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		names, payloads = append(names, filepath.Base(file)), append(payloads, p)
	}
	return names, payloads
}

// mustLayout is the layout of a good payload.
func mustLayout(t testing.TB, p []byte) *layout {
	t.Helper()
	l, err := layoutOf(binary.BigEndian.Uint16(p), p)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLayouts(t *testing.T) {
	f := func(l *layout, header, record int) {
		t.Helper()
		if l.header != header || l.record() != record || l.template.plan.tail != record {
			t.Errorf("%s: header of %d and records of %d bytes, want %d and %d", l.name, l.header, l.record(), header, record)
		}
	}
	f(layouts[1], 16, 48)
	f(layouts[5], 24, 48)
	f(layouts[6], 24, 52)
	f(layouts[7], 24, 52)
	for method, record := range []int{1: 28, 28, 32, 32, 40, 32, 40, 44, 32, 32, 32, 32, 40, 40} {
		if method != 0 {
			f(schemes[method], 28, record)
		}
	}
}

// What each form decodes to.
func TestFixedGolden(t *testing.T) {
	var got []txtar.File
	names, payloads := madeFiles(t)
	for i, p := range payloads {
		_, b := run(t, Config{}, nil, p)
		if len(b.Recs) != 2 {
			t.Errorf("%s: %d records", names[i], len(b.Recs))
		}
		got = append(got, txtar.File{Name: names[i], Data: []byte(strings.Join(texts(b), "\n") + "\n")})
	}
	golden.Compare(t, "../testdata/golden/netflow_fixed.txtar", got)
}

// What Wireshark can not tell: it has no v6, and of scheme 9 it reads the class of service
// before the interfaces, where IOS 12.0(15)S has it behind.
func TestFixedValues(t *testing.T) {
	f := func(file, want string) {
		t.Helper()
		p, err := os.ReadFile(filepath.Join(made, file))
		if err != nil {
			t.Fatal(err)
		}
		d, b := run(t, Config{}, nil, p)
		b.Recs = b.Recs[:1]
		wants(t, b, want)
		if n := stat(d.Stats(), "records"); n != 2 {
			t.Errorf("%d records counted", n)
		}
	}
	f("netflow6.dat", "via=netflow_v6 src=10.1.2.3:49152 dst=198.51.100.7:443 proto=6 fwd=1001/1500123 fwd.flags=FSPA fwd.tos=184 "+
		"start=2023-11-14T22:12:18.889456789Z end=2023-11-14T22:13:19.012456789Z domain=772 in=11 out=22 nexthop=10.254.254.1 src.as=64496 dst.as=65518 "+
		"src.mask=12 dst.mask=15 !sampling= meta={\"Unknown\":["+
		"{\"PEN\":4294967294,\"ID\":4,\"Name\":\"inputEncapsulationSize\",\"Value\":\"Dg==\"},"+
		"{\"PEN\":4294967294,\"ID\":5,\"Name\":\"outputEncapsulationSize\",\"Value\":\"Eg==\"},"+
		"{\"PEN\":0,\"ID\":18,\"Name\":\"bgpNextHopIPv4Address\",\"Value\":\"Cv79AQ==\"}]}")
	f("netflow8_09_router_as_tos.dat", "via=netflow_v8 src=:: dst=:: !proto= fwd=1001/1500123 flows=77 fwd.tos=184 domain=590596 in=11 out=22 "+
		"src.as=64496 dst.as=65518 sampling=100 meta={\"Sampler\":\"random\"}")
}

// The loop of v5, with vectors where the processor has them and without, and the plan of v5 give the
// same records.
func TestFixedV5Twice(t *testing.T) {
	_, payloads := madeFiles(t)
	for _, p := range append(payloads, v5Message(0, 1<<14|7, 30), v5Message(0, 0, 0)) {
		if p[1] == 5 {
			sameTwice(t, p)
		}
	}
	for _, proto := range []uint8{1, 6, 17, 47, 58, 132} {
		for _, flags := range []uint8{0, 2} {
			p := v5Message(0, 0, 1)
			p[24+37], p[24+38] = flags, proto
			sameTwice(t, p)
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for n := range 100 { // of any bytes, many of them zero
		p := v5Message(0, 0, n)
		for i := range p[24:] {
			if p[24+i] = 0; rnd.IntN(3) != 0 {
				p[24+i] = uint8(rnd.Uint32())
			}
		}
		sameTwice(t, p)
	}
}

// used gives a batch whose room holds what another use of it left.
func used() *flow.Batch {
	recs := make([]flow.Record, 128)
	for i := range recs {
		r := (*[unsafe.Sizeof(recs[i])]uint8)(unsafe.Pointer(&recs[i]))
		for at := range r {
			r[at] = 0xdb
		}
	}
	return &flow.Batch{Recs: recs[:0]}
}

// sameTwice compares the ways to decode a v5 datagram that is whole.
func sameTwice(t testing.TB, p []byte) {
	t.Helper()
	d := NewDecoder(Config{})
	e := d.exporter(&source{addr: exporterAddr}, 5, 0)
	defer d.release(e)
	m := message{received: received, export: received, uptime: binary.BigEndian.Uint32(p[4:]), hasUptime: true}
	e.rates.common = headerRate(binary.BigEndian.Uint16(p[22:]))
	n := min((len(p)-24)/48, 100)
	decode := func(records func(x *work)) ([]flow.Record, string) {
		b := used()
		e.work.begin(m, b)
		e.work.common()
		records(e.work)
		for i := range b.Recs {
			b.Recs[i].Ord = 0
		}
		return b.Recs, strings.Join(texts(b), "\n")
	}
	fast, fastText := decode(func(x *work) { x.fixedRecords(p[24:], n) })
	loop, loopText := decode(func(x *work) { x.fixedChunks(p[24:], n, x.portableChunk) })
	plan, planText := decode(func(x *work) {
		if err := x.dataSet(&layouts[5].template, p[:24+n*48], 24); err != nil {
			t.Error(err)
		}
	})
	if !slices.Equal(fast, plan) || !slices.Equal(loop, plan) || fastText != planText || loopText != planText {
		t.Errorf("by vectors where there are\n%s\nloop\n%s\nplan\n%s", fastText, loopText, planText)
	}
}

// The count of a datagram is held against its length, in each form.
func TestFixedLengths(t *testing.T) {
	names, payloads := madeFiles(t)
	for i, p := range payloads {
		f := func(m wire, want error, records int) {
			t.Helper()
			if _, b := run(t, Config{}, want, m); len(b.Recs) != records {
				t.Errorf("%s: %d records, want %d", names[i], len(b.Recs), records)
			}
		}
		l := mustLayout(t, p)
		counted := func(n int) wire {
			m := bytes.Clone(p)
			binary.BigEndian.PutUint16(m[2:], uint16(n))
			return m
		}
		f(p, nil, 2)
		f(p[:len(p)-1], ErrLength, 1) // the last record is cut
		f(p[:l.header+l.record()-1], ErrLength, 0)
		f(p[:l.header], ErrLength, 0)
		f(p[:l.header-1], ErrShort, 0)
		f(append(p[:len(p):len(p)], 0, 0, 0), nil, 2) // padding of the frame
		f(counted(0), nil, 0)
		f(counted(1), nil, 1)
		f(counted(3), ErrLength, 2)
		f(counted(l.max()), ErrLength, 2)
		f(counted(l.max()+1), ErrLength, 0) // no datagram holds so many
	}
}

func TestFixedSchemes(t *testing.T) {
	for _, method := range []uint8{0, 15, 255} {
		m := wire{}.u16(8, 1).u32(uptimeMs, exportSecs, 0, 0).u8(0, 0, method, 2).u32(0)
		d, b := run(t, Config{}, ErrScheme, append(m, make(wire, 44)...))
		if n := stat(d.Stats(), "unknown_scheme"); n != 1 || len(b.Recs) != 0 || stat(d.Stats(), "exporters") != 0 {
			t.Errorf("scheme %d: counted %d times, %d records", method, n, len(b.Recs))
		}
	}
}

// An aggregate of one flow is one nonetheless; without a count of flows it is none.
func TestFixedAggregates(t *testing.T) {
	for method, l := range schemes {
		if l == nil {
			continue
		}
		m := wire{}.u16(8, 1).u32(uptimeMs, exportSecs, 0, 0).u8(0, 0, uint8(method), 2).u32(0)
		m = append(m, make(wire, l.record())...)
		counts := method < 6 || method > 8
		if counts {
			m[v8Header+3] = 1
		}
		_, b := run(t, Config{}, nil, m)
		if r := &b.Recs[0]; r.Has.Has(flow.HasFlows) != counts || counts != (r.Flows == 1) {
			t.Errorf("%s: %d flows", l.name, r.Flows)
		}
	}
}

// The sampling word of v5 and v8: 2 bits of mode, 14 of interval.
func TestSamplingWord(t *testing.T) {
	f := func(word uint16, n uint32, mode string) {
		t.Helper()
		if got := headerRate(word); got != (rate{n, mode}) {
			t.Errorf("%#04x: got %+v, want 1 in %d, %q", word, got, n, mode)
		}
		want := "!sampling="
		if n != 0 {
			want = fmt.Sprintf("sampling=%d", n)
		}
		if mode != "" {
			want += fmt.Sprintf(" meta={\"Sampler\":%q}", mode)
		}
		_, b := run(t, Config{}, nil, v5Message(0, word, 1))
		wants(t, b, want)
		v8 := wire{}.u16(8, 1).u32(uptimeMs, exportSecs, 0, 0).u8(0, 0, 1, 2).u16(word, 0)
		_, b = run(t, Config{}, nil, append(v8, make(wire, 28)...))
		wants(t, b, want)
	}
	f(0, 0, "")
	f(100, 100, "") // no mode told
	f(1<<14|1, 1, deterministic)
	f(1<<14|0x3fff, 0x3fff, deterministic)
	f(2<<14|100, 100, random)
	f(2<<14|0x2000, 0x2000, random)
	f(3<<14|100, 100, "") // no such mode
	f(1<<14, 0, "")
	f(2<<14, 0, "")
}

// The versions with a sequence count records; of v8 each scheme counts its own.
func TestFixedSequence(t *testing.T) {
	names, payloads := madeFiles(t)
	for i, p := range payloads {
		next := bytes.Clone(p)
		at := func(n uint32) wire {
			m := bytes.Clone(next)
			if m[1] != 1 {
				binary.BigEndian.PutUint32(m[16:], n)
			}
			return m
		}
		d, _ := run(t, Config{}, nil, at(5000), at(5002), at(5011))
		want := uint64(7)
		if p[1] == 1 {
			want = 0
		}
		if got := stat(d.Stats(), "sequence_lost"); got != want {
			t.Errorf("%s: %d lost, want %d", names[i], got, want)
		}
	}
	d, b := NewDecoder(Config{}), &flow.Batch{}
	for round := range uint32(2) {
		for i, p := range payloads {
			if p[1] == 8 {
				m := bytes.Clone(p)
				binary.BigEndian.PutUint32(m[16:], uint32(i)*1000+2*round)
				if err := d.Datagram(exporterAddr, 1, m, received, b); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	s := d.Stats()
	if stat(s, "exporters") != 14 || stat(s, "sequence_lost")+stat(s, "sequence_reordered")+stat(s, "restarts") != 0 {
		t.Errorf("schemes are not apart: %v", s)
	}
}

func TestFixedAllocatesNothing(t *testing.T) {
	names, payloads := madeFiles(t)
	for i, p := range payloads {
		d, b := NewDecoder(Config{}), &flow.Batch{}
		once := func() {
			b.Recs, b.Meta = b.Recs[:0], b.Meta[:0]
			if err := d.Datagram(exporterAddr, 2055, p, received, b); err != nil || len(b.Recs) != 2 {
				t.Fatal(names[i], err)
			}
		}
		if n := testing.AllocsPerRun(100, once); n != 0 {
			t.Errorf("%s: %v allocations", names[i], n)
		}
	}
}

func TestFixedIsExport(t *testing.T) {
	names, payloads := madeFiles(t)
	for i, p := range payloads {
		if !IsExport(p) || exportTime(p) != exportSecs*1e9+123_456_789 {
			t.Errorf("%s: is no export, or not of its time", names[i])
		}
		if IsExport(p[:len(p)-1]) || IsExport(append(bytes.Clone(p), 0)) {
			t.Errorf("%s: of another length is an export", names[i])
		}
		late := bytes.Clone(p)
		binary.BigEndian.PutUint32(late[12:], 1e9)
		if IsExport(late) != (p[1] == 5) {
			t.Errorf("%s: more than a second of nanoseconds", names[i])
		}
	}
	if p := payloads[4]; IsExport(p[:20]) || IsExport(append(p[:22:22], make([]byte, 40)...)) {
		t.Error("a v8 that ends in its header, or of scheme 0")
	}
}

func FuzzFixed(f *testing.F) {
	_, payloads := madeFiles(f)
	for _, p := range payloads {
		f.Add([]byte(p))
		f.Add([]byte(p[:len(p)-1]))
	}
	f.Add([]byte(v5Message(0, 2<<14|100, 30)))
	f.Fuzz(func(t *testing.T, p []byte) {
		defer fuzztest.Guard()()
		b := feed(t, p)
		if len(p) < ipfixHeader || p[0] != 0 {
			return
		}
		switch version := binary.BigEndian.Uint16(p); version {
		case 1, 5, 6, 7, 8:
			l, err := layoutOf(version, p)
			if count := int(binary.BigEndian.Uint16(p[2:])); err != nil && len(b.Recs) > 0 || err == nil && len(b.Recs) > min(count, max(len(p)-l.header, 0)/l.record()) {
				t.Errorf("%d records of %d, %v", len(b.Recs), count, err)
			}
			if version == 5 && len(p) >= 24 {
				sameTwice(t, p)
			}
		}
	})
}
