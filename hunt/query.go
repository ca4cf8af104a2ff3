package hunt

import (
	"strings"
	"sync"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
)

// Query is a parsed query. It may be used by several goroutines.
type Query struct {
	root  *node
	match matcher
	pool  sync.Pool // of *scratch
}

type op uint8

const (
	opAll op = iota // every document
	opLeaf
	opAnd
	opOr
	opNot
)

// node is a node of the tree. And and Or have two kids or more, none of which is of the same
// kind; Not has one.
type node struct {
	op   op
	kids []*node
	leaf *leaf
}

type test uint8

const (
	testExists  test = iota
	testText         // Keyword equal to text
	testPattern      // Keyword like parts, between each two of which anything may stand
	testAddrs        // IP from lo to hi
	testInts         // Long, Boolean, Date (in ms) from min to max
	testFloats       // Float from fmin to fmax
)

// leaf is a test of one field. A document passes when any of the field's values does; one
// without a value never does.
type leaf struct {
	field *ecs.Field
	test  test
	op    string // ":", "<", "<=", ">" or ">="
	value string // as written, without quotes and escapes; for a pattern with escapes

	text       string
	parts      []string
	lo, hi     flow.Addr
	min, max   int64
	fmin, fmax float32
	cidr       bool // value is a prefix
}

// All is the query that every document passes.
func All() *Query { return newQuery(&node{op: opAll}) }

func newQuery(root *node) *Query {
	q := &Query{root: root, match: compile(root)}
	q.pool.New = func() any { return new(scratch) }
	return q
}

// IsAll says whether the query is empty, so that every document passes.
func (q *Query) IsAll() bool { return q.root.op == opAll }

// String prints the query in its plain form, which parses to the same query.
func (q *Query) String() string { return string(q.root.print(nil, 0)) }

// print appends the node; outer is the operator it stands in.
func (n *node) print(dst []byte, outer op) []byte {
	switch n.op {
	case opAll:
		return append(dst, '*')
	case opLeaf:
		return n.leaf.print(dst)
	case opNot:
		return n.kids[0].print(append(dst, "not "...), opNot)
	}
	word := " and "
	if n.op == opOr {
		word = " or "
	}
	brackets := outer == opNot || outer == opAnd
	if brackets {
		dst = append(dst, '(')
	}
	for i, k := range n.kids {
		if i > 0 {
			dst = append(dst, word...)
		}
		dst = k.print(dst, n.op)
	}
	if brackets {
		dst = append(dst, ')')
	}
	return dst
}

func (l *leaf) print(dst []byte) []byte {
	dst = append(dst, l.field.Name...)
	switch {
	case l.op != ":":
		dst = append(append(append(dst, ' '), l.op...), ' ')
	default:
		dst = append(dst, ':')
	}
	switch {
	case l.test == testExists:
		return append(dst, '*')
	case l.test == testPattern:
		return append(dst, l.value...)
	}
	return appendValue(dst, l.value)
}

// appendValue appends a value, in quotes where it would not be read as one word.
func appendValue(dst []byte, v string) []byte {
	if v != "" && !strings.ContainsAny(v, " \t\r\n()\"\\*,") && !isKeyword(v) && v[0] != '<' && v[0] != '>' {
		return append(dst, v...)
	}
	dst = append(dst, '"')
	for i := range len(v) {
		if v[i] == '"' || v[i] == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, v[i])
	}
	return append(dst, '"')
}

func isKeyword(w string) bool {
	return strings.EqualFold(w, "and") || strings.EqualFold(w, "or") || strings.EqualFold(w, "not")
}

// Columns lists the columns of the store that the query looks at.
func (q *Query) Columns() []string { return q.root.columns(nil) }

func (n *node) columns(dst []string) []string {
	if n.op == opLeaf {
		dst = append(dst, n.leaf.column())
	}
	for _, k := range n.kids {
		dst = k.columns(dst)
	}
	return dst
}

// column names the column that tells the leaf's field.
func (l *leaf) column() string {
	if l.field.Type == ecs.GeoPoint {
		return l.field.Name + ".lat"
	}
	return l.field.Name
}
