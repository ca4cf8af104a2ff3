package netflow

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// bothWays decodes datagrams of one exporter in the fast way and in the general one, and compares
// errors, records, what they point to, and all accounts. It gives the records.
func bothWays(t testing.TB, cfg Config, datagrams ...[]byte) []flow.Record {
	t.Helper()
	fast, slow := NewDecoder(cfg), NewDecoder(cfg)
	slow.general = true
	var got, want flow.Batch
	for i, p := range datagrams {
		err, wantErr := fast.Datagram(exporterAddr, 6343, p, received, &got), slow.Datagram(exporterAddr, 6343, p, received, &want)
		if err != wantErr {
			t.Fatalf("datagram %d: got error %v, want %v", i, err, wantErr)
		}
	}
	if len(got.Recs) != len(want.Recs) {
		t.Fatalf("got %d records, want %d", len(got.Recs), len(want.Recs))
	}
	for i := range got.Recs {
		if got.Recs[i] != want.Recs[i] {
			t.Fatalf("record %d:\ngot  %+v\nwant %+v", i, got.Recs[i], want.Recs[i])
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
	if s, w := fast.Stats(), slow.Stats(); !slices.Equal(s, w) {
		t.Fatalf("got  %v\nwant %v", s, w)
	}
	e, w := fast.Exporters(), slow.Exporters()
	for i := range e {
		e[i].from, w[i].from = nil, nil
	}
	if !reflect.DeepEqual(e, w) {
		t.Fatalf("got  %+v\nwant %+v", e, w)
	}
	return got.Recs
}

// maker makes samples at random: most of them plain, or nearly so.
type maker struct{ *rand.Rand }

// one says yes once in n times.
func (m maker) one(n int) bool { return m.IntN(n) == 0 }

// pick gives one of the values, the first of them half of the time.
func pick[T any](m maker, values ...T) T {
	if m.one(2) {
		return values[0]
	}
	return values[m.IntN(len(values))]
}

func (m maker) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return b
}

// frame is an Ethernet frame, perhaps cut.
func (m maker) frame() []byte {
	b := m.bytes(12)
	for range pick(m, 0, 1, 2, 3) {
		tag := pick[uint16](m, etherVLAN, etherQinQ, 0x9100)
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, tag), uint16(m.Uint32())&pick[uint16](m, 0xffff, 0xf000))
	}
	payload := m.bytes(pick(m, 100, 40, 14, 13, 4, 0))
	ether := pick[uint16](m, etherIPv4, etherIPv6, 0x0806, 0x8847, 60)
	b = binary.BigEndian.AppendUint16(b, ether)
	ip := m.bytes(40)
	proto := pick[byte](m, flow.ProtoTCP, flow.ProtoUDP, flow.ProtoICMP, flow.ProtoICMPv6, flow.ProtoGRE, flow.ProtoSCTP, 0, 44)
	if ether == etherIPv6 {
		ip[0], ip[6] = pick[byte](m, 0x60, 0x6f, 0x40), proto
		binary.BigEndian.PutUint16(ip[4:], uint16(pick(m, len(payload), 0, 13, 14, 2000)))
	} else {
		ip = ip[:20]
		ip[0], ip[9] = pick[byte](m, 0x45, 0x46, 0x44, 0x65), proto
		binary.BigEndian.PutUint16(ip[2:], uint16(20+pick(m, len(payload), -20, -1, 0, 13, 14, 2000)))
		binary.BigEndian.PutUint16(ip[6:], pick[uint16](m, 0x4000, 0x2000, 1, 0))
	}
	b = append(append(b, ip...), payload...)
	if m.one(4) {
		b = b[:m.IntN(len(b)+1)]
	}
	return b
}

