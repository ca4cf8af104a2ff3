package main

import (
	"bytes"
	"context"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/bench/gen"
	"github.com/flowferry/flowferry/capture"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/stitch"
)

// TestMeterSeesAll meters a small capture of each profile: every packet and byte is in a flow,
// there is a flow for each conversation, and the mix is labelled.
func TestMeterSeesAll(t *testing.T) {
	for _, p := range gen.Profiles {
		file := filepath.Join(t.TempDir(), "capture.pcap")
		made, err := makeCapture(file, p, 8<<20)
		if err != nil {
			t.Fatal(err)
		}
		src, err := capture.NewSource(file, capture.Config{})
		if err != nil {
			t.Fatal(err)
		}
		var n counted
		if err := src.Run(context.Background(), n.batch); err != nil {
			t.Fatal(err)
		}
		if n.packets != uint64(made.Packets) || n.bytes != made.Bytes {
			t.Errorf("%v: %d packets and %d bytes in flows, %d and %d in the file", p, n.packets, n.bytes, made.Packets, made.Bytes)
		}
		// Two conversations may draw the same addresses and ports.
		if n.flows > made.Flows || n.flows < made.Flows*99/100 {
			t.Errorf("%v: %d flows of %d conversations", p, n.flows, made.Flows)
		}
		if p == gen.Mix && n.labelled < n.flows/2 {
			t.Errorf("%v: %d of %d flows have a label", p, n.labelled, n.flows)
		}
	}
}

// TestDocumentsSame holds the three forms of the document benchmark to the same content.
func TestDocumentsSame(t *testing.T) {
	w, err := newWriting(2000)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.maps) < 1000 || len(w.structs) != len(w.maps) || w.bytes == 0 {
		t.Errorf("%d structs and %d maps of %d bytes", len(w.structs), len(w.maps), w.bytes)
	}
	w.maps[0]["one more"] = "field"
	if err := w.same(); err == nil {
		t.Error("a field that the struct lacks was not noticed")
	}
}

// TestStoreAnswers asks our store the benchmark's questions and adds the flows up by hand.
func TestStoreAnswers(t *testing.T) {
	dir, stream := t.TempDir(), gen.NewStream(gen.V9, 5000, 1)
	if _, err := fillStore(context.Background(), dir, stream); err != nil {
		t.Fatal(err)
	}
	for _, q := range questions {
		r, err := ask(dir, q.by, q.sum, q.query)
		if err != nil {
			t.Fatal(err)
		}
		if q.query == "" && (r.Total.Count != int64(stream.Flows) || r.Total.Sum[0] != float64(stream.Bytes)) {
			t.Errorf("%s: %d flows and %.0f bytes of %d and %d", q.what, r.Total.Count, r.Total.Sum[0], stream.Flows, stream.Bytes)
		}
		if len(r.Rows) != 10 || r.Groups <= 10 {
			t.Errorf("%s: %d rows of %d groups", q.what, len(r.Rows), r.Groups)
		}
	}
}

func TestNfdumpAnswer(t *testing.T) {
	got, err := nfdumpAnswer("ts,te,td,pr,val,fl,flP,pkt,pktP,byt,bytP,pps,bps,bpp\n"+
		"2025-06-02 12:00:00,2025-06-02 12:01:04,63.930,any,81.2.69.143,394,2.9,8180,5.8,10578223,10.5,127,1323725,1293\n\n", "val", "byt")
	if want := "81.2.69.143 10578223\n"; got != want || err != nil {
		t.Errorf("%q %v, want %q", got, err, want)
	}
}

// TestAccount makes sure that a lost flow is found out.
func TestAccount(t *testing.T) {
	f := func(ok bool, kept int, numbers ...uint64) {
		t.Helper()
		n, a := account{}, arrived{datagrams: 10, sent: 200}
		for i, name := range []string{"netflow.datagrams", "netflow.kernel_drops", "netflow.records", "stitch.flows",
			"stitch.paired", "stitch.duplicates", "pipeline.queue_drops"} {
			n[name] = numbers[i]
		}
		if err := n.check(&a); (err == nil) != ok || a.kept != kept {
			t.Errorf("%v: kept %d, %v", numbers, a.kept, err)
		}
	}
	f(true, 200, 10, 0, 200, 120, 80, 0, 0)
	f(true, 150, 10, 0, 200, 100, 40, 10, 50)
	f(true, 180, 9, 1, 180, 180, 0, 0, 0)
	f(false, 0, 9, 0, 200, 200, 0, 0, 0)  // a datagram is missing
	f(false, 0, 10, 0, 199, 199, 0, 0, 0) // a flow was not decoded
	f(false, 0, 10, 0, 200, 199, 0, 0, 0) // a record went astray
}

