package hunt

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/flowferry/flowferry/ecs"
)

// Limits of a query: deeper or larger ones the engines refuse too.
const (
	maxLength = 64 << 10
	maxDepth  = 24  // of the tree
	maxOpen   = 200 // brackets
	maxLeaves = 1000
)

// Error is a mistake in a query, with its place.
type Error struct {
	Query  string
	Column int // of the mistake, in characters from 1
	Msg    string
}

// Error gives three lines: what is wrong, the query, and a caret under the place.
func (e *Error) Error() string {
	flat := strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return r
	}, e.Query)
	return fmt.Sprintf("query, column %d: %s\n  %s\n  %s^", e.Column, e.Msg, flat, strings.Repeat(" ", e.Column-1))
}

// Parse reads a query. The empty query is passed by every document. Relative times are taken
// from now. An error is an *Error.
func Parse(query string) (*Query, error) {
	p := &parser{s: query, clock: clock}
	root, err := p.query()
	if err != nil {
		return nil, err
	}
	return newQuery(root), nil
}

// parser reads the query from left to right:
//
//	query := [or]                      or   := and {"or" and}
//	and   := not {"and" not}           not  := "not" not | "(" or ")" | "*" | term
//	term  := field (":" value | ":" "(" list ")" | ("<"|"<="|">"|">=") value)
//	list  := as or, with values in the place of terms, and "," for "or"
//	value := word | '"' {character} '"' | "*"
type parser struct {
	s      string
	pos    int // in bytes
	depth  int
	leaves int
	lists  int          // brackets of values we are in
	clock  func() int64 // Unix ns
}

func (p *parser) fail(pos int, format string, args ...any) error {
	return &Error{p.s, 1 + utf8.RuneCountInString(p.s[:min(pos, len(p.s))]), fmt.Sprintf(format, args...)}
}

func (p *parser) query() (*node, error) {
	if len(p.s) > maxLength {
		return nil, p.fail(maxLength, "longer than %d bytes", maxLength)
	}
	if p.space(); p.pos == len(p.s) {
		return &node{op: opAll}, nil
	}
	n, err := p.or(p.unit)
	if err != nil {
		return nil, err
	}
	if p.pos < len(p.s) {
		return nil, p.unexpected()
	}
	if n.depth() > maxDepth {
		return nil, p.fail(0, "and, or and not stand in one another deeper than %d", maxDepth)
	}
	return n, nil
}

func (n *node) depth() int {
	d := 0
	for _, k := range n.kids {
		d = max(d, k.depth())
	}
	return d + 1
}

func (p *parser) unexpected() error {
	switch c := p.s[p.pos]; c {
	case ')':
		return p.fail(p.pos, `")" without "("`)
	case '(':
		return p.fail(p.pos, `"(" here: put "and" or "or" before it`)
	default:
		return p.fail(p.pos, `%q here: put "and" or "or" between two conditions, or quotes around a value with spaces`, p.peek())
	}
}

// space skips white space.
func (p *parser) space() {
	for p.pos < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.pos]) >= 0 {
		p.pos++
	}
}

// peek gives what stands at pos up to the next space or bracket.
func (p *parser) peek() string {
	end := p.pos
	for end < len(p.s) && strings.IndexByte(" \t\r\n()", p.s[end]) < 0 {
		end++
	}
	return p.s[p.pos:end]
}

// keyword takes the given word, in whatever case, if it is next.
func (p *parser) keyword(w string) bool {
	got := p.peek()
	if !strings.EqualFold(got, w) {
		return false
	}
	p.pos += len(got)
	p.space()
	return true
}

// char takes the given character if it is next.
func (p *parser) char(c byte) bool {
	if p.pos == len(p.s) || p.s[p.pos] != c {
		return false
	}
	p.pos++
	p.space()
	return true
}

func (p *parser) or(unit func() (*node, error)) (*node, error) {
	if p.depth++; p.depth > maxOpen {
		return nil, p.fail(p.pos, "brackets deeper than %d", maxOpen)
	}
	defer func() { p.depth-- }()
	return p.chain(opOr, func() (*node, error) {
		return p.chain(opAnd, func() (*node, error) { return p.not(unit) })
	})
}

// chain reads kids with the operator between them.
func (p *parser) chain(o op, kid func() (*node, error)) (*node, error) {
	n := &node{op: o}
	for {
		k, err := kid()
		if err != nil {
			return nil, err
		}
		n.add(k)
		switch {
		case o == opAnd && p.keyword("and"):
		case o == opOr && (p.keyword("or") || p.lists > 0 && p.char(',')):
		case len(n.kids) == 1:
			return n.kids[0], nil
		default:
			return n, nil
		}
	}
}

// add appends a kid; what is of the same kind is taken in.
func (n *node) add(k *node) {
	if k.op == n.op {
		n.kids = append(n.kids, k.kids...)
		return
	}
	n.kids = append(n.kids, k)
}

func (p *parser) not(unit func() (*node, error)) (*node, error) {
	turn := false
	for p.keyword("not") {
		turn = !turn
	}
	n, err := unit()
	switch {
	case err != nil || !turn:
		return n, err
	case n.op == opNot:
		return n.kids[0], nil
	}
	return &node{op: opNot, kids: []*node{n}}, nil
}