func (m maker) record() wire {
	switch m.IntN(8) {
	case 0:
		return headerRecord(pick[uint32](m, sflowEthernet, 11, 3), m.frame())
	case 1:
		return xdr(recordRouter, wire{}.addr("10.0.0.254").u32(24, 16))
	case 2:
		return xdr(recordGateway, wire{}.addr("2001:db8::1").u32(64499, 64500, 64501, 1, 2, 2, 64502, 64503, 0, 100))
	case 3:
		return xdr(recordUser, wire{}.u32(106).opaque([]byte("alice")).u32(106).opaque(nil))
	case 4:
		return xdr(recordNAT, wire{}.addr("198.51.100.1").addr("10.0.0.2"))
	case 5:
		return xdr(recordIPv4, wire{}.u32(1000, 6, 0x0a000001, 0x0a000002, 40000, 443, 0x18, 16))
	case 6:
		return xdr(4444, m.bytes(m.IntN(9)))
	}
	return xdr(recordSwitch, m.bytes(pick(m, 16, 20, 12)))
}

func (m maker) sample() wire {
	var records []wire
	if !m.one(8) {
		records = append(records, headerRecord(pick[uint32](m, sflowEthernet, sflowEthernet, 11), m.frame()))
	}
	if !m.one(4) {
		records = append(records, xdr(recordSwitch, wire{}.u32(uint32(m.IntN(4096)), 0, uint32(m.IntN(4096)), 0)))
	}
	for range pick(m, 0, 1, 2) {
		records = append(records, m.record())
	}
	in, out := uint32(m.IntN(6)), pick(m, uint32(m.IntN(6)), ifInternal, 1<<30|258, 2<<30|5)
	switch m.IntN(8) {
	case 0:
		return expandedSampleOf(m.Uint32N(50), compactIf(in), compactIf(out), records...)
	case 1:
		return xdr(sampleDiscarded, append(wire{}.u32(m.Uint32N(50), 0, 4, 0, in, out, 258, uint32(len(records))), joined(records...)...))
	}
	return flowSampleOf(m.Uint32N(50), in, out, records...)
}

// spoil changes one byte, or cuts.
func (m maker) spoil(p wire) wire {
	switch i := m.IntN(len(p)); m.IntN(8) {
	case 0:
		p[i] = byte(m.Uint32())
	case 1:
		p = p[:i]
	}
	return p
}

// Plain samples give by the fast way what they give by the general one: those of the captures, and
// made ones of all kinds.
func TestSFlowPlain(t *testing.T) {
	var captured [][]byte
	for _, g := range sflowDatagrams(t) {
		captured = append(captured, g.payload)
		bothWays(t, Config{}, g.payload)
	}
	if n := len(bothWays(t, Config{}, captured...)); n == 0 {
		t.Error("no records in the captures")
	}
	plain := 0
	for seed := range uint64(1000) {
		m := maker{rand.New(rand.NewPCG(seed, 4))}
		var datagrams [][]byte
		for seq := range uint32(4) {
			var samples []wire
			for range m.IntN(8) {
				samples = append(samples, m.sample())
			}
			datagrams = append(datagrams, m.spoil(sflowMessage(pick(m, "192.0.2.7", exporterAddr.String()), seq, samples...)))
		}
		cfg := Config{Unknown: pick(m, "nonzero", "all", "none")}
		if m.one(4) {
			cfg.Sampling = map[string]uint32{"192.0.2.7": 7}
		}
		bothWays(t, cfg, datagrams...)
		var r flow.Record
		if plainFrame(&r, m.frame()) {
			plain++
		}
	}
	if plain < 100 {
		t.Errorf("%d of 1000 made frames are plain", plain)
	}
}

