package main

import (
	"strings"
	"testing"
)

// Flow files of other tools are read and imported like captures, and the account balances.
func TestFlowFiles(t *testing.T) {
	const dir = "../../testdata/flowfiles/"
	files := []string{dir + "zeek/conn.log", dir + "suricata/eve.json", dir + "argus/made.binetflow", dir + "nfcapd/collected", dir + "nfcapd/lzo.201707140240"}
	for _, file := range files {
		out, stderr, code := flowferry(t, "read", "-o", "text", file)
		if code != 0 || !strings.Contains(out, "via=log") {
			t.Errorf("read %s: exit code %d, %.200q\n%s", file, code, out, stderr)
		}
	}
	out, stderr, code := flowferry(t, append([]string{"import", "--store", t.TempDir()}, files...)...)
	if code != 0 || strings.Contains(out, "not accounted for") {
		t.Errorf("import: exit code %d\n%s%s", code, out, stderr)
	}
	for _, want := range []string{"219    flow records from flow files", "14    firewall and NAT events from flow files", "bad 1"} {
		if !strings.Contains(out, want) {
			t.Errorf("the account lacks %q\n%s", want, out)
		}
	}
	if !strings.Contains(stderr, "line 11: Sport") {
		t.Errorf("the bad line is not told:\n%s", stderr)
	}
}
