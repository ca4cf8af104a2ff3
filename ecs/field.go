// Package ecs is the one place that knows what a flow is called in Elasticsearch: an ordered
// table of fields, each with its ECS name, its type and the function that reads it from a
// record. Documents, mappings, docs/fields.md, the columns of the embedded store and the names
// in a query all come from this table, so that they can not drift apart.
package ecs

import "github.com/flowferry/flowferry/flow"

// Version is the version of the Elastic Common Schema whose names and types the table uses.
const Version = "8.17.0"

// Whose name a field has.
const (
	ECS  = "ECS"       // the Elastic Common Schema's
	Ours = "Flowferry" // no such field in ECS
	Beat = "Elastic"   // not in ECS, but what Elastic's own NetFlow dashboards ask for
)

// Type is the type of a field in the index. Both engines have each of them.
type Type uint8

// The types, named as in a mapping. Flattened is "flattened" in Elasticsearch and
// "flat_object" in OpenSearch; it is the one that differs.
const (
	Keyword Type = iota
	Long
	IP
	Date
	Float
	Boolean
	GeoPoint
	Flattened
	Alias
)

var typeNames = [...]string{"keyword", "long", "ip", "date", "float", "boolean", "geo_point", "flattened", "alias"}

func (t Type) String() string { return typeNames[t] }

// Field is one row of the table. Exactly one accessor is set, the one that its Type and Multi
// ask for; each reports absence, so that an absent value is never written as zero.
type Field struct {
	Name  string // full name: "source.geo.country_iso_code"
	Type  Type
	Multi bool   // may hold several values; written as an array
	Of    string // whose name it is: ECS, Ours or Beat
	Desc  string // one sentence, with the unit
	Path  string // the field an Alias stands for

	Has flow.Set // when not zero: the accessor need not be asked unless the record has all of these

	Int   func(b *flow.Batch, r *flow.Record) (int64, bool)                // Long; Boolean (0, 1); Date (Unix ns)
	Addr  func(b *flow.Batch, r *flow.Record) (flow.Addr, bool)            // IP
	Addrs func(dst []flow.Addr, b *flow.Batch, r *flow.Record) []flow.Addr // IP, Multi
	Float func(b *flow.Batch, r *flow.Record) (float64, bool)              // Float
	Str   func(b *flow.Batch, r *flow.Record) string                       // Keyword held as a string; "" is absent
	Text  func(dst []byte, b *flow.Batch, r *flow.Record) []byte           // Keyword made on the fly; nothing appended is absent
	Strs  func(dst []string, b *flow.Batch, r *flow.Record) []string       // Keyword, Multi
	Lines func(dst []byte, b *flow.Batch, r *flow.Record) []byte           // Keyword, Multi, made on the fly: each value ends in a line feed
	Point func(b *flow.Batch, r *flow.Record) (lat, lon float64, ok bool)  // GeoPoint, degrees
	Flat  func(dst []byte, b *flow.Batch, r *flow.Record) []byte           // Flattened: a JSON object; nothing appended is absent

	side   side   // the side table without which the field is absent
	only   part   // what alone the accessor looks at
	always string // the JSON value, when it is the same in each document
}

// Possible says whether a record with these optional fields and side tables can have the field.
// Where it can not, the accessor need not be asked.
func (f *Field) Possible(has flow.Set, withMeta, withEnr bool) bool {
	return has&f.Has == f.Has && (f.side == none || f.side == meta && withMeta || f.side == enr && withEnr)
}

// side names side tables of the Batch.
type side uint8

const (
	none side = 0
	meta side = 1 << (iota - 1) // the record's Meta
	enr                         // the record's Enr
	wire                        // the record's Wire; a field that needs it says so by its Has
)

func sidesOf(r *record) (s side) {
	if r.Meta != 0 {
		s |= meta
	}
	if r.Enr != 0 {
		s |= enr
	}
	if r.Has.Has(flow.HasWire) {
		s |= wire
	}
	return s
}

type (
	batch  = flow.Batch
	record = flow.Record
)
