package main

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/calmh/ipfix"
	"github.com/netsampler/goflow2/v2/decoders/netflow"
	protoproducer "github.com/netsampler/goflow2/v2/producer/proto"
	"github.com/netsampler/goflow2/v2/utils"
	"github.com/netsampler/goflow2/v2/utils/templates"

	"github.com/flowferry/flowferry/bench/gen"
	"github.com/flowferry/flowferry/flow"
	ours "github.com/flowferry/flowferry/netflow"
)

const testFlows = 3000

// line is the common form in which flows of different decoders are compared.
func line(src, dst netip.Addr, sport, dport uint32, proto, flags, tos uint32, packets, bytes uint64, start, end int64,
	in, out, srcAS, dstAS, srcMask, dstMask uint32, hop netip.Addr) string {
	return fmt.Sprint(src, dst, sport, dport, proto, flags, tos, packets, bytes, start, end, in, out, srcAS, dstAS, srcMask, dstMask, hop)
}

// frameLine is what a sampled packet tells beyond that; nothing for other formats.
func frameLine(s *gen.Stream, rate, vlan, postVLAN, ttl uint32) string {
	if s.Format != gen.SFlow {
		return ""
	}
	return fmt.Sprint(" rate ", rate, " VLANs ", vlan, postVLAN, " TTL ", ttl)
}

// ourLines decodes with Flowferry.
func ourLines(t *testing.T, s *gen.Stream) (lines []string) {
	d := ours.NewDecoder(ours.Config{})
	for i, p := range s.Datagrams {
		b := flow.NewBatch()
		if err := d.Datagram(flow.AddrFrom(exporter.Addr()), 2055, p, received.UnixNano(), b); err != nil {
			t.Fatalf("%v: datagram %d: %v", s.Format, i, err)
		}
		for i := range b.Recs {
			r := &b.Recs[i]
			hop := netip.Addr{}
			if r.Has.Has(flow.HasNextHop) {
				hop = r.NextHop.IP()
			}
			// goflow2 gives the port fields as they came; we take ICMP type and code out of them.
			sport, dport := uint32(r.SrcPort), uint32(r.DstPort)
			if r.Has.Has(flow.HasICMP) {
				sport, dport = 0, uint32(r.ICMPType)<<8|uint32(r.ICMPCode)
			}
			lines = append(lines, line(r.Src.IP(), r.Dst.IP(), sport, dport, uint32(r.Proto), uint32(r.Fwd.Flags), uint32(r.Fwd.ToS),
				r.Fwd.Packets, r.Fwd.Bytes, r.Start, r.End, r.InIf, r.OutIf, r.SrcAS, r.DstAS, uint32(r.SrcMask), uint32(r.DstMask), hop)+
				frameLine(s, r.Sampling, uint32(r.VLAN), uint32(r.PostVLAN), uint32(r.Fwd.TTL)))
		}
		b.Free()
	}
	return lines
}

// goflow2Lines decodes with goflow2 and its producer.
func goflow2Lines(t *testing.T, s *gen.Stream) (lines []string) {
	pipe := goflow2Pipe(s.Format, &utils.PipeConfig{NetFlowTemplater: templates.DefaultTemplateGenerator,
		Producer: &tap{goflow2Producer(), &sums{}, func(m *protoproducer.ProtoProducerMessage) {
			addr := func(b []byte) netip.Addr { a, _ := netip.AddrFromSlice(b); return a }
			if s.Format == gen.SFlow {
				m.Bytes -= 18 // goflow2 counts the frame: 14 bytes of header and 4 of checksum
			}
			lines = append(lines, line(addr(m.SrcAddr), addr(m.DstAddr), m.SrcPort, m.DstPort, m.Proto, m.TcpFlags, m.IpTos,
				m.Packets, m.Bytes, int64(m.TimeFlowStartNs), int64(m.TimeFlowEndNs), m.InIf, m.OutIf, m.SrcAs, m.DstAs,
				m.SrcNet, m.DstNet, addr(m.NextHop))+frameLine(s, uint32(m.SamplingRate), m.SrcVlan, m.DstVlan, m.IpTtl))
		}}})
	for i, p := range s.Datagrams {
		if err := pipe.DecodeFlow(&utils.Message{Src: exporter, Dst: exporter, Payload: p, Received: received}); err != nil {
			t.Fatalf("%v: datagram %d: %v", s.Format, i, err)
		}
	}
	return lines
}

