package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/capture"
)

// The packets of the flows that a query, or an id, names come out of a capture.
func TestPcap(t *testing.T) {
	const file = "../../testdata/pcap/zeek/wikipedia.pcap"
	out := filepath.Join(t.TempDir(), "out.pcap")
	f := func(which string, want int) {
		t.Helper()
		match, err := wanted(which)
		if err != nil {
			t.Fatal(err)
		}
		if err := cutFlows(t.Context(), capture.Config{}, []string{file}, out, match); err != nil {
			t.Fatal(err)
		}
		r, err := capture.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		n := 0
		for {
			if _, err := r.Next(); err != nil {
				break
			}
			n++
		}
		if n != want {
			t.Errorf("%s: %d packets, want %d", which, n, want)
		}
	}
	f("network.transport:tcp and flow.conn_state:S1", 74)
	f("ABCDEFGHABCDEFGHABCDEFGH", 0)
	if _, err := wanted("colour:red"); err == nil {
		t.Error("a query of no field is taken")
	}
	match, _ := wanted("source.ip:10.0.0.1")
	if err := cutFlows(t.Context(), capture.Config{}, []string{file}, file, match); err == nil || !strings.Contains(err.Error(), "write to another") {
		t.Errorf("over the file itself: %v", err)
	}
}
