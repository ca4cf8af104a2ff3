package netflow

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// extendedEvents are why a Cisco ASA denied a flow (NF_F_FW_EXT_EVENT). Above 2000 are the
// reasons of a teardown, which Cisco gives no list of.
var extendedEvents = map[uint16]string{
	1001: "denied by ingress ACL",
	1002: "denied by egress ACL",
	1003: "denied access to the firewall's own interface",
	1004: "first packet of a TCP connection was not SYN",
}

// event settles the counts of an event. An ASA tells of one connection's bytes several times:
// with each update those since the last, and with the teardown all of them. So that nothing is
// counted twice only what ends a connection, or refuses it, keeps its counts; those of other
// events are put aside under the names of their elements.
func (x *work) event(r *flow.Record) {
	switch r.Event {
	case flow.EventDeleted, flow.EventDenied, flow.EventNATDelete:
		return
	}
	for _, c := range [...]struct {
		has flow.Set
		id  uint16
		at  *uint64
	}{
		{flow.HasBytes, ieInitiatorOctets, &r.Fwd.Bytes},
		{flow.HasPackets, ieInitiatorPackets, &r.Fwd.Packets},
		{flow.HasRev | flow.HasBytes, ieResponderOctets, &r.Rev.Bytes},
		{flow.HasRev | flow.HasPackets, ieResponderPackets, &r.Rev.Packets},
	} {
		if r.Has.Has(c.has) {
			x.keep(nameOf(penIANA, c.id), binary.BigEndian.AppendUint64(x.raw[:0], *c.at))
			*c.at = 0
		}
	}
	r.Has &^= flow.HasBytes | flow.HasPackets | flow.HasRev
}
