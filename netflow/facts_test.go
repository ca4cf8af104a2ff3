package netflow

import (
	"fmt"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// fixedText is s, padded with zeros to n bytes.
func fixedText(s string, n int) wire { return append(wire(s), make(wire, n-len(s))...) }

// What routers call their interfaces, VRFs and applications stands in the flows that follow.
func TestNamesFromOptions(t *testing.T) {
	data := set(256, wire{}.u32(0x0a000001, 3, 4, 7, 8, 0x0d000050))
	template := set(2, tmpl(256, 8, 4, 10, 4, 14, 4, 234, 4, 235, 4, 95, 4))
	ifs := optionsTemplate(257, 1, 149, 4, 10, 4, 82, 16, 83, 16) // Cisco's interface table: the system is the scope
	scoped := optionsTemplate(258, 1, 14, 4, 82, variable)
	vrfs := optionsTemplate(259, 1, 149, 4, 234, 4, 236, 16)
	apps := optionsTemplate(260, 1, 95, 4, 96, 16, 94, 32)
	f := func(want string, sets ...wire) {
		t.Helper()
		_, b := run(t, Config{}, nil, ipfixMessage(0, 0, append(append([]wire{template, ifs, scoped, vrfs, apps}, sets...), data)...))
		wants(t, b, want)
	}
	row := func(id uint16, parts ...wire) wire { return set(id, parts...) }
	in := row(257, wire{}.u32(0, 3), fixedText("Gi0/1", 16), fixedText("to office", 16))
	f(`!"Names"`, row(257, wire{}.u32(0, 99), fixedText("Gi9", 16), fixedText("", 16)))
	f(`in=3 out=4 meta={"Names":{"InIf":"Gi0/1","InIfAlias":"to`, in)
	f(`meta={"Names":{"InIf":"Gi0/2"},"Unknown":[{"PEN":0,"ID":234,"Name":"ingressVRFID","Value":"AAAABw=="},{"PEN":0,"ID":235,"Name":"egressVRFID","Value":"AAAACA=="},{"PEN":0,"ID":95,"Name":"applicationId","Value":"DQAAUA=="}]}`,
		in, row(257, wire{}.u32(0, 3), fixedText("Gi0/2", 16), fixedText("Gi0/2", 16))) // told anew; the description repeats the name
	f(`meta={"Names":{"OutIf":"Gi0/4"},"Unknown":[{"PEN":0,"ID":234,"Name":"ingressVRFID","Value":"AAAABw=="},{"PEN":0,"ID":235,"Name":"egressVRFID","Value":"AAAACA=="},{"PEN":0,"ID":95,"Name":"applicationId","Value":"DQAAUA=="}]}`,
		row(258, wire{}.u32(4), wire("\x05Gi0/4")))
	f(`meta={"AppName":"http","Names":{"InVRF":"red","OutVRF":"blue"}}`,
		row(259, wire{}.u32(0, 7), fixedText("red", 16), wire{}.u32(0, 8), fixedText("blue", 16)),
		row(260, wire{}.u32(0x0d000050), fixedText("http", 16), fixedText("World Wide Web traffic", 32)))
	f(`meta={"AppName":"World`, row(260, wire{}.u32(0x0d000050), fixedText("", 16), fixedText("World Wide Web traffic", 32)))
}

// optionsTemplate makes an options template of IPFIX.
func optionsTemplate(id uint16, scopes uint16, fields ...uint16) wire {
	return set(3, wire{}.u16(id, uint16(len(fields)/2), scopes).u16(fields...))
}

// NetFlow v9 has its own numbers for what a record speaks of.
func TestNamesFromOptionsV9(t *testing.T) {
	template := set(1, wire{}.u16(257, 4, 4).u16(2, 2, 82, 8))
	_, b := run(t, Config{}, nil, v9Message(0, 0, template, set(257, wire{}.u16(3), fixedText("eth3", 8)),
		set(0, tmpl(256, 8, 4, 10, 2)), set(256, wire{}.u32(1).u16(3), wire{}.u32(2).u16(4))))
	wants(t, b, `in=3 meta={"Names":{"InIf":"eth3"}}`, `in=4 !meta=`)
}

// Records of a message that have nothing else of their own share their Meta.
func TestNamesAreShared(t *testing.T) {
	_, b := run(t, Config{}, nil, ipfixMessage(0, 0, naming(), set(256, records(30, func(i int) wire {
		return append(wire{}.u32(uint32(i)), wire{}.u32(3, 4+uint32(i%3))...)
	}))))
	if len(b.Recs) != 30 || len(b.Meta) != 3 {
		t.Errorf("%d records have %d Metas, want 30 and 3", len(b.Recs), len(b.Meta))
	}
	for i := range b.Recs {
		if m := b.Metadata(&b.Recs[i]); m == nil || m.Names == nil || m.Names.InIf != "if3" || !m.Names.Of(&b.Recs[i]) {
			t.Errorf("record %d has %+v", i, m)
		}
	}
}

// naming is the sets by which an exporter names interface 3 and describes data.
func naming() wire {
	w := append(wire{}, optionsTemplate(257, 1, 10, 4, 82, 4)...)
	w = append(w, set(257, wire{}.u32(3), fixedText("if3", 4))...)
	return append(w, set(2, tmpl(256, 8, 4, 10, 4, 14, 4))...)
}

// What an exporter may teach is bounded, and what is beyond it is counted.
func TestFactsAreBounded(t *testing.T) {
	d, b := NewDecoder(Config{}), &flow.Batch{}
	send := func(m wire) {
		t.Helper()
		if err := d.Datagram(exporterAddr, 1, m, received, b); err != nil {
			t.Fatal(err)
		}
	}
	send(ipfixMessage(0, 0, optionsTemplate(257, 1, 10, 4, 82, 8), optionsTemplate(258, 1, 234, 4, 236, 8), set(2, tmpl(256, 10, 4, 14, 4))))
	const more = 100
	for from := uint32(1); from <= maxInterfaces+more; from += 1000 {
		var ifs, vrfs wire
		for i := from; i < min(from+1000, maxInterfaces+more+1); i++ {
			ifs = append(ifs.u32(i), fixedText(fmt.Sprint("i", i), 8)...)
			vrfs = append(vrfs.u32(i), fixedText(fmt.Sprint("v", i), 8)...)
		}
		send(ipfixMessage(0, 0, set(257, ifs), set(258, vrfs)))
	}
	want := uint64(more + maxInterfaces + more - maxVRFs)
	if got := stat(d.Stats(), "options_dropped"); got != want {
		t.Errorf("%d names dropped, want %d", got, want)
	}
	for i := uint32(0); i < 2*maxMade; i++ {
		b.Recs, b.Meta = b.Recs[:0], b.Meta[:0]
		send(ipfixMessage(0, 0, set(256, wire{}.u32(1+i, 2+i))))
	}
	e := d.exporters[exporterKey{addr: exporterAddr, version: 10}]
	if n := len(e.facts.made); n == 0 || n > maxMade {
		t.Errorf("%d shared names, want 1 to %d", n, maxMade)
	}
	sum := madeBytes * len(e.facts.made)
	for _, tm := range e.templates.byID {
		sum += tm.cost()
	}
	for _, m := range []map[uint32]label{e.facts.interfaces, e.facts.vrfs} {
		for _, l := range m {
			sum += factBytes + len(l.name) + len(l.desc)
		}
	}
	if e.state != int64(sum) || d.state.Load() != e.state {
		t.Errorf("the account says %d and %d bytes, want %d", e.state, d.state.Load(), sum)
	}
}
