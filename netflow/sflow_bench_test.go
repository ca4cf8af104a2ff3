package netflow

import (
	"encoding/binary"
	"syscall"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// sflowSeven is a datagram as switches send them: seven samples of 128 bytes of header each, with
// the VLANs, each from another interface.
func sflowSeven(seq uint32) wire {
	var samples []wire
	for i := range uint32(7) {
		records := append(headerRecord(1, tcpFrame()), xdr(recordSwitch, wire{}.u32(10, 0, 20, 0))...)
		samples = append(samples, xdr(sampleFlow, append(wire{}.u32(seq, 4+i, 1000, 5000, 0, 4+i, 99, 2), records...)))
	}
	return sflowMessage("192.0.2.1", seq, samples...)
}

// setNumbers gives the datagram and its samples their numbers, as if it were the seq-th.
func setNumbers(msg wire, seq uint32) {
	binary.BigEndian.PutUint32(msg[16:], seq)
	at := 28
	for range 7 {
		binary.BigEndian.PutUint32(msg[at+8:], seq)
		at += 8 + int(binary.BigEndian.Uint32(msg[at+4:]))
	}
}

func BenchmarkDecodeSFlow(b *testing.B) {
	d, batch, msg := NewDecoder(Config{}), &flow.Batch{}, sflowSeven(0)
	seq := uint32(0)
	b.ReportAllocs()
	before := cpuTime()
	for b.Loop() {
		seq++
		setNumbers(msg, seq)
		batch.Recs, batch.Meta = batch.Recs[:0], batch.Meta[:0]
		if err := d.Datagram(flow.Addr4(0xc0000201), 6343, msg, received, batch); err != nil || len(batch.Recs) != 7 {
			b.Fatal(err, len(batch.Recs))
		}
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N)/7, "cpu-ns/sample")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/7, "ns/flow")
}

// cpuTime is what the process has used of the processor, ns.
func cpuTime() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
