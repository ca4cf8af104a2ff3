package stitch

import "github.com/flowferry/flowferry/flow"

// conv is one conversation, in two cache lines: with a million of them, each line that a record
// needs is most of what the record costs. Times of packets are Unix ns on the exporters' clocks,
// times to wake ticks of the batch's clock.
type conv struct {
	side     [2]side // what is known of A to B and of B to A
	a, b     uint32  // the IPv4 addresses; of a long one a is the number of its pair
	ports    uint32  // A's << 16 | B's
	sampling uint32  // sampling rate; 0 is every packet
	near     uint32  // when to look at it for what waits
	far      uint32  // when to look at it for its end; of a dead one, the next in the queue
	done     uint32  // when it is over unless more comes; of a dead one, when to forget it
	held     uint32  // first waiting piece, in the order of their starts
	total    uint32  // the sums of the pieces that went out; 0 if none has
	out      uint32  // pieces that went out
	icmp     uint16  // kind of ICMP message, see icmpKind
	proto    uint8
	by       flow.InitiatorBy
	saw      [2]sight // what each side showed
	is       status
}

// side is one direction of a conversation. Its latest report is the one that is counted and goes
// on for longest: it ends where the side does.
type side struct {
	start, end int64  // the time that is covered
	lasted     uint32 // how long the latest report lasted (span)
	heard      uint32 // by how much the last packet of any report, also of a duplicate, is after end (span)
	place      place  // where the latest report was made
	until      uint32 // tick by which the reporter's next piece must have come
	counts     uint16 // digest of the latest report's
	by         uint16 // the latest report's reporter; 0 is a direction that was not seen
	main       uint16 // the reporter from which this side is counted
	flags      uint8  // TCP flags, union of all
	init       uint8  // TCP flags of the first packet. Valid iff hasInit
}

// sight is what one side of a conversation showed.
type sight uint8

const (
	hasFlags sight = 1 << iota
	hasInit
	ended   // the latest piece was the last
	cut     // the latest piece is known to be continued
	traffic // it sent something; without it a side that was looked at was silent
	beyond  // a duplicate had more than a SYN
	data    // a duplicate had more than SYN and ACK
)

// status is what became of a conversation.
type status uint8

const (
	used   status = 1 << iota // clear in a free slot
	dead                      // told completely; remembered for late reports
	heard                     // since the hand came by, see oldest
	fixed                     // a piece went out: the initiator stays
	fromB                     // B is the initiator. Valid iff by is set
	bFirst                    // B was heard first
	long                      // the addresses are not both IPv4
	alike                     // there is, or was, another conversation with its hash
)

func (c *conv) has(s status) bool { return c.is&s != 0 }

// with gives s with which set or cleared.
func (s sight) with(which sight, on bool) sight {
	if on {
		return s | which
	}
	return s &^ which
}

// initiator is the side of the initiator. Valid iff by is set.
func (c *conv) initiator() int { return btoi(c.has(fromB)) }

// start and end are the first and the last packet that were counted so far.
func (c *conv) start() int64 {
	a, b := &c.side[0], &c.side[1]
	if !b.seen() || a.seen() && a.start < b.start {
		return a.start
	}
	return b.start
}

func (c *conv) end() int64 {
	a, b := &c.side[0], &c.side[1]
	if !b.seen() || a.seen() && a.end > b.end {
		return a.end
	}
	return b.end
}

func (s *side) seen() bool { return s.by != 0 }

// A span is a length of time in units of 2^spanBits ns, a little more than a millisecond.
const spanBits = 20

func spanOf(d int64) uint32 { return uint32(min(max(d, 0)>>spanBits, 1<<32-1)) }

// spanUp is spanOf, rounded up.
func spanUp(d int64) uint32 { return spanOf(d + 1<<spanBits - 1) }

// heardAt is the last packet in any report, also in duplicates.
func (s *side) heardAt() int64 { return s.end + int64(s.heard)<<spanBits }

// hear takes note of a packet at that time, rounded up.
func (s *side) hear(at int64) { s.heard = max(s.heard, spanUp(at-s.end)) }

// overhear takes note of n, of which the last packet was at that time, which is a duplicate.
func (c *conv) overhear(s int, n *flow.Counts, at int64) {
	c.side[s].hear(at)
	if n.Flags&^flow.SYN != 0 {
		c.saw[s] |= beyond
	}
	if n.Flags&^(flow.SYN|flow.ACK) != 0 {
		c.saw[s] |= data
	}
}

// began is the start of the latest report, or up to a unit of span later.
func (s *side) began() int64 { return s.end - int64(s.lasted)<<spanBits }

