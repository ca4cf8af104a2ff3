package capture

import (
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
)

// uplink makes packets like those of a site's uplink: web sessions over TLS of mostly a dozen
// packets, some of them long, DNS look-ups, and scans.
func uplink(flows int) (packets []Packet) {
	rnd := rand.New(rand.NewPCG(1, 2))
	hello := append([]byte{22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3}, make([]byte, 194)...)
	query := append([]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w', 7}, "example\x03com\x00\x00\x01\x00\x01"...)
	bulk := make([]byte, 1400)
	add := func(at int, ip []byte) {
		data := append([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0}, ip...)
		packets = append(packets, Packet{Data: data, Wire: len(data), Link: packet.LinkEthernet, Time: int64(at) * int64(time.Millisecond)})
	}
	for i := range flows {
		at := i / 4
		c := end{flow.Addr4(0x0a000000 | rnd.Uint32N(1<<14)).String(), uint16(1024 + rnd.Uint32N(60000))}
		s := end{flow.Addr4(0xc6336400 | rnd.Uint32N(1<<10)).String(), 443}
		switch n := rnd.IntN(10); {
		case n < 3:
			s.port = 53
			add(at, udp(c, s, query))
			add(at+20, udp(s, c, query))
		case n < 4:
			add(at, tcp(c, s, flow.SYN, 1, nil))
		default:
			add(at, tcp(c, s, flow.SYN, 1, nil))
			add(at+10, tcp(s, c, flow.SYN|flow.ACK, 1, nil))
			add(at+20, tcp(c, s, flow.ACK, 2, hello))
			data := 10
			if n == 9 {
				data = 200
			}
			for j := range data {
				add(at+30+j, tcp(s, c, flow.ACK, uint32(2+1400*j), bulk))
				if j%2 == 1 {
					add(at+30+j, tcp(c, s, flow.ACK, 207, nil))
				}
			}
			add(at+30+data, tcp(c, s, flow.FIN|flow.ACK, 207, nil))
			add(at+30+data, tcp(s, c, flow.FIN|flow.ACK, uint32(2+1400*data), nil))
		}
	}
	return packets
}

// byTime puts packets that were made flow after flow into the order of time.
func byTime(packets []Packet) []Packet {
	slices := map[int64][]Packet{}
	last := int64(0)
	for _, p := range packets {
		slices[p.Time] = append(slices[p.Time], p)
		last = max(last, p.Time)
	}
	packets = packets[:0]
	for t := int64(0); t <= last; t += int64(time.Millisecond) {
		packets = append(packets, slices[t]...)
	}
	return packets
}

// captured is how much of a packet the benchmarks hold: enough for every parser, and little
// enough that memory is not what is measured.
const captured = 256

// pack cuts the packets and lays their bytes one after the other, as they lie in a file's buffer.
func pack(packets []Packet) []Packet {
	n := 0
	for _, p := range packets {
		n += min(len(p.Data), captured)
	}
	arena := make([]byte, 0, n)
	for i, p := range packets {
		at := len(arena)
		arena = append(arena, p.Data[:min(len(p.Data), captured)]...)
		packets[i].Data = arena[at:len(arena):len(arena)]
	}
	return packets
}

// cpu gives the CPU time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchmarkMeter feeds the packets again and again, each time after a pause in which all flows
// expire. It reports CPU time: the wall clock of a shared machine tells of its neighbours.
func benchmarkMeter(b *testing.B, packets []Packet) {
	packets = pack(packets)
	m := NewMeter(Config{}, 1, func(batch *flow.Batch) { batch.Free() })
	span := packets[len(packets)-1].Time + int64(200*time.Second)
	runtime.GC()
	b.ReportAllocs()
	n, round, began := 0, int64(0), cpu()
	for b.Loop() {
		p := packets[n]
		p.Time += round * span
		p.Ord = uint64(n + 1)
		m.Packet(&p)
		if n++; n == len(packets) {
			n, round = 0, round+1
		}
	}
	b.ReportMetric(float64(cpu()-began)/float64(b.N), "cpu-ns/op")
	m.Flush()
	b.ReportMetric(float64(m.n.flowPackets)/float64(m.n.records), "packets/flow")
}

func BenchmarkMeter(b *testing.B) { benchmarkMeter(b, byTime(uplink(20_000))) }

// Many short flows: two packets each, a new flow all the time.
func BenchmarkMeterShort(b *testing.B) {
	var packets []Packet
	for i := range 200_000 {
		c, s := end{flow.Addr4(0x0a000000 + uint32(i)).String(), 1025}, end{"198.51.100.1", 443}
		for _, ip := range [][]byte{tcp(c, s, flow.SYN, 1, nil), tcp(s, c, flow.RST|flow.ACK, 1, nil)} {
			packets = append(packets, Packet{Data: ip, Wire: len(ip), Link: packet.LinkRaw, Time: int64(i) * 20_000})
		}
	}
	benchmarkMeter(b, packets)
}

// Elephants: eight flows of large packets.
func BenchmarkMeterElephants(b *testing.B) {
	var packets []Packet
	for i := range 100_000 {
		ip := tcp(end{"10.0.0.1", uint16(40000 + i%8)}, server, flow.ACK, uint32(i/8*1400), make([]byte, 1400))
		packets = append(packets, Packet{Data: ip, Wire: len(ip), Link: packet.LinkRaw, Time: int64(i) * 1000})
	}
	benchmarkMeter(b, packets)
}
