// Package gen makes the input of the benchmarks: flows with the spread of addresses, ports and
// sizes that one meets on the edge of an office or a campus network, put into export datagrams
// (NetFlow v5 and v9, IPFIX, sFlow v5) or into a capture file. The same seed gives the same bytes.
package gen

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Epoch is when the generated traffic begins.
var Epoch = time.Date(2025, 6, 2, 12, 0, 0, 0, time.UTC)

// Flow is one direction of a conversation between two IPv4 hosts.
type Flow struct {
	Src, Dst         uint32 // addresses in host order
	SrcPort, DstPort uint16
	Proto, Flags     uint8
	ToS              uint8
	Start, End       time.Duration // since the traffic began, whole milliseconds
	Packets, Bytes   uint64
	InIf, OutIf      uint32
	SrcAS, DstAS     uint32
	Outbound         bool

	App, User, Host string // carried by the format with texts only
}

// Flows draws flows one after the other; most conversations give two, the answer some flows
// after the question.
type Flows struct {
	rnd     *rand.Rand
	clients *rand.Zipf
	servers *rand.Zipf
	now     time.Duration
	step    time.Duration
	waiting []Flow // answers not yet given out
}

// NewFlows begins a sequence with one flow per step of time.
func NewFlows(seed uint64, step time.Duration) *Flows {
	rnd := rand.New(rand.NewPCG(seed, 0x666c6f77))
	return &Flows{
		rnd:     rnd,
		clients: rand.NewZipf(rnd, 1.1, 50, 1<<14-1),
		servers: rand.NewZipf(rnd, 1.2, 10, 1<<18-1),
		step:    step,
	}
}

// service is what conversations are about: how often, and how big both sides are.
type service struct {
	weight    int
	proto     uint8
	port      uint16
	app       string
	out, in   int // packets at most
	outB, inB int // mean bytes per packet
}

var services = []service{
	{34, 17, 53, "dns", 2, 2, 68, 160},
	{38, 6, 443, "ssl", 40, 120, 180, 1150},
	{8, 6, 80, "http", 20, 60, 160, 1100},
	{7, 17, 443, "quic", 60, 200, 200, 1200},
	{4, 17, 123, "ntp", 1, 1, 76, 76},
	{3, 6, 22, "ssh", 200, 200, 90, 120},
	{2, 6, 25, "smtp", 30, 20, 700, 80},
	{2, 1, 0, "ping", 4, 4, 84, 84},
	{2, 6, 445, "", 1, 0, 48, 0}, // a scan: no answer
}

const totalWeight = 100

// edges are prefixes of which the country or the AS is in MaxMind's test databases, so that
// the enrichment of generated flows finds something; the rest of the servers is in the last.
var edges = []struct {
	base uint32
	bits uint
}{
	{0x59a01470, 4}, // 89.160.20.112/28
	{0x5102458e, 1}, // 81.2.69.142/31
	{0xd8a05338, 3}, // 216.160.83.56/29
	{0xaf10c700, 8}, // 175.16.199.0/24
	{0x432b9c00, 8}, // 67.43.156.0/24
	{0x01800000, 21},
}

// server gives the address of rank n, the most asked first.
func server(n uint64) uint32 {
	e := edges[min(n%7, uint64(len(edges)-1))]
	return e.base + uint32(n/7*2654435761)&(1<<e.bits-1)
}

// Next draws the next flow.
func (g *Flows) Next() Flow {
	g.now += g.step
	if n := len(g.waiting); n > 64 || n > 0 && g.rnd.IntN(2) == 0 {
		f := g.waiting[0]
		g.waiting = g.waiting[1:]
		return f
	}
	f, answer := g.conversation()
	if answer.Packets > 0 {
		g.waiting = append(g.waiting, answer)
	}
	return f
}

func (g *Flows) conversation() (q, a Flow) {
	s := g.service()
	q = Flow{
		Src: 0x0a000000 + uint32(g.clients.Uint64()), Dst: server(g.servers.Uint64()),
		SrcPort: uint16(1024 + g.rnd.IntN(64512)), DstPort: s.port,
		Proto: s.proto, ToS: uint8(g.rnd.IntN(4)) << 5,
		InIf: uint32(1 + g.rnd.IntN(24)), OutIf: 49, SrcAS: 64512, DstAS: uint32(1000 + g.rnd.IntN(3000)),
		Outbound: true, App: s.app,
		User: fmt.Sprintf("user%03d@example.net", g.clients.Uint64()%500),
		Host: fmt.Sprintf("www%d.example.com", g.servers.Uint64()%2000),
	}
	if s.proto == 1 {
		q.SrcPort, q.DstPort = 0, 0x0800
	}
	lasts := time.Duration(g.rnd.IntN(1+s.out*s.out*4)) * time.Millisecond
	q.End = g.now.Truncate(time.Millisecond)
	q.Start = max(0, q.End-lasts)
	g.size(&q, s.out, s.outB)
	if s.in == 0 {
		q.Flags = 0x02
		return q, a
	}
	if s.proto == 6 {
		q.Flags = 0x1b
	}
	a = q
	a.Src, a.Dst, a.SrcPort, a.DstPort = q.Dst, q.Src, q.DstPort, q.SrcPort
	a.InIf, a.OutIf, a.SrcAS, a.DstAS = q.OutIf, q.InIf, q.DstAS, q.SrcAS
	a.Outbound = false
	if s.proto == 1 {
		a.SrcPort, a.DstPort = 0, 0
	}
	g.size(&a, s.in, s.inB)
	return q, a
}

func (g *Flows) service() service {
	n := g.rnd.IntN(totalWeight)
	for _, s := range services {
		if n -= s.weight; n < 0 {
			return s
		}
	}
	return services[0]
}

// size draws packets (many short flows, few long ones, one in 2,000 an elephant) and bytes.
func (g *Flows) size(f *Flow, most, mean int) {
	n := 1 + int(float64(most)*g.rnd.Float64()*g.rnd.Float64())
	if g.rnd.IntN(2000) == 0 {
		n *= 500
	}
	f.Packets = uint64(n)
	f.Bytes = uint64(n*mean/2 + n*g.rnd.IntN(mean) + 20)
}
