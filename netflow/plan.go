package netflow

import (
	"math"
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// plan is a template made ready: what to do with which bytes of a record.
//
// An element of variable length stands between two parts of elements of fixed length. Offsets
// count from the part's first byte:
//
//	part 0          s.end           v.end             part 1
//	 │ fixed │ fixed │ length of vars[0] │ value ........ │ fixed │ fixed │
type plan struct {
	cols  []step // what is done on many records at once
	texts []step // texts that are looked up for many records at once
	rows  []step // what is done on each record, after that
	vars  []varlen
	min   int      // bytes of the shortest record
	tail  int      // bytes of the last part
	has   flow.Set // what every record has
	got   got      // and what it names beyond that
	keeps []flow.Element
	delta bool // records have delta counts

	srcIs4, dstIs4 bool // the address is of IPv4 in every record
}

// step takes one value out of a record.
type step struct {
	op   op
	then op     // opVar: what to do with the value
	sh   uint8  // 64 - 8n: what shifts the n bytes of a number to its value
	n    uint16 // bytes of the value
	part uint16 // where the value is; opVar: the one before it
	end  uint16 // from the part's beginning to the end of the value; opVar: to the end of its length byte
	keep uint16 // opKeep and all beyond opInfo: index in plan.keeps
}

// varlen is an element of variable length, between two parts.
type varlen struct {
	end  int // from the beginning of the part before it to the end of its length byte
	tail int // bytes of the part behind it, with the next length byte
}

// variable is the field length that says "of variable length" (RFC 7011 section 7).
const variable = 65535

// compile makes the plan of a data template. ok is false for one whose records could be empty
// or would not fit a datagram.
func compile(fields []field) (p plan, ok bool) {
	chosen := choose(fields)
	pos := 0 // in the part
	for i, f := range fields {
		e := chosen[i]
		s := step{op: e.op, n: f.n, part: uint16(len(p.vars)), end: uint16(pos + int(f.n)), sh: uint8(64 - 8*min(f.n, 8))}
		if f.n == variable {
			pos++
			p.min++
			s = step{op: opVar, then: e.op, n: 1, part: s.part, end: uint16(pos), sh: 56}
			p.behind(pos)
			p.vars = append(p.vars, varlen{end: pos})
			pos = 0
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
		switch {
		case e.op == opDrop || f.n == 0:
		case s.op.columnar():
			p.cols = append(p.cols, s)
		case s.op == opVar && p.ahead(s.then):
			p.texts = append(p.texts, s)
		default:
			p.rows = append(p.rows, s)
		}
		if f.n != 0 && f.n != variable {
			p.got |= tells[e.op]
		}
		p.has |= gives[e.op]
		p.delta = p.delta || f.n != 0 && f.pen == penIANA && (f.id == ieOctetDeltaCount || f.id == iePacketDeltaCount)
	}
	p.behind(pos)
	p.tail = pos
	p.srcIs4 = p.only(opSrc4, opSrc6, opSrcIs4)
	p.dstIs4 = p.only(opDst4, opDst6, opDstIs4)
	return p, p.min > 0
}

// only puts is in place of op if there is no step of other. It says whether it has.
func (p *plan) only(op, other, is op) bool {
	at := slices.IndexFunc(p.cols, func(s step) bool { return s.op == op })
	if at < 0 || slices.ContainsFunc(p.cols, func(s step) bool { return s.op == other }) {
		return false
	}
	p.cols[at].op = is
	return true
}

// behind notes that the part behind the last element of variable length is of n bytes.
func (p *plan) behind(n int) {
	if len(p.vars) > 0 {
		p.vars[len(p.vars)-1].tail = n
	}
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
