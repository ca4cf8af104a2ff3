package netflow

import (
	"encoding/binary"
	"runtime"
	"slices"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// underRace says that the race detector is at work, which makes decoding some ten times slower.
var underRace bool

// flood is what a test sends from addresses that are forged.
type flood struct {
	t      *testing.T
	d      *Decoder
	b      *flow.Batch
	bound  uint64 // bytes of heap, as Config and docs/operation.md state it
	before uint64
	now    int64
	n      int                      // datagrams sent
	sent   [len(honestAddrs)]uint32 // datagrams of each honest exporter
}

// honestAddrs are exporters that go on as ever while the flood comes.
var honestAddrs = [...]flow.Addr{flow.MustAddr("198.51.100.1"), flow.MustAddr("198.51.100.2"), flow.MustAddr("2001:db8::3")}

// honestEvery is how many datagrams of a flood come for one of an honest exporter.
const honestEvery = 100

func newFlood(t *testing.T, cfg Config) *flood {
	f := &flood{t: t, b: &flow.Batch{}, now: received}
	f.before = heap()
	f.d = NewDecoder(cfg)
	c := f.d.cfg
	f.bound = uint64(2*c.MaxState + 8<<10*c.MaxExporters + 32<<20)
	for i := range honestAddrs {
		f.honest(i, ipfixMessage(0, 7, set(2, tmpl(256, 8, 4, 12, 4, 4, 1))))
		for range settledAfter {
			f.honestData(i)
		}
	}
	return f
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools hold goes with the second
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

func (f *flood) honest(i int, p wire) {
	if err := f.d.Datagram(honestAddrs[i], 2055, p, f.now, f.b); err != nil {
		f.t.Fatalf("%v: %v", honestAddrs[i], err)
	}
}

func (f *flood) honestData(i int) {
	f.honest(i, ipfixMessage(f.sent[i], 7, set(256, wire{}.u32(0x0a000001, 0x0a000002).u8(17))))
	f.sent[i]++
}

// send is one datagram of the flood.
func (f *flood) send(addr flow.Addr, p wire, want error) {
	f.now += 1e3
	if err := f.d.Datagram(addr, 2055, p, f.now, f.b); err != want {
		f.t.Fatalf("%v: %v", addr, err)
	}
	if f.n++; f.n%honestEvery == 0 {
		f.honestData(f.n / honestEvery % len(honestAddrs))
	}
	if len(f.b.Recs) > flow.BatchSize {
		f.b.Recs, f.b.Meta = f.b.Recs[:0], f.b.Meta[:0]
	}
}

// end checks what must hold after a flood: memory within its bound, and nothing of the honest lost.
func (f *flood) end() {
	t, d := f.t, f.d
	t.Helper()
	f.b = nil
	after := heap()
	grown := uint64(max(int64(after-f.before), 0))
	all := d.Exporters()
	waiting := 0
	for _, e := range all {
		waiting += e.HeldBytes
	}
	t.Logf("after %d datagrams: %d KiB more on the heap of at most %d, %d exporters, %d KiB of state, %d held",
		d.stats.datagrams.Load(), grown>>10, f.bound>>10, len(all), d.state.Load()>>10, waiting>>10)
	if grown > f.bound {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	if n := d.state.Load(); n > int64(d.cfg.MaxState) || n < 0 || waiting > d.cfg.MaxState || len(all) > d.cfg.MaxExporters {
		t.Errorf("%d exporters, %d bytes of state, %d of them held", len(all), n, waiting)
	}
	known := 0
	for _, e := range all {
		i := slices.Index(honestAddrs[:], e.Addr)
		if i < 0 {
			continue
		}
		known++
		if e.Records != uint64(f.sent[i]) || e.NoTemplate != 0 || e.Lost != 0 || f.sent[i] < settledAfter+5 {
			t.Errorf("%v: %d of %d records, %d sets without template, %d lost", e.Addr, e.Records, f.sent[i], e.NoTemplate, e.Lost)
		}
	}
	if known != len(honestAddrs) {
		t.Errorf("of the honest exporters %d are known", known)
	}
	balance(t, d)
	runtime.KeepAlive(d)
}

// floodSize is how many datagrams a flood has: a million, where there is time.
func floodSize(short int) int {
	if testing.Short() || underRace {
		return short
	}
	return 1_000_000
}

// strange is a message with n templates, the first of which is the ith of as many that differ: now
// and then one of 60 fields.
func strange(p wire, i, n int) wire {
	p = append(p[:0], ipfixMessage(0, 1, set(2))...)
	for ; n > 0; i, n = i+1, n-1 {
		fields := 2
		if i%50 == 0 {
			fields = 60
		}
		p = p.u16(uint16(256+i%60000), uint16(fields))
		for id := range uint16(fields - 1) {
			p = p.u16(id+1, 4)
		}
		p = p.u16(210, uint16(1+i/60000))
	}
	binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
	binary.BigEndian.PutUint16(p[ipfixHeader+2:], uint16(len(p)-ipfixHeader))
	return p
}

// A million different templates, of one exporter and of very many, leave the heap within its bound
// and the exporters that were there decoding.
func TestFloodOfTemplates(t *testing.T) {
	all := floodSize(50_000)
	for _, each := range []int{20, 5} { // in a datagram
		f := newFlood(t, Config{MaxExporters: 2000, MaxState: 1 << 20})
		var p wire
		for i := 0; i < all; i += each {
			addr := exporterAddr
			if each == 5 {
				addr = flow.Addr4(0x0b000000 + uint32(i))
			}
			p = strange(p, i, each)
			f.send(addr, p, nil)
		}
		f.end()
		if got := stat(f.d.Stats(), "templates"); got != uint64(all+len(honestAddrs)) {
			t.Errorf("%d templates", got)
		}
	}
}

// A million exporters that do not exist, each by another protocol than the one before, leave the
// heap within its bound and the exporters that were there decoding; what is held for templates
// that will not come is bounded too.
func TestFloodOfExporters(t *testing.T) {
	waits := set(300, make(wire, 400))
	forged := []wire{
		v5Message(0, 0, 2), v9Message(0, 1, waits), ipfixMessage(0, 1, waits),
		sflowMessage("192.0.2.7", 0, flowSampleOf(1, 4, 9, headerRecord(1, tcpFrame())),
			xdr(sampleCounter, append(wire{}.u32(2, 9, 1), xdr(counterInterface, wire{}.u32(9, 6).u32(make([]uint32, 20)...))...))),
	}
	n := floodSize(100_000)
	f := newFlood(t, Config{MaxExporters: 2000, MaxState: 256 << 10})
	for i := range n {
		f.send(flow.Addr4(0x0b000000+uint32(i)), forged[i%len(forged)], nil)
	}
	f.end()
	if got := stat(f.d.Stats(), "exporters_evicted"); got < uint64(n)-2000 {
		t.Errorf("%d exporters were forgotten", got)
	}

	// With an allow-list they are not even noted.
	f = newFlood(t, Config{Allow: []string{"198.51.100.0/24", "2001:db8::/32"}})
	for i := range n / 4 {
		f.send(flow.Addr4(0x0b000000+uint32(i)), forged[i%len(forged)], ErrDenied)
	}
	f.end()
	if got := stat(f.d.Stats(), "denied"); got != uint64(n/4) || len(f.d.Exporters()) != len(honestAddrs) {
		t.Errorf("%d denied, %d exporters", got, len(f.d.Exporters()))
	}
}
