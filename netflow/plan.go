package netflow

import (
	"math"
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// plan is a template made ready: what to do with which bytes of a record.
//
// Offsets count from base: the record's first byte, and behind an element of variable length
// the byte that follows its value.
//
//	base      s.end           (variable)      base'
//	 │ fixed │ fixed │ length │ value ........ │ fixed │ fixed │
type plan struct {
	steps []step
	min   int      // bytes of the shortest record
	tail  int      // bytes behind the last element of variable length; all of them where there is none
	first int      // bytes from the record's start that must be there before the first step
	has   flow.Set // what every record has
	keeps []flow.Element
	delta bool // records have delta counts
}

// step takes one value out of a record.
type step struct {
	op   op
	then op     // opVar: what to do with the value
	sh   uint8  // 64 - 8n: what shifts the n bytes of a number to its value
	n    uint16 // bytes of the value
	end  uint16 // from base to the end of the value; opVar: to the end of its length byte
	tail uint16 // opVar: bytes that must follow the value: the fixed elements and the next length byte
	keep uint16 // opKeep and all beyond opInfo: index in plan.keeps
}

// variable is the field length that says "of variable length" (RFC 7011 section 7).
const variable = 65535

// compile makes the plan of a data template. ok is false for one whose records could be empty
// or would not fit a datagram.
func compile(fields []field) (p plan, ok bool) {
	chosen := choose(fields)
	pos := 0 // from base
	lastVar := -1
	for i, f := range fields {
		e := chosen[i]
		s := step{op: e.op, n: f.n, end: uint16(pos + int(f.n)), sh: uint8(64 - 8*min(f.n, 8))}
		if f.n == variable {
			pos++
			p.min++
			s = step{op: opVar, then: e.op, n: 1, end: uint16(pos), sh: 56}
			p.need(lastVar, pos)
			lastVar, pos = len(p.steps), 0
		} else {
			pos += int(f.n)
			p.min += int(f.n)
		}
		if p.min > math.MaxUint16 {
			return p, false
		}
		if op := e.op; op == opKeep || op > opInfo {
			s.keep = uint16(len(p.keeps))
			p.keeps = append(p.keeps, nameOf(f.pen, f.id))
		}
		if s.op != opDrop && f.n != 0 {
			p.steps = append(p.steps, s)
		}
		p.has |= gives[e.op]
		p.delta = p.delta || f.n != 0 && f.pen == penIANA && (f.id == ieOctetDeltaCount || f.id == iePacketDeltaCount)
	}
	p.need(lastVar, pos)
	p.tail = pos
	return p, p.min > 0
}

// need notes that n bytes must be there behind step i, or from the record's start.
func (p *plan) need(i, n int) {
	if i < 0 {
		p.first = n
		return
	}
	p.steps[i].tail = uint16(n)
}

// choose gives each field its row of the element table: of several for one slot the best
// fills it, the others are kept as they came, or dropped where they only repeat it.
func choose(fields []field) []*element {
	var best [slots]int
	for i := range best {
		best[i] = -1
	}
	rows := make([]*element, len(fields))
	for i, f := range fields {
		e := elementOf(f.pen, f.id)
		if f.n != variable && !sizes[e.op].fits(int(f.n)) {
			e = &unknown
		}
		if e.op == opRevBytes && e.rank == 2 && !has(fields, ieInitiatorOctets) ||
			e.op == opRevPackets && e.rank == 2 && !has(fields, ieInitiatorPackets) {
			e = &unknown // the responder's part without the initiator's does not make a biflow (NetStream)
		}
		rows[i] = e
		if e.slot != slotNone && f.n != 0 && (best[e.slot] < 0 || e.rank < rows[best[e.slot]].rank) {
			best[e.slot] = i
		}
	}
	for i, e := range rows {
		switch {
		case e.slot == slotNone || best[e.slot] == i:
		case e.slot == slotStart || e.slot == slotEnd || e.slot == slotDuration || e.slot == slotToS:
			rows[i] = &element{op: opDrop}
		default:
			rows[i] = &unknown
		}
	}
	return rows
}

// has says whether a template has an IANA element.
func has(fields []field, id uint16) bool {
	return slices.ContainsFunc(fields, func(f field) bool { return f.pen == penIANA && f.id == id && f.n != 0 })
}
