package metrics

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
)

var exporterAddr = flow.MustAddr("192.0.2.1")

// parsed reads documents, and checks what holds for all: ids and numbers rise by one.
func parsed(t *testing.T, origin uint64, first int64, docs []ecs.Document) (all []*Document) {
	t.Helper()
	for i := range docs {
		d, err := Parse(docs[i].Text)
		if err != nil {
			t.Fatalf("%v in %s", err, docs[i].Text)
		}
		if n := first + int64(i); d.Sequence != n || docs[i].ID != ecs.ID(origin, uint64(n)) || d.Origin != fmt.Sprintf("%016x", origin) || d.Time != docs[i].Time {
			t.Errorf("document %d is numbered %d, with id %s", n, d.Sequence, docs[i].ID)
		}
		all = append(all, d)
	}
	return all
}

// The intervals of an exporter add up to its totals, over a silence, over datagrams found late, and
// over its being forgotten in between.
func TestIntervals(t *testing.T) {
	r := NewReporter(7, 100)
	account := func(first, last int64, datagrams uint64, lost int64) netflow.ExporterStats {
		return netflow.ExporterStats{Addr: exporterAddr, Domain: 5, Via: flow.ViaIPFIX, LostUnit: "records", First: first, Last: last,
			Datagrams: datagrams, Records: 2 * datagrams, Lost: lost, Templates: 3}
	}
	n := int64(1)
	f := func(now int64, s netflow.ExporterStats, start, datagrams, lost int64) {
		t.Helper()
		docs := parsed(t, 7, n, r.Report(now, []netflow.ExporterStats{s}))
		n++
		if len(docs) != 1 {
			t.Fatalf("%d documents", len(docs))
		}
		d := docs[0]
		if d.Start != start || d.End != now || d.Duration != now-start || d.Time != now || d.Interval.Datagrams != datagrams || d.Interval.Records != 2*datagrams || d.Interval.Lost != lost {
			t.Errorf("from %d to %d (%d): %+v", d.Start, d.End, d.Duration, d.Interval)
		}
		if d.Total.Datagrams != int64(s.Datagrams) || d.Total.Lost != s.Lost || d.Templates != 3 || d.LostUnit != "records" || d.Domain != 5 || d.Via != "ipfix" {
			t.Errorf("%+v", d)
		}
	}
	f(1000, account(400, 900, 10, 4), 400, 10, 4)
	f(2000, account(400, 1900, 15, 4), 1000, 5, 0)
	f(3000, account(400, 1900, 15, 4), 2000, 0, 0)  // silence
	f(4000, account(400, 3900, 16, 1), 3000, 1, -3) // what was lost came late
	f(5000, account(4500, 4600, 2, 0), 4500, 2, 0)  // forgotten, and heard anew
	f(6000, account(5500, 5600, 7, 1), 5500, 7, 1)  // the same, with more than before
	f(7000, account(0, 5600, 0, 0), 100, 0, 0)      // its state was loaded, nothing came
	f(8000, account(7500, 7600, 1, 0), 7000, 1, 0)  // then something did
	f(7000, account(7500, 7600, 1, 0), 7000, 0, 0)  // our own clock was set back
	r = NewReporter(7, 100)                         // a collector that has just begun
	n = 1                                           //
	f(1000, account(0, 50, 0, 0), 100, 0, 0)        // knows it from its state
}

// The connections of an exporter are one exporter: when one ends, and its account goes to the next,
// nothing is counted twice.
func TestConnections(t *testing.T) {
	r := NewReporter(7, 0)
	session := func(id uint64, first, last int64, datagrams uint64) netflow.ExporterStats {
		return netflow.ExporterStats{Addr: exporterAddr, Via: flow.ViaIPFIX, By: netflow.OverTLS, Session: id, First: first, Last: last, Datagrams: datagrams, Templates: 1}
	}
	f := func(now, datagrams, total, connections int64, sessions ...netflow.ExporterStats) {
		t.Helper()
		all := r.Report(now, sessions)
		d, err := Parse(all[0].Text)
		if err != nil || len(all) != 1 || d.Interval.Datagrams != datagrams || d.Total.Datagrams != total || d.Connections != connections || d.First != 10 {
			t.Errorf("%v: %+v", err, d)
		}
		if d.Transport != "tls" || d.Templates != int64(len(sessions)) {
			t.Errorf("%+v", d)
		}
	}
	f(100, 8, 8, 2, session(1, 10, 90, 5), session(2, 20, 80, 3))
	f(200, 2, 10, 2, session(0, 10, 90, 5), session(2, 20, 180, 4), session(3, 150, 190, 1)) // the first ended
	f(300, 1, 11, 1, session(0, 10, 90, 5), session(2, 10, 280, 6))
}

