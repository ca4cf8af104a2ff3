package netflow

import (
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// threeTexts is a template of a port and an application, a user and a host of variable length.
func threeTexts() []field {
	return slices.Concat(ie(ieSourceTransportPort, 2), ie(ieApplicationName, variable), ie(ieUserName, variable), ie(ieHTTPRequestHost, variable))
}

// varlen is a value of variable length as it stands in a record.
func (w wire) varlen(s string) wire {
	if len(s) >= 255 {
		return append(w.u8(255).u16(uint16(len(s))), s...)
	}
	return append(w.u8(uint8(len(s))), s...)
}

// sameTexts decodes records of threeTexts with the texts looked up ahead, and record by record.
func sameTexts(t testing.TB, raw []byte) {
	t.Helper()
	ahead, ok := compile(threeTexts())
	if !ok || len(ahead.texts) != 3 || len(ahead.rows) != 0 {
		t.Fatalf("%d texts, %d rows", len(ahead.texts), len(ahead.rows))
	}
	byRow := ahead
	byRow.texts, byRow.rows = nil, ahead.texts
	d := NewDecoder(Config{})
	e := d.exporter(&source{addr: exporterAddr}, 10, 0)
	defer d.release(e)
	decode := func(p *plan) string {
		b := &flow.Batch{}
		e.work.begin(message{received: received, export: received}, b)
		e.work.common()
		err := p.records(e.work, append(make([]byte, lead), raw...), lead)
		for i := range b.Recs {
			b.Recs[i].Ord = 0
		}
		if err != nil {
			return strings.Join(append(texts(b), err.Error()), "\n")
		}
		return strings.Join(texts(b), "\n")
	}
	for range 2 { // the second time the texts are known
		if a, r := decode(&ahead), decode(&byRow); a != r {
			t.Errorf("ahead\n%s\nby row\n%s", a, r)
		}
	}
}

var manyTexts = []string{
	"", "a", "dns", "http", "www1.example.com", "user12@example.net", "  blanks  ", "padded\x00\x00", "\x00", "not \xff UTF-8",
	"a name of exactly thirty-two b.", "a name of exactly thirty-two by.", strings.Repeat("long ", 40), strings.Repeat("x", 300),
}

func textRecords() (w wire) {
	for i := range 3 * len(manyTexts) {
		text := func(n int) string { return manyTexts[(i*n+i/len(manyTexts))%len(manyTexts)] }
		w = w.u16(uint16(i)).varlen(text(1)).varlen(text(3)).varlen(text(5))
	}
	return w
}

// Texts that are looked up ahead give what they give record by record.
func TestTextsAhead(t *testing.T) {
	sameTexts(t, textRecords())
	sameTexts(t, textRecords()[:100]) // the last record is cut
	sameTexts(t, wire{}.u16(1).varlen("").varlen("").varlen(""))
}

func FuzzTexts(f *testing.F) {
	f.Add([]byte(wire{}.u16(1).varlen("dns").varlen("alice").varlen("www.example.com")))
	f.Add([]byte(wire{}.u16(1).varlen("").varlen(" a\x00").varlen(strings.Repeat("x", 33))))
	f.Fuzz(func(t *testing.T, raw []byte) {
		defer fuzztest.Guard()()
		sameTexts(t, raw)
	})
}

// Where an element before a text tells of the same, the text waits for its turn.
func TestTextsInTurn(t *testing.T) {
	f := func(want int, fields ...[]field) {
		t.Helper()
		p, ok := compile(slices.Concat(fields...))
		if !ok || len(p.texts) != want {
			t.Errorf("%d texts are looked up ahead, want %d", len(p.texts), want)
		}
	}
	app, user, host := ie(ieApplicationName, variable), ie(ieUserName, variable), ie(ieHTTPRequestHost, variable)
	port, method := ie(ieSourceTransportPort, 2), ie(ieHTTPRequestMethod, variable)
	f(3, port, app, user, host)
	f(3, app, user, host, method)
	f(2, app, user, method, host)
	f(0, method, app, user, host)
	f(0, ie(ieUserName, 8), host, user)
	f(1, user, user)
}

// A text that came before is kept as it came beside the first, also where that was looked up ahead.
func TestTextsBeside(t *testing.T) {
	setup := ipfixMessage(0, 0, set(2, tmpl(256, ieSourceTransportPort, 2, ieUserName, variable, ieUserName, variable)))
	msg := ipfixMessage(0, 0, set(256, wire{}.u16(1).varlen("alice").varlen("bob"), wire{}.u16(2).varlen("").varlen("carol"), wire{}.u16(3).varlen("").varlen("")))
	_, b := run(t, Config{}, nil, setup, msg)
	got := make([]string, len(b.Recs))
	for i := range b.Recs {
		if m := b.Metadata(&b.Recs[i]); m != nil {
			if got[i] = m.User; len(m.Unknown) == 1 {
				got[i] += " beside " + string(m.Unknown[0].Value)
			}
		}
	}
	if want := []string{"alice beside bob", "carol", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
