package hunt

import (
	"strings"

	"github.com/flowferry/flowferry/ecs"
)

// object is a JSON object.
type object = map[string]any

// DSL gives the query as Elasticsearch and OpenSearch understand it: what goes under "query".
func (q *Query) DSL() any { return q.root.dsl() }

func (n *node) dsl() any {
	switch n.op {
	case opLeaf:
		return n.leaf.dsl()
	case opNot:
		return object{"bool": object{"must_not": []any{n.kids[0].dsl()}}}
	case opOr:
		kids := make([]any, len(n.kids))
		for i, k := range n.kids {
			kids[i] = k.dsl()
		}
		return object{"bool": object{"should": kids, "minimum_should_match": 1}}
	case opAnd:
		return n.dslAnd()
	}
	return object{"match_all": object{}}
}

// dslAnd puts what is negated beside what is not, which saves a level.
func (n *node) dslAnd() any {
	var must, not []any
	for _, k := range n.kids {
		if k.op == opNot {
			not = append(not, k.kids[0].dsl())
		} else {
			must = append(must, k.dsl())
		}
	}
	b := object{}
	if must != nil {
		b["filter"] = must
	}
	if not != nil {
		b["must_not"] = not
	}
	return object{"bool": b}
}

func (l *leaf) dsl() any {
	name := l.field.Name
	switch l.test {
	case testExists:
		return object{"exists": object{"field": name}}
	case testText:
		return object{"term": object{name: l.text}}
	case testPattern:
		return object{"wildcard": object{name: object{"value": wildcard(l.parts)}}}
	case testAddrs:
		if l.op == ":" {
			return object{"term": object{name: l.value}}
		}
		return object{"range": object{name: l.bounds(l.lo.String(), l.hi.String())}}
	case testFloats:
		return object{"range": object{name: l.bounds(l.fmin, l.fmax)}}
	}
	switch {
	case l.field.Type == ecs.Boolean:
		return object{"term": object{name: l.min == 1}}
	case l.field.Type == ecs.Long && l.op == ":":
		return object{"term": object{name: l.min}}
	}
	r := l.bounds(l.min, l.max)
	if l.field.Type == ecs.Date {
		r["format"] = "epoch_millis"
	}
	return object{"range": object{name: r}}
}

// bounds gives those ends of a range that the operator sets.
func (l *leaf) bounds(lo, hi any) object {
	r := object{}
	if l.op != "<" && l.op != "<=" {
		r["gte"] = lo
	}
	if l.op != ">" && l.op != ">=" {
		r["lte"] = hi
	}
	return r
}

// wildcard writes a pattern for the engines, to whom "?" is a wildcard too.
func wildcard(parts []string) string {
	r := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`)
	quoted := make([]string, len(parts))
	for i, p := range parts {
		quoted[i] = r.Replace(p)
	}
	return strings.Join(quoted, "*")
}