func TestTags(t *testing.T) {
	f := func(via flow.Via, skew int64, want string) {
		t.Helper()
		docs := NewReporter(7, 0).Report(1000, []netflow.ExporterStats{{Addr: exporterAddr, Via: via, First: 1, Last: 2, Skew: skew}})
		d, err := Parse(docs[0].Text)
		if got := fmt.Sprint(d.Skew, d.Tags); err != nil || got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f(flow.ViaNetFlow9, 0, "0 []")
	f(flow.ViaNetFlow9, 300_000_000_000, "300000 []")
	f(flow.ViaNetFlow9, 300_000_000_001, "300000 [clock_skew]")
	f(flow.ViaNetFlow5, -360_000_000_000, "-360000 [clock_skew]")
	f(flow.ViaSFlow, 360_000_000_000, "0 []") // it tells no time
}

// words prints what is not empty, with one space between.
func words(all ...any) string { return strings.Join(strings.Fields(fmt.Sprintln(all...)), " ") }

// Counters of an interface are told when they have come, with what they grew by: over their wrap,
// and not over a restart. What the agent does not have is absent.
func TestInterfaces(t *testing.T) {
	r := NewReporter(7, 0)
	f := func(c netflow.InterfaceCounters, want string) {
		t.Helper()
		docs := r.Report(1e9, []netflow.ExporterStats{{Addr: exporterAddr, Via: flow.ViaSFlow, Interfaces: []netflow.InterfaceCounters{c}}})
		got := ""
		for _, doc := range docs[1:] {
			d, err := Parse(doc.Text)
			if err != nil || d.Action != Interface || d.Time != c.Received || d.IfID != "3" {
				t.Errorf("%v: %+v", err, d)
			}
			got = words(d.Duration, d.IfInterval.In.Octets, d.IfInterval.In.Packets, d.IfInterval.Out.Octets, d.IfTotal.In.Octets, d.IfSpeed, d.IfDuplex, d.IfAdmin, d.IfOper)
			if d.parts&partInterface == 0 {
				got = d.IfName
			}
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	at := func(received int64, in, out uint64, packets uint32) netflow.InterfaceCounters {
		return netflow.InterfaceCounters{Index: 3, Received: received, Type: 6, Speed: 1e9, Direction: 1, Status: 1,
			InOctets: in, OutOctets: out, InUnicast: packets, InMulticast: 1, InBroadcast: 1<<32 - 1}
	}
	f(at(100, 1000, 5, 7), "0 0 0 0 1000 1000000000 full up down")
	f(at(100, 1000, 5, 7), "") // nothing new
	f(at(200, 1500, 5, 9), "100 500 2 0 1500 1000000000 full up down")
	f(at(300, 1500, 6, 1<<32-2), "100 0 4294967285 1 1500 1000000000 full up down")
	f(at(400, 1600, 6, 3), "100 100 5 0 1600 1000000000 full up down") // wrapped
	f(at(500, 10, 6, 0), "0 0 0 0 10 1000000000 full up down")         // restarted
	f(at(600, 10, 1<<64-1, 0), fmt.Sprint("100 0 0 ", unknown, " 10 1000000000 full up down"))
	f(netflow.InterfaceCounters{Index: 3, Received: 700, Name: "Gi0/3"}, "Gi0/3") // only its name came
	f(at(800, 20, 0, 0), "0 0 0 0 20 1000000000 full up down")
}

// ipfix makes a message of one set.
func ipfix(seq uint32, id uint16, body ...any) []byte {
	var set []byte
	for _, v := range body {
		set, _ = binary.Append(set, binary.BigEndian, v)
	}
	head := []any{uint16(10), uint16(20 + len(set)), uint32(1.7e9), seq, uint32(0), id, uint16(4 + len(set))}
	var msg []byte
	for _, v := range head {
		msg, _ = binary.Append(msg, binary.BigEndian, v)
	}
	return append(msg, set...)
}

// What options tell is told once, and again only when it has changed.
func TestFacts(t *testing.T) {
	d, r := netflow.NewDecoder(netflow.Config{}), NewReporter(7, 0)
	now := int64(1.7e18)
	f := func(message []byte, want ...string) {
		t.Helper()
		if err := d.Datagram(exporterAddr, 4739, message, now, &flow.Batch{}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, doc := range r.Report(now, d.Exporters())[1:] {
			f, err := Parse(doc.Text)
			if err != nil || f.Action != Learned || f.Kind != "state" || f.Time != now || f.Exporter != exporterAddr || f.Via != "ipfix" {
				t.Errorf("%v: %s", err, doc.Text)
			}
			got = append(got, words(f.IfID, f.IfName, f.IfAlias, f.VRFID, f.VRFName, f.AppID, f.AppName, f.AppDesc, f.Sampler, f.Rate, f.Mode))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	template := func(id, scope, scopeBytes uint16, fields ...uint16) []any {
		return []any{id, uint16(1 + len(fields)/2), uint16(1), scope, scopeBytes, fields}
	}
	f(ipfix(0, 3, template(256, 10, 4, 82, 4, 83, 4)...))
	f(ipfix(0, 256, uint32(3), []byte("Gi03"), []byte("WAN\x00"), uint32(4), []byte("Gi04"), []byte("Gi04")), "3 Gi03 WAN 0", "4 Gi04 0")
	f(ipfix(2, 256, uint32(3), []byte("Gi03"), []byte("WAN\x00")))
	f(ipfix(3, 256, uint32(3), []byte("Gi03"), []byte("LAN\x00")), "3 Gi03 LAN 0")
	f(ipfix(4, 256, uint32(3), []byte("Gi03"), []byte("WAN\x00")), "3 Gi03 WAN 0")
	f(ipfix(5, 3, template(257, 234, 4, 236, 4)...))
	f(ipfix(5, 257, uint32(9), []byte("blue")), "9 blue 0")
	f(ipfix(6, 3, template(258, 95, 4, 96, 4, 94, 8)...))
	f(ipfix(6, 258, uint32(0x0d000001), []byte("http"), []byte("Web page")), "218103809 http Web page 0")
	f(ipfix(7, 3, template(259, 302, 8, 304, 2, 50, 4)...))
	f(ipfix(7, 259, uint64(6), uint16(3), uint32(100)), "6 100 random")
	f(ipfix(8, 3, template(260, 10, 4, 34, 4, 35, 1)...))
	f(ipfix(8, 260, uint32(3), uint32(10), uint8(1)), "3 10 deterministic")
	f(ipfix(9, 3, template(261, 144, 4, 34, 4)...))
	f(ipfix(9, 261, uint32(1), uint32(20)), "20")
	f(ipfix(10, 261, uint32(1), uint32(20)))
}

// Of a file the documents are the same each time it is read, and in the time of the file.
func TestFile(t *testing.T) {
	read := func() []ecs.Document {
		d := netflow.NewDecoder(netflow.Config{Origin: 7})
		for i, domain := range []uint32{3, 1, 2} {
			m := ipfix(0, 3, uint16(256), uint16(2), uint16(1), uint16(10), uint16(4), uint16(82), uint16(4))
			binary.BigEndian.PutUint32(m[12:], domain)
			if err := d.Datagram(exporterAddr, 1, m, 1.7e18+int64(i), &flow.Batch{}); err != nil {
				t.Fatal(err)
			}
		}
		return NewReporter(7, 0).Report(0, d.Exporters())
	}
	docs := read()
	for i, d := range parsed(t, 7, 1, docs) {
		if at := 1.7e18 + []int64{1, 2, 0}[i]; d.Domain != int64(i+1) || d.Time != at || d.Start != at || d.Total != d.Interval || d.Total.Datagrams != 1 {
			t.Errorf("%+v", d)
		}
	}
	for range 5 {
		if again := read(); fmt.Sprint(again) != fmt.Sprint(docs) {
			t.Errorf("got %v\nand %v", docs, again)
		}
	}
}
