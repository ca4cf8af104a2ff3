package capture

import (
	"time"

	"github.com/flowferry/flowferry/capture/app"
	"github.com/flowferry/flowferry/flow"
)

// expects holds the ends of conversations that others have announced, the data channels of FTP
// among them. A newer one takes the place of an older in the same slot: it is for hints, and small.
type expects struct {
	slots [256]expected
	any   bool // something was announced
}

type expected struct {
	addr  flow.Addr
	until int64 // Unix ns; 0 is an empty slot
	port  uint16
	app   flow.App
	proto uint8
}

// expectFor is how long an announced conversation is waited for.
const expectFor = 5 * time.Minute

func slotOf(a *flow.Addr, port uint16) uint8 {
	h := uint32(port)
	for _, c := range a {
		h = h*31 + uint32(c)
	}
	return uint8(h ^ h>>8 ^ h>>16)
}

// find gives what was announced for an end. It stays announced: a flow may come in parts.
func (x *expects) find(proto uint8, a *flow.Addr, port uint16, now int64) flow.App {
	s := &x.slots[slotOf(a, port)]
	if s.until < now || s.port != port || s.proto != proto || s.addr != *a {
		return flow.AppNone
	}
	s.until = now + int64(expectFor)
	return s.app
}

func (x *expects) put(e expected) {
	x.slots[slotOf(&e.addr, e.port)] = e
	x.any = true
}

// announce remembers what the payload in hand, of flow e, announces.
func (m *Meter) announce(e *entry) {
	from := m.p.Src
	a, ok := app.Announcement(e.app, m.p.Payload, m.p.SrcPort)
	if !ok {
		return
	}
	x := expected{addr: from, until: m.clock + int64(expectFor), port: a.Port, app: a.App, proto: e.proto}
	m.expects.put(x)
	if a.Addr != (flow.Addr{}) && a.Addr != from { // behind a translation the sender's is the one
		x.addr = a.Addr
		m.expects.put(x)
	}
}

// announced labels a new flow that another announced.
func (m *Meter) announced(e *entry) {
	if !m.expects.any || e.kind != kindPorts {
		return
	}
	a := m.expects.find(e.proto, &e.dst, e.dport, m.clock)
	if a == flow.AppNone {
		a = m.expects.find(e.proto, &e.src, e.sport, m.clock)
	}
	if a != flow.AppNone {
		e.app, e.sure, e.why = a, flow.ConfidenceHigh, flow.ReasonAnnounced
		e.seen |= seenLabel
	}
}