// What is told of plain frames, and which frames are plain.
func TestSFlowPlainFrame(t *testing.T) {
	f := func(plain bool, change func(b []byte) []byte) {
		t.Helper()
		b, before := change(tcpFrame()), flow.Record{Has: flow.HasDomain, Domain: 3}
		r := before
		if plainFrame(&r, b) != plain {
			t.Errorf("%x: plain is not %v", b, plain)
		}
		if !plain && r != before {
			t.Errorf("%x: got %+v", b, r)
		}
		for _, form := range []wire{flowSampleOf(1, 4, 9, headerRecord(sflowEthernet, b)), expandedSampleOf(1, 4, 9, headerRecord(sflowEthernet, b), xdr(recordSwitch, wire{}.u32(10, 0, 20, 0)))} {
			bothWays(t, Config{}, sflowMessage("192.0.2.7", 1, form))
		}
	}
	set := func(at int, v ...byte) func(b []byte) []byte {
		return func(b []byte) []byte { copy(b[at:], v); return b }
	}
	tagged := func(tags ...byte) func(b []byte) []byte {
		return func(b []byte) []byte { return slices.Insert(b, 12, tags...) }
	}
	v6 := func(next byte, payload uint16, n int) func(b []byte) []byte {
		return func(b []byte) []byte {
			head := binary.BigEndian.AppendUint16(append(b[:12:12], 0x86, 0xdd, 0x6a, 0xb0, 0, 0), payload)
			head = append(append(head, next, 64), make([]byte, 15)...)
			head = append(append(append(head, 1), make([]byte, 15)...), 2)
			return append(head, b[34:34+n]...)
		}
	}
	f(true, set(0))
	f(true, set(23, flow.ProtoUDP))
	f(true, set(23, flow.ProtoICMP))
	f(true, tagged(0x81, 0, 0x20, 10))
	f(true, tagged(0x88, 0xa8, 0, 10, 0x81, 0, 0, 20))
	f(true, tagged(0x81, 0, 0, 0))
	f(true, v6(flow.ProtoTCP, 100, 80))
	f(true, v6(flow.ProtoUDP, 14, 14))
	f(true, v6(flow.ProtoICMPv6, 100, 20))
	f(true, func(b []byte) []byte { return b[:48] })

	f(false, func(b []byte) []byte { return b[:47] })
	f(false, func(b []byte) []byte { return nil })
	f(false, set(12, 8, 6))                                                       // ARP
	f(false, set(12, 0, 60))                                                      // LLC
	f(false, set(14, 0x46))                                                       // options
	f(false, set(14, 0x65))                                                       // another version
	f(false, set(16, 0, 0))                                                       // segmentation offload
	f(false, set(16, 0, 33))                                                      // hardly any payload
	f(false, set(20, 0x20, 0))                                                    // the first fragment
	f(false, set(20, 0, 1))                                                       // a later one
	f(false, set(23, flow.ProtoGRE))                                              // a tunnel, perhaps
	f(false, set(23, 64|flow.ProtoTCP))                                           // no such bit
	f(false, tagged(0x81, 0, 0, 1, 0x81, 0, 0, 2, 0x81, 0, 0, 3))                 // three tags
	f(false, func(b []byte) []byte { return tagged(0x81, 0, 0, 1)(b[:48])[:51] }) // cut behind a tag
	f(false, v6(0, 100, 80))                                                      // hop-by-hop options
	f(false, v6(44, 100, 80))                                                     // a fragment
	f(false, v6(flow.ProtoTCP, 0, 80))                                            // a jumbogram, or segmentation offload
	f(false, v6(flow.ProtoTCP, 100, 13))
}

// FuzzSFlowPlain: a datagram, and a frame within a sample, decode alike in both ways.
func FuzzSFlowPlain(f *testing.F) {
	f.Add([]byte(sflowMessage("192.0.2.7", 1, flowSampleOf(1, 4, 9, headerRecord(sflowEthernet, tcpFrame()), xdr(recordSwitch, wire{}.u32(10, 0, 20, 0))))))
	f.Add(tcpFrame())
	for seed := range uint64(20) {
		m := maker{rand.New(rand.NewPCG(seed, 5))}
		f.Add(m.frame())
		f.Add([]byte(sflowMessage("192.0.2.7", 1, m.sample(), m.sample())))
	}
	for _, g := range sflowDatagrams(f) {
		f.Add(g.payload)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		defer fuzztest.Guard()()
		if len(p) > 2 && p[0]|p[1] == 0 { // another version would be decoded twice in the one way
			bothWays(t, Config{}, p, p)
		}
		header := headerRecord(sflowEthernet, p)
		bothWays(t, Config{}, sflowMessage("192.0.2.7", 1, flowSampleOf(1, 4, 9, header), flowSampleOf(2, 4, 9, header, xdr(recordSwitch, wire{}.u32(10, 0, 20, 0)))))
		bothWays(t, Config{}, sflowMessage("192.0.2.7", 1, xdr(sampleFlow, append(wire{}.u32(1, 4, 1000, 5000, 0, 4, 9), p...))))
	})
}
