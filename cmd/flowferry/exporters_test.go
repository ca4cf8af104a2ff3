package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
)

// Each exporter of a capture is a line, with what its sequence numbers tell.
func TestExportersOfCapture(t *testing.T) {
	file := filepath.Join(testdata, "pcap", "made", "exports.pcap")
	lines := strings.Split(strings.TrimSpace(must(t, "exporters", file)), "\n")
	if len(lines) != 46 {
		t.Errorf("%d lines, want a title and 45 exporters", len(lines))
	}
	want := []string{"192.0.2.13", "524288", "ipfix", "2", "0", "0", "0", "0", "0", "1", "1:1000", "2018-06-01", "15:11:53", "0s"}
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "192.0.2.13 ") }); i < 0 || !slices.Equal(strings.Fields(lines[i]), want) {
		t.Errorf("want %v in\n%s", want, strings.Join(lines, "\n"))
	}
	var views []exporterView
	if err := json.Unmarshal([]byte(must(t, "exporters", "-o", "json", file)), &views); err != nil || len(views) != 45 {
		t.Errorf("as JSON %d exporters: %v", len(views), err)
	}
	both := must(t, "exporters", file, filepath.Join(testdata, "export", "logstash", "netflow5.dat"))
	if !strings.HasPrefix(both, file+":\nexporter") || !strings.Contains(both, "netflow5.dat:\nexporter") {
		t.Errorf("two inputs are not told apart:\n%s", both)
	}
}

func TestExportersOfNone(t *testing.T) {
	packets := filepath.Join(testdata, "pcap", "zeek", "ipv6_zero_len_ah.pcap")
	if got := must(t, "exporters", packets); got != "no exporters\n" {
		t.Errorf("got %q", got)
	}
	if got := must(t, "exporters", "-o", "json", packets); got != "[]\n" {
		t.Errorf("got %q", got)
	}
}

func TestSenderName(t *testing.T) {
	f := func(want string, s netflow.ExporterStats) {
		t.Helper()
		if got := senderName(&s); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f("-", netflow.ExporterStats{Port: 7})
	f("192.0.2.1", netflow.ExporterStats{Addr: flow.MustAddr("192.0.2.1"), Port: 7})
	f("192.0.2.1:7", netflow.ExporterStats{Addr: flow.MustAddr("192.0.2.1"), Port: 7, ByPort: true})
	f("[2001:db8::1]:7", netflow.ExporterStats{Addr: flow.MustAddr("2001:db8::1"), Port: 7, ByPort: true})
}

func TestViewTexts(t *testing.T) {
	f := func(v exporterView, lost, last, skew string) {
		t.Helper()
		if l, s, k := lostText(&v), lastText(&v), skewText(&v); l != lost || s != last || k != skew {
			t.Errorf("got %q %q %q, want %q %q %q", l, s, k, lost, last, skew)
		}
	}
	f(exporterView{}, "0", "-", "0s")
	f(exporterView{Lost: 1234, LostUnit: "flows", Last: instant(1_700_000_000e9), ClockSkewSeconds: -1.26}, "1,234 flows", "2023-11-14 22:13:20", "-1.3s")
	f(exporterView{ClockSkewSeconds: 3600, Skewed: 1}, "0", "-", "1h0m0s !")
}
