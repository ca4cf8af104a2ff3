package capture

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// What is cut out of a capture, metered again, is the flow that was named, packet for packet:
// from every capture at hand each flow in turn, and fragments and tunnels with it.
func TestCut(t *testing.T) {
	f := func(path string) {
		t.Helper()
		path = filepath.Join("../testdata/pcap", path)
		all, _ := meterFile(t, path, Config{})
		for i := range all.Recs {
			r := &all.Recs[i]
			out := filepath.Join(t.TempDir(), "out.pcap")
			w, err := os.Create(out)
			if err != nil {
				t.Fatal(err)
			}
			c := NewCutter(w, Config{}, func(_ *flow.Batch, q *flow.Record) bool { return q.Ord == r.Ord })
			if _, err := c.Cut(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			if err := c.Flush(); err != nil {
				t.Fatal(err)
			}
			w.Close()
			cut, _ := meterFile(t, out, Config{})
			if len(cut.Recs) != 1 {
				t.Errorf("%s: flow %d comes out as %d flows", path, r.Ord, len(cut.Recs))
				continue
			}
			if q := &cut.Recs[0]; q.Fwd != r.Fwd || q.Rev != r.Rev || q.Start != r.Start || q.End != r.End || c.Packets() != r.Fwd.Packets+r.Rev.Packets {
				t.Errorf("%s: flow %d: %+v, cut out %+v", path, r.Ord, r, q)
			}
		}
	}
	f("zeek/wikipedia.pcap")
	f("zeek/ipv4__fragmented-2.pcap")
	f("arkime/vxlan.pcap")
	f("arkime/gre-sample.pcap")
	f("made/http.pcapng.gz")
}

// Of nothing an empty capture is made; link types are not mixed.
func TestCutOdd(t *testing.T) {
	var b strings.Builder
	c := NewCutter(&b, Config{}, func(*flow.Batch, *flow.Record) bool { return false })
	if _, err := c.Cut(t.Context(), "../testdata/pcap/zeek/wikipedia.pcap"); err != nil || c.Flush() != nil || b.Len() != 24 {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
	c = NewCutter(&b, Config{}, func(*flow.Batch, *flow.Record) bool { return true })
	if _, err := c.Cut(t.Context(), "../testdata/pcap/zeek/wikipedia.pcap"); err != nil {
		t.Fatal(err)
	}
	_, err := c.Cut(t.Context(), "../testdata/pcap/tcpdump/LINKTYPE_RAW_ipv4.pcap")
	if err == nil || !strings.Contains(err.Error(), "link types") {
		t.Errorf("mixed link types: %v", err)
	}
}
