package ecs

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// accessors counts the accessors of a field and says whether they suit its type.
func accessors(f *Field) (n int, suits bool) {
	count := func(set bool, types ...Type) {
		if !set {
			return
		}
		n++
		for _, t := range types {
			suits = suits || t == f.Type
		}
	}
	count(f.Int != nil, Long, Boolean, Date)
	count(f.Addr != nil && !f.Multi, IP)
	count(f.Addrs != nil && f.Multi, IP)
	count(f.Float != nil, Float)
	count(f.Str != nil && !f.Multi, Keyword)
	count(f.Text != nil && !f.Multi, Keyword)
	count(f.Strs != nil && f.Multi, Keyword)
	count(f.Lines != nil && f.Multi, Keyword)
	count(f.Point != nil, GeoPoint)
	count(f.Flat != nil, Flattened)
	return n, suits
}

func TestTable(t *testing.T) {
	if Fields[0].Name != "@timestamp" {
		t.Errorf("the first field is %s", Fields[0].Name)
	}
	seen := map[string]bool{}
	for i := range Fields {
		f := &Fields[i]
		if seen[f.Name] {
			t.Errorf("%s: twice", f.Name)
		}
		seen[f.Name] = true
		n, suits := accessors(f)
		switch {
		case f.Type == Alias:
			if to := byName[f.Path]; n != 0 || to == nil || to.Type == Alias {
				t.Errorf("%s: alias of %q with %d accessors", f.Name, f.Path, n)
			}
		case n != 1 || !suits:
			t.Errorf("%s: %d accessors, suiting its type: %v", f.Name, n, suits)
		case !strings.HasSuffix(f.Desc, ".") && !strings.HasSuffix(f.Desc, "…"):
			t.Errorf("%s: description %q is no sentence", f.Name, f.Desc)
		}
		if f.Of != ECS && f.Of != Ours && f.Of != Beat {
			t.Errorf("%s: of %q", f.Name, f.Of)
		}
	}
	for name := range seen {
		for other := range seen {
			if strings.HasPrefix(other, name+".") {
				t.Errorf("%s is a field and an object, for there is %s", name, other)
			}
		}
	}
}

// The fields of an object stand together, else a document would name the object twice.
func TestAdjacency(t *testing.T) {
	closed := map[string]bool{}
	var open []string
	for _, s := range plan(meta | enr | wire) {
		path := strings.Split(s.Name, ".")
		objects := make([]string, 0, len(path))
		for k := 1; k < len(path); k++ {
			objects = append(objects, strings.Join(path[:k], "."))
		}
		for k, o := range open {
			if k >= len(objects) || objects[k] != o {
				closed[o] = true
			}
		}
		for _, o := range objects {
			if closed[o] {
				t.Errorf("%s: object %s was closed before", s.Name, o)
			}
		}
		open = objects
	}
}

// A field that is the same in each document has the value its accessor gives.
func TestAlways(t *testing.T) {
	b, r := filled()
	n := 0
	for i := range Fields {
		if f := &Fields[i]; f.always != "" {
			n++
			if got := f.AppendValues(nil, b, r); len(got) != 1 || strings.Trim(f.always, `["]`) != got[0] {
				t.Errorf("%s: always %s, but the accessor gives %s", f.Name, f.always, got)
			}
		}
	}
	if n == 0 {
		t.Error("no field is constant")
	}
}

// An accessor that needs bits or a side table reports absence without them.
func TestAbsence(t *testing.T) {
	f := func(b *flow.Batch, r *flow.Record, f *Field) {
		t.Helper()
		if v := f.AppendValues(nil, b, r); len(v) > 0 {
			t.Errorf("%s: %s", f.Name, v)
		}
	}
	for i := range Fields {
		field := &Fields[i]
		for bit := flow.Set(1); bit <= flow.HasWire; bit <<= 1 {
			if field.Has&bit == 0 {
				continue
			}
			b, r := filled()
			r.Has &^= bit
			f(b, r, field)
		}
		if field.side != none {
			b, r := filled()
			r.Meta, r.Enr = 0, 0
			f(b, r, field)
			b.SetMeta(r, flow.Meta{})
			b.SetEnr(r, flow.Enr{})
			f(b, r, field)
		}
	}
}

// Names and types that claim to be of ECS are.
func TestECS(t *testing.T) {
	file, err := os.Open("../testdata/ecs/fields-8.17.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	facts := map[string][2]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if c := strings.Split(lines.Text(), "\t"); len(c) == 3 {
			facts[c[0]] = [2]string{c[1], c[2]}
		}
	}
	for i := range Fields {
		f := &Fields[i]
		fact, known := facts[f.Name]
		if known != (f.Of == ECS) {
			t.Errorf("%s: of %s, but known to ECS is %v", f.Name, f.Of, known)
			continue
		}
		if !known {
			continue
		}
		typ := f.Type
		if typ == Alias {
			typ = byName[f.Path].Type
		}
		want := fact[0]
		if want == "wildcard" {
			want = "keyword" // of one family; not every engine has wildcard
		}
		if typ.String() != want {
			t.Errorf("%s: %s, in ECS %s", f.Name, typ, want)
		}
		if fact[1] == "array" && !f.Multi && f.Name != "observer.ip" {
			t.Errorf("%s: is an array in ECS", f.Name)
		}
	}
}

func TestLookup(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		got := ""
		if f := Lookup(name); f != nil {
			got = f.Name
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	f("source.ip", "source.ip")
	f("client.ip", "source.ip")
	f("server.geo.country_iso_code", "destination.geo.country_iso_code")
	f("flow.watchlist", "threat.feed.name")
	f("source", "")
	f("", "")
}

func TestSuggest(t *testing.T) {
	f := func(name, want string) {
		t.Helper()
		if got := Suggest(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	f("source.prot", "source.port")
	f("destinatin.ip", "destination.ip")
	f("Source.IP", "source.ip")
	f("colour", "")
	f("", "")
}

// A field of an enumeration describes each value it can have.
func TestEnumsDescribed(t *testing.T) {
	f := func(field string, value func(i uint8) string) {
		t.Helper()
		n := 0
		for i := range uint8(255) {
			v := value(i)
			if v == "" {
				continue
			}
			n++
			if !strings.Contains(Lookup(field).Desc, v) {
				t.Errorf("%s: its description lacks %s", field, v)
			}
		}
		if n == 0 {
			t.Errorf("%s has no values", field)
		}
	}
	f("flow.state", func(i uint8) string { return flow.State(i).String() })
	f("flow.initiator_by", func(i uint8) string { return flow.InitiatorBy(i).String() })
	f("flow.end_reason", func(i uint8) string { return flow.EndReason(i).String() })
	f("flow.direction", func(i uint8) string { return flow.Direction(i).String() })
}
