package capture

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// wires ends the capture and gives what the meter told of each flow.
func (b *builder) wires() (list []*flow.Wire) {
	b.flush()
	for i := range b.out.Recs {
		list = append(list, b.out.Metered(&b.out.Recs[i]))
	}
	return list
}

// What TCP did, as history, state, counts and times.
func TestHistory(t *testing.T) {
	type send struct {
		back    bool
		flags   string
		seq     uint32
		payload string
	}
	f := func(want string, packets ...send) {
		t.Helper()
		b := newBuilder(t, Config{})
		for i, p := range packets {
			src, dst := client, server
			if p.back {
				src, dst = dst, src
			}
			b.tcp(time.Duration(i)*time.Millisecond, src, dst, p.flags, p.seq, p.payload)
		}
		w := b.wires()[0]
		s := func(s *flow.WireSide) string {
			return fmt.Sprintf("%d/%d/%d", s.Retransmits, s.OutOfOrder, s.Gap)
		}
		if got := fmt.Sprintf("%v %v %s %s %d %d", w.History, w.Conn, s(&w.Fwd), s(&w.Rev), w.SynRTT, w.AckRTT); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	syn, synack, ack := send{false, "S", 10, ""}, send{true, "SA", 50, ""}, send{false, "A", 11, ""}
	f("S S0 0/0/0 0/0/0 0 0", syn)
	f("STh S1 1/0/0 0/0/0 1000 0", syn, syn, synack)
	f("Sr REJ 0/0/0 0/0/0 0 0", syn, send{true, "RA", 0, ""})
	f("SR RSTOS0 0/0/0 0/0/0 0 0", syn, send{false, "R", 11, ""})
	f("ShADdFf SF 0/0/0 0/0/0 1000 1000", syn, synack, ack, send{false, "PA", 11, "GET"}, send{true, "PA", 51, "OK"},
		send{false, "FA", 14, ""}, send{true, "FA", 53, ""})
	f("ShADT S1 1/0/0 0/0/0 1000 1000", syn, synack, ack, send{false, "A", 11, "GET"}, send{false, "A", 11, "GET"})
	f("ShADG S1 0/0/3 0/0/0 1000 1000", syn, synack, ack, send{false, "A", 14, "more"})
	f("ShADGd S1 0/1/0 0/0/0 1000 1000", syn, synack, ack, send{false, "A", 11, "GET"}, send{false, "A", 17, "c"}, send{false, "A", 14, "abc"}, send{true, "A", 51, "x"})
	f("ShADR RSTO 0/0/0 0/0/0 1000 1000", syn, synack, ack, send{false, "A", 11, "GET"}, send{false, "R", 14, ""})
	f("Dd OTH 0/0/0 0/0/0 0 0", send{false, "A", 11, "GET"}, send{true, "A", 51, "OK"})
	f("ShA S1 0/0/0 0/0/0 1000 1000", syn, synack, ack, send{false, "A", 10, ""}) // a keep-alive
	f("^hS S1 0/0/0 0/0/0 0 0", synack, syn)
}

// Later fragments that come before the first go to its flow all the same; so do the parts of an
// ICMP message.
func TestFragmentsEarly(t *testing.T) {
	b := newBuilder(t, Config{})
	rest := func(proto uint8) []byte { return ip4("10.0.0.1", "10.0.0.2", proto, make([]byte, 100)) }
	b.send(0, fragmentOf(7, 18, false, rest(flow.ProtoUDP)))
	b.send(0, fragmentOf(7, 9, true, rest(flow.ProtoUDP)))
	b.send(sec, fragmentOf(7, 0, true, udp(client, server, make([]byte, 64))))
	b.send(sec, fragmentOf(9, 9, false, rest(flow.ProtoICMP)))
	b.send(sec, fragmentOf(9, 0, true, icmp("10.0.0.1", "10.0.0.2", 8, 0, make([]byte, 64))))
	wantRows(t, b,
		"10.0.0.1:40000>10.0.0.2:80 3/0 / at 0 for 1 forced_end attempt 1",
		"10.0.0.1:0>10.0.0.2:0 2/0 / at 1 for 0 forced_end attempt 1")
	if n := b.m.n.strayFrags; n != 0 {
		t.Errorf("%d stray fragments", n)
	}
}

// More fragments without a first than may wait are counted all the same.
func TestFragmentFlood(t *testing.T) {
	b := newBuilder(t, Config{})
	for i := range 3 * maxHeld {
		p := ip4("10.0.0.1", "10.0.0.2", flow.ProtoUDP, make([]byte, 100))
		binary.BigEndian.PutUint16(p[4:], uint16(i))
		binary.BigEndian.PutUint16(p[6:], 9)
		b.send(0, p)
		if len(b.m.held) > maxHeld {
			t.Fatalf("%d fragments wait", len(b.m.held))
		}
	}
	wantRows(t, b, fmt.Sprintf("10.0.0.1:0>10.0.0.2:0 %d/0 / at 0 for 0 forced_end attempt 1", 3*maxHeld))
}

// The packet in a tunnel is metered with the tunnel beside it; by the other policy the tunnel is.
func TestTunnels(t *testing.T) {
	vxlan := func(src, dst string, inner []byte) []byte {
		h := append([]byte{8, 0, 0, 0, 0, 0, 100, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0}, inner...)
		return udp(end{src, 50000}, end{dst, 4789}, h)
	}
	run := func(policy string) *builder {
		b := newBuilder(t, Config{Tunnels: policy})
		b.send(0, vxlan("192.0.2.1", "192.0.2.2", tcp(client, server, flow.SYN, 1, nil)))
		b.send(0, vxlan("192.0.2.2", "192.0.2.1", tcp(server, client, flow.SYN|flow.ACK, 1, nil)))
		b.send(0, udp(end{"192.0.2.1", 50000}, end{"192.0.2.2", 4789}, []byte("no tunnel")))
		return b
	}
	b := run(TunnelsInner)
	wantRows(t, b,
		"192.0.2.1:50000>192.0.2.2:4789 1/0 / at 0 for 0 forced_end attempt 1",
		"10.0.0.1:40000>10.0.0.2:80 1/1 S/SA at 0 for 0 forced_end established 1")
	w := b.out.Metered(&b.out.Recs[1])
	if w.Tunnel != flow.TunnelVXLAN || w.TunnelID != 100 || w.TunnelDepth != 1 || w.TunnelSrc.String() != "192.0.2.1" || w.TunnelDst.String() != "192.0.2.2" {
		t.Errorf("tunnel %+v", w)
	}
	if n := b.out.Recs[1].Fwd.Bytes; n != 40 {
		t.Errorf("%d bytes, want those of the inner packet", n)
	}
	wantRows(t, run(TunnelsOuter),
		"192.0.2.1:50000>192.0.2.2:4789 2/0 / at 0 for 0 forced_end attempt 1",
		"192.0.2.2:50000>192.0.2.1:4789 1/0 / at 0 for 0 forced_end attempt 1")
}

// An ICMP error is noted on the flow that it quotes, whatever that speaks.
func TestICMPErrors(t *testing.T) {
	b := newBuilder(t, Config{})
	ping := icmp("10.0.0.1", "10.0.0.2", 8, 0, make([]byte, 8))
	b.send(0, ping)
	b.send(0, icmp("10.0.0.9", "10.0.0.1", 11, 0, ping))
	b.send(0, icmp("10.0.0.9", "10.0.0.1", 11, 0, ping))
	b.send(0, icmp("10.0.0.9", "10.0.0.1", 3, 1, []byte("nothing")))
	w := b.wires()[0]
	if w.ICMPErrors != 2 || w.ICMPType != 11 || w.ICMPVersion != 4 {
		t.Errorf("got %+v", w)
	}
	if n := b.m.n; n.icmpErrors != 3 || n.icmpUnquoted != 1 {
		t.Errorf("%d errors, %d without a flow", n.icmpErrors, n.icmpUnquoted)
	}
}

// Each class of protocols has its own time-outs.
func TestTimeoutsOfProtocols(t *testing.T) {
	b := newBuilder(t, Config{UDP: Timeouts{Idle: 5 * sec}, Other: Timeouts{Active: 40 * sec}})
	b.send(0, udp(client, server, nil))
	b.send(0, ip4("10.0.0.1", "10.0.0.2", flow.ProtoGRE, nil))
	b.send(6*sec, udp(client, server, nil))
	for at := 10; at <= 50; at += 10 {
		b.send(time.Duration(at)*sec, ip4("10.0.0.1", "10.0.0.2", flow.ProtoGRE, nil))
	}
	wantRows(t, b,
		"10.0.0.1:40000>10.0.0.2:80 1/0 / at 0 for 0 idle_timeout attempt 1",
		"10.0.0.1:40000>10.0.0.2:80 1/0 / at 6 for 0 idle_timeout attempt 1",
		"10.0.0.1:0>10.0.0.2:0 4/0 / at 0 for 30 active_timeout attempt 1",
		"10.0.0.1:0>10.0.0.2:0 2/0 / at 40 for 10 forced_end attempt 2")
}
