package netflow

import (
	"encoding/binary"
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// Limits of one list of a record, with all that is in it. Work and memory are bounded besides by
// the bytes: each level takes some for itself.
const (
	maxListDepth  = 8    // lists within lists; YAF makes four
	maxListValues = 1024 // values
)

// walk goes through a list of RFC 6313:
//
//	 0          1          3         5 (9)
//	│ semantic │ element  │ length │ (enterprise) │ value, value …    basicList (section 4.5.1)
//	│ semantic │ template │ record, record …                          subTemplateList (4.5.2)
//	│ semantic │ template │ length │ record … │ template │ …          subTemplateMultiList (4.5.3)
//
// An element has the same meaning in a list as outside of it if it goes into Meta. Those that
// describe the flow itself, as addresses and counts do, stay what the record says they are, but
// for those that YAF 2 puts into a list of templates (listed).
type walk struct {
	x    *work
	r    *flow.Record
	left int // values that may still come
	dns  dnsRecord
	cert certificate
}

// listed are the ops that hold for the flow also from a subTemplateMultiList of its record.
var listed = [ops]bool{
	opFlags: true, opUnionFlags: true, opInitFlags: true, opRevFlags: true, opRevUnionFlags: true, opRevInitFlags: true,
	opSrcMAC: true, opDstMAC: true,
}

// lists walks a list of the record. One that is malformed, too deep or too long, or has a
// template that is not known, is also kept as it came; what was read of it holds.
func (x *work) lists(r *flow.Record, op op, e flow.Element, raw []byte) {
	w := &x.walk
	*w = walk{x: x, r: r, left: maxListValues}
	if !w.list(op, raw, 1) {
		x.d.stats.listsRefused.Add(1)
		x.keep(e, raw)
	}
}

func (w *walk) list(op op, b []byte, depth int) bool {
	switch {
	case len(b) == 0:
		return true
	case depth > maxListDepth:
		return false
	case op == opBasicList:
		return w.basicList(b[1:], depth)
	case op == opSubList:
		return len(b) >= 3 && w.records(binary.BigEndian.Uint16(b[1:]), b[3:], depth, false)
	}
	ok := true
	for b = b[1:]; len(b) > 0; {
		if len(b) < 4 {
			return false
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return false
		}
		ok = w.records(binary.BigEndian.Uint16(b), b[4:n], depth, depth == 1) && ok
		b = b[n:]
	}
	return ok
}

func (w *walk) basicList(b []byte, depth int) bool {
	if len(b) < 4 {
		return false
	}
	f := field{id: binary.BigEndian.Uint16(b), n: binary.BigEndian.Uint16(b[2:])}
	b = b[4:]
	if f.id >= topBit {
		if len(b) < 4 {
			return false
		}
		f.id &^= topBit
		f.pen = binary.BigEndian.Uint32(b)
		b = b[4:]
	}
	if f.n == 0 {
		return len(b) == 0
	}
	for pos := 0; pos < len(b); {
		var ok bool
		if pos, ok = w.value(f, b, pos, depth, false); !ok {
			return false
		}
	}
	return true
}

// records walks the records of one template. flows says that they are about the flow as a whole.
func (w *walk) records(id uint16, b []byte, depth int, flows bool) bool {
	if len(b) == 0 {
		return true
	}
	t := w.x.d.template(w.x.e, id, w.x.proto.Received)
	if t == nil || t.options {
		return false
	}
	for pos := 0; pos < len(b); { // a template's records are not empty
		begun := w.begin(t)
		for _, f := range t.fields {
			var ok bool
			if pos, ok = w.value(f, b, pos, depth, flows); !ok {
				return false
			}
		}
		w.end(begun)
	}
	return true
}

// value takes the value at pos of b and gives where the next begins.
func (w *walk) value(f field, b []byte, pos, depth int, flows bool) (next int, ok bool) {
	if w.left--; w.left < 0 {
		return 0, false
	}
	n := int(f.n)
	if f.n == variable {
		if n, pos, ok = varLength(b, pos); !ok {
			return 0, false
		}
	}
	if n > len(b)-pos {
		return 0, false
	}
	return pos + n, n == 0 || w.take(f, b[pos:pos+n], depth, flows)
}

// take uses a value or keeps it; false is a list within that cannot be walked.
func (w *walk) take(f field, v []byte, depth int, flows bool) bool {
	op := elementOf(f.pen, f.id).op
	switch {
	case op == opBasicList || op == opSubList || op == opSubMultiList:
		w.cert.enter(f)
		return w.list(op, v, depth+1)
	case op == opDrop, w.dns.take(f, v), w.cert.take(w.x, f, v):
		return true
	case !sizes[op].fits(len(v)):
	case op > opInfo:
		if w.x.tell(w.r, op, number(v), v) {
			return true
		}
	case flows && listed[op]:
		s := step{op: opVar, then: op}
		w.r.Has |= gives[op]
		(&plan{}).value(w.x, w.r, &s, v)
		return true
	}
	w.x.keep(nameOf(f.pen, f.id), v)
	return true
}

// part is what begin opened.
type part uint8

const (
	partNone part = iota
	partDNS
	partCert
	partAttribute
)

// begin opens what a record of this template makes: its values belong together.
func (w *walk) begin(t *template) part {
	switch {
	case !w.dns.open && t.names(certRRName):
		w.dns = dnsRecord{open: true}
		return partDNS
	case !w.cert.open && (t.names(certSerial) || t.names(certSubjectList)):
		w.cert.begin()
		return partCert
	case w.cert.open && t.names(certObjectValue):
		w.cert.kind, w.cert.text = 0, nil
		return partAttribute
	}
	return partNone
}

func (w *walk) end(p part) {
	switch p {
	case partDNS:
		w.dns.end(w.x)
	case partCert:
		w.cert.end(w.x)
	case partAttribute:
		w.cert.attribute(w.x)
	}
}

// names says whether a template has an element of CERT.
func (t *template) names(id uint16) bool {
	return slices.ContainsFunc(t.fields, func(f field) bool { return f.pen == penCERT && f.id == id })
}
