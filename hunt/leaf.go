package hunt

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
)

// short are second names that stand for one field or for either of two.
var short = []struct {
	name   string
	fields []string
}{
	{"ip", []string{"source.ip", "destination.ip"}},
	{"port", []string{"source.port", "destination.port"}},
	{"src", []string{"source.ip"}},
	{"dst", []string{"destination.ip"}},
	{"sport", []string{"source.port"}},
	{"dport", []string{"destination.port"}},
	{"proto", []string{"network.transport"}},
	{"app", []string{"network.protocol"}},
	{"bytes", []string{"network.bytes"}},
	{"packets", []string{"network.packets"}},
	{"duration", []string{"event.duration"}},
	{"country", []string{"source.geo.country_iso_code", "destination.geo.country_iso_code"}},
	{"asn", []string{"source.as.number", "destination.as.number"}},
	{"state", []string{"flow.state"}},
	{"exporter", []string{"observer.ip"}},
	{"time", []string{"@timestamp"}},
}

// resolve finds the fields that a name stands for.
func resolve(name string) ([]*ecs.Field, error) {
	if f := ecs.Lookup(name); f != nil {
		return []*ecs.Field{f}, nil
	}
	for _, s := range short {
		if s.name != name {
			continue
		}
		var fields []*ecs.Field
		for _, n := range s.fields {
			if f := ecs.Lookup(n); f != nil {
				fields = append(fields, f)
			}
		}
		return fields, nil
	}
	if near := ecs.Suggest(name); near != "" {
		return nil, fmt.Errorf("unknown field %q; did you mean %q?", name, near)
	}
	return nil, fmt.Errorf("unknown field %q; docs/fields.md lists the fields", name)
}

// Field finds the one field that a name or a short name stands for.
func Field(name string) (*ecs.Field, error) {
	fields, err := resolve(name)
	if err != nil {
		return nil, err
	}
	if len(fields) != 1 {
		return nil, fmt.Errorf("%q stands for several fields: give one of %s, %s", name, fields[0].Name, fields[1].Name)
	}
	return fields[0], nil
}

// makeLeaf makes the test of one field.
func makeLeaf(f *ecs.Field, op string, w word, now func() int64) (*leaf, error) {
	l := &leaf{field: f, op: op, value: w.text}
	if len(w.parts) > 1 {
		return l, l.wild(w)
	}
	switch f.Type {
	case ecs.Keyword:
		if op != ":" {
			return nil, fmt.Errorf("%s is a keyword and has no order: use %s:%s", f.Name, f.Name, w.raw)
		}
		l.test, l.text = testText, w.text
		return l, nil
	case ecs.IP:
		return l, l.address()
	case ecs.Long:
		return l, l.long()
	case ecs.Date:
		return l, l.date(now)
	case ecs.Boolean:
		return l, l.boolean()
	case ecs.Float:
		return l, l.float()
	}
	return nil, fmt.Errorf("%s is a %v: only %s:* can be asked", f.Name, f.Type, f.Name)
}

// wild makes the test of a value with wildcards.
func (l *leaf) wild(w word) error {
	switch {
	case l.op != ":":
		return fmt.Errorf("a wildcard after %q: use %s:%s", l.op, l.field.Name, w.raw)
	case strings.Trim(w.raw, "*") == "":
		l.test, l.value = testExists, "*"
		return nil
	case l.field.Type == ecs.Keyword:
		l.test, l.parts, l.value = testPattern, w.parts, patternText(w.parts)
		return nil
	case l.field.Type == ecs.IP:
		return fmt.Errorf("%s is an address: give a network such as 10.0.0.0/8 instead of a wildcard", l.field.Name)
	}
	return fmt.Errorf("%s is a %v: give a value or a range instead of a wildcard", l.field.Name, l.field.Type)
}

// patternText writes a pattern so that it parses to the same parts.
func patternText(parts []string) string {
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			b.WriteByte('*')
		}
		for j := range len(part) {
			if strings.IndexByte(" \t\r\n()\"\\*,", part[j]) >= 0 {
				b.WriteByte('\\')
			}
			b.WriteByte(part[j])
		}
	}
	return b.String()
}

func parseAddrs(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return p, errors.New("not an address")
	}
	return p.Masked(), nil
}

func (l *leaf) address() error {
	p, err := parseAddrs(l.value)
	if err != nil {
		return fmt.Errorf("%s expects an address or a network such as 10.0.0.0/8, not %q", l.field.Name, l.value)
	}
	l.test, l.cidr = testAddrs, strings.Contains(l.value, "/")
	if l.cidr && l.op != ":" {
		return fmt.Errorf("%s %s expects an address, not a network", l.field.Name, l.op)
	}
	l.lo = flow.AddrFrom(p.Addr())
	l.hi = lastAddr(p)
	l.value = p.Addr().String()
	if l.cidr {
		l.value = p.String()
	}
	switch l.op {
	case "<", "<=":
		l.lo = flow.Addr{}
	case ">", ">=":
		l.hi = flow.Addr(slices.Repeat([]byte{255}, 16))
	}
	return l.open()
}

