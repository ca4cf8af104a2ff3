package dashboards_test

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/flowferry/flowferry/dashboards"
	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/mappings"
	"github.com/flowferry/flowferry/shipper/enginetest"
)

// traffic is a day of a small network: browsing, DNS, a scan, a host on a watchlist, from two
// exporters.
func traffic() *flow.Batch {
	b := &flow.Batch{Recs: make([]flow.Record, 0, 1000)}
	midnight := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC).UnixNano()
	add := func(minute int, src, dst string, port uint16, proto uint8) *flow.Record {
		r := b.Next()
		*r = flow.Record{Start: midnight + int64(minute)*60e9, Has: flow.HasTimes | flow.HasPorts | flow.HasProto | flow.HasBytes | flow.HasPackets | flow.HasRev,
			Src: flow.MustAddr(src), Dst: flow.MustAddr(dst), SrcPort: uint16(40000 + minute), DstPort: port, Proto: proto,
			Exporter: flow.Addr4(0xC0000201 + uint32(minute%2)), Sampling: 1, Via: flow.ViaIPFIX, Origin: 1, Ord: uint64(len(b.Recs)),
			Fwd: flow.Counts{Bytes: 600, Packets: 6}, Rev: flow.Counts{Bytes: 9000, Packets: 8}, State: flow.StateEstablished, EndReason: flow.EndOfFlow}
		r.End = r.Start + 2e9
		return r
	}
	gb := &flow.Place{Country: "United Kingdom", CountryISO: "GB"}
	for i := range 200 {
		r := add(i*7, fmt.Sprintf("10.0.0.%d", i%20), fmt.Sprintf("81.2.69.%d", i%30), 443, flow.ProtoTCP)
		r.App = flow.AppTLS
		b.SetEnr(r, flow.Enr{Src: &flow.Place{Internal: true}, Dst: gb, Direction: "outbound", Service: "https"})
		r = add(i*7, fmt.Sprintf("10.0.0.%d", i%20), "10.0.0.53", 53, flow.ProtoUDP)
		r.App, r.EndReason = flow.AppDNS, flow.EndIdle
		b.SetMeta(r, flow.Meta{DNS: &flow.DNS{Question: fmt.Sprintf("host%d.example", i%15), Type: "A"}})
		r = add(i, "198.51.100.9", fmt.Sprintf("10.0.1.%d", i), 22, flow.ProtoTCP)
		r.State, r.Rev = flow.StateAttempt, flow.Counts{}
		b.SetEnr(r, flow.Enr{Direction: "inbound", Hits: []flow.Hit{{List: "scanners", Indicator: "198.51.100.0/24", Side: "source", Type: "ipv4-addr"}}})
	}
	return b
}

// No panel is empty on a day of traffic, on either engine.
func TestPanelsShowSomething(t *testing.T) {
	f := func(name, flavour string) {
		t.Run(name, func(t *testing.T) {
			url := enginetest.Start(t, name)
			for _, o := range mappings.Objects(flavour) {
				if !o.Optional {
					enginetest.Must(t, o.Method, url+o.Path, o.Body)
				}
			}
			b := traffic()
			var bulk []byte
			for i := range b.Recs {
				bulk = append(bulk, `{"create":{"_id":"`...)
				bulk = append(ecs.AppendID(bulk, &b.Recs[i]), "\"}}\n"...)
				bulk = append(ecs.AppendDocument(bulk, b, &b.Recs[i]), '\n')
			}
			answer := enginetest.Must(t, http.MethodPost, url+"/"+mappings.DataStream("flow", "dashboardstest")+"/_bulk?refresh=true", bulk)
			if bytes.Contains(answer, []byte(`"errors":true`)) {
				t.Fatalf("bulk: %.500s", answer)
			}
			for _, q := range dashboards.Panels() {
				n, err := q.Count(enginetest.Must(t, http.MethodPost, url+"/"+q.Index+"/_search", q.Body))
				if err != nil || n == 0 {
					t.Errorf("%s: %s is empty (%v): %s", q.Dashboard, q.Panel, err, q.Body)
				}
				t.Logf("%-28s %3d", q.Panel, n)
			}
		})
	}
	f(enginetest.OpenSearch, mappings.OpenSearch)
	f(enginetest.Elasticsearch, mappings.Elasticsearch)
}
