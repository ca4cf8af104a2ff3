package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/flowferry/flowferry/dashboards"
	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/mappings"
	"github.com/flowferry/flowferry/shipper/enginetest"
)

// A day of conversations of up to nine hours is told by two exporters, which cut them at different
// times. Over any range of time the dashboards' sum of bytes is what the exporters that were chosen,
// for each conversation the one that told first, have told of it: no duplicate, no session, no interim
// session is in it, and nothing is missing.
func TestEngineSums(t *testing.T) {
	notUnderRace(t)
	day := twoExporters()
	docs := stitchedDocuments(t, day)
	if len(docs["session"]) < 50 || len(docs["flow"]) < 300 {
		t.Fatalf("%d flows, %d sessions", len(docs["flow"]), len(docs["session"]))
	}
	for _, name := range enginetest.Names {
		t.Run(name, func(t *testing.T) {
			e := engine{t, enginetest.Start(t, name)}
			must(t, "setup", "--cluster", e.url)
			for stream, list := range docs {
				answer := enginetest.Must(t, "POST", e.url+"/"+mappings.DataStream(stream, "default")+"/_bulk?refresh=true", bytes.Join(list, nil))
				if bytes.Contains(answer, []byte(`"errors":true`)) {
					t.Fatalf("bulk: %.500s", answer)
				}
			}
			midnight := time.Unix(0, day.midnight)
			f := func(from, to time.Duration) {
				t.Helper()
				want := day.bytes(midnight.Add(from), midnight.Add(to))
				if got := e.sumOfBytes(midnight.Add(from), midnight.Add(to)); got != want {
					t.Errorf("from %v to %v: the dashboard sums up %d bytes, the chosen exporters told of %d", from, to, got, want)
				}
			}
			f(0, 48*time.Hour)
			f(0, 12*time.Hour)
			f(6*time.Hour, 6*time.Hour+26*time.Minute)
			f(48*time.Hour, 49*time.Hour)
			for range 50 {
				from := time.Duration(rand.IntN(24*3600)) * time.Second
				f(from, from+time.Duration(1+rand.IntN(8*3600))*time.Second)
			}
		})
	}
}

// sumOfBytes asks what the first panel of the overview asks, for a range of time.
func (e engine) sumOfBytes(from, to time.Time) uint64 {
	e.t.Helper()
	q := dashboards.Panels()[0]
	var body map[string]any
	if err := json.Unmarshal(q.Body, &body); err != nil {
		e.t.Fatal(err)
	}
	body["query"] = map[string]any{"range": map[string]any{"@timestamp": map[string]any{
		"gte": from.UTC().Format(time.RFC3339), "lt": to.UTC().Format(time.RFC3339), "format": "strict_date_optional_time"}}}
	ask, err := json.Marshal(body)
	if err != nil {
		e.t.Fatal(err)
	}
	sums := e.do("POST", "/"+q.Index+"/_search", string(ask))["aggregations"].(map[string]any)
	metric := slices.IndexFunc(dashboards.All[0].Panels[0].Metrics, func(m dashboards.Metric) bool { return m.Op == "sum" && m.Field == "network.bytes" })
	return uint64(sums[fmt.Sprint("m", metric)].(map[string]any)["value"].(float64))
}

// twoDays is what two exporters told of the same traffic, in the order of arrival.
type twoDays struct {
	midnight int64
	records  []flow.Record
	chosen   map[uint16]flow.Addr // by the client's port
}

var one, other = flow.MustAddr("192.0.2.1"), flow.MustAddr("192.0.2.2")

