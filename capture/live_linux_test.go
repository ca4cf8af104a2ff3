package capture

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flowferry/flowferry/capture/filter"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
)

// running is a live capture in the background.
type running struct {
	live *Live
	stop context.CancelFunc
	done chan error
	mu   sync.Mutex
	out  flow.Batch
}

func startLive(t *testing.T, cfg Config) *running {
	t.Helper()
	live, err := OpenLive(cfg, 100)
	if err != nil {
		t.Fatal(err)
	}
	return runLive(t, live)
}

func runLive(t *testing.T, live *Live) *running {
	ctx, cancel := context.WithCancel(t.Context())
	r := &running{live: live, stop: cancel, done: make(chan error, 1)}
	go func() {
		r.done <- live.Run(ctx, func(b *flow.Batch) {
			r.mu.Lock()
			defer r.mu.Unlock()
			for i := range b.Recs {
				r.out.Copy(b, &b.Recs[i])
			}
			b.Free()
		})
	}()
	return r
}

// end stops the capture and gives the records and the account.
func (r *running) end(t *testing.T) ([]flow.Record, map[string]uint64) {
	t.Helper()
	r.stop()
	if err := <-r.done; err != nil {
		t.Fatal(err)
	}
	n := map[string]uint64{}
	for _, s := range r.live.Stats() {
		n[strings.TrimPrefix(s.Name, "capture.")] += s.Value
	}
	rejected := n["unsupported_link"] + n["not_ip"] + n["truncated"] + n["bad_header"]
	if n["packets"] != n["flow_packets"]+rejected {
		t.Errorf("%d packets, %d in flows, %d rejected", n["packets"], n["flow_packets"], rejected)
	}
	return r.out.Recs, n
}

// frame makes an Ethernet frame.
func frame(ether uint16, body []byte) []byte {
	return append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, byte(ether >> 8), byte(ether)}, body...)
}

// tagged makes an Ethernet frame with a VLAN tag.
func tagged(protocol, id uint16, ether uint16, body []byte) []byte {
	return frame(protocol, append([]byte{byte(id >> 8), byte(id), byte(ether >> 8), byte(ether)}, body...))
}

// find gives the one record of a UDP or TCP conversation from a source port.
func find(t *testing.T, recs []flow.Record, proto uint8, sport uint16) *flow.Record {
	t.Helper()
	var found *flow.Record
	for i := range recs {
		if r := &recs[i]; r.Proto == proto && r.SrcPort == sport {
			if found != nil {
				t.Errorf("two records from port %d", sport)
			}
			found = r
		}
	}
	if found == nil {
		t.Fatalf("no record of protocol %d from port %d among %d", proto, sport, len(recs))
	}
	return found
}

// Every frame that is sent on one end of a veth pair is in the flows of the other, in both
// directions, over several workers, with its VLAN tags.
func TestLiveVeth(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	makeVeth(t, "va", "vb")
	live := startLive(t, Config{Live: LiveConfig{Interfaces: []string{"vb"}, Workers: 3, RingMB: 4, Snaplen: 200}})
	if n := live.live.Workers()["vb"]; n != 3 {
		t.Fatalf("%d workers, want 3: %v", n, live.live.Warnings())
	}
	out := newSender(t, "va")
	back := newSender(t, "vb")
	const flows = 200
	packets, bytes := uint64(0), uint64(0)
	for i := range flows {
		c, s := end{fmt.Sprintf("10.1.%d.%d", i%7, i), uint16(20000 + i)}, end{fmt.Sprintf("10.2.0.%d", i%11), 5000}
		for range 1 + i%3 {
			ask, answer := udp(c, s, make([]byte, 100+i)), udp(s, c, make([]byte, 900))
			out.send(t, frame(0x0800, ask))
			back.send(t, frame(0x0800, answer))
			packets, bytes = packets+2, bytes+uint64(len(ask)+len(answer))
		}
	}
	tag := udp(end{"10.9.0.1", 9001}, end{"10.9.0.2", 53}, []byte("tagged"))
	out.send(t, tagged(0x8100, 0x6007, 0x0800, tag))
	out.send(t, tagged(0x88a8, 30, 0x8100, append([]byte{0, 31, 8, 0}, udp(end{"10.9.0.1", 9002}, end{"10.9.0.2", 53}, []byte("twice"))...)))
	out.send(t, frame(0x0806, make([]byte, 46)))
	refused := udp(end{"10.1.0.0", 20000}, end{"10.2.0.0", 5000}, nil)
	out.send(t, frame(0x0800, icmp("192.0.2.1", "10.1.0.0", 3, 1, refused)))

	recs, n := live.end(t)
	if n["kernel_drops"] != 0 || n["not_ip"] != 1 || n["packets"] != packets+4 || n["flow_packets"] != packets+3 {
		t.Errorf("got %v; sent %d packets in flows", n, packets+3)
	}
	got := uint64(0)
	for i := range flows {
		r := find(t, recs, flow.ProtoUDP, uint16(20000+i))
		if want := uint64(1 + i%3); r.Fwd.Packets != want || r.Rev.Packets != want {
			t.Errorf("flow %d: %d and %d packets, want %d each", i, r.Fwd.Packets, r.Rev.Packets, want)
		}
		if !r.Has.Has(flow.HasInIf) || r.InIf == 0 || r.Has.Has(flow.HasVLAN) {
			t.Errorf("flow %d: interface %d, %v", i, r.InIf, r.Has)
		}
		got += r.Fwd.Bytes + r.Rev.Bytes
	}
	if got != bytes {
		t.Errorf("%d bytes in flows, %d were sent", got, bytes)
	}
	one, two := find(t, recs, flow.ProtoUDP, 9001), find(t, recs, flow.ProtoUDP, 9002)
	if one.VLAN != 7 || one.Has.Has(flow.HasPostVLAN) || one.Fwd.Bytes != uint64(len(tag)) || two.VLAN != 30 || two.PostVLAN != 31 {
		t.Errorf("VLANs %d, and %d in %d; %d bytes", one.VLAN, two.PostVLAN, two.VLAN, one.Fwd.Bytes)
	}
	origins := map[uint64]bool{}
	for i := range recs {
		origins[recs[i].Origin] = true
	}
	if len(origins) != 3 {
		t.Errorf("records of %d workers, want 3", len(origins))
	}
}