// lastAddr gives the last address of a network.
func lastAddr(p netip.Prefix) flow.Addr {
	a := flow.AddrFrom(p.Addr())
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	for i := bits; i < 128; i++ {
		a[i>>3] |= 0x80 >> (i & 7)
	}
	return a
}

// open leaves the named address out of a range of < or >.
func (l *leaf) open() error {
	step := func(a *flow.Addr, by, wrap byte) bool {
		for i := 15; i >= 0; i-- {
			if a[i] += by; a[i] != wrap {
				return true
			}
		}
		return false
	}
	ok := true
	switch l.op {
	case "<":
		ok = step(&l.hi, 255, 255)
	case ">":
		ok = step(&l.lo, 1, 0)
	}
	if !ok {
		return fmt.Errorf("no address is %s %s", l.op, l.value)
	}
	return nil
}

func (l *leaf) long() error {
	v, err := strconv.ParseInt(l.value, 10, 64)
	if err != nil {
		var ok bool
		if v, ok = parseSize(l.value, l.field.Name == "event.duration"); !ok {
			return fmt.Errorf("%s expects a whole number, not %q", l.field.Name, l.value)
		}
	}
	l.test = testInts
	return l.between(v, v)
}

// between sets min and max by the operator for a value that spans first to last.
func (l *leaf) between(first, last int64) error {
	l.min, l.max = math.MinInt64, math.MaxInt64
	edge := false
	switch l.op {
	case ":":
		l.min, l.max = first, last
	case "<":
		l.max, edge = first-1, first == math.MinInt64
	case "<=":
		l.max = last
	case ">":
		l.min, edge = last+1, last == math.MaxInt64
	case ">=":
		l.min = first
	}
	if edge {
		return fmt.Errorf("no number is %s %s", l.op, l.value)
	}
	return nil
}

// sizes are the units of a number, duration those of a time in ns.
var (
	sizes = []unit{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
		{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}}
	durations = []unit{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}}
)

type unit struct {
	name string
	is   int64
}

// parseSize reads a number with a unit: "10MB", "1.5k"; of a duration "90s", "5m".
func parseSize(s string, duration bool) (int64, bool) {
	units := sizes
	if duration {
		units = durations
	}
	for _, u := range units {
		num, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(num, 64)
		if strings.Trim(num, "0123456789.") != "" || err != nil || v*float64(u.is) >= math.MaxInt64 {
			return 0, false
		}
		return int64(math.Round(v * float64(u.is))), true
	}
	return 0, false
}

// date makes the test of a time: at the resolution of the index, a millisecond. A value
// without a time of day is the whole day, one without seconds the whole minute.
func (l *leaf) date(now func() int64) error {
	from, to, err := parseInstant(l.value, now())
	if err != nil {
		return fmt.Errorf("%s expects a time such as 2026-11-21, \"2026-11-21 08:00\", 2026-11-21T08:00:00Z or now-1h, not %q", l.field.Name, l.value)
	}
	l.test = testInts
	if strings.HasPrefix(l.value, "now") {
		l.value = time.UnixMilli(from.UnixMilli()).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	return l.between(from.UnixMilli(), max(from.UnixMilli(), to.UnixMilli()-1))
}

func (l *leaf) boolean() error {
	v, err := strconv.ParseBool(l.value)
	if err != nil || l.op != ":" || len(l.value) < 4 {
		return fmt.Errorf("%s expects %s:true or %s:false", l.field.Name, l.field.Name, l.field.Name)
	}
	l.test, l.value = testInts, strconv.FormatBool(v)
	if v {
		l.min, l.max = 1, 1
	}
	return nil
}

// float makes the test of a Float: at the index's precision of 32 bits.
func (l *leaf) float() error {
	v, err := strconv.ParseFloat(l.value, 32)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%s expects a number, not %q", l.field.Name, l.value)
	}
	l.test = testFloats
	inf := float32(math.Inf(1))
	l.fmin, l.fmax = -inf, inf
	switch f := float32(v); l.op {
	case ":":
		l.fmin, l.fmax = f, f
	case "<":
		l.fmax = math.Nextafter32(f, -inf)
	case "<=":
		l.fmax = f
	case ">":
		l.fmin = math.Nextafter32(f, inf)
	case ">=":
		l.fmin = f
	}
	if l.fmin > math.MaxFloat32 || l.fmax < -math.MaxFloat32 {
		return fmt.Errorf("no number is %s %s", l.op, l.value)
	}
	return nil
}
