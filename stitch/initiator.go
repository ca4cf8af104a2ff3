package stitch

import "github.com/flowferry/flowferry/flow"

// servers are ports on which services are known to wait: those that networks really use, fewer
// than IANA has assigned, so that a client's port is seldom among them.
var servers = [...]uint16{
	7, 9, 11, 13, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 49, 53, 67, 69, 70, 79, 80, 81, 82, 83, 84, 85, 88, 102, 104,
	110, 111, 113, 119, 123, 135, 137, 138, 139, 143, 161, 162, 177, 179, 194, 199, 264, 318, 381, 383, 389, 411, 427,
	443, 444, 445, 464, 465, 500, 502, 512, 513, 514, 515, 520, 521, 523, 524, 540, 543, 544, 546, 547, 548, 554, 563,
	587, 593, 623, 626, 631, 636, 639, 646, 647, 648, 666, 674, 691, 694, 749, 802, 808, 830, 843, 847, 848, 853, 860,
	861, 862, 873, 902, 989, 990, 992, 993, 995, 1080, 1099, 1194, 1241, 1352, 1433, 1434, 1521, 1701, 1723, 1755, 1812,
	1813, 1883, 1900, 1935, 1984, 2049, 2055, 2082, 2083, 2086, 2087, 2095, 2096, 2181, 2222, 2375, 2376, 2379, 2404,
	2483, 2484, 3000, 3050, 3128, 3260, 3268, 3269, 3306, 3389, 3478, 3689, 3690, 4369, 4500, 4739, 4789, 4840, 4899,
	5000, 5004, 5005, 5060, 5061, 5093, 5190, 5222, 5223, 5269, 5351, 5353, 5355, 5432, 5601, 5631, 5632, 5666, 5671,
	5672, 5683, 5684, 5800, 5900, 5938, 5984, 5985, 5986, 6000, 6081, 6343, 6379, 6443, 6514, 6653, 6660, 6665, 6666,
	6667, 6668, 6669, 6679, 6697, 6881, 7000, 7001, 7070, 7077, 7474, 7547, 8000, 8001, 8005, 8008, 8009, 8020, 8042,
	8080, 8081, 8086, 8088, 8089, 8118, 8123, 8140, 8161, 8172, 8200, 8222, 8332, 8333, 8443, 8500, 8530, 8531, 8765,
	8834, 8880, 8883, 8888, 9000, 9001, 9042, 9050, 9090, 9091, 9092, 9100, 9160, 9200, 9300, 9389, 9418, 9443, 9600,
	9995, 9996, 9999, 10000, 10050, 10051, 10250, 11211, 11371, 15672, 16010, 20000, 27017, 27018, 28017, 44818,
	47808, 51820,
}

// ports is a set of ports.
type ports [1 << 16 / 64]uint64

func (p *ports) add(port uint16)      { p[port/64] |= 1 << (port % 64) }
func (p *ports) has(port uint16) bool { return p[port/64]>>(port%64)&1 != 0 }

// evidence takes over what a record itself says of its initiator, if that is better than what
// is known: an exporter's biflow direction (RFC 5103) or our meter's verdict.
func (c *conv) evidence(r *flow.Record, s int) {
	if !c.has(fixed) && r.InitiatorBy != flow.ByNone && (c.by == flow.ByNone || r.InitiatorBy < c.by) {
		c.begins(s, r.InitiatorBy)
	}
}

// begins says that side s is the initiator, and why.
func (c *conv) begins(s int, by flow.InitiatorBy) {
	c.by = by
	if c.is &^= fromB; s == 1 {
		c.is |= fromB
	}
}

// decide settles who is the initiator, once and before the first piece goes out. In this order:
// RFC 5103 direction, TCP SYN, known server port, lower port, first seen.
func (t *Table) decide(c *conv) {
	if c.has(fixed) {
		return
	}
	c.is |= fixed
	if c.by != flow.ByNone && c.by <= flow.BySYN {
		return
	}
	by, initiator := t.guess(c)
	if c.by == flow.ByNone || by < c.by {
		c.begins(initiator, by)
	}
}

