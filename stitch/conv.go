package stitch

import "github.com/flowferry/flowferry/flow"

// conv is one conversation. Times are Unix ns: start and end on the exporters' clocks, arrived,
// done and wake on the batch's clock.
type conv struct {
	key        flow.Key
	sampling   uint32  // sampling rate; 0 is every packet
	icmp       uint16  // kind of ICMP message, see icmpKind
	hash       uint32  // of the key
	tick       uint32  // where it stands in the wheel; 0 is nowhere
	prev, next uint32  // in the list by age
	side       [2]side // what is known of A to B and of B to A
	start, end int64   // first and last packet so far
	wake       int64   // when to look at it again
	done       int64   // when it is over unless more comes
	told       int64   // up to when its totals were told, while it goes on
	held       uint32  // first waiting piece, in the order of their starts
	total      uint32  // a piece that holds the sums of those that went out; 0 if none has
	out        uint32  // pieces that went out
	by         flow.InitiatorBy
	initiator  uint8 // side of the initiator. Valid iff by is set
	fixed      bool  // a piece went out: the initiator stays
	dead       bool  // told completely; remembered for late reports
	heard      bool  // since it was put into the list by age
}

// side is one direction of a conversation.
type side struct {
	last        report // the latest that was counted; no reporter means the direction was not seen
	start, end  int64  // the time that is covered
	heard       int64  // the last packet in any report, also in duplicates
	until       int64  // when the reporter\'s next piece must have come
	main        uint32 // the reporter from which this side is counted
	flags, init uint8  // TCP flags: union of all, and those of the first packet
	hasFlags    bool
	hasInit     bool
	ended       bool   // the latest piece was the last
	cut         bool   // the latest piece is known to be continued
	traffic     uint64 // packets and bytes so far: 0 is a side that was looked at and silent
	first       uint64 // Ord of the earliest record
	firstAt     int64  // its start
}

func (s *side) seen() bool { return s.last.by != 0 }

// report is what tells one exporter's report of one direction from another.
type report struct {
	start, end     int64
	packets, bytes uint64
	by             uint32 // number of the reporter
	in, out        uint32 // interfaces
	dir            flow.Direction
	timed          bool // the exporter gave times
}

func reportOf(r *flow.Record, c *flow.Counts, by uint32) report {
	return report{r.Start, r.End, c.Packets, c.Bytes, by, r.InIf, r.OutIf, r.Direction, r.Has.Has(flow.HasTimes)}
}

// piece is a flow that waits.
type piece struct {
	rec    flow.Record // Meta is a number in Table.metas
	side   [2]report   // whence each direction's counts come
	came   int64       // when it arrived
	due    int64       // when it has waited long enough
	next   uint32      // by start
	seen   uint32      // first of the other reports
	lists  uint8       // how many other reports are listed
	merged bool        // of two records, one for each direction
}

// has says whether the piece holds counts of side s.
func (p *piece) has(s int) bool { return p.side[s].by != 0 }

// open makes a conversation for r, which has this key.
func (t *Table) open(key *flow.Key, hash uint32, r *flow.Record) uint32 {
	for t.index.n >= t.cfg.MaxFlows {
		t.evict()
	}
	i := t.convs.take()
	c := t.convs.at(i)
	*c = conv{key: *key, hash: hash, sampling: samplingOf(r), icmp: icmpKind(r), start: r.Start, end: r.End}
	t.index.add(hash, i)
	c.wake = t.now + t.window
	t.schedule(i)
	t.push(&t.live, i)
	return i
}

// forget frees conversation i, which holds no piece.
func (t *Table) forget(i uint32) {
	c := t.convs.at(i)
	t.index.remove(c.hash, i)
	t.unlink(t.ages(c), i)
	c.tick = 0
	t.convs.drop(i)
}

// match finds the conversation to which r belongs, 0 for none: of several the one with which
// it has most time in common.
func (t *Table) match(key *flow.Key, hash uint32, r *flow.Record, s int, by uint32) (found uint32) {
	var best int64
	sampling, icmp := samplingOf(r), icmpKind(r)
	x := &t.index
	for at := x.home(hash); x.slots[at].conv != 0; at = x.next(at) {
		if x.slots[at].hash != hash {
			continue
		}
		i := x.slots[at].conv
		c := t.convs.at(i)
		if c.key == *key && c.sampling == sampling && c.icmp == icmp && t.belongs(c, r, s, by) {
			if n := overlap(c.start, c.end, r.Start, r.End); found == 0 || n > best {
				found, best = i, n
			}
		}
	}
	return found
}

// overlap is how long two spans of time have in common; negative: how far they are apart.
func overlap(aStart, aEnd, bStart, bEnd int64) int64 {
	return min(aEnd, bEnd) - max(aStart, bStart)
}

