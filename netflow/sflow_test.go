package netflow

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// Each record of a sample, and each form of its interfaces, gives its fields.
func TestSFlowRecords(t *testing.T) {
	const plain = "via=sflow_v5 src=10.0.0.1:40000 dst=10.0.0.2:443 proto=6"
	f := func(want string, sample wire) {
		t.Helper()
		d, b := run(t, Config{}, nil, sflowMessage("192.0.2.7", 1, sample))
		sflowBalance(t, d)
		got := strings.Join(texts(b), "\n")
		for _, drop := range []string{" received=2023-11-14T22:13:20.5Z", " exporter=192.0.2.1", " domain=3", " ord=1", ` meta={"Sampler":"random","Unknown":[{"PEN":0,"ID":403,"Name":"originalExporterIPv4Address","Value":"wAACBw=="}]}`} {
			got = strings.Replace(got, drop, "", 1)
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	raw := headerRecord(1, tcpFrame())
	const counts = " fwd=1/1000 fwd.flags=PA fwd.tos=16 fwd.ttl=64 sampling=1000"
	const macs = " src.mac=02-00-00-00-00-02 dst.mac=02-00-00-00-00-01"
	with := func(records ...wire) wire { return flowSampleOf(1, 4, 9, append([]wire{raw}, records...)...) }

	f(plain+counts+" in=4 out=9 direction=ingress"+macs, with())
	f(plain+counts+" in=4 out=9 direction=ingress"+macs, expandedSampleOf(1, 4, 9, raw))
	f(plain+counts+" in=7 out=4 direction=egress"+macs, flowSampleOf(1, 7, 4, raw))
	f(plain+counts+" in=7 direction=egress"+macs, flowSampleOf(1, 7, 2<<30|5, raw))
	f(plain+counts+" in=7 direction=egress"+macs, expandedSampleOf(1, 7, 2<<32|5, raw))
	f(plain+counts+" in=4 out=4"+macs, flowSampleOf(1, 4, 4, raw))
	f(plain+counts+" in=7 out=9"+macs, flowSampleOf(1, 7, 9, raw))
	f(plain+counts+" out=4 direction=egress"+macs, flowSampleOf(1, ifInternal, 4, raw))
	f(plain+counts+" in=4 direction=ingress"+macs+` meta={"Sampler":"random","Unknown":[{"PEN":0,"ID":89,"Name":"forwardingStatus","Value":"gg=="},{"PEN":0,"ID":403,"Name":"originalExporterIPv4Address","Value":"wAACBw=="}]}`,
		flowSampleOf(1, 4, 1<<30|dropACL, raw))

	f(plain+counts+" in=4 out=9 direction=ingress vlan=10 postvlan=20"+macs, with(xdr(recordSwitch, wire{}.u32(10, 0, 20, 0))))
	f(plain+counts+" in=4 out=9 direction=ingress"+macs, with(xdr(recordSwitch, wire{}.u32(1<<32-1, 0, 0, 0))))
	f(plain+counts+" in=4 out=9 direction=ingress nexthop=10.0.0.254 src.mask=24 dst.mask=16"+macs, with(xdr(recordRouter, wire{}.addr("10.0.0.254").u32(24, 16))))
	f(plain+counts+" in=4 out=9 direction=ingress src.mask=24 dst.mask=16"+macs, with(xdr(recordRouter, wire{}.u32(0, 24, 16))))
	f(plain+counts+` in=4 out=9 direction=ingress nexthop=2001:db8::1 src.as=64500 dst.as=64504`+macs+
		` meta={"Sampler":"random","Unknown":[{"PEN":0,"ID":129,"Name":"bgpPrevAdjacentAsNumber","Value":"AAD79Q=="},{"PEN":0,"ID":128,"Name":"bgpNextAdjacentAsNumber","Value":"AAD79g=="},{"PEN":0,"ID":403,"Name":"originalExporterIPv4Address","Value":"wAACBw=="}]}`,
		with(xdr(recordGateway, wire{}.addr("2001:db8::1").u32(64499, 64500, 64501, 2, 2, 2, 64502, 64503, 1, 1, 64504, 1, 77, 100))))
	f(plain+counts+` in=4 out=9 direction=ingress`+macs+` meta={"User":"alice","Sampler":"random","Unknown":[{"PEN":0,"ID":403,"Name":"originalExporterIPv4Address","Value":"wAACBw=="}]}`,
		with(xdr(recordUser, wire{}.u32(106).opaque([]byte("alice")).u32(106).opaque([]byte("bob")))))
	f(plain+counts+` in=4 out=9 direction=ingress src.nat=198.51.100.1 src.natport=1 dst.natport=2`+macs,
		with(xdr(recordNAT, wire{}.addr("198.51.100.1").addr("10.0.0.2")), xdr(recordNATPorts, wire{}.u32(1, 2))))
	f(plain+counts+" in=4 out=9 direction=ingress"+macs, with(xdr(4444, wire{}.u8(1, 2, 3)), xdr(1<<12|1, wire{}.u32(1))))

	ip := tcpFrame()[14:]
	f(plain+counts+" in=4 direction=ingress", flowSampleOf(1, 4, 0, headerRecord(11, ip)))
	f(plain+counts+" in=4 direction=ingress mpls=100", flowSampleOf(1, 4, 0, headerRecord(13, append([]byte{0, 6, 0x41, 64}, ip...))))
	f(plain+counts+" in=4 direction=ingress", flowSampleOf(1, 4, 0, headerRecord(7, append([]byte{0xff, 3, 0, 0x21}, ip...))))
	f(plain+" fwd=1/1000 fwd.flags=PA fwd.tos=16 sampling=1000 in=4 direction=ingress", flowSampleOf(1, 4, 0,
		xdr(recordIPv4, wire{}.u32(1000, 6, 0x0a000001, 0x0a000002, 40000, 443, 0x18, 16))))
	v6 := append(append(wire{}.u32(80, 58), make([]byte, 15)...), 1)
	v6 = append(append(v6, make([]byte, 15)...), 2)
	f("via=sflow_v5 src=::1 dst=::2 proto=58 fwd=1/80 fwd.tos=0 sampling=1000 in=4 direction=ingress"+macs, flowSampleOf(1, 4, 0,
		xdr(recordEthernet, wire{}.u32(98).u8(2, 0, 0, 0, 0, 2, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0).u32(0x86dd)), xdr(recordIPv6, v6.u32(0, 0, 0, 0))))
	arp := slices.Concat(tcpFrame()[:12], []byte{8, 6}, make([]byte, 28))
	f("via=sflow_v5 src=:: dst=:: fwd=1/- sampling=1000 in=4 direction=ingress"+macs+
		` meta={"Sampler":"random","Unknown":[{"PEN":0,"ID":256,"Name":"ethernetType","Value":"CAY="},{"PEN":0,"ID":352,"Name":"layer2OctetDeltaCount","Value":"AAAALg=="},{"PEN":0,"ID":403,"Name":"originalExporterIPv4Address","Value":"wAACBw=="}]}`,
		flowSampleOf(1, 4, 0, headerRecord(1, arp)))
	f("via=sflow_v5 src=:: dst=:: fwd=1/- sampling=1000 in=4 direction=ingress"+
		` meta={"Sampler":"random","Unknown":[{"PEN":0,"ID":352,"Name":"layer2OctetDeltaCount","Value":"AAAABg=="},{"PEN":0,"ID":403,"Name":"originalExporterIPv4Address","Value":"wAACBw=="}]}`,
		flowSampleOf(1, 4, 0, headerRecord(3, []byte{1, 2})))

	discard := func(reason uint32) wire {
		return xdr(sampleDiscarded, append(wire{}.u32(1, 0, 4, 0, 4, 0, reason, 1), raw...))
	}
	const packet = " src=10.0.0.1:40000 dst=10.0.0.2:443 proto=6 fwd=1/1000 fwd.flags=PA fwd.tos=16 fwd.ttl=64 in=4 direction=ingress"
	f("kind=event via=sflow_v5 event=flow_denied"+packet+macs+` meta={"Unknown":[{"PEN":0,"ID":89,"Name":"forwardingStatus","Value":"gg=="},{"PEN":0,"ID":403,"Name":"originalExporterIPv4Address","Value":"wAACBw=="}]}`, discard(dropACL))
	f("kind=event via=sflow_v5 event=packet_dropped"+packet+macs+` meta={"Unknown":[{"PEN":0,"ID":89,"Name":"forwardingStatus","Value":"iQ=="},{"PEN":0,"ID":403,"Name":"originalExporterIPv4Address","Value":"wAACBw=="}]}`, discard(dropTTL))
}

// The exporter is who sent the datagram; the agent is named where it is another, and each has its
// own numbers; where the sender is not known the agent stands for it.
func TestSFlowAgent(t *testing.T) {
	sample := flowSampleOf(1, 4, 9, headerRecord(1, tcpFrame()))
	f := func(sender flow.Addr, agent, wantExporter, wantElement string) {
		t.Helper()
		d, b := NewDecoder(Config{}), &flow.Batch{}
		if err := d.Datagram(sender, 6343, sflowMessage(agent, 1, sample), received, b); err != nil || len(b.Recs) != 1 {
			t.Fatal(err, len(b.Recs))
		}
		got := ""
		for _, e := range b.Metadata(&b.Recs[0]).Unknown {
			got = hex.EncodeToString(e.Value)
		}
		if r := &b.Recs[0]; r.Exporter.String() != wantExporter || got != wantElement {
			t.Errorf("agent %s: exporter %v, element %s", agent, r.Exporter, got)
		}
	}
	f(agentAddr, "192.0.2.7", "192.0.2.7", "")
	f(flow.Addr{}, "192.0.2.7", "192.0.2.7", "")
	f(exporterAddr, "192.0.2.7", exporterAddr.String(), "c0000207")
	f(exporterAddr, "2001:db8::7", exporterAddr.String(), "20010db8000000000000000000000007")

	d, _ := run(t, Config{Sampling: map[string]uint32{"192.0.2.8": 7}}, nil, sflowMessage("192.0.2.7", 10, sample), sflowMessage("192.0.2.8", 90, sample), sflowMessage("192.0.2.7", 11))
	if all := d.Exporters(); len(all) != 2 || all[0].Lost+all[1].Lost != 0 || all[0].Rate != 1000 || all[1].Rate != 7 || all[1].Agent != flow.MustAddr("192.0.2.8") || all[1].Via != flow.ViaSFlow {
		t.Errorf("got %+v", all)
	}
}

// Lost, late, repeated and restarted are told apart, for datagrams and for the samples of each
// data source.
func TestSFlowSequence(t *testing.T) {
	one := func(n uint32) wire { return flowSampleOf(n, 4, 9) }
	f := func(lost, lostSamples, reordered, duplicate, restarts uint64, msgs ...wire) {
		t.Helper()
		d, _ := run(t, Config{}, nil, msgs...)
		sflowBalance(t, d)
		s := d.Stats()
		got := [...]uint64{stat(s, "sequence_lost_datagrams"), stat(s, "sflow_lost_samples"), stat(s, "sequence_reordered"), stat(s, "sequence_duplicate"), stat(s, "restarts")}
		if want := [...]uint64{lost, lostSamples, reordered, duplicate, restarts}; got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	m := func(seq uint32, samples ...wire) wire { return sflowMessage("192.0.2.7", seq, samples...) }
	f(0, 0, 0, 0, 0, m(1, one(1), one(2)), m(2, one(3)))
	f(1, 2, 0, 0, 0, m(1, one(1)), m(3, one(4)))
	f(0, 0, 1, 0, 0, m(1, one(1)), m(3, one(3)), m(2, one(2)))
	f(0, 0, 0, 1, 0, m(1, one(1)), m(2, one(2)), m(2, one(2)))
	f(0, 0, 0, 0, 1, m(500_000, one(900_000)), m(1, one(1)), m(2, one(2)))
	f(0, 1, 0, 0, 0, m(1, one(1), one(3)))                                                                     // the agent lost one itself
	f(0, 0, 0, 0, 0, m(1, one(1<<32-1)), m(2, one(0)))                                                         // wrap
	f(0, 0, 0, 0, 0, m(1, one(7), xdr(sampleCounter, wire{}.u32(90, 4, 0))), m(2, one(8)))                     // flows and counters number apart
	f(0, 0, 0, 0, 0, m(1, one(7), xdr(sampleFlow, wire{}.u32(90, 5, 1, 0, 0, 1, 2, 0))), m(2, one(8), one(9))) // so do sources
	drops := func(n, drops uint32) wire { return xdr(sampleFlow, wire{}.u32(n, 4, 1, 0, drops, 1, 2, 0)) }
	d, _ := run(t, Config{}, nil, m(1, drops(1, 100), drops(2, 100), drops(3, 107)))
	if n := stat(d.Stats(), "sflow_agent_drops"); n != 7 {
		t.Errorf("%d drops", n)
	}
}

// An agent of very many data sources and interfaces costs bounded memory, which is accounted.
func TestSFlowBounds(t *testing.T) {
	d, b := NewDecoder(Config{}), &flow.Batch{}
	for i := range uint32(20_000) {
		iface := xdr(counterInterface, append(wire{}.u32(i), make([]byte, 84)...))
		m := sflowMessage("192.0.2.7", i, xdr(sampleCounterExpanded, append(wire{}.u32(1, 0, i, 1), iface...)))
		if err := d.Datagram(exporterAddr, 1, m, received, b); err != nil {
			t.Fatal(err)
		}
	}
	e := d.Exporters()[0]
	if n := d.state.Load(); len(e.Interfaces) != maxInterfaces || n != maxInterfaces*interfaceBytes+maxSourceSlots*sourceSlotBytes {
		t.Errorf("%d interfaces, %d bytes", len(e.Interfaces), n)
	}
	if e.CounterSamples != 20_000 || e.LostSamples != 0 {
		t.Errorf("%d counter samples, %d lost", e.CounterSamples, e.LostSamples)
	}
}

// A datagram that contradicts itself is counted under its reason, and what is good of it is kept.
func TestSFlowMalformed(t *testing.T) {
	good := flowSampleOf(1, 4, 9, headerRecord(1, tcpFrame()))
	whole := sflowMessage("192.0.2.7", 1, good, good)
	f := func(want error, records int, m wire) {
		t.Helper()
		d, b := run(t, Config{}, want, m)
		sflowBalance(t, d)
		if len(b.Recs) != records {
			t.Errorf("%d records, want %d", len(b.Recs), records)
		}
	}
	f(nil, 2, whole)
	f(ErrShort, 0, whole[:1])
	f(ErrShort, 0, whole[:7])
	f(ErrShort, 0, whole[:27])
	f(ErrShort, 0, wire{}.u32(5, 3, 0, 0, 0, 0, 0, 0, 0)) // an address type that does not exist
	f(ErrVersion, 0, wire{}.u32(4, 1, 0, 0, 0, 0, 0, 0))
	f(ErrLength, 1, whole[:28+len(good)])
	f(ErrSet, 1, whole[:len(whole)-4])
	f(ErrSet, 1, whole[:28+len(good)+7])
	with := func(samples ...wire) wire { return sflowMessage("192.0.2.7", 1, append(samples, good)...) }
	f(nil, 1, with(xdr(77, wire{}.u32(1, 2)), xdr(2<<12|1, nil)))
	f(ErrRecord, 1, with(xdr(sampleFlow, make(wire, 28))))
	f(ErrRecord, 1, with(xdr(sampleFlowExpanded, make(wire, 40))))
	f(ErrRecord, 1, with(xdr(sampleCounter, make(wire, 8))))
	f(ErrRecord, 1, with(xdr(sampleCounterExpanded, make(wire, 12))))
	f(ErrRecord, 1, with(xdr(sampleDiscarded, make(wire, 28))))
	f(ErrRecord, 1, with(xdr(sampleFlow, wire{}.u32(1, 4, 1, 0, 0, 1, 2, 1<<32-1))))          // records that are not there
	f(ErrRecord, 1, with(xdr(sampleFlow, wire{}.u32(1, 4, 1, 0, 0, 1, 2, 1, 1, 1<<32-1))))    // a record longer than its sample
	f(ErrRecord, 1, with(xdr(sampleCounter, wire{}.u32(1, 4, 1, counterInterface, 1<<31))))   // a counter record longer than its sample
	f(ErrRecord, 1, with(xdr(sampleCounter, wire{}.u32(1, 4, 1, counterPortName, 4, 1<<30)))) // a name longer than its record
	record := func(form uint32, body wire) wire { return with(flowSampleOf(1, 4, 9, xdr(form, body))) }
	f(ErrRecord, 1, record(recordHeader, wire{}.u32(1, 64, 4, 1<<32-4)))
	f(ErrRecord, 1, record(recordHeader, wire{}.u32(1, 64, 4)))
	f(nil, 2, record(recordHeader, wire{}.u32(1, 1<<32-1, 1<<32-1, 0))) // lengths that make no sense, and no header
	for form, n := range map[uint32]int{recordEthernet: 20, recordIPv4: 28, recordIPv6: 52, recordSwitch: 12, recordRouter: 12, recordGateway: 16, recordUser: 12, recordNAT: 8, recordNATPorts: 4} {
		f(ErrRecord, 1, record(form, append(wire{}.u32(1), make(wire, n-4)...)))
	}
	f(ErrRecord, 1, record(recordGateway, wire{}.addr("10.0.0.1").u32(1, 2, 3, 1<<32-1)))            // segments
	f(ErrRecord, 1, record(recordGateway, wire{}.addr("10.0.0.1").u32(1, 2, 3, 1, 2, 1<<30, 64500))) // a path
	f(ErrRecord, 1, record(recordUser, wire{}.u32(0, 1<<32-1)))
	padded := sflowMessage("192.0.2.7", 1, good)
	d, _ := run(t, Config{}, nil, append(padded, 1, 2, 3))
	if n := stat(d.Stats(), "trailing"); n != 1 {
		t.Errorf("%d trailing", n)
	}
}

func TestSFlowIsExport(t *testing.T) {
	whole := sflowMessage("192.0.2.7", 1, flowSampleOf(1, 4, 9, headerRecord(1, tcpFrame())))
	f := func(want bool, p wire) {
		t.Helper()
		if got := IsExport(p); got != want {
			t.Errorf("%v: %x", got, p)
		}
	}
	f(true, whole)
	f(true, sflowMessage("2001:db8::7", 1))
	f(false, whole[:len(whole)-4])
	f(false, append(slices.Clone(whole), 0, 0, 0, 0))
	f(false, wire{}.u32(4).addr("192.0.2.7").u32(3, 1, 1, 0))
	f(false, make(wire, 28))
}

// FuzzSFlow: any bytes decode in bounded time and memory, and each outcome is counted.
func FuzzSFlow(f *testing.F) {
	raw := headerRecord(1, tcpFrame())
	f.Add([]byte(sflowMessage("192.0.2.7", 1, flowSampleOf(1, 4, 9, raw), expandedSampleOf(2, 4, 1<<32|258, raw,
		xdr(recordSwitch, wire{}.u32(1, 0, 2, 0)), xdr(recordRouter, wire{}.addr("10.0.0.254").u32(24, 16)),
		xdr(recordGateway, wire{}.addr("2001:db8::1").u32(1, 2, 3, 1, 2, 2, 64502, 64503, 0, 100)),
		xdr(recordUser, wire{}.u32(106).opaque([]byte("a")).u32(106).opaque(nil)), xdr(recordNAT, wire{}.addr("10.0.0.1").addr("10.0.0.2"))),
		xdr(sampleDiscarded, append(wire{}.u32(1, 0, 4, 0, 4, 0, 258, 1), raw...)))))
	f.Add([]byte(sflowMessage("2001:db8::7", 1, xdr(sampleCounter, append(wire{}.u32(1, 4, 2),
		append(xdr(counterInterface, make(wire, 88)), xdr(counterPortName, wire{}.opaque([]byte("eth0")))...)...)))))
	for _, dg := range sflowDatagrams(f) {
		f.Add(dg.payload)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		defer fuzztest.Guard()()
		d, b := NewDecoder(Config{}), &flow.Batch{}
		_ = d.Datagram(exporterAddr, 6343, p, received, b)
		sflow := len(p) >= 4 && p[0]|p[1] == 0
		if sflow {
			sflowBalance(t, d)
		}
		if IsExport(p) && sflow && stat(d.Stats(), "decoded")+stat(d.Stats(), "malformed_record") != 1 {
			t.Error("taken for an export, but not decoded")
		}
		feed(t, p, p)
	})
}
