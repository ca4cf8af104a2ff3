package capture

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/huge"
	"github.com/flowferry/flowferry/packet"
)

const sec = time.Second

var client, server = end{"10.0.0.1", 40000}, end{"10.0.0.2", 80}

// A new SYN on a closed tuple begins a new flow; the same SYN again does not, whether the tuple
// is open or closed.
func TestSYN(t *testing.T) {
	b := newBuilder(t, Config{})
	b.tcp(0, client, server, "S", 100, "")
	b.tcp(1*sec, client, server, "S", 100, "")
	b.tcp(1*sec, server, client, "RA", 0, "")
	b.tcp(2*sec, client, server, "S", 100, "")
	b.tcp(2*sec, server, client, "RA", 0, "")
	b.tcp(3*sec, client, server, "S", 7777, "")
	b.tcp(3*sec, server, client, "SA", 1, "")
	b.tcp(4*sec, client, server, "S", 9999, "") // ports reused, the end was not seen
	wantRows(t, b,
		"10.0.0.1:40000>10.0.0.2:80 3/2 S/RA at 0 for 2 end_of_flow rejected 1",
		"10.0.0.1:40000>10.0.0.2:80 1/1 S/SA at 3 for 0 end_of_flow established 1",
		"10.0.0.1:40000>10.0.0.2:80 1/0 S/ at 4 for 0 forced_end attempt 1")
}

// After both FINs a flow waits for stragglers and is whole.
func TestFIN(t *testing.T) {
	b := newBuilder(t, Config{})
	b.tcp(0, client, server, "S", 100, "")
	b.tcp(0, server, client, "SA", 900, "")
	b.tcp(1*sec, client, server, "FA", 101, "")
	b.tcp(1*sec, server, client, "FA", 901, "")
	b.tcp(2*sec, client, server, "A", 102, "")
	b.tcp(100*sec, client, server, "R", 102, "")
	b.tcp(300*sec, client, server, "R", 102, "") // later than the linger
	wantRows(t, b,
		"10.0.0.1:40000>10.0.0.2:80 4/2 FSRA/FSA at 0 for 100 end_of_flow established 1",
		"10.0.0.1:40000>10.0.0.2:80 1/0 R/ at 300 for 0 end_of_flow oneway_unknown 1")
	if !b.out.Recs[0].Complete {
		t.Error("the flow is not complete")
	}
}

// A silent open TCP flow is over for data that come after the idle time-out.
func TestIdleTCP(t *testing.T) {
	b := newBuilder(t, Config{})
	b.tcp(0, client, server, "A", 100, "x")
	b.tcp(0, server, client, "A", 900, "y")
	b.tcp(31*sec, client, server, "A", 101, "x")
	wantRows(t, b,
		"10.0.0.1:40000>10.0.0.2:80 1/1 A/A at 0 for 0 idle_timeout midstream 1",
		"10.0.0.1:40000>10.0.0.2:80 1/0 A/ at 31 for 0 forced_end oneway_unknown 1")
}

// Who began the flow, and what decided it.
func TestInitiator(t *testing.T) {
	f := func(want flow.InitiatorBy, src string, packets ...func(b *builder)) {
		t.Helper()
		b := newBuilder(t, Config{})
		for _, p := range packets {
			p(b)
		}
		recs := b.flush()
		if len(recs) != 1 || recs[0].InitiatorBy != want || recs[0].Src.String() != src {
			t.Errorf("%d flows, first from %v by %v, want %s by %v", len(recs), recs[0].Src, recs[0].InitiatorBy, src, want)
		}
	}
	tcp := func(src, dst end, flags, payload string) func(*builder) {
		return func(b *builder) { b.tcp(0, src, dst, flags, 100, payload) }
	}
	udp := func(src, dst end) func(*builder) {
		return func(b *builder) { b.send(0, udp(src, dst, []byte("?"))) }
	}
	high, higher, same := end{"10.0.0.3", 30000}, end{"10.0.0.4", 40000}, end{"10.0.0.5", 30000}
	f(flow.BySYN, "10.0.0.1", tcp(client, server, "S", ""))
	f(flow.BySYN, "10.0.0.2", tcp(server, client, "S", ""))
	f(flow.BySYN, "10.0.0.1", tcp(server, client, "SA", ""))
	f(flow.BySYN, "10.0.0.2", tcp(client, server, "A", ""), tcp(server, client, "S", "")) // overtaken
	f(flow.ByServerPort, "10.0.0.1", tcp(server, client, "A", ""))
	f(flow.ByServerPort, "10.0.0.1", udp(server, client))
	f(flow.ByLowerPort, "10.0.0.4", udp(high, higher))
	f(flow.ByFirstSeen, "10.0.0.5", udp(same, high))
	f(flow.ByFirstSeen, "10.0.0.2", udp(end{"10.0.0.2", 547}, end{"224.0.0.9", 50000}))
	f(flow.ByMessage, "10.0.0.3", tcp(high, higher, "A", "GET / HTTP/1.1\r\n\r\n"))
	f(flow.ByMessage, "10.0.0.3", tcp(higher, high, "A", "HTTP/1.1 200 OK\r\n\r\n"))
	f(flow.ByMessage, "10.0.0.1", func(b *builder) { b.send(0, icmp("10.0.0.2", "10.0.0.1", 0, 0, nil)) })
}

