package ecs

import (
	"math"
	"strconv"
	"strings"
	"sync"

	"github.com/flowferry/flowferry/flow"
)

// step is a field as AppendDocument walks over it.
type step struct {
	*Field
	depth int      // how many objects the field stands in
	keep  int      // how many of them the step before it stands in too
	heads []string // heads[k] is what opens the field when k of its objects are open: `,"geo":{"city_name":`
}

// plans are the steps for records without side tables, with Meta, with Enr, with both. Most
// records have at most one, and so need not ask for what can not be there.
var plans = [...][]step{plan(none), plan(meta), plan(enr), plan(meta, enr)}

// plan compiles the fields that a record with these side tables can have.
func plan(has ...side) []step {
	var steps []step
	var before []string
	for i := range Fields {
		f := &Fields[i]
		if f.Type == Alias || !among(f.side, has) {
			continue
		}
		path := strings.Split(f.Name, ".")
		s := step{Field: f, depth: len(path) - 1}
		for s.keep < min(s.depth, len(before)-1) && path[s.keep] == before[s.keep] {
			s.keep++
		}
		for k := range path {
			s.heads = append(s.heads, `,"`+strings.Join(path[k:], `":{"`)+`":`)
		}
		steps, before = append(steps, s), path
	}
	return steps
}

func among(s side, has []side) bool {
	for _, h := range has {
		if s == h {
			return true
		}
	}
	return s == none
}

// scratch is where the accessors of several values put them.
type scratch struct {
	addrs []flow.Addr
	strs  []string
}

var pool = sync.Pool{New: func() any { return new(scratch) }}

// AppendDocument appends the document of r, which lives in b: one JSON object with nested
// objects, without white space or line end.
func AppendDocument(dst []byte, b *flow.Batch, r *flow.Record) []byte {
	which := 0
	if r.Meta != 0 {
		which |= 1
	}
	if r.Enr != 0 {
		which |= 2
	}
	steps := plans[which]
	tmp := pool.Get().(*scratch)
	start := len(dst)
	open, shared := 0, 0 // objects open; those of them that the next field stands in too
	for i := range steps {
		s := &steps[i]
		shared = min(shared, s.keep)
		if r.Has&s.Has != s.Has {
			continue
		}
		mark := len(dst)
		for range open - shared {
			dst = append(dst, '}')
		}
		dst = append(dst, s.heads[shared]...)
		var ok bool
		if dst, ok = s.appendValue(dst, tmp, b, r); !ok {
			dst = dst[:mark]
			continue
		}
		open, shared = s.depth, s.depth
	}
	pool.Put(tmp)
	for range open + 1 {
		dst = append(dst, '}')
	}
	dst[start] = '{' // where the first field's comma was
	return dst
}

// appendValue appends the field's value; ok is false when it is absent.
func (f *Field) appendValue(dst []byte, tmp *scratch, b *flow.Batch, r *flow.Record) (_ []byte, ok bool) {
	switch {
	case f.Int != nil:
		v, ok := f.Int(b, r)
		if !ok {
			return dst, false
		}
		return f.appendInt(dst, v), true
	case f.Str != nil:
		v := f.Str(b, r)
		return appendQuoted(dst, v), v != ""
	case f.Text != nil:
		return appendText(dst, f.Text, b, r)
	case f.Addr != nil:
		v, ok := f.Addr(b, r)
		if !ok {
			return dst, false
		}
		return appendIP(dst, &v), true
	case f.Strs != nil:
		tmp.strs = f.Strs(tmp.strs[:0], b, r)
		return appendStrings(dst, tmp.strs), len(tmp.strs) > 0
	case f.Addrs != nil:
		tmp.addrs = f.Addrs(tmp.addrs[:0], b, r)
		return appendIPs(dst, tmp.addrs), len(tmp.addrs) > 0
	case f.Float != nil:
		v, ok := f.Float(b, r)
		return strconv.AppendFloat(dst, v, 'f', -1, 64), ok && finite(v)
	case f.Point != nil:
		lat, lon, ok := f.Point(b, r)
		return appendPoint(dst, lat, lon), ok && math.Abs(lat) <= 90 && math.Abs(lon) <= 180
	case f.Flat != nil:
		v := f.Flat(b, r)
		return appendFlat(dst, v), len(v) > 0
	}
	return dst, false
}