// unit reads a bracket or a term.
func (p *parser) unit() (*node, error) {
	open := p.pos
	if p.char('(') {
		n, err := p.or(p.unit)
		if err != nil {
			return nil, err
		}
		return n, p.close(open)
	}
	if p.peek() == "*" {
		p.pos++
		p.space()
		return &node{op: opAll}, nil
	}
	return p.term()
}

func (p *parser) close(open int) error {
	switch {
	case p.char(')'):
		return nil
	case p.pos < len(p.s):
		return p.unexpected()
	}
	return p.fail(open, `"(" is never closed`)
}

// field reads a field's name: letters, digits and "_.@-".
func (p *parser) field() string {
	start := p.pos
	for p.pos < len(p.s) {
		c := p.s[p.pos]
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("_.@-", c) >= 0 {
			p.pos++
			continue
		}
		break
	}
	return p.s[start:p.pos]
}

func (p *parser) term() (*node, error) {
	start := p.pos
	name := p.field()
	if name == "" || isKeyword(name) {
		p.pos = start
		return nil, p.missing()
	}
	p.space()
	op := p.operator()
	if op == "" {
		p.pos = start
		return nil, p.fail(start, `%q is not a condition: write field:value, such as %s`, p.peek(), example(p.peek()))
	}
	fields, err := resolve(name)
	if err != nil {
		return nil, p.fail(start, "%v", err)
	}
	if op == ":" {
		return p.listed(fields)
	}
	return p.value(fields, op)
}

// missing tells that a condition should stand here.
func (p *parser) missing() error {
	if p.pos == len(p.s) {
		return p.fail(p.pos, "ends where a condition should follow")
	}
	return p.fail(p.pos, "%q where a condition field:value should stand", cmp.Or(p.peek(), p.s[p.pos:p.pos+1]))
}

// example shows how a bare word is meant, perhaps.
func example(word string) string {
	if _, err := parseAddrs(word); err == nil {
		return "ip:" + word
	}
	if word != "" && strings.Trim(word, "0123456789") == "" {
		return "port:" + word
	}
	return "destination.port:443"
}

func (p *parser) operator() string {
	for _, o := range []string{":", "<=", ">=", "<", ">"} {
		if strings.HasPrefix(p.s[p.pos:], o) {
			p.pos += len(o)
			p.space()
			return o
		}
	}
	return ""
}

// listed reads what follows field: a value or a bracket of values.
func (p *parser) listed(fields []*ecs.Field) (*node, error) {
	open := p.pos
	if p.char('(') {
		p.lists++
		defer func() { p.lists-- }()
		n, err := p.or(func() (*node, error) { return p.listed(fields) })
		if err != nil {
			return nil, err
		}
		return n, p.close(open)
	}
	return p.value(fields, ":")
}

// value reads a value and makes the leaf of each field of it, any of which will do.
func (p *parser) value(fields []*ecs.Field, op string) (*node, error) {
	start := p.pos
	v, err := p.word()
	if err != nil {
		return nil, err
	}
	n := &node{op: opOr}
	for _, f := range fields {
		if p.leaves++; p.leaves > maxLeaves {
			return nil, p.fail(start, "more than %d conditions", maxLeaves)
		}
		l, err := makeLeaf(f, op, v, p.clock)
		if err != nil {
			return nil, p.fail(start, "%v", err)
		}
		n.kids = append(n.kids, &node{op: opLeaf, leaf: l})
	}
	p.space()
	if len(n.kids) == 1 {
		return n.kids[0], nil
	}
	return n, nil
}

// word is a value as written.
type word struct {
	text  string   // without quotes and escapes
	raw   string   // as it stands
	parts []string // what stands between the wildcards; one part when there is none
}

func (p *parser) word() (word, error) {
	start := p.pos
	if p.pos < len(p.s) && p.s[p.pos] == '"' {
		return p.quoted()
	}
	w := word{parts: []string{""}}
	var text []byte
	for p.pos < len(p.s) {
		c := p.s[p.pos]
		if strings.IndexByte(" \t\r\n(),\"", c) >= 0 {
			break
		}
		p.pos++
		if c == '*' {
			w.parts = append(w.parts, "")
			text = append(text, c)
			continue
		}
		if c == '\\' {
			if p.pos == len(p.s) {
				return w, p.fail(start, `ends with "\": write "\\" for a backslash`)
			}
			c = p.s[p.pos]
			p.pos++
		}
		text = append(text, c)
		w.parts[len(w.parts)-1] += string([]byte{c})
	}
	w.text, w.raw = string(text), p.s[start:p.pos]
	if w.raw == "" || isKeyword(w.raw) {
		p.pos = start
		return w, p.noValue()
	}
	return w, nil
}

func (p *parser) noValue() error {
	if p.pos == len(p.s) {
		return p.fail(p.pos, "ends where a value should follow")
	}
	return p.fail(p.pos, "%q where a value should stand: put quotes around it if it is one", p.s[p.pos:p.pos+max(1, len(p.peek()))])
}

func (p *parser) quoted() (word, error) {
	start := p.pos
	var text []byte
	for p.pos++; p.pos < len(p.s); p.pos++ {
		switch c := p.s[p.pos]; {
		case c == '"':
			p.pos++
			return word{string(text), p.s[start:p.pos], []string{string(text)}}, nil
		case c == '\\' && p.pos+1 < len(p.s):
			p.pos++
			text = append(text, p.s[p.pos])
		default:
			text = append(text, c)
		}
	}
	return word{}, p.fail(start, "quotes are never closed")
}