// Echo request and reply are one flow; messages without an answer are one flow each way.
func TestICMP(t *testing.T) {
	b := newBuilder(t, Config{})
	b.send(0, icmp("10.0.0.1", "10.0.0.2", 8, 0, nil))
	b.send(0, icmp("10.0.0.2", "10.0.0.1", 0, 0, nil))
	b.send(0, icmp("10.0.0.1", "10.0.0.2", 11, 0, nil))
	b.send(0, icmp("10.0.0.2", "10.0.0.1", 11, 0, nil))
	wantRows(t, b,
		"10.0.0.1:0>10.0.0.2:0 1/1 / at 0 for 0 forced_end established 1",
		"10.0.0.1:0>10.0.0.2:0 1/0 / at 0 for 0 forced_end  1",
		"10.0.0.2:0>10.0.0.1:0 1/0 / at 0 for 0 forced_end  1")
}

// A flow that a "destination unreachable" quotes was rejected.
func TestUnreachable(t *testing.T) {
	b := newBuilder(t, Config{})
	p := udp(client, end{"10.0.0.2", 9999}, []byte("hello"))
	b.send(0, p)
	b.send(0, icmp("10.0.0.2", "10.0.0.1", 3, 3, p[:28]))
	if recs := b.flush(); recs[0].State != flow.StateRejected {
		t.Errorf("state %v", recs[0].State)
	}
}

// Later fragments go to the ports of the first; without a first they have a flow of their own.
func TestFragments(t *testing.T) {
	b := newBuilder(t, Config{})
	rest := func() []byte { return ip4("10.0.0.1", "10.0.0.2", flow.ProtoUDP, make([]byte, 100)) }
	b.send(0, fragmentOf(7, 0, true, udp(client, server, make([]byte, 64))))
	b.send(0, fragmentOf(7, 9, true, rest()))
	b.send(0, fragmentOf(7, 18, false, rest()))
	b.send(0, fragmentOf(8, 9, false, rest()))
	b.send(61*sec, fragmentOf(7, 9, false, rest())) // the first is forgotten
	wantRows(t, b,
		"10.0.0.1:40000>10.0.0.2:80 3/0 / at 0 for 0 idle_timeout attempt 1",
		"10.0.0.1:0>10.0.0.2:0 1/0 / at 0 for 0 idle_timeout attempt 1",
		"10.0.0.1:0>10.0.0.2:0 1/0 / at 61 for 0 forced_end attempt 1")
	if n := b.m.n.strayFrags; n != 2 {
		t.Errorf("%d stray fragments, want 2", n)
	}
}

// Time stamps may go back: the start is the earliest, and nothing expires for it.
func TestTimeGoesBack(t *testing.T) {
	b := newBuilder(t, Config{})
	b.send(100*sec, udp(client, server, nil))
	b.send(50*sec, udp(server, client, nil))
	b.send(110*sec, udp(client, server, nil))
	wantRows(t, b, "10.0.0.1:40000>10.0.0.2:80 2/1 / at 50 for 60 forced_end established 1")
}

// A full table exports the oldest flow early, and a closed one before all others.
func TestEviction(t *testing.T) {
	b := newBuilder(t, Config{MaxFlows: 2})
	other := end{"10.0.0.9", 53}
	b.send(0, udp(client, other, nil))
	b.tcp(1*sec, client, server, "S", 1, "")
	b.tcp(1*sec, server, client, "R", 1, "")
	b.send(2*sec, udp(end{"10.0.0.1", 1001}, other, nil))
	b.send(3*sec, udp(end{"10.0.0.1", 1002}, other, nil))
	wantRows(t, b,
		"10.0.0.1:40000>10.0.0.2:80 1/1 S/R at 1 for 0 end_of_flow rejected 1",
		"10.0.0.1:40000>10.0.0.9:53 1/0 / at 0 for 0 lack_of_resources attempt 1",
		"10.0.0.1:1001>10.0.0.9:53 1/0 / at 2 for 0 forced_end attempt 1",
		"10.0.0.1:1002>10.0.0.9:53 1/0 / at 3 for 0 forced_end attempt 1")
}