// guess gives the best reason that the conversation itself holds. Side 0 is sent by A.
func (t *Table) guess(c *conv) (flow.InitiatorBy, int) {
	for s := range c.side {
		if c.opens(s) {
			return flow.BySYN, s
		}
	}
	for s := range c.side {
		if c.answers(s) {
			return flow.BySYN, 1 - s
		}
	}
	a, b := c.aPort(), c.bPort()
	if serverA, serverB := t.servers.has(a), t.servers.has(b); serverA != serverB {
		return flow.ByServerPort, btoi(serverA)
	}
	if a != b {
		return flow.ByLowerPort, btoi(a < b)
	}
	first, second := &c.side[0], &c.side[1]
	switch {
	case !first.seen():
		return flow.ByFirstSeen, 1
	case !second.seen() || first.start < second.start:
		return flow.ByFirstSeen, 0
	case first.start == second.start:
		return flow.ByFirstSeen, btoi(c.has(bFirst))
	}
	return flow.ByFirstSeen, 1
}

// opens says whether side s sent the first SYN: its first packet was one, or all its flags
// together hold a SYN but no ACK, which an answer always has.
func (c *conv) opens(s int) bool {
	return c.saw[s]&(hasInit|hasFlags) != 0 && c.opening(s)&(flow.SYN|flow.ACK) == flow.SYN
}

// answers says whether the first packet of side s was the answer to a SYN.
func (c *conv) answers(s int) bool {
	return c.saw[s]&hasInit != 0 && c.side[s].init&(flow.SYN|flow.ACK) == flow.SYN|flow.ACK
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// turn reverses a biflow with all that goes with a side.
func turn(r *flow.Record) {
	r.Reverse()
	r.InIf, r.OutIf = r.OutIf, r.InIf
	if in, out := r.Has.Has(flow.HasInIf), r.Has.Has(flow.HasOutIf); in != out {
		r.Has ^= flow.HasInIf | flow.HasOutIf
	}
}

// orient turns r, whose forward direction is side s, so that Src is the initiator. A record of the
// responder's direction alone stays as it is and names no initiator.
func orient(r *flow.Record, c *conv, s int) (turned bool) {
	if s != c.initiator() {
		if !r.Has.Has(flow.HasRev) {
			r.InitiatorBy = flow.ByNone
			return false
		}
		turn(r)
		turned = true
	}
	r.InitiatorBy = c.by
	return turned
}

// state says how far c came, as far as its flags and sides tell.
func (t *Table) state(c *conv) flow.State {
	s := c.initiator()
	from, to := &c.side[s], &c.side[1-s]
	tcp := c.proto == flow.ProtoTCP
	switch {
	case c.icmp >= oneWay || !to.seen() && t.toMany(c):
		return flow.StateUnknown // it asks for no answer
	case !from.seen():
		return flow.StateOneway
	case to.seen() && c.saw[1-s]&traffic == 0: // a biflow that counted no answer
		return flow.StateAttempt
	case to.seen() && !(tcp && c.saw[s]&hasFlags != 0):
		return flow.StateEstablished
	case to.seen():
		return tcpState(from, to)
	case tcp && from.flags&flow.ACK != 0: // it had an answer to acknowledge
		return flow.StateOneway
	case t.showsBoth(from.by):
		return flow.StateAttempt
	}
	return flow.StateOneway
}

// toMany says whether one of the addresses of c stands for many hosts.
func (t *Table) toMany(c *conv) bool {
	p := t.ends(c)
	return toMany(&p.a) || toMany(&p.b)
}

// toMany says whether a is a multicast address or the limited broadcast address.
func toMany(a *flow.Addr) bool {
	if a.Is4() {
		return a[12]>>4 == 0xe || a.As4() == 0xffffffff
	}
	return a[0] == 0xff
}

// tcpState is the state of a TCP conversation of which both sides sent.
func tcpState(from, to *side) flow.State {
	switch {
	case to.flags&(flow.RST|flow.SYN) == flow.RST && from.flags&flow.SYN != 0:
		return flow.StateRejected
	case (from.flags|to.flags)&flow.SYN == 0:
		return flow.StateMidstream
	}
	return flow.StateEstablished
}