// TestDecodersAgree holds the comparison honest: flow by flow, Flowferry and goflow2 find the
// same values, and both find the sums that the generator put in.
func TestDecodersAgree(t *testing.T) {
	for _, f := range decoded {
		s := streamOf(f, testFlows)
		mine, theirs := ourLines(t, s), goflow2Lines(t, s)
		if len(mine) != testFlows || len(theirs) != testFlows {
			t.Errorf("%v: of %d flows Flowferry found %d and goflow2 %d", f, testFlows, len(mine), len(theirs))
			continue
		}
		for i := range mine {
			if mine[i] != theirs[i] {
				t.Errorf("%v: flow %d\nFlowferry %s\ngoflow2   %s", f, i, mine[i], theirs[i])
				break
			}
		}
		for _, r := range rivals(f) {
			if !r.counts {
				continue
			}
			if err := agree(r.name, r.make(), s.Datagrams, r.wants(s)); err != nil {
				t.Errorf("%v: %v", f, err)
			}
		}
	}
}

// TestTextsAgree compares the texts of variable length, which goflow2's producer leaves out,
// with the fields that its decoder and calmh/ipfix give.
func TestTextsAgree(t *testing.T) {
	s := gen.NewStream(gen.IPFIXText, testFlows, 1)
	d, system, session := ours.NewDecoder(ours.Config{}), netflow.CreateTemplateSystem(), ipfix.NewSession()
	seen := 0
	for i, p := range s.Datagrams {
		b := flow.NewBatch()
		if err := d.Datagram(flow.AddrFrom(exporter.Addr()), 2055, p, received.UnixNano(), b); err != nil {
			t.Fatal(err)
		}
		theirs, err := goflow2Fields(system, p)
		if err != nil {
			t.Fatal(err)
		}
		m, err := session.ParseBuffer(p)
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Recs) != len(theirs) || len(b.Recs) != len(m.DataRecords) {
			t.Fatalf("datagram %d: %d, %d and %d flows", i, len(b.Recs), len(theirs), len(m.DataRecords))
		}
		for i := range b.Recs {
			own := ownTexts(b.Metadata(&b.Recs[i]))
			for k := range 3 {
				field := theirs[i][13+k].Value.([]byte)
				if own[k] != string(field) || own[k] != string(m.DataRecords[i].Fields[13+k]) {
					t.Fatalf("flow %d, text %d: %q, goflow2 has %q, calmh %q", i, k, own[k], field, m.DataRecords[i].Fields[13+k])
				}
				seen += len(field)
			}
		}
	}
	if seen != s.TextBytes || seen == 0 {
		t.Errorf("texts of %d bytes, %d were put in", seen, s.TextBytes)
	}
}

// ownTexts gives application name, user name and HTTP host, wherever the record keeps them.
func ownTexts(meta *flow.Meta) (texts [3]string) {
	if meta == nil {
		return texts
	}
	texts[0], texts[1] = meta.AppName, meta.User
	if meta.HTTP != nil {
		texts[2] = meta.HTTP.Host
	}
	for _, e := range meta.Unknown {
		if e.PEN == 0 && e.ID == 460 {
			texts[2] = string(e.Value)
		}
	}
	return texts
}

// TestAgreeFails makes sure that a decoder that miscounts is found out.
func TestAgreeFails(t *testing.T) {
	s := gen.NewStream(gen.V9, 100, 1)
	want := sums{s.Flows, s.Packets, s.Bytes}
	lossy := func(inner decoder) decoder {
		n := 0
		return func(p []byte, found *sums) error {
			if n++; n == 2 {
				return nil
			}
			return inner(p, found)
		}
	}
	if err := agree("whole", flowferry(), s.Datagrams, want); err != nil {
		t.Error(err)
	}
	if err := agree("lossy", lossy(flowferry()), s.Datagrams, want); err == nil {
		t.Error("a lost datagram was not noticed")
	}
}

// TestMedian pins the figures that the tables print.
func TestMedian(t *testing.T) {
	f := func(want float64, ns ...time.Duration) {
		t.Helper()
		var s series
		for _, n := range ns {
			s.costs = append(s.costs, cost{cpu: n * 1000})
		}
		if got := s.median(perUnit); got != want {
			t.Errorf("median of %v is %v", ns, got)
		}
	}
	f(5, 5)
	f(2, 9, 1, 2)
	f(2.5, 1, 9, 2, 3)
	for in, want := range map[float64]string{0: "0", 0.25: "0.25", 12.34: "12.3", 987: "987", 1234567: "1,234,567"} {
		if got := number(in); got != want {
			t.Errorf("number(%v) is %s, want %s", in, got, want)
		}
	}
}
