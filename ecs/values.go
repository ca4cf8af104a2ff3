package ecs

import (
	"strconv"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// AppendValues appends the values of the field in a record as text, as they stand in a document
// but without quotes; nothing is appended where the field is absent. A point is "lat,lon".
func (f *Field) AppendValues(dst []string, b *flow.Batch, r *flow.Record) []string {
	switch {
	case f.Int != nil:
		if v, ok := f.Int(b, r); ok {
			dst = append(dst, strings.Trim(string(f.appendInt(nil, v)), `"`))
		}
	case f.Addr != nil:
		if a, ok := f.Addr(b, r); ok {
			dst = append(dst, a.String())
		}
	case f.Addrs != nil:
		for _, a := range f.Addrs(nil, b, r) {
			dst = append(dst, a.String())
		}
	case f.Float != nil:
		if v, ok := f.Float(b, r); ok && finite(v) {
			dst = append(dst, strconv.FormatFloat(v, 'g', -1, 64))
		}
	case f.Str != nil:
		if s := f.Str(b, r); s != "" {
			dst = append(dst, s)
		}
	case f.Text != nil:
		if s := f.Text(nil, b, r); len(s) > 0 {
			dst = append(dst, string(s))
		}
	case f.Strs != nil:
		dst = f.Strs(dst, b, r)
	case f.Lines != nil:
		for line := range strings.Lines(string(f.Lines(nil, b, r))) {
			dst = append(dst, strings.TrimSuffix(line, "\n"))
		}
	case f.Point != nil:
		if lat, lon, ok := f.Point(b, r); ok {
			dst = append(dst, strconv.FormatFloat(lat, 'g', -1, 64)+","+strconv.FormatFloat(lon, 'g', -1, 64))
		}
	case f.Flat != nil:
		if object := f.Flat(nil, b, r); len(object) > 0 {
			dst = append(dst, string(object))
		}
	}
	return dst
}
