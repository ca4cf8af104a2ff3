package netflow

import (
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// telegraf holds Telegraf's cases: payloads, and what it makes of them.
const telegraf = "../testdata/export/telegraf"

// telegrafCase gives the payloads of a case and the lines that are expected, in the order of
// Telegraf.
func telegrafCase(t testing.TB, name string) (payloads [][]byte, lines []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(telegraf, name, "*.bin"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no payloads: %v", name, err)
	}
	for _, file := range append(files, filepath.Join(telegraf, name, "expected.txt")) {
		p, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, p)
	}
	last := len(payloads) - 1
	return payloads[:last], strings.Split(strings.TrimSpace(string(payloads[last])), "\n")
}

var (
	influxPair = regexp.MustCompile(`([a-z0-9_]+)=("[^"]*"|[^, ]+)`)
	reType     = regexp.MustCompile(`^type_(\d+)_(rev_)?(\d+)$`)
)

// influxFields reads one line of the influx line protocol: what is measured, and its fields without
// quotes and without the mark of an unsigned number.
func influxFields(line string) (measurement string, fields map[string]string) {
	head, rest, _ := strings.Cut(line, " ")
	measurement, _, _ = strings.Cut(head, ",")
	fields = map[string]string{}
	for _, kv := range influxPair.FindAllStringSubmatch(rest, -1) {
		if text, quoted := strings.CutPrefix(kv[2], `"`); quoted {
			fields[kv[1]] = strings.TrimSuffix(text, `"`)
		} else {
			fields[kv[1]] = strings.TrimSuffix(kv[2], "u")
		}
	}
	return measurement, fields
}

// protocols are Telegraf's names of protocols, reasons those of end reasons.
var (
	protocols = map[uint8]string{1: "icmp", 6: "tcp", 17: "udp"}
	reasons   = map[flow.EndReason]string{1: "idle timeout", 2: "active timeout", 3: "end of flow", 4: "forced end", 5: "lack of resources"}
)

// influx gives a value of a record in the form in which Telegraf writes it.
var influx = map[string]view{
	"src":              views["ipv4_src_addr"],
	"dst":              views["ipv4_dst_addr"],
	"next_hop":         views["ipv4_next_hop"],
	"src_port":         views["l4_src_port"],
	"dst_port":         views["l4_dst_port"],
	"in_bytes":         views["in_bytes"],
	"in_packets":       views["in_pkts"],
	"in_total_bytes":   views["in_bytes"],
	"in_total_packets": views["in_pkts"],
	"in_snmp":          views["input_snmp"],
	"out_snmp":         views["output_snmp"],
	"bgp_src_as":       views["src_as"],
	"bgp_dst_as":       views["dst_as"],
	"src_mask":         views["src_mask"],
	"dst_mask":         views["dst_mask"],
	"vlan_src":         views["src_vlan"],
	"icmp_type":        views["icmp_type"],
	"icmp_code":        views["icmp_code"],
	"in_src_mac":       views["in_src_mac"],
	"out_dst_mac":      views["in_dst_mac"],
	"flow_start_ms":    millis(func(r *flow.Record) int64 { return r.Start }),
	"flow_end_ms":      millis(func(r *flow.Record) int64 { return r.End }),
	"first_switched":   uptime(func(r *flow.Record) int64 { return r.Start }),
	"last_switched":    uptime(func(r *flow.Record) int64 { return r.End }),
	"src_tos":          func(_ *flow.Batch, r *flow.Record) string { return fmt.Sprintf("0x%02x", r.Fwd.ToS) },
	"direction":        func(_ *flow.Batch, r *flow.Record) string { return r.Direction.String() },
	"protocol":         func(_ *flow.Batch, r *flow.Record) string { return protocols[r.Proto] },
	"flow_end_reason":  func(_ *flow.Batch, r *flow.Record) string { return reasons[r.EndReason] },
	"type_29305_85":    hex4(func(r *flow.Record) uint64 { return r.Rev.Bytes }),
	"type_29305_86":    hex4(func(r *flow.Record) uint64 { return r.Rev.Packets }),
	"type_29305_5":     func(_ *flow.Batch, r *flow.Record) string { return fmt.Sprintf("0x%02x", r.Rev.ToS) },
	"tcp_flags": func(_ *flow.Batch, r *flow.Record) string {
		out := []byte("CEUAPRSF")
		for i := range out {
			if r.Fwd.Flags>>(7-i)&1 == 0 {
				out[i] = '.'
			}
		}
		return string(out)
	},
}

// uptime is a time by the exporter's clock since it started, 90003 s before the export.
func uptime(at func(r *flow.Record) int64) view {
	return func(_ *flow.Batch, r *flow.Record) string {
		return strconv.FormatInt(90_003_000-(r.Received-at(r))/1e6, 10)
	}
}

func hex4(at func(r *flow.Record) uint64) view {
	return func(_ *flow.Batch, r *flow.Record) string { return fmt.Sprintf("0x%08x", at(r)) }
}

// ntopNames are Telegraf's names of nProbe's elements.
var ntopNames = map[string]uint16{
	"app_latency_ms": 125, "client_nw_latency_ms": 123, "server_nw_latency_ms": 124, "l7_proto": 118, "retransmitted_in_bytes": 109,
	"retransmitted_out_bytes": 110, "retransmitted_in_pkts": 127, "retransmitted_out_pkts": 128, "ssl_unsafe_cipher": 494,
}