// The table finds every flow and none that was removed, in any order of coming and going.
func TestTable(t *testing.T) {
	tab := newTable()
	model := map[uint32]packet.Headers{}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		p := packet.Headers{Src: flow.Addr4(rnd.Uint32N(300)), Dst: flow.Addr4(rnd.Uint32N(300)), SrcPort: uint16(rnd.Uint32N(3)), Proto: 17}
		h := tab.hash(&p)
		i, _ := tab.find(&p, kindPorts, h)
		if i == none {
			n, e := tab.insert(h)
			e.src, e.dst, e.sport, e.proto, e.kind = p.Src, p.Dst, p.SrcPort, 17, kindPorts
			tab.push(n, e, listOther)
			model[n] = p
		} else if rnd.IntN(2) == 0 {
			tab.remove(i)
			delete(model, i)
		}
	}
	if tab.entries.Held() != len(model) {
		t.Fatalf("%d live, want %d", tab.entries.Held(), len(model))
	}
	for i, p := range model {
		if got, _ := tab.find(&p, kindPorts, tab.hash(&p)); got != i {
			t.Fatalf("found %d, want %d", got, i)
		}
	}
}

// A packet of a known flow costs no allocation.
func TestAllocatesNothing(t *testing.T) {
	b := newBuilder(t, Config{})
	b.tcp(0, client, server, "S", 100, "")
	data := tcp(client, server, flow.ACK, 101, []byte("binary\x00\x01"))
	pkt := Packet{Data: data, Time: b.at(sec), Wire: len(data), Link: packet.LinkRaw, Ord: 2}
	for range 20 {
		b.m.Packet(&pkt)
	}
	if n := testing.AllocsPerRun(1000, func() { b.m.Packet(&pkt) }); n != 0 {
		t.Errorf("a packet of a known flow: %v allocations", n)
	}
}

func TestValidate(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(Config{}, "")
	f(Config{Idle: -1}, "idle_timeout is -1ns: give a duration above zero such as 30s, or leave it out")
	f(Config{Active: sec}, "active_timeout 1s is shorter than idle_timeout 30s: make it longer")
	f(Config{MaxFlows: -1}, "max_flows is -1: give a number from 1 to 268435456, or leave it out")
	f(Config{Inspect: -1}, "max_inspected is -1: give a number above zero, or leave it out")
}

// A list gives its flows in the order in which they came, whichever leave it meanwhile, and keeps no strip
// that is empty.
func TestQueues(t *testing.T) {
	var q queues
	var entries huge.Slab[entry]
	var model [lists][]uint32
	rnd := rand.New(rand.NewPCG(1, 2))
	leave := func(l listID, k int) {
		q.unlink(entries.At(model[l][k]))
		entries.Drop(model[l][k])
		model[l] = slices.Delete(model[l], k, k+1)
	}
	for turn := range 100_000 {
		l := listID(rnd.IntN(int(lists)))
		switch k := len(model[l]); {
		case k == 0 || rnd.IntN(100) < 50-turn%2*5:
			i := entries.Take()
			q.push(i, entries.At(i), l)
			model[l] = append(model[l], i)
		default:
			leave(l, rnd.IntN(k))
		}
		if turn%1000 == 0 || q.first(l) == none != (len(model[l]) == 0) {
			wantQueues(t, &q, &model)
		}
	}
	for l := range lists { // from the head on, with those behind looked up ahead
		w, left := q.walk(l), len(model[l])
		for ahead := w.next(&q); ahead != none; left-- {
			ahead = w.next(&q)
			leave(l, 0)
		}
		if left != 0 {
			t.Errorf("list %d: %d were not given", l, left)
		}
	}
	wantQueues(t, &q, &model)
	if n := q.strips.Held(); n != 0 {
		t.Errorf("%d strips are held", n)
	}
}

func wantQueues(t *testing.T, q *queues, model *[lists][]uint32) {
	t.Helper()
	for l := range lists {
		var got []uint32
		for w, i := q.walk(l), uint32(none); ; got = append(got, i) {
			if i = w.next(q); i == none {
				break
			}
		}
		if !slices.Equal(got, model[l]) {
			t.Fatalf("list %d has %d, want %d", l, len(got), len(model[l]))
		}
	}
}
