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

var (
	rePair = regexp.MustCompile(`([a-z0-9_]+)=("[^"]*"|[^, ]+)`)
	reType = regexp.MustCompile(`^type_(\d+)_(rev_)?(\d+)$`)
)

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
func unlike(b *flow.Batch, r *flow.Record, line string) (bad []string, compared int) {
	_, line, _ = strings.Cut(line, " ")
	for _, kv := range rePair.FindAllStringSubmatch(line, -1) {
		key, want := kv[1], strings.Trim(strings.TrimSuffix(kv[2], "u"), `"`)
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

// Records have the values that Telegraf makes of them. Where it errs:
//
//	issue_14370 has no times (fields of length 0)   its zeros are not compared
func TestTelegrafValues(t *testing.T) {
	const dir = "../testdata/export/telegraf"
	lines, values := 0, 0
	for _, name := range []string{"ipfix_example", "ipfix_pen_35632", "issue_14370", "netflow_v5_example", "netflow_v9_example"} {
		files, err := filepath.Glob(filepath.Join(dir, name, "*.bin"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no payloads: %v", name, err)
		}
		d, b := NewDecoder(Config{Unknown: "all"}), &flow.Batch{}
		for _, file := range files {
			p, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Datagram(exporterAddr, 1, p, exportTime(p), b); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
		expected, err := os.ReadFile(filepath.Join(dir, name, "expected.txt"))
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for line := range strings.Lines(string(expected)) {
			if !strings.HasPrefix(line, "netflow,") {
				continue
			}
			if i == len(b.Recs) {
				t.Fatalf("%s: only %d records", name, i)
			}
			bad, n := unlike(b, &b.Recs[i], line)
			if len(bad) > 0 {
				t.Errorf("%s: record %d: %s", name, i+1, strings.Join(bad, "; "))
			}
			lines, values, i = lines+1, values+n, i+1
		}
	}
	t.Logf("%d records, %d values equal", lines, values)
	if lines != 49 || values < 860 {
		t.Errorf("only %d records and %d values were compared", lines, values)
	}
}
