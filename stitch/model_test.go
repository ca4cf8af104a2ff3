package stitch

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"pgregory.net/rapid"
)

const (
	second = int64(time.Second)
	minute = int64(time.Minute)
	epoch  = 1_700_000_000 * second
)

// packet is one packet of a conversation of the model.
type packet struct {
	at    int64
	back  bool // sent by the server
	bytes uint64
	flags uint8
}

// talk is a conversation of the model: the truth.
type talk struct {
	tuple
	packets []packet
}

// tuple is who talks; several conversations may have one after another the same.
type tuple struct {
	client, server         flow.Addr
	clientPort, serverPort uint16
	proto                  uint8
}

func drawTuple(t *rapid.T, i int) tuple {
	return tuple{
		client: flow.Addr4(0x0a000000 + uint32(i)), server: flow.MustAddr("192.0.2.80"), clientPort: uint16(40000 + i),
		serverPort: rapid.SampledFrom([]uint16{443, 39999, 50001}).Draw(t, "server port"), // known, lower, higher
		proto:      rapid.SampledFrom([]uint8{flow.ProtoTCP, flow.ProtoUDP}).Draw(t, "proto"),
	}
}

// drawTalks makes one to four conversations of each of a few tuples, one after another: TCP's
// may follow each other at once, others only after a silence.
func drawTalks(t *rapid.T) (talks []*talk) {
	for i := range rapid.IntRange(1, 4).Draw(t, "tuples") {
		who := drawTuple(t, i)
		at := epoch + rapid.Int64Range(0, 600).Draw(t, "start")*second
		for range rapid.SampledFrom([]int{1, 1, 2, 4}).Draw(t, "talks") {
			c := drawTalk(t, who, at)
			talks = append(talks, c)
			quiet := 10 * second
			if who.proto != flow.ProtoTCP {
				quiet = 3 * minute
			}
			at = c.packets[len(c.packets)-1].at + rapid.Int64Range(quiet, quiet+10*minute).Draw(t, "silence")
		}
	}
	return talks
}

func drawTalk(t *rapid.T, who tuple, at int64) *talk {
	c := &talk{tuple: who}
	n := rapid.IntRange(4, 80).Draw(t, "packets")
	step := rapid.SampledFrom([]int64{second / 50, second, 6 * second}).Draw(t, "step")
	for k := range n {
		p := packet{at: at, back: k%2 == 1, bytes: uint64(40 + k), flags: flow.ACK | flow.PSH}
		switch {
		case k == 0:
			p.flags = flow.SYN
		case k == 1:
			p.flags = flow.SYN | flow.ACK
		case k >= n-2:
			p.flags |= flow.FIN
		}
		c.packets = append(c.packets, p)
		at += rapid.Int64Range(step/4+1, step).Draw(t, "gap")
	}
	return c
}

// known says whether whatever an exporter tells of c tells its direction: by its ports.
func (c *tuple) known() bool { return c.serverPort < c.clientPort }

// told is what came out of one tuple.
type told struct {
	complete []flow.Record
	sum      [2]flow.Counts // of the flows: by the client, by the server
	sampled  flow.Counts    // of the flows of the exporter that samples
	from, to int64          // of the flows
	flows    int
	seams    uint64 // flows that follow another of their conversation
}

func newTold() *told { return &told{from: 1 << 62} }

// world is one run of the model.
type world struct {
	talks  []*talk
	meters []meter
	cfg    Config
	skew   int64 // the most by which an exporter's clock is off
}

func drawWorld(t *rapid.T) *world {
	w := &world{talks: drawTalks(t), meters: drawMeters(t)}
	w.cfg = Config{
		Window:  20 * time.Second,
		Counts:  rapid.SampledFrom([]string{"first", "max", "order"}).Draw(t, "counts"),
		Order:   []string{w.meters[len(w.meters)-1].addr.String()},
		Interim: rapid.SampledFrom([]time.Duration{0, 3 * time.Minute}).Draw(t, "interim"),
	}
	for i := range w.meters {
		w.skew = max(w.skew, abs(w.meters[i].clock))
	}
	return w
}

// run sends records through a table and collects what comes out by tuple.
func (w *world) run(t *rapid.T, records []flow.Record) map[tuple]*told {
	table := New(w.cfg)
	out := map[tuple]*told{}
	for _, c := range w.talks {
		out[c.tuple] = newTold()
	}
	collect := func(b *flow.Batch) {
		for i := range b.Recs {
			t.Logf("out %s", flow.AppendText(nil, b, &b.Recs[i]))
			w.collect(t, out, &b.Recs[i])
		}
	}
	for i := range records {
		t.Logf("in  %s", flow.AppendText(nil, nil, &records[i]))
	}
	for len(records) > 0 {
		b := flow.NewBatch()
		n := min(rapid.IntRange(1, 40).Draw(t, "batch"), len(records))
		b.Recs = append(b.Recs, records[:n]...)
		records = records[n:]
		b.Now = b.Recs[n-1].Received
		table.Do(b)
		collect(b)
	}
	collect(flush(table))
	n := map[string]uint64{}
	for _, s := range table.Stats() {
		n[s.Name] = s.Value
	}
	if n["stitch.in"] != n["stitch.flows"]+n["stitch.paired"]+n["stitch.duplicates"] || n["stitch.held"] != 0 {
		t.Fatalf("the account does not balance: %v", n)
	}
	for _, p := range table.Pairs() {
		n["stitch.duplicates"] -= p.Records
	}
	if n["stitch.duplicates"] != 0 {
		t.Fatalf("%d duplicates are of no pair", int64(n["stitch.duplicates"]))
	}
	return out
}

