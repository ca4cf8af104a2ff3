package metrics

import (
	"bufio"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// filled is a document that has every field, each number another one.
func filled() *Document {
	d := &Document{parts: partRepeats<<1 - 1}
	for i := range Fields {
		n := int64(i + 1)
		switch p := Fields[i].at(d).(type) {
		case *int64:
			if *p = n; Fields[i].Type == ecs.Date {
				*p = 1.7e18 + n
			}
		case *string:
			*p = fmt.Sprintf("<text> %d \"é\"", n)
		case *[]string:
			*p = []string{"a", fmt.Sprint(n)}
		case *flow.Addr:
			*p = flow.MustAddr(fmt.Sprintf("192.0.2.%d", n))
		}
	}
	return d
}

// Names are unique and none is an object and a value at once; those of ECS are in ECS, with its
// type; those that flows have too are of the same type there.
func TestTable(t *testing.T) {
	facts := ecsFacts(t)
	seen := map[string]bool{}
	for i := range Fields {
		f := &Fields[i]
		if seen[f.Name] {
			t.Errorf("%s stands twice", f.Name)
		}
		seen[f.Name] = true
		if f.Desc == "" || !strings.HasSuffix(f.Desc, ".") && !strings.HasSuffix(f.Desc, "…") {
			t.Errorf("%s: %q is no sentence", f.Name, f.Desc)
		}
		typ, known := facts[f.Name]
		if known != (f.Of == ecs.ECS) || known && typ != f.Type.String() {
			t.Errorf("%s: %s %s, in ECS %q", f.Name, f.Of, f.Type, typ)
		}
		if same := ecs.Lookup(f.Name); same != nil && (same.Type != f.Type || same.Multi != f.Multi) {
			t.Errorf("%s: %s, of flows %s", f.Name, f.Type, same.Type)
		}
		want := map[ecs.Type]string{ecs.Long: "*int64", ecs.Date: "*int64", ecs.Keyword: "*string", ecs.IP: "*flow.Addr"}[f.Type]
		if f.Multi {
			want = "*[]string"
		}
		if got := fmt.Sprintf("%T", f.at(&Document{})); got != want {
			t.Errorf("%s: %s is held as %s", f.Name, f.Type, got)
		}
	}
	for name := range seen {
		for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
			if seen[name[:i]] {
				t.Errorf("%s is a value, and the object of %s", name[:i], name)
			}
		}
	}
}

func ecsFacts(t *testing.T) map[string]string {
	file, err := os.Open("../testdata/ecs/fields-8.17.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	facts := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if c := strings.Split(lines.Text(), "\t"); len(c) == 3 {
			facts[c[0]] = c[1]
		}
	}
	if len(facts) < 50 {
		t.Fatalf("only %d fields of ECS", len(facts))
	}
	return facts
}

// A document with every field comes back as it was, and so does each with one part only.
func TestParse(t *testing.T) {
	d := filled()
	got, err := Parse(d.Append(nil))
	if err != nil || !reflect.DeepEqual(got, d) {
		t.Errorf("%v\ngot  %+v\nwant %+v", err, got, d)
	}
	for p := partReport; p <= partRepeats; p <<= 1 {
		d.parts = p
		text := d.Append(nil)
		got, err := Parse(text)
		if err != nil || string(got.Append(nil)) != string(text) {
			t.Errorf("part %d: %v\ngot  %s\nwant %s", p, err, got.Append(nil), text)
		}
	}
}

// What is zero is written where the document is about it, and what is not known never is.
func TestZeroes(t *testing.T) {
	f := func(d Document, want string, has bool) {
		t.Helper()
		if text := string(d.Append(nil)); strings.Contains(text, want) != has {
			t.Errorf("%s: %v in %s", want, !has, text)
		}
	}
	f(Document{parts: partReport}, `"interval":{"datagrams":0,"events":0,`, true)
	f(Document{parts: partReport}, `"lost`, false)
	f(Document{parts: partReport | partSequence}, `"lost":0`, true)
	f(Document{parts: partReport}, `"port"`, false)
	f(Document{}, `"exporter"`, false)
	f(Document{parts: partInterface}, `"octets":0`, true)
	f(Document{parts: partInterface, IfTotal: Traffic{Way{Octets: unknown}, Way{Octets: unknown}}}, `"octets"`, false)
}

func TestParseErrors(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		if _, err := Parse([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%s: got %v", text, err)
		}
	}
	f(`{`, "parse document: unexpected EOF")
	f(`{"event":{"action":3}}`, "parse document: event.action: 3 is no keyword")
	f(`{"event":{"sequence":"3"}}`, "parse document: event.sequence: 3 is no long")
	f(`{"@timestamp":3}`, "parse document: @timestamp: 3 is no date")
	f(`{"@timestamp":"9999-01-01T00:00:00Z"}`, "parse document: @timestamp: 9999-01-01T00:00:00Z is out of range")
	f(`{"tags":["a",3]}`, "parse document: tags: [a 3] is no list of strings")
	f(`{"observer":{"ip":["::1"]}}`, "parse document: observer.ip: [::1] is no ip")
}

// Whatever stands in a store, what is read and written again reads the same.
func FuzzParse(f *testing.F) {
	f.Add(filled().Append(nil))
	f.Add([]byte(`{"@timestamp":"2026-11-21T08:00:00.000Z","observer":{"ip":"::1"},"flow":{"exporter":{"total":{"lost":-1}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		defer fuzztest.Guard()()
		d, err := Parse(text)
		if err != nil {
			return
		}
		first := d.Append(nil)
		again, err := Parse(first)
		if err != nil || string(again.Append(nil)) != string(first) {
			t.Errorf("%v\nfirst %s\nagain %s", err, first, again.Append(nil))
		}
	})
}
