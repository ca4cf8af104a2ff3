package main

import (
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/flowferry/flowferry/bench/gen"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
)

// TestPaced receives what the paced sender sends: as many flows as it says, from all its
// addresses, without a gap in the sequence numbers.
func TestPaced(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the paced sender needs Linux")
	}
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadBuffer(4 << 20); err != nil {
		t.Fatal(err)
	}
	p, err := newPaced(load{gen.V9Short, 3}, uint16(conn.LocalAddr().(*net.UDPAddr).Port))
	if err != nil {
		t.Fatal(err)
	}
	said, err := p.run(10_000, 2000) // more than the streams hold: they begin anew
	if err != nil || said.datagrams != 2000+pacedExporters || said.flows != 3*said.datagrams {
		t.Fatalf("%+v, %v", said, err)
	}
	d, b, buf := netflow.NewDecoder(netflow.Config{}), flow.NewBatch(), make([]byte, 2000)
	for range said.datagrams {
		if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Datagram(flow.AddrFrom(from.Addr()), from.Port(), buf[:n], time.Now().UnixNano(), b); err != nil {
			t.Fatal(err)
		}
	}
	if len(b.Recs) != said.flows {
		t.Errorf("%d flows of %d", len(b.Recs), said.flows)
	}
	list := d.Exporters()
	for _, e := range list {
		if e.Lost != 0 || e.Duplicate != 0 || e.Restarts != 0 || e.Skewed != 0 {
			t.Errorf("%+v", e)
		}
	}
	if len(list) != pacedExporters {
		t.Errorf("%d exporters", len(list))
	}
}

func TestDropsOf(t *testing.T) {
	const sockets = `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  335: 0100007F:4E20 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 91374 2 00000000f3f8b9a1 17
  335: 0100007F:4E20 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 91375 2 00000000f3f8b9a2 3
  336: 0100007F:4E21 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 91376 2 00000000f3f8b9a3 5
`
	if n, err := dropsOf(sockets, 20000); n != 20 || err != nil {
		t.Errorf("%d drops, %v", n, err)
	}
}

// TestHighest takes the fastest pace below the first that lost, by most of the runs.
func TestHighest(t *testing.T) {
	f := func(want string, outAfter bool, lost ...[]int) {
		t.Helper()
		var rungs []rung
		for i, runs := range lost {
			var g rung
			for _, n := range runs {
				g = append(g, taken{told: told{flows: 1000 * (i + 1), took: time.Second}, flows: 1000*(i+1) - n})
			}
			rungs = append(rungs, g)
		}
		if got := highest(load{gen.V5, 10}, rungs); got != want || out(rungs) != outAfter {
			t.Errorf("%v: %s, out %v", lost, got, out(rungs))
		}
	}
	f("up to 200 datagrams/s, 2,000 flows/s", false, []int{0}, []int{0, 9, 0}, []int{0, 9, 9}, []int{0})
	f("up to 100 datagrams/s, 1,000 flows/s", true, []int{0}, []int{1}, []int{1})
	f("at none of these rates", false, []int{1})
}