// An ICMP error, and the later fragments of a datagram, meet the worker of their flow.
func TestLiveFanout(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	makeVeth(t, "va", "vb")
	live := startLive(t, Config{Live: LiveConfig{Interfaces: []string{"vb"}, Workers: 4, RingMB: 1}})
	out := newSender(t, "va")
	const flows = 64
	for i := range flows {
		c, s := end{fmt.Sprintf("10.1.0.%d", i), uint16(20000 + i)}, end{fmt.Sprintf("10.2.3.%d", i*3), 5000}
		out.send(t, frame(0x0800, udp(c, s, make([]byte, 8))))
		first := udp(c, s, make([]byte, 24))
		first[6] = 0x20 // more fragments
		out.send(t, frame(0x0800, first))
		later := ip4(c.ip, s.ip, flow.ProtoUDP, make([]byte, 16))
		later[7] = 4 // 32 bytes on
		out.send(t, frame(0x0800, later))
		out.send(t, frame(0x0800, icmp(fmt.Sprintf("192.0.2.%d", i), c.ip, 3, 1, udp(c, s, nil))))
	}
	recs, n := live.end(t)
	if n["packets"] != 4*flows || n["stray_fragments"] != 0 || n["kernel_drops"] != 0 {
		t.Errorf("got %v, sent %d packets", n, 4*flows)
	}
	for i := range flows {
		r := find(t, recs, flow.ProtoUDP, uint16(20000+i))
		if r.Fwd.Packets != 3 || r.State != flow.StateRejected {
			t.Errorf("flow %d: %d packets, state %v: want 3, rejected", i, r.Fwd.Packets, r.State)
		}
	}
}

// Real connections over the loopback: payload bytes are those that the programs wrote, over IPv4
// and IPv6, and nothing is counted twice.
func TestLiveLoopback(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	live := startLive(t, Config{Live: LiveConfig{Interfaces: []string{"lo"}, Workers: 2, RingMB: 8}})
	f := func(address string, ask, answer int) uint16 {
		t.Helper()
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		served := make(chan error, 1)
		go func() {
			c, err := l.Accept()
			if err == nil {
				_, err = io.CopyN(io.Discard, c, int64(ask))
			}
			if err == nil {
				_, err = c.Write(make([]byte, answer))
				c.Close()
			}
			served <- err
		}()
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(make([]byte, ask)); err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, c); n != int64(answer) || err != nil {
			t.Fatalf("%d bytes, %v", n, err)
		}
		c.Close()
		if err := <-served; err != nil {
			t.Fatal(err)
		}
		return uint16(c.LocalAddr().(*net.TCPAddr).Port)
	}
	small, large := f("127.0.0.1:0", 10, 20), f("127.0.0.1:0", 1000, 3_000_000)
	six := f("[::1]:0", 50_000, 70_000)
	u, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		_, _ = u.Write(make([]byte, 33)) // refused: no one listens
	}
	port := uint16(u.LocalAddr().(*net.UDPAddr).Port)
	u.Close()

	recs, n := live.end(t)
	check := func(proto uint8, port uint16, ask, answer uint64, state flow.State) {
		t.Helper()
		r := find(t, recs, proto, port)
		more := func(got, want uint64) bool { return got < want || got > want+want/2 } // what TCP sent again is counted too
		if more(r.Fwd.Payload, ask) || more(r.Rev.Payload, answer) || r.State != state || r.InIf != 1 {
			t.Errorf("port %d: payload %d and %d, %v on interface %d; want %d and %d, %v", port, r.Fwd.Payload, r.Rev.Payload, r.State, r.InIf, ask, answer, state)
		}
	}
	check(flow.ProtoTCP, small, 10, 20, flow.StateEstablished)
	check(flow.ProtoTCP, large, 1000, 3_000_000, flow.StateEstablished)
	check(flow.ProtoTCP, six, 50_000, 70_000, flow.StateEstablished)
	if r := find(t, recs, flow.ProtoUDP, port); r.Fwd.Packets == 0 || r.Fwd.Payload != 33*r.Fwd.Packets || r.State != flow.StateRejected {
		t.Errorf("refused UDP: %d packets, %d bytes of payload, %v", r.Fwd.Packets, r.Fwd.Payload, r.State)
	}
	if n["kernel_drops"] != 0 {
		t.Errorf("%d dropped", n["kernel_drops"])
	}
}