// TestArrived makes sure that a lost document is found out.
func TestArrived(t *testing.T) {
	f := func(ok bool, came int, n account) {
		t.Helper()
		if err := n.arrived(came); (err == nil) != ok {
			t.Errorf("%v: %d came, %v", n, came, err)
		}
	}
	f(true, 0, account{"stitch.flows": 7})
	f(true, 8, account{"stitch.flows": 7, "stitch.sessions": 1, "shipper.documents_in": 8})
	f(false, 7, account{"stitch.flows": 7, "stitch.sessions": 1, "shipper.documents_in": 8})
	f(false, 7, account{"stitch.flows": 7, "stitch.sessions": 1, "shipper.documents_in": 7})
}

// TestNullEngine ships into the engine that throws away: it counts each document.
func TestNullEngine(t *testing.T) {
	for _, compression := range []int{-1, 1} {
		e := &nullEngine{}
		server := httptest.NewServer(e)
		s := &suite{dir: t.TempDir()}
		sink, err := s.ships(server.URL, compression)
		if err != nil {
			t.Fatal(err)
		}
		made := 0
		err = eachBatch(gen.NewStream(gen.V9, 2000, 1), nil, func(b *flow.Batch) error {
			made += len(b.Recs)
			return sink.Put(t.Context(), b)
		})
		if err := errors.Join(err, sink.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
		server.Close()
		if came := e.docs.Load(); made != 2000 || came != 2000 {
			t.Errorf("compression %d: %d documents of %d came", compression, came, made)
		}
	}
}

// TestWay holds the stages together: what goes in is kept, paired or merged.
func TestWay(t *testing.T) {
	through, err := stages()
	if err != nil {
		t.Fatal(err)
	}
	stream := gen.NewStream(gen.V9, 5000, 1)
	batches, err := records(stream, through)
	if err != nil {
		t.Fatal(err)
	}
	n, written, enriched := account{}, uint64(0), 0
	n.add(through[0].(*stitch.Table))
	for _, b := range batches {
		for i := range b.Recs {
			if b.Recs[i].Kind == flow.KindFlow {
				written++
			}
			if e := b.Enrichment(&b.Recs[i]); e != nil && (e.Src != nil || e.Dst != nil) {
				enriched++
			}
		}
	}
	if n["stitch.flows"] != written || written+n["stitch.paired"]+n["stitch.duplicates"] != uint64(stream.Flows) || n["stitch.paired"] < 1000 {
		t.Errorf("of %d flows %d were written: %v", stream.Flows, written, n)
	}
	if enriched < len(batches) {
		t.Errorf("%d records were enriched", enriched)
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	table(&b, [][]string{{"", "ns", "does"}, {"one", "1.5", "this"}, {"another", "1,000", "that too"}})
	want := `
|         |    ns | does     |
|---------|------:|----------|
| one     |   1.5 | this     |
| another | 1,000 | that too |
`
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}

// TestOnly refuses a section that is not there, with the names of those that are.
func TestOnly(t *testing.T) {
	s := &suite{out: &bytes.Buffer{}, quick: true}
	if err := s.main(t.TempDir(), "decode,nonsense"); err == nil || !strings.Contains(err.Error(), "meter") {
		t.Errorf("%v", err)
	}
}

// TestOnce lets a slow contender take one turn of all the rounds.
func TestOnce(t *testing.T) {
	turns := 0
	slow := contender{"slow", "", once(func(context.Context) (cost, error) { turns++; return cost{cpu: 7}, nil })}
	fast := contender{"fast", "", func(context.Context) (cost, error) { return cost{cpu: 1}, nil }}
	result, err := race(context.Background(), 3, []contender{fast, slow})
	if err != nil || turns != 1 || len(result[1].costs) != 3 || result[1].costs[2].cpu != 7 {
		t.Errorf("%d turns, %v, %v", turns, result[1].costs, err)
	}
}
