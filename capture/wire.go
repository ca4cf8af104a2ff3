package capture

import (
	"math"
	"math/bits"

	"github.com/flowferry/flowferry/flow"
)

// sequence is how far one side of a TCP conversation has come.
type sequence struct {
	next          uint32 // number behind the highest byte seen
	hole, holeEnd uint32 // the latest gap that is still open; none when they are equal
}

// letters is which letters of its history a side has; those that tell of numbers of packets are
// counted elsewhere.
type letters uint8

const (
	letterSYN letters = 1 << iota
	letterSYNACK
	letterMixed // SYN with FIN or RST
	letterACK
	letterData
	letterFIN
	letterRST
	letterOdd // FIN with RST
)

// letterNames are the letters by their bit, of the initiator.
const letterNames = "SHQADFRI"

// follow adds the packet in hand, sent by side dir at t, to the history of flow e and to what is
// known of its TCP. What is not TCP has no more history than that each side sent payload.
func (m *Meter) follow(e *entry, dir int, t int64) {
	p := m.p
	if !p.HasTCP {
		if p.PayLen > 0 {
			e.write(dir, letterData)
		}
		return
	}
	handshake := p.Flags&flow.SYN != 0 || e.synAt != 0
	if got := lettersOf(p.Flags, p.PayLen); got&^e.letters[dir] != 0 {
		e.write(dir, got)
	}
	if handshake {
		e.roundTrip(dir, p.Flags, t)
	}
	if p.ZeroWindow && p.Flags&flow.RST == 0 {
		e.tally(dir, 'W', &e.wire[dir].ZeroWindows)
	}
	e.sequence(dir, p.Seq, p.PayLen, p.Flags)
}

// lettersOf gives the letters of a TCP packet.
func lettersOf(flags uint8, payload uint32) (l letters) {
	if payload > 0 {
		l = letterData
	}
	const syn, fin, rst = flow.SYN, flow.FIN, flow.RST
	switch flags & (syn | fin | rst) {
	case 0:
		if payload == 0 && flags&flow.ACK != 0 {
			l = letterACK
		}
	case syn:
		if flags&flow.ACK != 0 {
			return l | letterSYNACK
		}
		return l | letterSYN
	case fin:
		return l | letterFIN
	case rst:
		return l | letterRST
	case fin | rst:
		return l | letterOdd
	default:
		return l | letterMixed
	}
	return l
}

// write appends the letters that side dir does not have yet.
func (e *entry) write(dir int, l letters) {
	l &^= e.letters[dir]
	e.letters[dir] |= l
	for ; l != 0; l &= l - 1 {
		e.history.Append(letterNames[bits.TrailingZeros8(uint8(l))] | byte(dir)<<5)
	}
}

// tally counts one more, and writes a letter at the first, the tenth, the hundredth …
func (e *entry) tally(dir int, letter byte, n *uint32) {
	if *n == math.MaxUint32 {
		return
	}
	*n++
	switch *n {
	case 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9:
		e.history.Append(letter | byte(dir)<<5)
	}
}

// roundTrip takes the times between SYN, SYN-ACK and ACK. Of a SYN that was sent again the last
// one counts.
func (e *entry) roundTrip(dir int, flags uint8, t int64) {
	switch syn, ack := flags&flow.SYN != 0, flags&flow.ACK != 0; {
	case syn && !ack && dir == 0:
		e.synAt = t
	case syn && ack && dir == 1:
		if e.synAt != 0 && e.synRTT == 0 {
			e.synRTT = micros(t - e.synAt)
		}
		e.synAt = t
	case !syn && ack && dir == 0 && e.letters[1]&letterSYNACK != 0:
		e.ackRTT = micros(t - e.synAt)
		e.synAt = 0
	}
}

// micros gives a round trip in µs, 0 for one that makes no sense.
func micros(ns int64) uint32 {
	if ns < 0 || ns > math.MaxUint32*1000 {
		return 0
	}
	return uint32(max(ns/1000, 1))
}

// turn exchanges the two ends of flow e.
func (m *Meter) turn(e *entry) {
	e.turn()
	e.history.Turn()
	m.inspects.turn(e.inspect())
	m.tunnels.turn(e.tunnel)
}

// nextPiece empties what is counted for each piece.
func (e *entry) nextPiece() {
	e.count = [2]flow.Counts{}
	for i := range e.wire {
		e.traits[i], e.wire[i] = traits{}, troubles{ISN: e.wire[i].ISN}
	}
	e.start, e.last, e.ord, e.icmpErrors = 0, 0, 0, 0
	e.link &^= linkErrorV6
	e.segment++
}

