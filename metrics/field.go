package metrics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
)

// Field is one row of the table.
type Field struct {
	Name  string // full name: "flow.exporter.interval.datagrams"
	Type  ecs.Type
	Multi bool   // may hold several values; written as an array
	Of    string // whose name it is: ecs.ECS or ecs.Ours
	Desc  string // one sentence, with the unit

	part part                  // the documents that have it
	some bool                  // absent where it is zero
	at   func(d *Document) any // where its value is: an *int64 (Long; Date, Unix ns), *string, *[]string or *flow.Addr
}

// part is a part of a document, whose fields are there together or not at all.
type part uint16

const (
	partReport    part = 1 << iota // account of an exporter
	partSequence                   // of one that numbers what it sends
	partClock                      // of one that tells its time
	partAgent                      // of an sFlow agent
	partInterface                  // counters of an interface
	partInterval                   // what they have counted since the last time
	partEthernet                   // its counters of Ethernet
	partRepeats                    // duplicates of a pair of exporters
)

// unknown is a number that is not known, and so absent.
const unknown = math.MinInt64

// Append appends d as one JSON object without white space or line end.
func (d *Document) Append(dst []byte) []byte {
	root := map[string]any{}
	for i := range Fields {
		f := &Fields[i]
		if d.parts&f.part != f.part {
			continue
		}
		if v := f.value(d); v != nil {
			insert(root, f.Name, v)
		}
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(root); err != nil {
		panic(err) // it holds nothing but strings, numbers, lists and objects
	}
	return append(dst, bytes.TrimSuffix(text.Bytes(), []byte{'\n'})...)
}

// value is the field's value as JSON has it; nil where it is absent.
func (f *Field) value(d *Document) any {
	switch p := f.at(d).(type) {
	case *int64:
		switch {
		case *p == unknown || f.some && *p == 0:
		case f.Type == ecs.Date:
			return string(ecs.AppendTime(nil, *p))
		default:
			return *p
		}
	case *string:
		if *p != "" {
			return *p
		}
	case *[]string:
		if len(*p) > 0 {
			return *p
		}
	case *flow.Addr:
		if !p.IsZero() {
			return p.String()
		}
	}
	return nil
}

// insert puts a value at its dotted name.
func insert(object map[string]any, name string, v any) {
	for {
		head, rest, nested := strings.Cut(name, ".")
		if !nested {
			object[head] = v
			return
		}
		child, ok := object[head].(map[string]any)
		if !ok {
			child = map[string]any{}
			object[head] = child
		}
		object, name = child, rest
	}
}

// Parse reads a document that Append has made. A name that is not in the table is passed over.
func Parse(text []byte) (*Document, error) {
	var root map[string]any
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	if err := in.Decode(&root); err != nil {
		return nil, fmt.Errorf("parse document: %w", err)
	}
	d := &Document{}
	var absent []*Field
	for i := range Fields {
		f := &Fields[i]
		v := find(root, f.Name)
		if v == nil {
			absent = append(absent, f)
			continue
		}
		if err := f.set(d, v); err != nil {
			return nil, fmt.Errorf("parse document: %s: %w", f.Name, err)
		}
		d.parts |= f.part
	}
	for _, f := range absent {
		f.leaveOut(d)
	}
	return d, nil
}

// find gives what stands at a dotted name; nil where nothing does.
func find(object map[string]any, name string) any {
	for {
		head, rest, nested := strings.Cut(name, ".")
		if !nested {
			return object[head]
		}
		child, ok := object[head].(map[string]any)
		if !ok {
			return nil
		}
		object, name = child, rest
	}
}

// leaveOut notes that a number is not in a document that has the part it belongs to.
func (f *Field) leaveOut(d *Document) {
	if p, ok := f.at(d).(*int64); ok && !f.some && d.parts&f.part == f.part {
		*p = unknown
	}
}

// set puts a JSON value into d.
func (f *Field) set(d *Document, v any) (err error) {
	text, isText := v.(string)
	number, isNumber := v.(json.Number)
	switch p := f.at(d).(type) {
	case *int64:
		switch {
		case f.Type == ecs.Date && isText:
			*p, err = parseTime(text)
			return err
		case f.Type == ecs.Long && isNumber:
			*p, err = number.Int64()
			return err
		}
	case *string:
		if *p = text; isText {
			return nil
		}
	case *[]string:
		*p, err = parseStrings(v)
		return err
	case *flow.Addr:
		if isText {
			*p, err = flow.ParseAddr(text)
			return err
		}
	}
	return fmt.Errorf("%v is no %s", v, f.Type)
}

// parseTime reads a time of the years that Unix ns can hold.
func parseTime(text string) (int64, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err == nil && (t.Year() < 1678 || t.Year() > 2261) {
		err = fmt.Errorf("%s is out of range", text)
	}
	return t.UnixNano(), err
}

func parseStrings(v any) (all []string, err error) {
	list, ok := v.([]any)
	for _, e := range list {
		s, isText := e.(string)
		all, ok = append(all, s), ok && isText
	}
	if !ok {
		return nil, fmt.Errorf("%v is no list of strings", v)
	}
	return all, nil
}