// collect notes r, which came out.
func (w *world) collect(t *rapid.T, out map[tuple]*told, r *flow.Record) {
	who := tuple{r.Src, r.Dst, r.SrcPort, r.DstPort, r.Proto}
	fwd, rev := 0, 1
	if r.Src == flow.MustAddr("192.0.2.80") {
		who, fwd, rev = tuple{r.Dst, r.Src, r.DstPort, r.SrcPort, r.Proto}, 1, 0
	}
	x := out[who]
	switch {
	case x == nil:
		t.Fatalf("nobody talked like %+v", r)
	case r.Sampling != 0:
		if r.Kind == flow.KindFlow {
			x.sampled.Add(&r.Fwd)
			x.sampled.Add(&r.Rev)
		}
		return
	case r.Complete:
		x.complete = append(x.complete, *r)
	}
	if r.Kind == flow.KindFlow {
		x.sum[fwd].Add(&r.Fwd)
		x.sum[rev].Add(&r.Rev)
		x.flows++
		x.seams += uint64(btoi(r.Segment > 1))
		x.from, x.to = min(x.from, r.Start), max(x.to, r.End)
	}
}

// truth adds up the packets of c in the directions that some exporter sees.
func (w *world) truth(c *talk) (n [2]flow.Counts, from, to int64) {
	sees := w.sees()
	from = 1 << 62
	for _, p := range c.packets {
		s := btoi(p.back)
		if !sees[s] {
			continue
		}
		n[s].Packets++
		n[s].Bytes += p.bytes
		from, to = min(from, p.at), max(to, p.at)
	}
	return n, from, to
}

// sees says which directions are seen by some exporter that takes every packet.
func (w *world) sees() (sees [2]bool) {
	for i := range w.meters {
		for s := range sees {
			sees[s] = sees[s] || w.meters[i].sees[s] && w.meters[i].every == 0
		}
	}
	return sees
}

// TestModel cuts random conversations with random exporters that lose nothing, lets their
// records arrive in any order within the window, and some of them twice, and expects the truth:
// one complete record for each conversation, and flows that add up to it.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		w.check(t, w.run(t, deliver(t, w.exportAll(t), 8*second)))
	})
}

// check compares what came out with the truth.
func (w *world) check(t *rapid.T, out map[tuple]*told) {
	byTuple := map[tuple][]*talk{}
	for _, c := range w.talks {
		byTuple[c.tuple] = append(byTuple[c.tuple], c)
	}
	for who, talks := range byTuple {
		x := out[who]
		slices.SortFunc(x.complete, func(a, b flow.Record) int { return int(min(max(a.Start-b.Start, -1), 1)) })
		if len(x.complete) != len(talks) {
			t.Fatalf("%d complete records of %d conversations of %v: %+v", len(x.complete), len(talks), who, x.complete)
		}
		var sum [2]flow.Counts
		for i, c := range talks {
			n, from, to := w.truth(c)
			w.compare(t, c, &x.complete[i], n, from, to)
			for s := range n {
				sum[s].Add(&n[s])
			}
		}
		for s := range sum {
			if x.sum[s].Bytes != sum[s].Bytes || x.sum[s].Packets != sum[s].Packets {
				t.Fatalf("%v, direction %d: the flows hold %d packets of %d", who, s, x.sum[s].Packets, sum[s].Packets)
			}
		}
		if n := w.sampledOf(talks); x.sampled.Packets != n {
			t.Fatalf("%v: the sampled flows hold %d packets of %d", who, x.sampled.Packets, n)
		}
	}
}

// compare wants the complete record r to tell all of c.
func (w *world) compare(t *rapid.T, c *talk, r *flow.Record, n [2]flow.Counts, from, to int64) {
	got := [2]flow.Counts{r.Fwd, r.Rev}
	if r.Src != c.client {
		got[0], got[1] = got[1], got[0]
		if sees := w.sees(); (c.known() || w.tellsFirst(c)) && sees[0] && sees[1] {
			t.Fatalf("%v was turned: %+v", c.tuple, r)
		}
	}
	say := func(n *flow.Counts) string { return fmt.Sprintf("%d/%d", n.Packets, n.Bytes) }
	for s := range n {
		if say(&got[s]) != say(&n[s]) {
			t.Fatalf("%v, direction %d: got %s, want %s", c.tuple, s, say(&got[s]), say(&n[s]))
		}
	}
	if abs(r.Start-from) > w.skew || abs(r.End-to) > w.skew {
		t.Fatalf("%v: got %d to %d, want %d to %d", c.tuple, r.Start-epoch, r.End-epoch, from-epoch, to-epoch)
	}
}