// exportWire gives r what the packets of flow e told beyond its counts.
func (m *Meter) exportWire(e *entry, r *flow.Record) {
	w := m.batch.AddWire(r)
	e.wireSide(0, &w.Fwd)
	e.wireSide(1, &w.Rev)
	w.Fwd.HasISN, w.Rev.HasISN = e.seen&seenSYN0 != 0, e.seen&seenSYN1 != 0
	if !w.Fwd.HasISN {
		w.Fwd.ISN = 0
	}
	if !w.Rev.HasISN {
		w.Rev.ISN = 0
	}
	if w.File = m.file; w.File != "" {
		w.Offset, w.LastOffset = e.off, e.lastOff
	}
	w.SynRTT, w.AckRTT, w.History, w.Conn = e.synRTT, e.ackRTT, e.history, e.conn()
	if e.icmpErrors > 0 {
		w.ICMPErrors, w.ICMPType, w.ICMPCode, w.ICMPVersion = e.icmpErrors, e.errorType, e.errorCode, 4
		if e.link&linkErrorV6 != 0 {
			w.ICMPVersion = 6
		}
	}
	if e.tunnel != 0 {
		t := m.tunnels.At(e.tunnel)
		w.Tunnel, w.TunnelID, w.HasTunnelID, w.TunnelDepth = t.Kind, t.ID, t.HasID, t.depth
		w.TunnelSrc, w.TunnelDst = t.Src, t.Dst
	}
}

// wireSide gives t what the packets of a side told.
func (e *entry) wireSide(side int, t *flow.WireSide) {
	s, w, h := &e.traits[side], &e.wire[side], e.entropy[side]
	t.ISN, t.Retransmits, t.OutOfOrder, t.Gap, t.ZeroWindows = w.ISN, w.Retransmits, w.OutOfOrder, w.Gap, w.ZeroWindows
	t.SessionFlags, t.MaxTTL, t.Entropy, t.EntropyBytes = s.SessionFlags, s.MaxTTL, float32(h.bits)/entropyScale, h.over
}

// conn gives the state of the connection as Zeek calls it.
func (e *entry) conn() flow.Conn {
	has := func(s seen) bool { return e.seen&s == s }
	switch {
	case e.proto == flow.ProtoUDP && has(seenSent0|seenSent1):
		return flow.ConnSF
	case e.proto == flow.ProtoUDP && has(seenSent0):
		return flow.ConnS0
	case e.proto == flow.ProtoUDP:
		return flow.ConnSHR
	case e.proto != flow.ProtoTCP:
		return flow.ConnOTH
	case has(seenSYN0 | seenSYN1), has(seenSYN1 | seenSent0): // the SYN-ACK stands for the SYN
		return e.connOpen()
	case has(seenSYN0) && !has(seenSent1):
		switch {
		case has(seenRST0):
			return flow.ConnRSTOS0
		case has(seenFIN0):
			return flow.ConnSH
		}
		return flow.ConnS0
	case has(seenSYN0|seenRST1) && !has(seenData1):
		return flow.ConnREJ
	case has(seenSYN1) && has(seenRST1):
		return flow.ConnRSTRH
	case has(seenSYN1) && has(seenFIN1):
		return flow.ConnSHR
	}
	return flow.ConnOTH
}

// connOpen is conn for a connection that came about. An RST beside both FINs is a straggler; of
// two RSTs the first counts.
func (e *entry) connOpen() flow.Conn {
	fins := e.seen & (seenFIN0 | seenFIN1)
	if fins == seenFIN0|seenFIN1 {
		return flow.ConnSF
	}
	for _, c := range e.history {
		switch c {
		case 'R':
			return flow.ConnRSTO
		case 'r':
			return flow.ConnRSTR
		}
	}
	switch fins {
	case seenFIN0:
		return flow.ConnS2
	case seenFIN1:
		return flow.ConnS3
	}
	return flow.ConnS1
}

// sequence compares a TCP packet with what its side has sent before.
func (e *entry) sequence(dir int, seq, payload uint32, flags uint8) {
	s, w := &e.tcp[dir], &e.wire[dir]
	n := payload + uint32(flags&flow.FIN) + uint32(flags&flow.SYN)>>1
	if e.seen&(seenSent0<<dir) == 0 || flags&flow.SYN != 0 && seq != w.ISN {
		w.ISN = seq
		*s = sequence{next: seq + n}
		return
	}
	ahead := int32(seq - s.next)
	switch {
	case ahead == 0:
		s.next += n
	case n == 0 || flags&flow.RST != 0:
	case ahead > 0:
		if w.Gap == 0 {
			e.history.Append('G' | byte(dir)<<5)
		}
		w.Gap = uint32(min(uint64(w.Gap)+uint64(ahead), math.MaxUint32))
		s.hole, s.holeEnd = s.next, seq
		s.next = seq + n
	case payload <= 1 && ahead == -1 && flags&(flow.SYN|flow.FIN) == 0: // keep-alive (RFC 1122 section 4.2.3.6)
	case s.holeEnd != s.hole && int32(seq-s.hole) >= 0 && int32(s.holeEnd-seq) > 0:
		w.OutOfOrder++
		w.Gap -= min(n, s.holeEnd-seq, w.Gap)
		if seq == s.hole {
			s.hole = min(seq+n, s.holeEnd)
		} else {
			s.holeEnd = seq
		}
	case int32(seq+n-s.next) > 0:
		s.next = seq + n // part of it is new
	default:
		e.tally(dir, 'T', &w.Retransmits)
	}
}