// twoExporters makes the records: of one exporter biflows, each cut half an hour after
// it began; of the other one two directions, all cut at :26 and :56.
func twoExporters() *twoDays {
	rnd := rand.New(rand.NewPCG(3, 6))
	d := &twoDays{midnight: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixNano(), chosen: map[uint16]flow.Addr{}}
	for i := range 100 {
		start := d.midnight + int64(rnd.IntN(20*3600))*int64(time.Second)
		end := start + int64(1+rnd.IntN(9*3600))*int64(time.Second)
		d.told(uint16(20000+i), start, end, start, one, rnd.Uint64N(1<<30))
		d.told(uint16(20000+i), start, end, d.midnight+26*int64(time.Minute), other, rnd.Uint64N(1<<30))
	}
	slices.SortFunc(d.records, func(a, b flow.Record) int { return cmp.Compare(a.Received, b.Received) })
	for i := range d.records {
		r := &d.records[i]
		r.Ord, r.Origin = uint64(i+1), 1
		if _, ok := d.chosen[client(r)]; !ok {
			d.chosen[client(r)] = r.Exporter
		}
	}
	return d
}

// told adds the pieces of one conversation, cut every half an hour counted from phase.
func (d *twoDays) told(port uint16, start, end, phase int64, by flow.Addr, rate uint64) {
	const half = 30 * int64(time.Minute)
	for from := start; from < end; {
		to := min(end, phase+((from-phase)/half+1)*half)
		if from < phase {
			to = min(end, phase)
		}
		r := flow.Record{Start: from, End: to - int64(500*time.Millisecond), Received: to, Proto: flow.ProtoTCP, Exporter: by, Via: flow.ViaIPFIX,
			Src: flow.MustAddr("10.0.0.1"), SrcPort: port, Dst: flow.MustAddr("198.51.100.80"), DstPort: 443,
			Has:       flow.HasTimes | flow.HasPorts | flow.HasProto | flow.HasBytes | flow.HasPackets | flow.HasRev,
			EndReason: flow.EndActive, Fwd: flow.Counts{Packets: 9, Bytes: 1000 + rate>>20}, Rev: flow.Counts{Packets: 9, Bytes: 1000 + rate}}
		if to == end {
			r.EndReason = flow.EndOfFlow
		}
		if by == one {
			d.records = append(d.records, r)
		} else {
			back := r
			back.Reverse()
			for _, half := range []flow.Record{r, back} {
				half.Rev, half.Has, half.Received = flow.Counts{}, half.Has&^flow.HasRev, half.Received+int64(3*time.Second)
				d.records = append(d.records, half)
			}
		}
		from = to
	}
}

// client is the port of a record that is not the server's.
func client(r *flow.Record) uint16 { return max(r.SrcPort, r.DstPort) }

// bytes adds up what the chosen exporters told of flows that ended in a range of time.
func (d *twoDays) bytes(from, to time.Time) (sum uint64) {
	for i := range d.records {
		if r := &d.records[i]; r.Exporter == d.chosen[client(r)] && r.End >= from.UnixNano() && r.End < to.UnixNano() {
			sum += r.Fwd.Bytes + r.Rev.Bytes
		}
	}
	return sum
}

// Run gives the records as a source does.
func (d *twoDays) Run(_ context.Context, emit func(*flow.Batch)) error {
	for i := range d.records {
		b := flow.NewBatch()
		b.Recs = append(b.Recs, d.records[i])
		b.Now = d.records[i].Received
		emit(b)
	}
	return nil
}

// stitchedDocuments carries what d tells through the product's stages and gives the lines of
// bulk requests, by stream.
func stitchedDocuments(t *testing.T, d *twoDays) map[string][][]byte {
	t.Helper()
	cfg, err := loadConfig("")
	if err != nil {
		t.Fatal(err)
	}
	s, err := newStages(cfg, true)
	if err != nil {
		t.Fatal(err)
	}
	k := bulkKeeper{}
	p := &flow.Pipeline{Stages: s.forPipeline().forShard, Sink: k, Block: true}
	if err := p.Run(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	return k
}

type bulkKeeper map[string][][]byte

func (k bulkKeeper) Put(_ context.Context, b *flow.Batch) error {
	for i := range b.Recs {
		r := &b.Recs[i]
		line := append(ecs.AppendID([]byte(`{"create":{"_id":"`), r), "\"}}\n"...)
		k[ecs.Stream(r.Kind)] = append(k[ecs.Stream(r.Kind)], append(ecs.AppendDocument(line, b, r), '\n'))
	}
	b.Free()
	return nil
}

func (k bulkKeeper) Close(context.Context) error { return nil }
