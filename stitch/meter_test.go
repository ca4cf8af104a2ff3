package stitch

import (
	"cmp"
	"slices"

	"github.com/flowferry/flowferry/flow"
	"pgregory.net/rapid"
)

// meter is an exporter of the model. It sees every packet, or one in so many, of the directions
// that it sees.
type meter struct {
	addr         flow.Addr
	active, idle int64
	phase        int64 // it cuts all flows at once, each active, so long after the full; -1: each after active
	clock        int64 // by how much it is fast
	late         int64 // by how much it sends the server's direction of TCP later
	every        int   // it takes one packet in so many; 0: all
	biflow       bool
	reasons      bool // gives flowEndReason
	init         bool // gives initial TCP flags
	twice        bool // some of its records arrive twice
	sees         [2]bool
}

func drawMeters(t *rapid.T) []meter {
	meters := make([]meter, rapid.IntRange(1, 4).Draw(t, "meters"))
	synchronous := rapid.Bool().Draw(t, "synchronous")
	for i := range meters {
		meters[i] = drawMeter(t, i)
		if synchronous {
			meters[i].clock = 0
		}
	}
	return meters
}

func drawMeter(t *rapid.T, i int) meter {
	m := meter{
		addr:   flow.Addr4(0xc6336400 + uint32(i)),
		active: rapid.SampledFrom([]int64{minute, 2 * minute, 5 * minute, 30 * minute}).Draw(t, "active"),
		idle:   rapid.SampledFrom([]int64{15 * second, 20 * second}).Draw(t, "idle"),
		phase:  -1,
		clock:  rapid.SampledFrom([]int64{0, 0, -second, second / 3, second}).Draw(t, "clock"),
		biflow: rapid.Bool().Draw(t, "biflow"), reasons: rapid.Bool().Draw(t, "reasons"),
		init: rapid.Bool().Draw(t, "initial flags"), twice: rapid.Bool().Draw(t, "twice"), sees: [2]bool{true, true},
	}
	if m.reasons && rapid.Bool().Draw(t, "cuts at once") { // what it cuts short can not be told from an end without a reason
		m.phase = rapid.Int64Range(0, m.active/second).Draw(t, "phase") * second
	}
	if i > 0 && rapid.IntRange(0, 3).Draw(t, "samples") == 0 {
		m.every = 10 * i
	}
	if !m.biflow {
		m.sees = rapid.SampledFrom([][2]bool{{true, true}, {true, true}, {true, false}, {false, true}}).Draw(t, "sees")
		m.late = rapid.SampledFrom([]int64{0, 0, 15 * second}).Draw(t, "late")
	}
	return m
}

// tellsFirst says whether each exporter's report tells who sent the first packet of c.
func (w *world) tellsFirst(c *talk) bool {
	return c.proto == flow.ProtoTCP && !slices.ContainsFunc(w.meters, func(m meter) bool { return m.every == 0 && !m.init })
}

func (w *world) exportAll(t *rapid.T) (records []flow.Record) {
	for _, c := range w.talks {
		for i := range w.meters {
			for _, r := range w.meters[i].export(c) {
				records = append(records, r)
				if w.meters[i].twice && rapid.IntRange(0, 3).Draw(t, "sent twice") == 0 {
					records = append(records, r)
				}
			}
		}
	}
	return records
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

// taken gives the packets of c that m looks at.
func (m *meter) taken(c *talk) (list []packet) {
	for i, p := range c.packets {
		if m.sees[btoi(p.back)] && (m.every == 0 || i%m.every == 0) {
			list = append(list, p)
		}
	}
	return list
}

// sampledOf counts the packets of talks that exporters that sample have looked at.
func (w *world) sampledOf(talks []*talk) (n uint64) {
	for _, c := range talks {
		for i := range w.meters {
			if m := &w.meters[i]; m.every != 0 {
				n += uint64(len(m.taken(c)))
			}
		}
	}
	return n
}

// cut makes pieces of the packets that it is to take.
func (m *meter) cut(c *talk, take func(*packet) bool) (out []flow.Record) {
	var r *flow.Record
	for _, p := range m.taken(c) {
		if !take(&p) {
			continue
		}
		if r != nil {
			if at, why := m.over(r, p.at); why != flow.EndUnknown {
				r.Received, r.EndReason = at, why
				r = nil
			}
		}
		if r == nil {
			out = append(out, m.record(c, &p))
			r = &out[len(out)-1]
		}
		r.End = p.at
		n := &r.Fwd
		if m.biflow && p.back {
			n = &r.Rev
		}
		if n.Packets == 0 && m.init {
			n.InitFlags = p.flags
		}
		n.Packets++
		n.Bytes += p.bytes
		n.Flags |= p.flags
	}
	if r != nil {
		r.Received, r.EndReason = r.End+m.idle, flow.EndIdle
		if c.proto == flow.ProtoTCP && m.every == 0 {
			r.Received, r.EndReason = r.End+second, flow.EndOfFlow
		}
	}
	for i := range out {
		m.stamp(&out[i], c)
	}
	return out
}

// over says whether m writes r out before it takes a packet, when, and why.
func (m *meter) over(r *flow.Record, at int64) (int64, flow.EndReason) {
	end := r.Start + m.active
	if m.phase >= 0 {
		end = (r.Start-m.phase)/m.active*m.active + m.phase + m.active
	}
	switch {
	case at-r.End >= m.idle && r.End+m.idle <= end:
		return r.End + m.idle, flow.EndIdle
	case at >= end:
		return end, flow.EndActive
	}
	return 0, flow.EndUnknown
}

// stamp makes r, whose times are true, as m tells it.
func (m *meter) stamp(r *flow.Record, c *talk) {
	r.Start += m.clock
	r.End += m.clock
	if r.Src == c.server && c.proto == flow.ProtoTCP { // of which it is known that it must come
		r.Received += m.late
	}
	if !m.reasons {
		r.EndReason = flow.EndUnknown
	}
}

func (m *meter) record(c *talk, p *packet) flow.Record {
	r := flow.Record{Start: p.at, Exporter: m.addr, Proto: c.proto, Via: flow.ViaIPFIX, Sampling: uint32(m.every),
		Src: c.client, SrcPort: c.clientPort, Dst: c.server, DstPort: c.serverPort,
		Has: flow.HasTimes | flow.HasPorts | flow.HasProto | flow.HasBytes | flow.HasPackets}
	if c.proto == flow.ProtoTCP {
		r.Has |= flow.HasFlags
		if m.init {
			r.Has |= flow.HasInitFlags
		}
	}
	if m.biflow {
		r.Has |= flow.HasRev
	} else if p.back {
		r.Src, r.SrcPort, r.Dst, r.DstPort = c.server, c.serverPort, c.client, c.clientPort
	}
	return r
}

// deliver puts the records in the order in which they arrive: those of an exporter one after
// another, each up to a delay after it was sent, but two within a second in any order.
func deliver(t *rapid.T, records []flow.Record, delay int64) []flow.Record {
	bySending(records)
	arrived := map[flow.Addr]int64{}
	for i := range records {
		r := &records[i]
		at := max(arrived[r.Exporter], r.Received+rapid.Int64Range(0, delay).Draw(t, "delay"))
		arrived[r.Exporter] = at
		r.Received = at + rapid.Int64Range(0, second).Draw(t, "jitter")
	}
	bySending(records)
	for i := range records {
		records[i].Ord = uint64(i + 1)
	}
	return records
}

func bySending(records []flow.Record) {
	slices.SortStableFunc(records, func(a, b flow.Record) int { return cmp.Compare(a.Received, b.Received) })
}