// belongs says whether r, whose forward direction is side s, is part of c.
func (t *Table) belongs(c *conv, r *flow.Record, s int, by uint32) bool {
	sd := &c.side[s]
	if !sd.seen() && r.Has.Has(flow.HasRev) {
		sd = &c.side[1-s]
	}
	other := sd.last.by != by // another reporter may have another clock
	switch {
	case !sd.seen():
		return t.follows(c, r)
	case r.Start > sd.end:
		if other && r.Start-sd.heard <= t.skew {
			return true
		}
		gap := r.Start - max(sd.heard, c.end)
		return (gap <= 0 || gap <= t.reach(c, r)) && !reopens(sd, r)
	case r.End < sd.start:
		if other && sd.start-r.End <= t.skew {
			return true
		}
		gap := c.start - r.End
		return (gap <= 0 || gap <= t.idle(r.Proto) && !ends(r)) && sd.opening()&flow.SYN == 0
	}
	return true
}

// follows says whether r can be the direction of c that was not seen yet. A TCP answer with a SYN
// begins before its initiator has sent anything but SYNs, so it is not of an earlier connection.
func (t *Table) follows(c *conv, r *flow.Record) bool {
	seen := &c.side[0]
	if !seen.seen() {
		seen = &c.side[1]
	}
	gap := -overlap(c.start, c.end, r.Start, r.End)
	if r.End < c.start {
		if gap > t.skew && seen.opening()&flow.SYN != 0 && tcpFlags(r)&^flow.SYN != 0 {
			return false
		}
		return gap <= t.window || !ends(r) && gap <= t.idle(r.Proto)
	}
	return gap <= t.reach(c, r) && (gap <= t.skew || !reopens(seen, r))
}

// reach is how long after c something may still belong to it. Data after the end of a TCP connection
// is what was sent again at once; later it is a piece of another one, of which the SYN was lost.
func (t *Table) reach(c *conv, r *flow.Record) int64 {
	tail := r.Proto == flow.ProtoTCP && r.Start > c.end && c.tail(r)
	switch {
	case !c.ended():
		return t.idle(r.Proto)
	case tail && tcpFlags(r)&flow.PSH == 0:
		return t.linger
	case (!c.side[0].seen() || !c.side[1].seen()) && !c.closed():
		return t.window
	case tail || !c.side[0].seen() || !c.side[1].seen():
		return t.skew
	}
	return -1
}

// tail says whether r, which comes after the end of c, can be what is left of it: after FIN or
// RST anything without a SYN, after an idle time-out only what closes and carries no data.
func (c *conv) tail(r *flow.Record) bool {
	flags := tcpFlags(r)
	if flags&flow.SYN != 0 || !r.Has.Has(flow.HasFlags) {
		return false
	}
	return c.closed() || flags&(flow.RST|flow.FIN) != 0 && flags&flow.PSH == 0
}

// closed says whether TCP closed c: a RST, or a FIN from each side that sent anything.
func (c *conv) closed() bool {
	a, b := &c.side[0], &c.side[1]
	if c.key.Proto != flow.ProtoTCP || (a.flags|b.flags)&flow.RST != 0 {
		return c.key.Proto == flow.ProtoTCP
	}
	return (a.flags&flow.FIN != 0 || a.traffic == 0) && (b.flags&flow.FIN != 0 || b.traffic == 0)
}

// tcpFlags is what either direction of r had.
func tcpFlags(r *flow.Record) uint8 { return r.Fwd.Flags | r.Rev.Flags }

// ended says whether the end of c was seen: a RST, or the end of each side that was seen.
func (c *conv) ended() bool {
	a, b := &c.side[0], &c.side[1]
	if (a.flags|b.flags)&flow.RST != 0 {
		return true
	}
	return (a.ended || a.traffic == 0) && (b.ended || b.traffic == 0)
}

// opening gives the flags that tell whether this side began with a SYN.
func (s *side) opening() uint8 {
	if s.hasInit {
		return s.init
	}
	return s.flags
}

// reopens says whether r, which begins after all that s covers, is a new connection on the
// same ports: a SYN where more than SYNs had gone before.
func reopens(s *side, r *flow.Record) bool {
	return r.Proto == flow.ProtoTCP && tcpFlags(r)&flow.SYN != 0 && s.flags&^flow.SYN != 0
}

// ends says whether r itself tells that nothing follows it.
func ends(r *flow.Record) bool {
	if r.Proto == flow.ProtoTCP && tcpFlags(r)&flow.RST != 0 {
		return true
	}
	if r.Proto == flow.ProtoTCP && r.Fwd.Flags&flow.FIN != 0 && (!r.Has.Has(flow.HasRev) || r.Rev.Flags&flow.FIN != 0) {
		return true
	}
	switch r.EndReason {
	case flow.EndIdle, flow.EndOfFlow, flow.EndForced:
		return true
	}
	return false
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
// have the same kind, other messages have their type and code. 0 is not ICMP.
func icmpKind(r *flow.Record) uint16 {
	if !r.Has.Has(flow.HasICMP) {
		return 0
	}
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
