package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/flowferry/flowferry/bench/gen"
	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
)

// document measures the way from a stitched and enriched record to the bytes of its ECS
// document. The baseline is encoding/json on the same content: as a struct with all of these
// fields, and as the nested maps that many programs keep events in. The baseline's struct and
// maps are ready before the time begins; ours starts at the record.
func document(ctx context.Context, s *suite) error {
	w, err := newWriting(pick(s.quick, 5_000, 20_000))
	if err != nil {
		return err
	}
	atLeast := pick[time.Duration](s.quick, 200, 500) * time.Millisecond
	result, err := race(ctx, s.rounds, []contender{
		{"flowferry", "record → bytes", inProcess(atLeast, unprepared, w.ours)},
		{"encoding/json, struct", "struct → bytes", inProcess(atLeast, unprepared, func() (int, error) { return marshal(w.structs) })},
		{"encoding/json, map", "map[string]any → bytes", inProcess(atLeast, unprepared, func() (int, error) { return marshal(w.maps) })},
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\n%s documents of %d bytes: IPFIX records of 20 fields, both directions stitched, geo, AS, groups, service\n",
		commas(fmt.Sprint(len(w.maps))), w.bytes/len(w.maps))
	rows := [][]string{{"", "CPU ns/document", "min–max", "vs first", "allocs/document", "in its time"}}
	for i := range result {
		r := &result[i]
		rows = append(rows, []string{r.name, number(r.median(perUnit)), r.spread(perUnit), times(r, &result[0], perUnit),
			number(r.median(func(c cost) float64 { return c.allocs })), r.does})
	}
	table(s.out, rows)
	return nil
}

// writing holds the same documents in three forms.
type writing struct {
	batches []*flow.Batch
	structs []any
	maps    []map[string]any
	bytes   int
	buf     []byte
}

func newWriting(flows int) (*writing, error) {
	through, err := stages()
	if err != nil {
		return nil, err
	}
	w := &writing{}
	if w.batches, err = records(gen.NewStream(gen.IPFIX, flows, 1), through); err != nil {
		return nil, err
	}
	var docs [][]byte
	for _, b := range w.batches {
		for i := range b.Recs {
			doc, m := ecs.AppendDocument(nil, b, &b.Recs[i]), map[string]any{}
			if err := json.Unmarshal(doc, &m); err != nil {
				return nil, fmt.Errorf("%w in %s", err, doc)
			}
			docs, w.maps, w.bytes = append(docs, doc), append(w.maps, m), w.bytes+len(doc)
		}
	}
	shape := structFor(w.maps)
	for _, doc := range docs {
		v := reflect.New(shape).Interface()
		if err := json.Unmarshal(doc, v); err != nil {
			return nil, err
		}
		w.structs = append(w.structs, v)
	}
	return w, w.same()
}

// same fails unless the struct says all that the document says.
func (w *writing) same() error {
	for i, s := range w.structs {
		text, err := json.Marshal(s)
		if err != nil {
			return err
		}
		m := map[string]any{}
		if err := json.Unmarshal(text, &m); err != nil {
			return err
		}
		if !reflect.DeepEqual(m, w.maps[i]) {
			want, _ := json.Marshal(w.maps[i])
			got, _ := json.Marshal(m)
			return fmt.Errorf("the struct of the baseline does not hold all of a document:\n%s\nit holds\n%s", want, got)
		}
	}
	return nil
}

func (w *writing) ours() (n int, err error) {
	for _, b := range w.batches {
		for i := range b.Recs {
			w.buf = ecs.AppendDocument(w.buf[:0], b, &b.Recs[i])
		}
		n += len(b.Recs)
	}
	return n, nil
}

func marshal[T any](list []T) (int, error) {
	for _, v := range list {
		if _, err := json.Marshal(v); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

// structFor makes the struct that a Go program would write by hand for these documents: a field
// for each name, nested as they are, left out when absent.
func structFor(docs []map[string]any) reflect.Type {
	values := map[string][]any{}
	for _, d := range docs {
		for name, v := range d {
			values[name] = append(values[name], v)
		}
	}
	var fields []reflect.StructField
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fields = append(fields, reflect.StructField{
			Name: fmt.Sprintf("F%d", len(fields)),
			Type: typeFor(values[name]),
			Tag:  reflect.StructTag(fmt.Sprintf(`json:"%s,omitempty"`, name)),
		})
	}
	return reflect.StructOf(fields)
}

// typeFor gives the type of a field that takes all of these values. What may be zero without
// being absent is a pointer.
func typeFor(values []any) reflect.Type {
	switch values[0].(type) {
	case map[string]any:
		var inner []map[string]any
		for _, v := range values {
			inner = append(inner, v.(map[string]any))
		}
		return reflect.PointerTo(structFor(inner))
	case []any:
		return reflect.TypeFor[[]string]()
	case string:
		return reflect.TypeFor[string]()
	case bool:
		return reflect.TypeFor[*bool]()
	}
	for _, v := range values {
		if n := v.(float64); n != math.Trunc(n) {
			return reflect.TypeFor[*float64]()
		}
	}
	return reflect.TypeFor[*int64]()
}
