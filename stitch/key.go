package stitch

import "github.com/flowferry/flowferry/flow"

// key is what a conversation is found by, of the record in hand: the direction-free 5-tuple and
// what else keeps records apart.
type key struct {
	a, b     *flow.Addr
	ports    uint32 // A's << 16 | B's
	sampling uint32 // sampling rate; 0 is every packet
	icmp     uint16 // kind of ICMP message, see icmpKind
	proto    uint8
	long     bool // the addresses are not both IPv4
}

// pair is the addresses of a conversation that are not both IPv4.
type pair struct{ a, b flow.Addr }

// of makes k the key of r, into which it points, and says which side r's forward direction is.
func (k *key) of(r *flow.Record) (s int) {
	a, b, ports := &r.Src, &r.Dst, uint32(r.SrcPort)<<16|uint32(r.DstPort)
	if c := a.Compare(b); c > 0 || c == 0 && r.SrcPort > r.DstPort {
		a, b, ports, s = b, a, ports<<16|ports>>16, 1
	}
	k.a, k.b, k.ports, k.proto = a, b, ports, r.Proto
	k.sampling, k.icmp = samplingOf(r), 0
	if r.Has.Has(flow.HasICMP) {
		k.icmp = icmpKind(r)
	}
	k.long = !a.Is4() || !b.Is4()
	return s
}

// setKey gives the new conversation c its key.
func (t *Table) setKey(c *conv, k *key) {
	c.ports, c.sampling, c.icmp, c.proto = k.ports, k.sampling, k.icmp, k.proto
	if !k.long {
		c.a, c.b = k.a.As4(), k.b.As4()
		return
	}
	c.is |= long
	c.a = t.longs.Take()
	*t.longs.At(c.a) = pair{*k.a, *k.b}
}

// hasKey says whether c is found by k.
func (t *Table) hasKey(c *conv, k *key) bool {
	if c.ports != k.ports || c.proto != k.proto || c.sampling != k.sampling || c.icmp != k.icmp || c.has(long) != k.long {
		return false
	}
	if k.long {
		p := t.longs.At(c.a)
		return p.a == *k.a && p.b == *k.b
	}
	return c.a == k.a.As4() && c.b == k.b.As4()
}

// ends gives the addresses of c.
func (t *Table) ends(c *conv) (p pair) {
	if c.has(long) {
		return *t.longs.At(c.a)
	}
	p.a.Set4(c.a)
	p.b.Set4(c.b)
	return p
}

func (c *conv) aPort() uint16 { return uint16(c.ports >> 16) }
func (c *conv) bPort() uint16 { return uint16(c.ports) }

// hash gives what Record.Hash gives of the records of c.
func (t *Table) hash(c *conv) uint32 {
	p := t.ends(c)
	return uint32(flow.HashEnds(&p.a, &p.b, c.aPort(), c.bPort(), c.proto, t.seed))
}

// samplingOf gives the rate by which reports are kept apart; an unknown rate is 1.
func samplingOf(r *flow.Record) uint32 {
	if r.Sampling <= 1 {
		return 0
	}
	return r.Sampling
}

// oneWay marks the kinds of ICMP messages that have no answer.
const oneWay = 1 << 15

// icmpKind tells ICMP conversations between the same hosts apart: a request and its answer
// have the same kind, other messages have their type and code. 0 is not ICMP. Valid iff HasICMP.
func icmpKind(r *flow.Record) uint16 {
	typ := r.ICMPType
	switch r.Proto {
	case flow.ProtoICMP:
		switch typ { // RFC 792, RFC 950
		case 0:
			typ = 8
		case 14, 16, 18:
			typ--
		case 8, 13, 15, 17:
		default:
			return oneWay | uint16(typ)<<8 | uint16(r.ICMPCode)
		}
	case flow.ProtoICMPv6:
		switch typ { // RFC 4443, RFC 4861
		case 129, 134, 136:
			typ--
		case 128, 133, 135:
		default:
			return oneWay | uint16(typ&0x7f)<<8 | uint16(r.ICMPCode)
		}
	}
	return uint16(typ) + 1
}