// latest makes r the latest report. Beside one that ends with it and lasts as long it is exact.
func (s *side) latest(r, beside *report) {
	*r = report{start: s.began(), end: s.end, place: s.place, counts: s.counts, by: s.by}
	if beside.end == s.end && spanOf(beside.end-beside.start) == s.lasted {
		r.start = beside.start
	}
}

// open makes a conversation for a record with this key.
func (t *Table) open(k *key, hash uint32) (uint32, *conv) {
	for t.index.n >= t.cfg.MaxFlows {
		t.evict()
	}
	return t.enlist(k, hash)
}

// enlist makes a conversation, whether there is room or not.
func (t *Table) enlist(k *key, hash uint32) (uint32, *conv) {
	i := t.convs.Take()
	c := t.convs.At(i)
	*c = conv{is: used}
	t.setKey(c, k)
	for at, j := t.index.first(hash); j != 0; at, j = t.index.another(hash, at) {
		t.convs.At(j).is |= alike
		c.is |= alike
	}
	t.index.add(hash, i)
	c.near, c.far = t.tick+nowhere, t.tick+nowhere
	return i, c
}

// forget frees conversation i, which holds no piece.
func (t *Table) forget(i uint32) {
	c := t.convs.At(i)
	t.index.remove(t.hash(c), i)
	if c.has(long) {
		t.longs.Drop(c.a)
	}
	c.is = 0
	t.convs.Drop(i)
}

// match finds the conversation to which r belongs, 0 for none: of several the one with which it has
// most time in common, then the one that began last. hint is 0, or the number of one that had this
// hash lately.
func (t *Table) match(k *key, hash, hint uint32, r *flow.Record, s int, by uint16) (uint32, *conv) {
	if hint != 0 {
		if c := t.convs.At(hint); c.is&(used|alike) == used && t.hasKey(c, k) {
			if t.belongs(c, r, s, by) {
				return hint, c
			}
			return 0, nil
		}
	}
	var found uint32
	var best *conv
	var most int64
	like := 0 // conversations with this key
	x := &t.index
	for at, i := x.first(hash); i != 0; at, i = x.another(hash, at) {
		c := t.convs.At(i)
		if !t.hasKey(c, k) {
			continue
		}
		like++
		if t.belongs(c, r, s, by) {
			n := overlap(c.start(), c.end(), r.Start, r.End)
			if best == nil || n > most || n == most && c.start() > best.start() {
				found, best, most = i, c, n
			}
		}
	}
	if like > 1 && best != nil && most < 0 && t.succeeded(best, k, hash, r) {
		return 0, nil
	}
	return found, best
}

// succeeded says whether another conversation with the same key has begun between c and r: then r is no
// piece of c, which had gone on for all that is known of its end.
func (t *Table) succeeded(c *conv, k *key, hash uint32, r *flow.Record) bool {
	x := &t.index
	for at, i := x.first(hash); i != 0; at, i = x.another(hash, at) {
		if o := t.convs.At(i); t.hasKey(o, k) && o.start() > c.end() && r.Start-o.start() > t.skew {
			return true
		}
	}
	return false
}

// overlap is how long two spans of time have in common; negative: how far they are apart.
func overlap(aStart, aEnd, bStart, bEnd int64) int64 {
	return min(aEnd, bEnd) - max(aStart, bStart)
}

// belongs says whether r, whose forward direction is side s, is part of c.
func (t *Table) belongs(c *conv, r *flow.Record, s int, by uint16) bool {
	fwd := s
	if r.Has.Has(flow.HasRev) && r.Rev.Packets|r.Rev.Bytes != 0 && (r.Fwd.Packets|r.Fwd.Bytes == 0 || !c.side[s].seen()) {
		s = 1 - s // of that it tells, or can be compared
	}
	sd := &c.side[s]
	other := sd.by != by // another reporter may have another clock
	switch {
	case !sd.seen() || other && c.silent(s) && !r.Has.Has(flow.HasRev):
		return t.follows(c, r, s, by)
	case r.Start > sd.end:
		if other && r.Start-sd.heardAt() <= t.skew {
			return true
		}
		gap := r.Start - max(sd.heardAt(), c.end())
		return (gap <= 0 || gap <= t.reach(c, r, s)) && !t.isNew(c, r, fwd, by)
	case r.End < sd.start:
		if other && sd.start-r.End <= t.skew {
			return true
		}
		gap := c.start() - r.End
		return (gap <= 0 || gap <= t.idle(r.Proto) && !ends(r)) && c.opening(s)&flow.SYN == 0 && !t.isNew(c, r, fwd, by)
	}
	return true
}