// inUnknown looks up an element that Telegraf gives by number, or by nProbe's name.
func inUnknown(m *flow.Meta, key string) (value []byte, asked, found bool) {
	want := flow.Element{PEN: penNtop, ID: ntopNames[key]}
	if parts := reType.FindStringSubmatch(key); parts != nil {
		pen, errPEN := strconv.ParseUint(parts[1], 10, 32)
		id, errID := strconv.ParseUint(parts[3], 10, 16)
		if errPEN != nil || errID != nil {
			return nil, false, false
		}
		want.PEN, want.ID = uint32(pen), uint16(id)
		if parts[2] != "" {
			want.ID |= reverseBit
		}
	} else if want.ID == 0 {
		return nil, false, false
	}
	if m != nil {
		for _, e := range m.Unknown {
			if e.PEN == want.PEN && e.ID == want.ID {
				return e.Value, true, true
			}
		}
	}
	return nil, true, false
}

// unlike names the values of one of Telegraf's lines that the record does not have so.
func unlike(b *flow.Batch, r *flow.Record, fields map[string]string) (bad []string, compared int) {
	for key, want := range fields {
		if strings.HasSuffix(key, "_switched") && r.Via != flow.ViaNetFlow5 {
			continue // these have better times
		}
		got, ok := "", true
		if view := influx[key]; view != nil {
			got = view(b, r)
		} else if raw, asked, found := inUnknown(b.Metadata(r), key); asked && found {
			got = "0x" + hex.EncodeToString(raw)
			if key[0] != 't' {
				got = strconv.FormatUint(number(raw), 10)
			}
		} else {
			ok = false
		}
		if !ok {
			continue
		}
		compared++
		if !sameText(got, want) && !(key == "src" && want == "0.0.0.0" && got == "::") {
			bad = append(bad, fmt.Sprintf("%s: got %s, want %s", key, got, want))
		}
	}
	return bad, compared
}

// sameText compares two values, addresses by what they are.
func sameText(a, b string) bool {
	if a == b {
		return true
	}
	if x, err := netip.ParseAddr(a); err == nil {
		y, err := netip.ParseAddr(b)
		return err == nil && (x == y || x.IsUnspecified() && y.IsUnspecified())
	}
	x, errX := net.ParseMAC(a)
	y, errY := net.ParseMAC(b)
	return errX == nil && errY == nil && x.String() == y.String()
}

// Records and options have the values that Telegraf makes of them, and there are as many. Where it
// errs:
//
//	issue_14370 has no times (fields of length 0)   its zeros are not compared
//	netflow_v9_options has in_bytes                 the scope "system", 1, taken for element 1: not compared
func TestTelegrafValues(t *testing.T) {
	names := []string{"ipfix_example", "ipfix_options", "ipfix_pen_35632", "issue_13305", "issue_14370", "netflow_v5_example", "netflow_v9_example", "netflow_v9_options"}
	lines, values := 0, 0
	for _, name := range names {
		d, b := NewDecoder(Config{Unknown: "all"}), &flow.Batch{}
		payloads, expected := telegrafCase(t, name)
		for _, p := range payloads {
			if err := d.Datagram(exporterAddr, 1, p, exportTime(p), b); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		balance(t, d)
		recs := b.Recs
		for i, line := range expected {
			kind, fields := influxFields(line)
			var bad []string
			n := 0
			switch {
			case kind == "netflow_options":
				bad, n = unlikeNames(d, fields)
			case len(recs) == 0:
				t.Fatalf("%s: only %d records", name, len(b.Recs))
			default:
				bad, n = unlike(b, &recs[0], fields)
				recs = recs[1:]
			}
			if len(bad) > 0 || n == 0 {
				t.Errorf("%s: line %d: %d values compared; %s", name, i+1, n, strings.Join(bad, "; "))
			}
			lines, values = lines+1, values+n
		}
		if got := len(b.Recs) + int(stat(d.Stats(), "options_records")); got != len(expected) {
			t.Errorf("%s: %d records and options records, want %d", name, got, len(expected))
		}
	}
	t.Logf("%d lines, %d values equal", lines, values)
	if lines != 187 || values < 1190 {
		t.Errorf("only %d lines and %d values were compared", lines, values)
	}
}

// unlikeNames names what one of Telegraf's lines of options says and the exporter has not told us.
func unlikeNames(d *Decoder, fields map[string]string) (bad []string, compared int) {
	var facts facts
	for _, e := range d.exporters {
		facts = e.facts // there is one exporter
	}
	var got label
	var name, desc string
	if id, ok := fields["app_id"]; ok {
		n, _ := strconv.ParseUint(id, 0, 64)
		got, name, desc = facts.apps[n], fields["app_name"], fields["app_desc"]
	} else {
		n, _ := strconv.ParseUint(fields["in_snmp"], 10, 32)
		got, name, desc = facts.interfaces[uint32(n)], fields["interface"], fields["interface_desc"]
	}
	if desc = strings.TrimSpace(desc); desc == name {
		desc = "" // it is kept once
	}
	if want := (label{name, desc}); got != want {
		bad = append(bad, fmt.Sprintf("got %+v, want %+v", got, want))
	}
	return bad, 2
}