// The filter is the kernel's: what it leaves out is not even counted; a tag beside the packet is
// seen by "vlan".
func TestLiveFilter(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	makeVeth(t, "va", "vb")
	out := newSender(t, "va")
	f := func(text string, want ...uint16) {
		t.Helper()
		live := startLive(t, Config{Filter: text, Live: LiveConfig{Interfaces: []string{"vb"}, Workers: 1, RingMB: 1}})
		body := func(port uint16) []byte { return udp(end{"10.0.0.1", 20000 + port}, end{"10.0.0.2", 53}, []byte("x")) }
		out.send(t, frame(0x0800, body(1)))
		out.send(t, tagged(0x8100, 7, 0x0800, body(2)))
		out.send(t, tagged(0x8100, 8, 0x0800, body(3)))
		out.send(t, tagged(0x88a8, 7, 0x8100, append([]byte{0, 9, 8, 0}, body(4)...)))
		out.send(t, frame(0x0800, tcp(end{"10.0.0.1", 20005}, end{"10.0.0.2", 53}, flow.SYN, 1, nil)))
		recs, n := live.end(t)
		var got []uint16
		for port := range uint16(6) {
			for i := range recs {
				if recs[i].SrcPort == 20000+port {
					got = append(got, port)
				}
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || n["packets"] != uint64(len(want)) {
			t.Errorf("%q: got %v and %d packets, want %v", text, got, n["packets"], want)
		}
	}
	f("", 1, 2, 3, 4, 5)
	f("udp", 1, 2, 3)
	f("tcp port 53", 5)
	f("vlan", 2, 3, 4)
	f("vlan 7 and udp", 2)
	f("vlan 7", 2, 4)
	f("udp and not vlan", 1)
	f("not vlan and udp") // as in tcpdump, udp is looked for behind a tag
	f("vlan and vlan 9 and udp", 4)
	f("src port 20003 or tcp", 3, 5)
}

// In a flood each packet is in a flow or counted as dropped.
func TestLiveFlood(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	makeVeth(t, "va", "vb")
	opened, err := openTaps("vb", Config{Live: LiveConfig{Workers: 1, RingMB: 2, Snaplen: 2000}})
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{tap: opened.taps[0], iface: "vb"}
	w.meter = NewMeter(Config{}, 1, w.send)
	out := newSender(t, "va")
	sent := uint64(0)
	for range 5000 { // nobody reads: 2 MiB hold some 1,700 of them
		out.send(t, frame(0x0800, udp(end{"10.0.0.1", 1}, end{"10.0.0.2", 2}, make([]byte, 1000))))
		sent++
	}
	live := runLive(t, &Live{workers: []*worker{w}})
	for range 20_000 {
		out.send(t, frame(0x0800, udp(end{"10.0.0.1", 1}, end{"10.0.0.2", 2}, make([]byte, 1000))))
		sent++
	}
	recs, n := live.end(t)
	in := uint64(0)
	for i := range recs {
		in += recs[i].Fwd.Packets + recs[i].Rev.Packets
	}
	if n["kernel_drops"] < 3000 || n["ring_freezes"] == 0 || in+n["kernel_drops"] != sent {
		t.Errorf("%d in flows and %d dropped in %d times, %d sent", in, n["kernel_drops"], n["ring_freezes"], sent)
	}
	t.Logf("%d in flows and %d dropped, %d sent", in, n["kernel_drops"], sent)
}

// A tun interface has no link layer.
func TestLiveTun(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR, 0)
	if err != nil {
		t.Skipf("no tun interface can be made here: %v", err)
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("tf0")
	if err != nil {
		t.Fatal(err)
	}
	req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		t.Skipf("no tun interface can be made here: %v", err)
	}
	setFlags(t, "tf0", unix.IFF_UP)
	live := startLive(t, Config{Filter: "udp port 7", Live: LiveConfig{Interfaces: []string{"tf0"}, Workers: 2, RingMB: 1}})
	for _, port := range []uint16{7, 8} {
		if _, err := unix.Write(fd, udp(end{"10.0.0.1", 70}, end{"10.0.0.2", port}, []byte("tunnelled"))); err != nil {
			t.Fatal(err)
		}
	}
	recs, n := live.end(t)
	if r := find(t, recs, flow.ProtoUDP, 70); len(recs) != 1 || r.Fwd.Payload != 9 || r.Has.Has(flow.HasMACs) || n["packets"] != 1 {
		t.Errorf("%d records; %d bytes; %v", len(recs), r.Fwd.Payload, n)
	}
}

// The way of kernels without a ring gives the same flows.
func TestLiveHandle(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	makeVeth(t, "va", "vb")
	out := newSender(t, "va")
	iface, err := net.InterfaceByName("vb")
	if err != nil {
		t.Fatal(err)
	}
	cfg := LiveConfig{NoPromiscuous: true}.withDefaults()
	only, err := filter.Parse("udp or vlan")
	if err != nil {
		t.Fatal(err)
	}
	program, err := only.CompileSocket(filter.Socket{Link: packet.LinkEthernet})
	if err != nil {
		t.Fatal(err)
	}
	h, err := openHandle(*iface, packet.LinkEthernet, cfg, program)
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{tap: h, iface: "vb", index: 9}
	w.meter = NewMeter(Config{}, 1, w.send)
	live := runLive(t, &Live{workers: []*worker{w}})
	time.Sleep(200 * time.Millisecond) // until the kernel stamps packets when they come, not when they are read
	for range 100 {
		out.send(t, frame(0x0800, udp(end{"10.0.0.1", 20001}, end{"10.0.0.2", 53}, make([]byte, 99))))
	}
	out.send(t, tagged(0x8100, 7, 0x0800, udp(end{"10.0.0.1", 20002}, end{"10.0.0.2", 53}, []byte("tagged"))))
	out.send(t, frame(0x0800, tcp(end{"10.0.0.1", 3}, end{"10.0.0.2", 53}, flow.SYN, 1, nil)))
	recs, n := live.end(t)
	if r := find(t, recs, flow.ProtoUDP, 20001); r.Fwd.Packets != 100 || r.Fwd.Payload != 100*99 || n["packets"] != 101 || n["kernel_drops"] != 0 {
		t.Errorf("%d packets, %d bytes: %v", r.Fwd.Packets, r.Fwd.Payload, n)
	}
	if r := find(t, recs, flow.ProtoUDP, 20002); r.VLAN != 7 {
		t.Errorf("VLAN %d, want 7", r.VLAN)
	}
	out.send(t, frame(0x0800, udp(end{"10.0.0.1", 20001}, end{"10.0.0.2", 53}, nil))) // ends its goroutine
	for range h.packets {
		t.Error("a packet came after the end")
	}
}

// An interface that goes away ends the capture with an error that says so.
func TestLiveGone(t *testing.T) {
	if !inNamespace(t) {
		return
	}
	makeVeth(t, "va", "vb")
	live := startLive(t, Config{Live: LiveConfig{Interfaces: []string{"vb"}, Workers: 1, RingMB: 1}})
	removeLink(t, "va")
	select {
	case err := <-live.done:
		if err == nil || !strings.Contains(err.Error(), "capture on vb: the interface is gone") {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on")
	}
	live.stop()
}

func TestLiveErrors(t *testing.T) {
	f := func(cfg Config, want string) {
		t.Helper()
		l, err := OpenLive(cfg, 1)
		if err == nil {
			l.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
	f(Config{Live: LiveConfig{Interfaces: []string{"no-such-one"}}}, "capture on no-such-one: ")
	f(Config{Live: LiveConfig{RingMB: -1}}, "live.ring_mb is -1")
	f(Config{Live: LiveConfig{Snaplen: 10}}, "live.snaplen is 10")
	f(Config{Live: LiveConfig{Workers: 1000}}, "live.workers is 1000")
	f(Config{Filter: "tcp and"}, "where a condition should stand")
	if os.Getuid() != 0 {
		f(Config{Live: LiveConfig{Interfaces: []string{"lo"}}}, "it needs the capability CAP_NET_RAW")
	}
}
