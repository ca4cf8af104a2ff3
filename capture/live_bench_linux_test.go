package capture

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flowferry/flowferry/flow"
)

// BenchmarkLive sends the packets of a site's uplink over a veth pair as fast as one goroutine can,
// and meters them at the other end. It wants a network namespace of its own:
//
//	unshare -Urn go test -run XXX -bench Live -benchtime 3000000x ./capture
func BenchmarkLive(b *testing.B) {
	if all, err := net.Interfaces(); err != nil || len(all) != 1 {
		b.Skip("run it with unshare -Urn, in a network namespace of its own")
	}
	makeVeth(b, "va", "vb")
	frames := pack(byTime(uplink(20_000)))
	out := newSender(b, "va")
	if err := unix.SetsockoptInt(out.fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
		b.Fatal(err)
	}
	live, err := OpenLive(Config{Live: LiveConfig{Interfaces: []string{"vb"}, Workers: 1, RingMB: 64}}, 1)
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan error, 1)
	var used unix.Rusage
	go func() {
		runtime.LockOSThread() // never unlocked: the thread's account is that of the worker
		err := live.workers[0].Run(ctx, func(batch *flow.Batch) { batch.Free() })
		_ = unix.Getrusage(unix.RUSAGE_THREAD, &used)
		done <- err
	}()
	began := time.Now()
	for i := 0; b.Loop(); i++ {
		out.send(b, frames[i%len(frames)].Data)
	}
	took := time.Since(began)
	stop()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	n := map[string]uint64{}
	for _, s := range live.Stats() {
		n[s.Name] += s.Value
	}
	if n["capture.packets"]+n["capture.kernel_drops"] != uint64(b.N) {
		b.Errorf("%d metered, %d dropped, %d sent", n["capture.packets"], n["capture.kernel_drops"], b.N)
	}
	b.ReportMetric(float64(b.N)/took.Seconds(), "packets/s")
	b.ReportMetric(float64(n["capture.kernel_drops"]), "dropped")
	b.ReportMetric(float64(used.Utime.Nano()+used.Stime.Nano())/float64(b.N), "worker-cpu-ns/packet")
}
