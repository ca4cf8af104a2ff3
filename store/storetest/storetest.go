// Package storetest makes flow records for tests and benchmarks of the store and of hunts: a
// site of some hundred hosts, as a border router sees it. The same seed gives the same records.
package storetest

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// Start is when the first record ends.
var Start = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)

// Generator makes records.
type Generator struct {
	rnd      *rand.Rand
	clients  *rand.Zipf
	servers  *rand.Zipf
	services *rand.Zipf
	now      int64 // Unix ns
	step     int64 // mean time between two records, ns
	ord      uint64
	places   []*flow.Place
}

// New makes a generator of n records over the given time.
func New(seed uint64, n int, over time.Duration) *Generator {
	rnd := rand.New(rand.NewPCG(seed, 1))
	g := &Generator{rnd: rnd, now: Start.UnixNano(), step: int64(over) / int64(max(n, 1)),
		clients: rand.NewZipf(rnd, 1.1, 8, 599), servers: rand.NewZipf(rnd, 1.2, 20, 49999), services: rand.NewZipf(rnd, 1.6, 1, uint64(len(services)-1))}
	for i, c := range []string{"DE", "US", "NL", "FR", "GB", "CN", "BR"} {
		g.places = append(g.places, &flow.Place{CountryISO: c, ASN: uint32(64500 + i), ASOrg: "Example " + c, Located: true, Lat: 50 - float64(i), Lon: float64(9 * i)})
	}
	return g
}

var services = []uint16{443, 53, 80, 123, 22, 25, 993, 3389, 445, 8080, 5060, 1883, 21, 23, 3306}

// Batch gives the next n records in a new batch.
func (g *Generator) Batch(n int) *flow.Batch {
	b := flow.NewBatch()
	for range n {
		g.record(b)
	}
	b.Now = g.now
	return b
}

func (g *Generator) record(b *flow.Batch) {
	g.now += g.rnd.Int64N(2*g.step + 1)
	g.ord++
	r := b.Next()
	r.Origin, r.Ord, r.Via = 0xfe0, g.ord, flow.ViaNetFlow9
	r.Has = flow.HasTimes | flow.HasPorts | flow.HasProto | flow.HasBytes | flow.HasPackets | flow.HasRev | flow.HasFlags |
		flow.HasToS | flow.HasInIf | flow.HasOutIf | flow.HasDomain
	r.Received, r.End = g.now, g.now-g.rnd.Int64N(1e9)/1000*1000
	r.Start = r.End - int64(g.rnd.ExpFloat64()*20e9)/1e6*1e6
	server := g.servers.Uint64()
	r.Src, r.Dst = flow.Addr4(0x0a010000+uint32(g.clients.Uint64())), flow.Addr4(0xc6336400+uint32(server)*977)
	if server%17 == 3 {
		r.Src, r.Dst = flow.MustAddr("2001:db8::1"), flow.MustAddr("2001:db8:1::443")
		r.Src[15], r.Dst[14] = byte(g.clients.Uint64()), byte(server)
	}
	r.SrcPort, r.DstPort = uint16(32768+g.rnd.IntN(28232)), services[g.services.Uint64()]
	r.Proto = flow.ProtoTCP
	if r.DstPort == 53 || r.DstPort == 123 || r.DstPort == 5060 {
		r.Proto, r.Has = flow.ProtoUDP, r.Has&^flow.HasFlags
	}
	g.counts(r)
	r.Exporter, r.Domain, r.InIf, r.OutIf = flow.Addr4(0xc0a80001+uint32(g.ord%2)), 7, 1, 2
	r.State, r.InitiatorBy, r.EndReason, r.Complete = flow.StateEstablished, flow.ByLowerPort, flow.EndIdle, true
	g.meta(b, r)
}

func (g *Generator) counts(r *flow.Record) {
	r.Fwd.Packets = 1 + uint64(g.rnd.ExpFloat64()*8)
	r.Rev.Packets = uint64(g.rnd.ExpFloat64() * 10)
	r.Fwd.Bytes = r.Fwd.Packets * (40 + uint64(g.rnd.IntN(400)))
	r.Rev.Bytes = uint64(float64(r.Rev.Packets) * math.Min(1500, 60+300*g.rnd.ExpFloat64()))
	if r.Rev.Packets == 0 {
		r.State, r.Complete = flow.StateAttempt, false
	}
	r.Fwd.Flags, r.Rev.Flags = flow.SYN|flow.ACK|flow.FIN, flow.SYN|flow.ACK|flow.PSH
}

func (g *Generator) meta(b *flow.Batch, r *flow.Record) {
	i := int(r.Dst[14]) % len(g.places)
	b.SetEnr(r, flow.Enr{Dst: g.places[i], Direction: "outbound", Service: "svc"})
	switch {
	case r.DstPort == 53 && g.ord%3 == 0:
		b.SetMeta(r, flow.Meta{DNS: &flow.DNS{ID: uint16(g.ord), Question: g.places[i].CountryISO + ".example", Type: "A", Class: "IN", Rcode: "NOERROR",
			Answers: []flow.Answer{{Name: "a.example", Type: "A", Data: "192.0.2.7", TTL: 60}, {Name: "a.example", Type: "A", Data: "192.0.2.8", TTL: 60}}}})
		r.App = flow.AppDNS
	case r.DstPort == 443 && g.ord%5 == 0:
		b.SetMeta(r, flow.Meta{TLS: &flow.TLS{ServerName: "www." + g.places[i].CountryISO + ".example", Version: "1.3", ALPN: []string{"h2", "http/1.1", "h2"}},
			Unknown: []flow.Element{{PEN: 9, ID: 12235, Value: []byte{1, 2}}}})
		r.App = flow.AppTLS
	}
}
