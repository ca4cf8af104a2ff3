package netflow

import (
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

var (
	addresses = tmpl(256, 8, 4, 12, 4)
	pair      = wire{}.u32(0x0a000001, 0x0a000002)
)

// Malformed messages, beside those of TestPublishedBugs: each has its reason, and what was good
// before the fault is kept.
func TestMalformed(t *testing.T) {
	f := func(name string, want error, records int, sets ...wire) {
		t.Helper()
		for _, m := range []wire{ipfixMessage(0, 0, sets...), v9Message(0, 0, asV9(sets)...)} {
			_, b := run(t, Config{}, want, m)
			if len(b.Recs) != records {
				t.Errorf("%s: %d records, want %d", name, len(b.Recs), records)
			}
		}
	}
	good := []wire{set(2, addresses), set(256, pair)}
	f("set length 0 and nothing but zeros behind", nil, 1, append(good[:2:2], make(wire, 40))...)
	f("reserved set", nil, 1, append(good[:2:2], set(99, pair))...)
	f("template with too many fields", ErrTemplate, 0, set(2, tmpl(256, make([]uint16, 2*(maxFields+1))...)))
	f("template id below 256", ErrTemplate, 0, set(2, tmpl(255, 8, 4)))
	f("no room for what follows", ErrRecord, 0, set(2, tmpl(256, 371, variable, 1, 8)), set(256, wire("\x02abcdefghi")))
	f("templates after the bad one are taken", ErrTemplate, 1, set(2, tmpl(300, 8, 0), addresses), set(256, pair))
}

// asV9 makes sets of IPFIX to flowsets of v9.
func asV9(sets []wire) (out []wire) {
	for _, s := range sets {
		s = append(wire{}, s...)
		if s[0] == 0 && s[1] == 2 {
			s[1] = 0
		}
		out = append(out, s)
	}
	return out
}

func TestMalformedOptions(t *testing.T) {
	f := func(name string, want error, m wire) {
		t.Helper()
		d, _ := run(t, Config{}, want, m)
		if n := stat(d.Stats(), "options_records"); n != 0 {
			t.Errorf("%s: %d options records", name, n)
		}
	}
	data := set(257, make(wire, 8))
	f("nothing but a header", ErrTemplate, v9Message(0, 0, set(1, wire{}.u16(257, 4)), data))
	f("no fields", ErrTemplate, v9Message(0, 0, set(1, wire{}.u16(257, 0, 0)), data))
	f("more scopes than fields", ErrTemplate, ipfixMessage(0, 0, set(3, wire{}.u16(257, 1, 2).u16(34, 4)), data))
	f("all of no length", ErrTemplate, ipfixMessage(0, 0, set(3, wire{}.u16(257, 1, 1).u16(34, 0)), data))
	f("variable beyond the set", ErrRecord, ipfixMessage(0, 0, set(3, wire{}.u16(257, 1, 1).u16(96, variable)), set(257, wire("\x09abc"))))
}

func TestMessageLengths(t *testing.T) {
	f := func(name string, m wire, want error, records int) {
		t.Helper()
		d, b := run(t, Config{}, want, m)
		if len(b.Recs) != records {
			t.Errorf("%s: %d records, want %d", name, len(b.Recs), records)
		}
		wantTrailing := uint64(0)
		if strings.HasPrefix(name, "trailing") {
			wantTrailing = 1
		}
		if got := stat(d.Stats(), "trailing"); got != wantTrailing {
			t.Errorf("%s: trailing is %d", name, got)
		}
	}
	whole := ipfixMessage(0, 0, set(2, addresses), set(256, pair))
	f("as it should be", whole, nil, 1)
	f("padded frame", append(whole[:len(whole):len(whole)], 0, 0, 0, 0), nil, 1)
	short := append(wire{}, whole...)
	short[3] -= 2 // as an exporter of Telegraf's issue 14370 does
	f("length two bytes too short", short, nil, 1)
	f("cut", whole[:len(whole)-1], ErrLength, 0)
	f("length below its header", wire{}.u16(10, 15).u32(0, 0, 0), ErrLength, 0)
	f("header cut", whole[:15], ErrShort, 0)
	v9 := v9Message(0, 0, set(0, addresses), set(256, pair), set(256, pair))
	f("v9 header cut", v9[:19], ErrShort, 0)
	f("v9", v9, nil, 2)
	v9[3] = 2 // flowsets, where there are three
	f("trailing flowset", v9, nil, 1)
}

// Withdrawal, of one and of all, and redefinition.
func TestTemplateLife(t *testing.T) {
	f := func(name string, records, waiting int, messages ...wire) {
		t.Helper()
		d, b := run(t, Config{}, nil, messages...)
		if len(b.Recs) != records || stat(d.Stats(), "held") != uint64(waiting) {
			t.Errorf("%s: %d records and %d sets held, want %d and %d", name, len(b.Recs), stat(d.Stats(), "held"), records, waiting)
		}
	}
	define, data := set(2, addresses), set(256, pair)
	f("withdrawn", 1, 1, ipfixMessage(0, 0, define, data, set(2, wire{}.u16(256, 0)), data))
	f("all withdrawn", 1, 1, ipfixMessage(0, 0, define, data), ipfixMessage(1, 0, set(2, wire{}.u16(2, 0)), data))
	f("all options withdrawn, others stay", 2, 0, ipfixMessage(0, 0, define, data), ipfixMessage(1, 0, set(3, wire{}.u16(3, 0)), data))
	f("withdrawn and defined again", 2, 0, ipfixMessage(0, 0, define, data, set(2, wire{}.u16(256, 0)), data, define))
	f("redefined: 8 bytes are two records", 3, 0, ipfixMessage(0, 0, define, data, set(2, tmpl(256, 8, 4)), data))
	f("redefined as options", 1, 0, ipfixMessage(0, 0, define, data, set(3, wire{}.u16(256, 1, 1).u16(149, 4)), data))
	f("withdrawal of what is not known", 0, 1, ipfixMessage(0, 0, set(2, wire{}.u16(256, 0)), data))
	f("of another domain", 0, 1, ipfixMessage(0, 1, define), ipfixMessage(0, 2, data))
	f("of another version", 0, 1, v9Message(0, 1, set(0, addresses)), ipfixMessage(0, 1, data))
}

// A new source port keeps the templates; another address has its own.
func TestTemplatesBelongToTheAddress(t *testing.T) {
	d, b := NewDecoder(Config{}), &flow.Batch{}
	other := flow.MustAddr("192.0.2.2")
	for _, step := range []struct {
		addr flow.Addr
		port uint16
		msg  wire
	}{{exporterAddr, 1, ipfixMessage(0, 0, set(2, addresses))}, {exporterAddr, 2, ipfixMessage(0, 0, set(256, pair))}, {other, 1, ipfixMessage(0, 0, set(256, pair))}} {
		if err := d.Datagram(step.addr, step.port, step.msg, received, b); err != nil {
			t.Error(err)
		}
	}
	if len(b.Recs) != 1 || stat(d.Stats(), "held") != 1 {
		t.Errorf("%d records, %d held", len(b.Recs), stat(d.Stats(), "held"))
	}
	ex := d.Exporters()
	if len(ex) != 2 || ex[0].Addr != exporterAddr || ex[0].Port != 2 || ex[0].Records != 1 || ex[0].Templates != 1 || ex[1].Waiting != 1 {
		t.Errorf("exporters: %+v", ex)
	}
}

// Data before its template waits, within bounds, with the times of its own message.
func TestHold(t *testing.T) {
	data, define := ipfixMessage(0, 0, set(256, absoluteRecord(0))), ipfixMessage(1, 0, set(2, absolute(256)))
	d, b := NewDecoder(Config{}), &flow.Batch{}
	at := func(seconds int64, m wire) {
		t.Helper()
		if err := d.Datagram(exporterAddr, 2055, m, received+seconds*1e9, b); err != nil {
			t.Error(err)
		}
	}
	at(0, data)
	at(5, define)
	wants(t, b, "src=10.0.0.1:40000 received=2023-11-14T22:13:20.5Z start=2023-11-14T22:13:18Z ord=1")
	at(6, data)
	balance(t, d)
	if n := stat(d.Stats(), "held_decoded"); n != 1 {
		t.Errorf("%d sets decoded later", n)
	}

	d, b = NewDecoder(Config{HoldAge: time.Minute}), &flow.Batch{}
	at(0, data)
	at(61, define)
	balance(t, d)
	if len(b.Recs) != 0 || stat(d.Stats(), "held_dropped") != 1 {
		t.Errorf("what was too old: %d records, %d dropped", len(b.Recs), stat(d.Stats(), "held_dropped"))
	}

	d, b = NewDecoder(Config{Hold: 4 * (heldBytes + 80)}), &flow.Batch{}
	for range 100 {
		at(0, data)
	}
	balance(t, d)
	if n := stat(d.Stats(), "held"); n == 0 || n > 4 {
		t.Errorf("%d sets held", n)
	}
	at(0, define)
	balance(t, d)
	if n := stat(d.Stats(), "held"); n != 0 || len(b.Recs) == 0 || d.state.Load() != int64(d.exporters[exporterKey{addr: exporterAddr, domain: 0, version: 10}].templates.byID[256].cost()) {
		t.Errorf("%d sets held after the template, %d records, %d bytes of state", n, len(b.Recs), d.state.Load())
	}

	d, b = NewDecoder(Config{Hold: -1}), &flow.Batch{}
	at(0, data)
	balance(t, d)
	if stat(d.Stats(), "held_dropped") != 1 {
		t.Error("held although told not to")
	}
}

// An exporter that is of use outlives those that are not.
func TestExporterEviction(t *testing.T) {
	d, b := NewDecoder(Config{MaxExporters: 50}), &flow.Batch{}
	good, data := ipfixMessage(0, 0, set(2, addresses)), ipfixMessage(0, 0, set(256, pair))
	if err := d.Datagram(exporterAddr, 1, good, received, b); err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		if err := d.Datagram(flow.Addr4(uint32(i)), 1, data, received+int64(i), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Datagram(exporterAddr, 1, data, received, b); err != nil || len(b.Recs) != 1 {
		t.Errorf("the exporter was forgotten: %v, %d records", err, len(b.Recs))
	}
	balance(t, d)
}
