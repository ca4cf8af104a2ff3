package ecs

import (
	"strings"
	"sync"

	"github.com/flowferry/flowferry/flow"
)

// step is a field, or several, as AppendDocument walks over it.
type step struct {
	*Field
	has   flow.Set
	what  value
	depth uint8    // how many objects the field stands in
	keep  uint8    // how many of them the step before it stands in too
	heads []string // heads[k] is closing and then what opens the field when k of its objects are open: `}}}}}}}},"geo":{"city_name":`
	steps []step   // of a run; nil is a single field
	run   int      // number of the run among those of its part
}

// value says which accessor a field has.
type value uint8

const (
	constant value = iota // no accessor need be asked: its head holds its value
	integer
	instant
	text
	made
	address
	texts
	addresses
	lines
	other // the rare ones: Boolean, Float, GeoPoint, Flattened
)

// planned is the steps for records by what side tables they have. Most have one or none, and so need
// not be asked for what can not be there.
type planned [meta | enr | wire + 1][]step

// plans gives the steps, which are made for the first document.
var plans = sync.OnceValue(func() *planned {
	var p planned
	for sides := range p {
		p[sides] = plan(side(sides))
	}
	return &p
})

// plan compiles the fields that a record with these side tables can have.
func plan(sides side) []step {
	var steps []step
	var before []string
	for i := range Fields {
		f := &Fields[i]
		if f.Type == Alias || f.side&^sides != 0 || f.Has.Has(flow.HasWire) && sides&wire == 0 {
			continue
		}
		path := strings.Split(f.Name, ".")
		s := step{Field: f, has: f.Has, what: f.value(), depth: uint8(len(path) - 1)}
		for int(s.keep) < min(len(path)-1, len(before)-1) && path[s.keep] == before[s.keep] {
			s.keep++
		}
		for k := range path {
			s.heads = append(s.heads, closing+`,"`+strings.Join(path[k:], `":{"`)+`":`+f.always+s.what.opens())
		}
		steps, before = addStep(steps, s), path
	}
	return steps
}

func (f *Field) value() value {
	switch {
	case f.always != "":
		return constant
	case f.Int != nil && f.Type == Long:
		return integer
	case f.Int != nil && f.Type == Date:
		return instant
	case f.Str != nil:
		return text
	case f.Text != nil:
		return made
	case f.Addr != nil:
		return address
	case f.Strs != nil:
		return texts
	case f.Lines != nil:
		return lines
	case f.Addrs != nil:
		return addresses
	}
	return other
}

// opens is how the values begin that are always one string.
func (v value) opens() string {
	switch v {
	case instant, text, made, address:
		return `"`
	}
	return ""
}

// scratch is where the accessors of several values put them, and what is kept from one document to
// the next.
type scratch struct {
	plans *planned
	addrs []flow.Addr
	strs  []string
	lines []byte
	days  calendar
	common
}

func newScratch() *scratch { return &scratch{plans: plans()} }

var pool = sync.Pool{New: func() any { return newScratch() }}

// AppendDocument appends the document of r, which lives in b: one JSON object with nested
// objects, without white space or line end.
func AppendDocument(dst []byte, b *flow.Batch, r *flow.Record) []byte {
	tmp := pool.Get().(*scratch)
	dst = tmp.appendDocument(dst, b, r)
	pool.Put(tmp)
	return dst
}

func (tmp *scratch) appendDocument(dst []byte, b *flow.Batch, r *flow.Record) []byte {
	tmp.look(b, r)
	start := len(dst)
	dst, end := walk(dst, tmp.plans[sidesOf(r)], objects{}, tmp, b, r)
	dst = append(dst, closing[:end.open+1]...)
	dst[start] = '{' // where the first field's comma was
	return dst
}

// objects is how many objects are open, and how many of them the next field stands in too.
type objects struct{ open, shared uint8 }

// walk appends the fields of the steps, and tells how it leaves the objects.
func walk(dst []byte, steps []step, o objects, tmp *scratch, b *flow.Batch, r *flow.Record) ([]byte, objects) {
	for i := range steps {
		s := &steps[i]
		o.shared = min(o.shared, s.keep)
		if r.Has&s.has != s.has {
			continue
		}
		if s.steps != nil {
			dst, o = s.appendRun(dst, o, tmp, b, r)
			continue
		}
		n := len(dst)
		if dst = s.append(dst, o.open-o.shared, o.shared, tmp, b, r); len(dst) > n {
			o = objects{s.depth, s.depth}
		}
	}
	return dst, o
}

// closing closes as many objects as any field stands in.
const closing = "}}}}}}}}"

// head closes objects and opens the field, of whose objects some are open.
func (s *step) head(dst []byte, closes, open uint8) []byte {
	return append(dst, s.heads[open][len(closing)-int(closes):]...)
}

// append appends the field with its value, or nothing when it is absent.
func (s *step) append(dst []byte, closes, open uint8, tmp *scratch, b *flow.Batch, r *flow.Record) []byte {
	switch s.what {
	case constant:
		return s.head(dst, closes, open)
	case integer:
		if v, ok := s.Int(b, r); ok {
			return appendLong(s.head(dst, closes, open), v)
		}
	case instant:
		if v, ok := s.Int(b, r); ok {
			return append(tmp.days.append(s.head(dst, closes, open), v), '"')
		}
	case text:
		if v := s.Str(b, r); v != "" {
			return appendClosed(s.head(dst, closes, open), v)
		}
	case made:
		if d, ok := appendText(s.head(dst, closes, open), s.Text, b, r); ok {
			return d
		}
	case address:
		if v, ok := s.Addr(b, r); ok {
			return append(v.AppendTo(s.head(dst, closes, open)), '"')
		}
	case texts:
		if tmp.strs = s.Strs(tmp.strs[:0], b, r); len(tmp.strs) > 0 {
			return appendStrings(s.head(dst, closes, open), tmp.strs)
		}
	case lines:
		if tmp.lines = s.Lines(tmp.lines[:0], b, r); len(tmp.lines) > 0 {
			return appendLines(s.head(dst, closes, open), tmp.lines)
		}
	case addresses:
		if tmp.addrs = s.Addrs(tmp.addrs[:0], b, r); len(tmp.addrs) > 0 {
			return appendIPs(s.head(dst, closes, open), tmp.addrs)
		}
	case other:
		if d, ok := s.appendRare(s.head(dst, closes, open), b, r); ok {
			return d
		}
	}
	return dst
}
