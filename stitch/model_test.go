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
	client, server         flow.Addr
	clientPort, serverPort uint16
	proto                  uint8
	packets                []packet
}

// meter is an exporter of the model. It sees every packet of the directions that it sees.
type meter struct {
	addr         flow.Addr
	active, idle int64
	biflow       bool
	reasons      bool // gives flowEndReason
	sees         [2]bool
}

func drawTalk(t *rapid.T, i int) *talk {
	c := &talk{
		client: flow.Addr4(0x0a000000 + uint32(i)), server: flow.MustAddr("192.0.2.80"),
		clientPort: uint16(40000 + i), serverPort: 443, proto: rapid.SampledFrom([]uint8{flow.ProtoTCP, flow.ProtoUDP}).Draw(t, "proto"),
	}
	at := epoch + rapid.Int64Range(0, 600).Draw(t, "start")*second
	n := rapid.IntRange(2, 80).Draw(t, "packets")
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

func drawMeters(t *rapid.T) []meter {
	meters := make([]meter, rapid.IntRange(1, 3).Draw(t, "meters"))
	for i := range meters {
		m := &meters[i]
		m.addr = flow.Addr4(0xc6336400 + uint32(i))
		m.active = rapid.SampledFrom([]int64{minute, 2 * minute, 5 * minute, 30 * minute}).Draw(t, "active")
		m.idle = rapid.SampledFrom([]int64{15 * second, 20 * second}).Draw(t, "idle")
		m.biflow, m.reasons = rapid.Bool().Draw(t, "biflow"), rapid.Bool().Draw(t, "reasons")
		m.sees = [2]bool{true, true}
		if i > 0 && !m.biflow {
			m.sees = rapid.SampledFrom([][2]bool{{true, true}, {true, false}, {false, true}}).Draw(t, "sees")
		}
	}
	return meters
}

// export gives the records that m makes of c, with Received as the time when it sends them.
func (m *meter) export(c *talk) (out []flow.Record) {
	if m.biflow {
		return m.cut(c, func(*packet) bool { return true })
	}
	for s, sees := range m.sees {
		if sees {
			out = append(out, m.cut(c, func(p *packet) bool { return p.back == (s == 1) })...)
		}
	}
	return out
}

// cut makes pieces of the packets that it is to take.
func (m *meter) cut(c *talk, take func(*packet) bool) (out []flow.Record) {
	var r *flow.Record
	for i := range c.packets {
		p := &c.packets[i]
		if !take(p) {
			continue
		}
		if r != nil && p.at-r.Start >= m.active {
			r.Received, r.EndReason = p.at, flow.EndActive
			r = nil
		}
		if r == nil {
			out = append(out, m.record(c, p))
			r = &out[len(out)-1]
		}
		r.End = p.at
		n := &r.Fwd
		if m.biflow && p.back {
			n = &r.Rev
		}
		n.Packets++
		n.Bytes += p.bytes
		n.Flags |= p.flags
	}
	r.Received, r.EndReason = r.End+m.idle, flow.EndIdle
	if c.proto == flow.ProtoTCP {
		r.Received, r.EndReason = r.End+second, flow.EndOfFlow
	}
	if !m.reasons {
		for i := range out {
			out[i].EndReason = flow.EndUnknown
		}
	}
	return out
}

func (m *meter) record(c *talk, p *packet) flow.Record {
	r := flow.Record{Start: p.at, Exporter: m.addr, Proto: c.proto, Via: flow.ViaIPFIX,
		Src: c.client, SrcPort: c.clientPort, Dst: c.server, DstPort: c.serverPort,
		Has: flow.HasTimes | flow.HasPorts | flow.HasProto | flow.HasBytes | flow.HasPackets}
	if c.proto == flow.ProtoTCP {
		r.Has |= flow.HasFlags
	}
	if m.biflow {
		r.Has |= flow.HasRev
	} else if p.back {
		r.Src, r.SrcPort, r.Dst, r.DstPort = c.server, c.serverPort, c.client, c.clientPort
	}
	return r
}

// deliver puts the records in the order in which they arrive when each takes up to delay, and
// numbers them.
func deliver(t *rapid.T, records []flow.Record, delay int64) []flow.Record {
	for i := range records {
		records[i].Received += rapid.Int64Range(0, delay).Draw(t, "delay")
	}
	slices.SortStableFunc(records, func(a, b flow.Record) int { return int(min(max(a.Received-b.Received, -1), 1)) })
	for i := range records {
		records[i].Ord = uint64(i + 1)
	}
	return records
}

// told is what came out of one conversation.
type told struct {
	complete          []flow.Record
	packets, segments uint64
}

// stitchAll sends records through a table and collects what comes out by client.
func stitchAll(t *rapid.T, cfg Config, records []flow.Record) map[flow.Addr]*told {
	table := New(cfg)
	out := map[flow.Addr]*told{}
	collect := func(b *flow.Batch) {
		for i := range b.Recs {
			r := &b.Recs[i]
			client := r.Src
			if r.Src == flow.MustAddr("192.0.2.80") {
				client = r.Dst
			}
			x := out[client]
			if x == nil {
				x = &told{}
				out[client] = x
			}
			if r.Complete {
				x.complete = append(x.complete, *r)
			}
			if r.Kind == flow.KindFlow {
				x.packets += r.Fwd.Packets + r.Rev.Packets
				x.segments++
			}
		}
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
	return out
}

// summary is what must not depend on the order of arrival.
func (x *told) summary() string {
	if len(x.complete) != 1 {
		return fmt.Sprintf("%d complete records", len(x.complete))
	}
	r := &x.complete[0]
	return fmt.Sprintf("%s:%d > %s:%d %d+%d packets %d+%d bytes from %d to %d", r.Src, r.SrcPort, r.Dst, r.DstPort,
		r.Fwd.Packets, r.Rev.Packets, r.Fwd.Bytes, r.Rev.Bytes, r.Start-epoch, r.End-epoch)
}

func (c *talk) summary() string {
	var n [2]flow.Counts
	for _, p := range c.packets {
		s := btoi(p.back)
		n[s].Packets++
		n[s].Bytes += p.bytes
	}
	return fmt.Sprintf("%s:%d > %s:%d %d+%d packets %d+%d bytes from %d to %d", c.client, c.clientPort, c.server, c.serverPort,
		n[0].Packets, n[1].Packets, n[0].Bytes, n[1].Bytes, c.packets[0].at-epoch, c.packets[len(c.packets)-1].at-epoch)
}

// TestModel cuts random conversations with random loss-free exporters, lets their records
// arrive in any order within the window, and expects the truth: one complete record for each
// conversation, and flows whose packets add up to it.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		talks, meters := drawTalks(t), drawMeters(t)
		out := stitchAll(t, Config{Window: 15 * time.Second}, deliver(t, exportAll(talks, meters), second))
		for _, c := range talks {
			x := out[c.client]
			if x == nil {
				t.Fatalf("%s: nothing came out", c.summary())
				return
			}
			if got, want := x.summary(), c.summary(); got != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
			if x.packets != uint64(len(c.packets)) {
				t.Fatalf("%s: the flows hold %d packets", c.summary(), x.packets)
			}
		}
	})
}

// TestModelLoss loses records: what is told is never more than the truth.
func TestModelLoss(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		talks, meters := drawTalks(t), drawMeters(t)
		records := slices.DeleteFunc(exportAll(talks, meters), func(flow.Record) bool {
			return rapid.IntRange(0, 4).Draw(t, "lost") == 0
		})
		cfg := Config{MaxFlows: rapid.SampledFrom([]int{0, 16}).Draw(t, "max flows")}
		out := stitchAll(t, cfg, deliver(t, records, second))
		for _, c := range talks {
			if x := out[c.client]; x != nil && x.packets > uint64(len(c.packets)) {
				t.Fatalf("%s: the flows hold %d packets", c.summary(), x.packets)
			}
		}
	})
}

func drawTalks(t *rapid.T) []*talk {
	talks := make([]*talk, rapid.IntRange(1, 6).Draw(t, "talks"))
	for i := range talks {
		talks[i] = drawTalk(t, i)
	}
	return talks
}

func exportAll(talks []*talk, meters []meter) (records []flow.Record) {
	for _, c := range talks {
		for i := range meters {
			records = append(records, meters[i].export(c)...)
		}
	}
	return records
}
