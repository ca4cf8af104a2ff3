package capture

import (
	"time"

	"github.com/flowferry/flowferry/capture/app"
	"github.com/flowferry/flowferry/flow"
)

// expects holds the ends of conversations that others have announced, the data channels of FTP
// among them: at most four whose ends hash alike, of which a new one takes the place of the one that
// was announced, or found, longest ago.
type expects struct {
	sets   [expectSets][4]expected
	opened [expectSets]uint32 // indexes of flows that nothing had announced, by both their ends
	turn   uint32             // announcements so far
	any    bool               // there is a conversation that may announce others
}

// expected is the end of a conversation that was announced.
type expected struct {
	addr   flow.Addr
	until  int64      // Unix ns; 0 is an empty slot
	parent flow.Key   // of the conversation that announced it
	talk   *flow.Talk // what goes over it; nil is not said yet. It is never changed
	turn   uint32     // which announcement it was
	flow   uint32     // index of the flow that it was found for last; 0 is none
	port   uint16
	app    flow.App
	proto  uint8
}

const (
	expectSets   = 64
	expectFor    = 5 * time.Minute // how long an announced conversation is waited for
	maxAnnounced = 4               // announcements that are read of one payload
)

func setOf(a *flow.Addr, port uint16) uint8 {
	h := uint32(port)
	for _, c := range a {
		h = h*31 + uint32(c)
	}
	return uint8(h^h>>8^h>>16) % expectSets
}

// find gives what was announced for an end of a flow, nil when nothing was. It stays announced: a flow
// may come in parts.
func (x *expects) find(set, proto uint8, a *flow.Addr, port uint16, now int64) *expected {
	for i := range x.sets[set] {
		s := &x.sets[set][i]
		if s.until >= now && s.port == port && s.proto == proto && s.addr == *a {
			s.until = now + int64(expectFor)
			return s
		}
	}
	return nil
}

// put remembers an announcement. One made again keeps the flow that was found for it, which may be
// without a word yet on what goes over it.
func (x *expects) put(n expected) *expected {
	set := &x.sets[setOf(&n.addr, n.port)]
	at := &set[0]
	for i := range set {
		s := &set[i]
		if s.port == n.port && s.proto == n.proto && s.addr == n.addr {
			at = s
			if s.parent == n.parent {
				n.flow = s.flow
			}
			break
		}
		if s.until < at.until {
			at = s
		}
	}
	*at = n
	return at
}

// announce remembers what the payload in hand, of flow e, announces.
func (m *Meter) announce(e *entry) {
	m.expects.any = true
	b := m.p.Payload
	for range maxAnnounced {
		a, rest, ok := app.Announcement(e.app, b, m.p.SrcPort)
		if !ok {
			return
		}
		b = rest
		if a.App == flow.AppNone {
			m.transfer(e, a.Talk())
			continue
		}
		m.expects.turn++
		x := expected{addr: m.p.Src, until: m.clock + int64(expectFor), parent: e.key(), talk: a.Talk(), turn: m.expects.turn,
			port: a.Port, app: a.App, proto: e.proto}
		m.expect(x)
		if a.Addr != (flow.Addr{}) && a.Addr != x.addr { // behind a translation the sender's is the one
			x.addr = a.Addr
			m.expect(x)
		}
	}
}

// expect remembers an announcement, and looks for a flow that came before it.
func (m *Meter) expect(n expected) {
	x := m.expects.put(n)
	i := m.expects.opened[setOf(&x.addr, x.port)]
	if x.flow == 0 && m.isEnd(i, x) && m.at(i).list != listClosed {
		m.bind(i, x)
	}
}

// transfer remembers what goes over the conversation that flow e announced last, and tells its flow.
func (m *Meter) transfer(e *entry, t *flow.Talk) {
	parent, last := e.key(), uint32(0)
	for set := range m.expects.sets {
		for i := range m.expects.sets[set] {
			if x := &m.expects.sets[set][i]; x.turn > last && x.parent == parent {
				last = x.turn
			}
		}
	}
	for set := range m.expects.sets {
		for i := range m.expects.sets[set] {
			if x := &m.expects.sets[set][i]; x.turn == last && last != 0 {
				m.tell(x, t)
			}
		}
	}
}

// tell gives the flow of an announced conversation what goes over it, unless that is known.
func (m *Meter) tell(x *expected, t *flow.Talk) {
	x.talk = t
	if !m.isEnd(x.flow, x) {
		return
	}
	e := m.at(x.flow)
	if i := e.meta(); e.app == x.app && i != 0 && m.metas.at(i).talk == nil {
		m.metas.at(i).talk = t
	}
}

// isEnd says whether i is the index of a flow in the table that has the end announced.
func (m *Meter) isEnd(i uint32, x *expected) bool {
	if !m.holds(i) {
		return false
	}
	e := m.at(i)
	return e.proto == x.proto && (e.dport == x.port && e.dst == x.addr || e.sport == x.port && e.src == x.addr)
}

// announced labels a new flow that another announced; one that none did may be announced yet.
func (m *Meter) announced(i uint32, e *entry) {
	if !m.expects.any || e.kind != kindPorts {
		return
	}
	dst, src := setOf(&e.dst, e.dport), setOf(&e.src, e.sport)
	x := m.expects.find(dst, e.proto, &e.dst, e.dport, m.clock)
	if x == nil {
		x = m.expects.find(src, e.proto, &e.src, e.sport, m.clock)
	}
	if x != nil {
		m.bind(i, x)
		return
	}
	m.expects.opened[dst], m.expects.opened[src] = i, i
}

// bind gives flow i, unless its payload has told what it is, the label that was announced for it, with
// the conversation that announced it and what goes over it.
func (m *Meter) bind(i uint32, x *expected) {
	e := m.at(i)
	if e.app != flow.AppNone || e.key() == x.parent {
		return
	}
	m.inspects.free(e.inspect())
	m.metas.free(e.meta())
	e.app, e.sure, e.why = x.app, flow.ConfidenceHigh, flow.ReasonAnnounced
	e.seen |= seenLabel
	e.detail = m.metas.get()
	*m.metas.at(e.detail) = facts{parent: communityID(&x.parent), talk: x.talk}
	x.flow = i
}

// key gives the direction-free 5-tuple of a flow with ports.
func (e *entry) key() flow.Key {
	r := flow.Record{Src: e.src, Dst: e.dst, SrcPort: e.sport, DstPort: e.dport, Proto: e.proto}
	k, _ := r.Key()
	return k
}

// communityID gives the community id of flows with ports.
func communityID(k *flow.Key) string {
	r := flow.Record{Has: flow.HasProto | flow.HasPorts, Src: k.A, Dst: k.B, SrcPort: k.APort, DstPort: k.BPort, Proto: k.Proto}
	return string(r.AppendCommunityID(nil, 0))
}