// silent says whether side s of c, which was seen, sent nothing. So one exporter's piece may say of a
// direction of which another's tells more.
func (c *conv) silent(s int) bool { return c.saw[s]&traffic == 0 && c.saw[1-s]&traffic != 0 }

// follows says whether r can be direction s of c, of which nothing was told yet. A TCP answer with a SYN
// begins before its initiator has sent anything but SYNs, so it is not of an earlier connection.
func (t *Table) follows(c *conv, r *flow.Record, s int, by uint16) bool {
	k := 1 - s
	gap := -overlap(c.start(), c.end(), r.Start, r.End)
	if r.End < c.start() {
		if gap > t.skew && c.opening(k)&flow.SYN != 0 && tcpFlags(r)&^flow.SYN != 0 {
			return false
		}
		return gap <= t.window || !ends(r) && gap <= t.idle(r.Proto)
	}
	return gap <= t.reach(c, r, s) && (gap <= t.skew || !t.reopens(c, k, r, tcpFlags(r), by))
}

// reach is how long after c something may still belong to it. Data after the end of a TCP connection
// is what was sent again at once; later it is a piece of another one, of which the SYN was lost, unless
// its side k has not been heard of: then that may have closed later.
func (t *Table) reach(c *conv, r *flow.Record, k int) int64 {
	if !c.ended() {
		return t.idle(r.Proto)
	}
	tail := r.Proto == flow.ProtoTCP && r.Start > c.end() && c.tail(r)
	switch {
	case tail && tcpFlags(r)&flow.PSH == 0:
		return t.linger
	case (!c.side[0].seen() || !c.side[1].seen()) && !c.closed(), !c.side[k].seen() || c.silent(k) || r.Rev.Packets != 0 && c.silent(1-k):
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
	if c.proto != flow.ProtoTCP || (a.flags|b.flags)&flow.RST != 0 {
		return c.proto == flow.ProtoTCP
	}
	return (a.flags&flow.FIN != 0 || c.saw[0]&traffic == 0) && (b.flags&flow.FIN != 0 || c.saw[1]&traffic == 0)
}

// tcpFlags is what either direction of r had.
func tcpFlags(r *flow.Record) uint8 { return r.Fwd.Flags | r.Rev.Flags }

// ended says whether the end of c was seen: a RST, or the end of each side that was seen.
func (c *conv) ended() bool {
	if (c.side[0].flags|c.side[1].flags)&flow.RST != 0 {
		return true
	}
	a, b := c.saw[0], c.saw[1]
	return (a&ended != 0 || a&traffic == 0) && (b&ended != 0 || b&traffic == 0)
}

// opening gives the flags that tell whether side s began with a SYN.
func (c *conv) opening(s int) uint8 {
	if c.saw[s]&hasInit != 0 {
		return c.side[s].init
	}
	return c.side[s].flags
}

// isNew says whether r, whose forward direction is side s, is a new connection on the ports of c.
func (t *Table) isNew(c *conv, r *flow.Record, s int, by uint16) bool {
	if r.Proto != flow.ProtoTCP || tcpFlags(r)&flow.SYN == 0 {
		return false
	}
	return t.reopens(c, s, r, r.Fwd.Flags, by) || t.reopens(c, 1-s, r, r.Rev.Flags, by)
}

// reopens says whether r is a new connection on the same ports by its flags that are held against side s:
// a SYN where more than SYNs had gone before, by the clock of its reporter or further ahead than clocks differ,
// or after data of the other side.
func (t *Table) reopens(c *conv, s int, r *flow.Record, flags uint8, by uint16) bool {
	if r.Proto != flow.ProtoTCP || flags&flow.SYN == 0 {
		return false
	}
	sd := &c.side[s]
	if sd.by == by && sd.main == by && r.Start > sd.end && sd.flags&^flow.SYN != 0 {
		return true
	}
	if r.Start-sd.heardAt() > t.skew && (sd.flags&^flow.SYN != 0 || c.saw[s]&beyond != 0) {
		return true
	}
	sd = &c.side[1-s]
	return sd.seen() && r.Start-sd.heardAt() > t.skew && (sd.flags&^(flow.SYN|flow.ACK) != 0 || c.saw[1-s]&data != 0)
}

// ends says whether r itself tells that nothing follows it.
func ends(r *flow.Record) bool {
	if r.Proto == flow.ProtoTCP && tcpFlags(r)&flow.RST != 0 {
		return true
	}
	if r.Proto == flow.ProtoTCP && r.Fwd.Flags&flow.FIN != 0 && (!r.Has.Has(flow.HasRev) || r.Rev.Flags&flow.FIN != 0) {
		return true
	}
	return final(r.EndReason)
}
