package netflow

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/flowferry/flowferry/capture"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/golden"
)

var sflowCaptures = []string{"sflow-print-v6", "sflow_expanded", "sflow_multiple_counter_30_pdus", "sflow_print-segv"}

const sflowPcaps = "../testdata/pcap/tcpdump"

type sflowDatagram struct {
	file    string
	src     flow.Addr
	port    uint16
	time    int64
	payload []byte
}

// sflowDatagrams gives the sFlow datagrams of tcpdump's captures; beside them in one of them are
// some of NetFlow v5.
func sflowDatagrams(t testing.TB) (out []sflowDatagram) {
	t.Helper()
	for _, name := range sflowCaptures {
		err := capture.Datagrams(filepath.Join(sflowPcaps, name+".pcap"), "", func(d capture.Datagram) error {
			if len(d.Payload) > 4 && binary.BigEndian.Uint32(d.Payload) == 5 {
				out = append(out, sflowDatagram{name, d.Src, d.SrcPort, d.Time, bytes.Clone(d.Payload)})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func decodeSFlow(t testing.TB, name string) (*Decoder, *flow.Batch) {
	d, b := NewDecoder(Config{}), &flow.Batch{}
	for _, g := range sflowDatagrams(t) {
		if g.file == name {
			_ = d.Datagram(g.src, g.port, g.payload, g.time, b) // one capture is malformed
		}
	}
	balance(t, d)
	sflowBalance(t, d)
	return d, b
}

// What tcpdump's captures and Telegraf's payloads decode to.
func TestSFlowGolden(t *testing.T) {
	var got []txtar.File
	add := func(name string, d *Decoder, b *flow.Batch) {
		out := golden.Account(d.Stats(), "netflow.bytes")
		for _, line := range texts(b) {
			out = append(append(out, line...), '\n')
		}
		for _, e := range d.Exporters() {
			for i := range e.Interfaces {
				out = fmt.Appendf(out, "%v interface %+v\n", e.Addr, e.Interfaces[i])
			}
		}
		got = append(got, txtar.File{Name: name, Data: out})
	}
	for _, name := range sflowCaptures {
		d, b := decodeSFlow(t, name)
		add(name, d, b)
	}
	for _, c := range telegrafSFlow {
		d, b, _ := decodeTelegraf(t, c)
		add(c, d, b)
	}
	golden.Compare(t, "../testdata/golden/sflow.txtar", got)
}

// tshark finds the same samples in tcpdump's captures, with the same counters and the same
// addresses, ports, rates and interfaces.
func TestSFlowTshark(t *testing.T) {
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed")
	}
	ask := func(name string, fields ...string) (rows [][]string) {
		args := []string{"-r", filepath.Join(sflowPcaps, name+".pcap"), "-d", "udp.port==6343,sflow", "-Y", "sflow_245.version == 5", "-T", "fields", "-E", "separator=;"}
		for _, f := range fields {
			args = append(args, "-e", f)
		}
		out, err := exec.Command(tshark, args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			rows = append(rows, strings.Split(strings.TrimSuffix(line, "\n"), ";"))
		}
		return rows
	}
	// sum adds up the numbers of one field over all samples.
	sum := func(rows [][]string, col int) (total uint64) {
		for _, row := range rows {
			for v := range strings.SplitSeq(row[col], ",") {
				n, err := strconv.ParseUint(v, 0, 64)
				if err != nil && v != "" {
					t.Fatal(err)
				}
				total += n
			}
		}
		return total
	}
	kinds := func(rows [][]string, col int, want string) (n uint64) {
		for _, row := range rows {
			for v := range strings.SplitSeq(row[col], ",") {
				if v == want {
					n++
				}
			}
		}
		return n
	}
	for _, name := range sflowCaptures[:3] {
		d, b := decodeSFlow(t, name)
		rows := ask(name, "sflow_245.sampletype", "sflow_245.counters_record_format", "sflow.flow_sample.sampling_rate", "sflow_245.ifindex", "sflow_245.ifinoct", "ip.dst", "tcp.srcport")
		s := d.Stats()
		equal := func(what string, got, want uint64) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %s: %d, tshark %d", name, what, got, want)
			}
		}
		equal("flow samples", stat(s, "sflow_flow_samples"), kinds(rows, 0, "1")+kinds(rows, 0, "3"))
		equal("counter samples", stat(s, "sflow_counter_samples"), kinds(rows, 0, "2")+kinds(rows, 0, "4"))
		rates, ports := uint64(0), uint64(0)
		for i := range b.Recs {
			r := &b.Recs[i]
			rates += uint64(r.Sampling)
			if r.Proto == flow.ProtoTCP {
				ports += uint64(r.SrcPort)
			}
			found := false
			for _, row := range rows {
				found = found || strings.Contains(","+row[5]+",", ","+r.Dst.String()+",")
			}
			if !found {
				t.Errorf("%s: tshark has no packet to %v", name, r.Dst)
			}
		}
		equal("sampling rates", rates, sum(rows, 2))
		equal("source ports", ports, sum(rows, 6))
		last := map[string]string{} // octets by agent and interface; the last of each
		for _, row := range ask(name, "ip.src", "ipv6.src", "sflow_245.ifindex", "sflow_245.ifinoct") {
			src, _, _ := strings.Cut(row[0]+row[1], ",")
			octets := strings.Split(row[3], ",")
			for k, index := range strings.Split(row[2], ",") {
				if index != "" {
					last[src+" "+index] = octets[k]
				}
			}
		}
		seen := 0
		for _, e := range d.Exporters() {
			for i := range e.Interfaces {
				c := &e.Interfaces[i]
				seen++
				if got := strconv.FormatUint(c.InOctets, 10); name != "sflow-print-v6" && got != last[fmt.Sprintf("%v %d", e.Addr, c.Index)] {
					t.Errorf("%s: %v interface %d: %s octets in, tshark %s", name, e.Addr, c.Index, got, last[fmt.Sprintf("%v %d", e.Addr, c.Index)])
				}
			}
		}
		if name != "sflow-print-v6" {
			equal("interfaces", uint64(seen), uint64(len(last)))
		}
	}
}

var telegrafSFlow = []string{"sflow_issue_15375", "sflow_issue_15918", "sflow_issue_18876", "sflow_v5_example"}

func decodeTelegraf(t testing.TB, name string) (*Decoder, *flow.Batch, []string) {
	t.Helper()
	payloads, lines := telegrafCase(t, name)
	d, b := NewDecoder(Config{}), &flow.Batch{}
	for _, p := range payloads {
		if err := d.Datagram(flow.Addr{}, 0, p, received, b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	balance(t, d)
	sflowBalance(t, d)
	return d, b, lines
}

// Each of Telegraf's cases gives, field by field, what Telegraf expects. Where the meaning
// differs:
//
//	in_snmp     of a flow sample is the data source there, the interface of entry here: not compared
//	vlan_*      the same
//	protocol    "hopopt" is the first header of IPv6 there, here the one behind the extension headers
//	ip_total_len, ipv*_total_len, fragment_*  lengths of parts, which make up our IP bytes
//	*_priority, ipv4_id, in_total_packets     are not kept
func TestTelegrafSFlow(t *testing.T) {
	for _, name := range telegrafSFlow {
		d, b, lines := decodeTelegraf(t, name)
		var ours []map[string]string
		for _, e := range d.Exporters() {
			for i := range e.Interfaces {
				ours = append(ours, telegrafCounters(&e, &e.Interfaces[i]))
			}
		}
		for i := range b.Recs {
			ours = append(ours, telegrafFlow(&b.Recs[i]))
		}
		if len(lines) != len(ours) {
			t.Fatalf("%s: %d lines expected, %d found", name, len(lines), len(ours))
		}
		for i, line := range lines {
			compared := 0
			_, fields := influxFields(line)
			for key, want := range fields {
				if got, ok := ours[i][key]; ok {
					compared++
					if got != want && want != "hopopt" {
						t.Errorf("%s: line %d: %s is %s, want %s", name, i+1, key, got, want)
					}
				}
			}
			if compared < 4 {
				t.Errorf("%s: line %d: only %d fields were compared", name, i+1, compared)
			}
		}
	}
}

func telegrafCounters(e *ExporterStats, c *InterfaceCounters) map[string]string {
	m := map[string]string{"agent_ip": e.Addr.String(), "agent_subid": fmt.Sprint(e.Domain), "status": map[uint32]string{3: "up"}[c.Status]}
	put := func(key string, v any) { m[key] = fmt.Sprint(v) }
	put("interface", c.Index)
	put("interface_type", c.Type)
	put("speed", c.Speed)
	put("in_bytes", c.InOctets)
	put("in_unicast_packets_total", c.InUnicast)
	put("in_mcast_packets_total", c.InMulticast)
	put("in_broadcast_packets_total", c.InBroadcast)
	put("in_dropped_packets", c.InDiscards)
	put("in_errors", c.InErrors)
	put("in_unknown_protocol", c.InUnknownProtos)
	put("out_bytes", c.OutOctets)
	put("out_unicast_packets_total", c.OutUnicast)
	put("out_mcast_packets_total", c.OutMulticast)
	put("out_broadcast_packets_total", c.OutBroadcast)
	put("out_dropped_packets", c.OutDiscards)
	put("out_errors", c.OutErrors)
	put("promiscuous", c.Promiscuous)
	if c.Name != "" {
		put("port_name", c.Name)
	}
	if c.HasEthernet {
		put("errors_alignment", c.Ethernet.Alignment)
		put("errors_fcs", c.Ethernet.FCS)
		put("collision_frames_single", c.Ethernet.SingleCollision)
		put("collision_frames_multi", c.Ethernet.MultipleCollision)
		put("errors_sqetest", c.Ethernet.SQETest)
		put("deferred", c.Ethernet.Deferred)
		put("collisions_late", c.Ethernet.LateCollision)
		put("collisions_excessive", c.Ethernet.ExcessiveCollision)
		put("errors_internal_mac_tx", c.Ethernet.InternalTransmit)
		put("errors_carrier_sense", c.Ethernet.CarrierSense)
		put("errors_frame_too_long", c.Ethernet.TooLong)
		put("errors_internal_mac_rx", c.Ethernet.InternalReceive)
		put("errors_symbols", c.Ethernet.Symbol)
	}
	return m
}

func telegrafFlow(r *flow.Record) map[string]string {
	mac := func(m flow.MAC) string { return strings.ReplaceAll(strings.ToLower(m.String()), "-", ":") }
	m := map[string]string{"agent_ip": r.Exporter.String(), "agent_subid": fmt.Sprint(r.Domain), "direction": r.Direction.String()}
	if r.Has.Has(flow.HasOutIf) {
		m["out_snmp"] = fmt.Sprint(r.OutIf)
	}
	if r.Kind == flow.KindEvent {
		m["in_snmp"] = fmt.Sprint(r.InIf)
		return m
	}
	m["sampling_interval"] = fmt.Sprint(r.Sampling)
	m["src"], m["dst"] = r.Src.String(), r.Dst.String()
	m["in_src_mac"], m["out_dst_mac"] = mac(r.SrcMAC), mac(r.DstMAC)
	m["vlan_src"], m["vlan_dst"] = fmt.Sprint(r.VLAN), fmt.Sprint(r.PostVLAN)
	m["protocol"] = map[uint8]string{6: "tcp", 17: "udp"}[r.Proto]
	m["ttl"] = fmt.Sprint(r.Fwd.TTL)
	if r.Has.Has(flow.HasPorts) {
		m["src_port"], m["dst_port"] = fmt.Sprint(r.SrcPort), fmt.Sprint(r.DstPort)
	}
	if r.Src.Is4() {
		m["src_tos"], m["ipv4_total_len"] = fmt.Sprint(r.Fwd.ToS), fmt.Sprint(r.Fwd.Bytes)
	}
	return m
}
