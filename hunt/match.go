package hunt

import (
	"bytes"
	"strings"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
)

// matcher is a compiled part of a query.
type matcher func(b *flow.Batch, r *flow.Record, s *scratch) bool

// scratch holds what accessors append to.
type scratch struct {
	text  []byte
	addrs []flow.Addr
	strs  []string
}

// Match says whether the document of r, which lives in b, passes the query. It does not
// allocate.
func (q *Query) Match(b *flow.Batch, r *flow.Record) bool {
	s := q.pool.Get().(*scratch)
	ok := q.match(b, r, s)
	q.pool.Put(s)
	return ok
}

func compile(n *node) matcher {
	kids := make([]matcher, len(n.kids))
	for i, k := range n.kids {
		kids[i] = compile(k)
	}
	switch n.op {
	case opLeaf:
		return n.leaf.matcher()
	case opNot:
		return func(b *flow.Batch, r *flow.Record, s *scratch) bool { return !kids[0](b, r, s) }
	case opAnd:
		return func(b *flow.Batch, r *flow.Record, s *scratch) bool {
			for _, k := range kids {
				if !k(b, r, s) {
					return false
				}
			}
			return true
		}
	case opOr:
		return func(b *flow.Batch, r *flow.Record, s *scratch) bool {
			for _, k := range kids {
				if k(b, r, s) {
					return true
				}
			}
			return false
		}
	}
	return func(*flow.Batch, *flow.Record, *scratch) bool { return true }
}

// matcher makes the test of a record by the one accessor that the field has.
func (l *leaf) matcher() matcher {
	f := l.field
	test := l.accessor()
	return func(b *flow.Batch, r *flow.Record, s *scratch) bool { return r.Has.Has(f.Has) && test(b, r, s) }
}

func (l *leaf) accessor() matcher {
	f := l.field
	switch {
	case f.Int != nil:
		return func(b *flow.Batch, r *flow.Record, _ *scratch) bool {
			v, ok := f.Int(b, r)
			return ok && l.int(l.value64(v))
		}
	case f.Addr != nil:
		return func(b *flow.Batch, r *flow.Record, _ *scratch) bool {
			a, ok := f.Addr(b, r)
			return ok && l.addr(&a)
		}
	case f.Str != nil:
		return func(b *flow.Batch, r *flow.Record, _ *scratch) bool {
			v := f.Str(b, r)
			return v != "" && l.str(v)
		}
	case f.Text != nil:
		return func(b *flow.Batch, r *flow.Record, s *scratch) bool {
			s.text = f.Text(s.text[:0], b, r)
			return len(s.text) > 0 && l.bytes(s.text)
		}
	case f.Float != nil:
		return func(b *flow.Batch, r *flow.Record, _ *scratch) bool {
			v, ok := f.Float(b, r)
			return ok && l.float64(v)
		}
	}
	return l.several()
}

func (l *leaf) several() matcher {
	f := l.field
	switch {
	case f.Addrs != nil:
		return func(b *flow.Batch, r *flow.Record, s *scratch) bool {
			s.addrs = f.Addrs(s.addrs[:0], b, r)
			for i := range s.addrs {
				if l.addr(&s.addrs[i]) {
					return true
				}
			}
			return false
		}
	case f.Strs != nil:
		return func(b *flow.Batch, r *flow.Record, s *scratch) bool {
			s.strs = f.Strs(s.strs[:0], b, r)
			for _, v := range s.strs {
				if l.str(v) {
					return true
				}
			}
			return false
		}
	case f.Lines != nil:
		return func(b *flow.Batch, r *flow.Record, s *scratch) bool {
			s.text = f.Lines(s.text[:0], b, r)
			for line := range bytes.Lines(s.text) {
				if l.bytes(line[:len(line)-1]) {
					return true
				}
			}
			return false
		}
	case f.Point != nil:
		return func(b *flow.Batch, r *flow.Record, _ *scratch) bool {
			_, _, ok := f.Point(b, r)
			return ok
		}
	case f.Flat != nil:
		return func(b *flow.Batch, r *flow.Record, s *scratch) bool {
			s.text = f.Flat(s.text[:0], b, r)
			return len(s.text) > 0
		}
	}
	return func(*flow.Batch, *flow.Record, *scratch) bool { return false }
}

// value64 gives the number that is compared: a date has the index's resolution of 1 ms.
func (l *leaf) value64(v int64) int64 {
	if l.field.Type != ecs.Date {
		return v
	}
	q := v / 1e6
	if v%1e6 < 0 {
		q--
	}
	return q
}

func (l *leaf) int(v int64) bool { return l.test == testExists || v >= l.min && v <= l.max }

func (l *leaf) float64(v float64) bool {
	return l.test == testExists || float32(v) >= l.fmin && float32(v) <= l.fmax
}

func (l *leaf) addr(a *flow.Addr) bool {
	return l.test == testExists || a.Compare(&l.lo) >= 0 && a.Compare(&l.hi) <= 0
}

func (l *leaf) str(v string) bool {
	switch l.test {
	case testText:
		return v == l.text
	case testPattern:
		return l.like(v)
	}
	return true
}

func (l *leaf) bytes(v []byte) bool {
	switch l.test {
	case testText:
		return string(v) == l.text
	case testPattern:
		return l.likeBytes(v)
	}
	return true
}

// like says whether the parts of the pattern stand in v in their order, the first at its
// beginning, the last at its end.
func (l *leaf) like(v string) bool {
	last := len(l.parts) - 1
	v, ok := strings.CutPrefix(v, l.parts[0])
	if !ok {
		return false
	}
	for _, p := range l.parts[1:last] {
		i := strings.Index(v, p)
		if i < 0 {
			return false
		}
		v = v[i+len(p):]
	}
	return strings.HasSuffix(v, l.parts[last])
}

func (l *leaf) likeBytes(v []byte) bool {
	last := len(l.parts) - 1
	if len(v) < len(l.parts[0]) || string(v[:len(l.parts[0])]) != l.parts[0] {
		return false
	}
	v = v[len(l.parts[0]):]
	for _, p := range l.parts[1:last] {
		i := bytes.Index(v, []byte(p))
		if i < 0 {
			return false
		}
		v = v[i+len(p):]
	}
	n := len(l.parts[last])
	return len(v) >= n && string(v[len(v)-n:]) == l.parts[last]
}
