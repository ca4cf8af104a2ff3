package netflow

import (
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// The exporter's clock is measured against ours; one that is more than 5 minutes off is counted.
func TestClockSkew(t *testing.T) {
	f := func(want time.Duration, skewed int, delays ...time.Duration) {
		t.Helper()
		for name, m := range map[string]wire{"v5": v5Message(0, 0, 1), "v9": v9Message(0, 0), "ipfix": ipfixMessage(0, 0)} {
			d := NewDecoder(Config{})
			for _, by := range delays {
				if err := d.Datagram(exporterAddr, 1, m, exportTime(m)+int64(by), &flow.Batch{}); err != nil {
					t.Fatal(err)
				}
			}
			s := d.Exporters()[0]
			if s.Skew != int64(want) || s.Skewed != uint64(skewed) || stat(d.Stats(), "skewed") != uint64(skewed) {
				t.Errorf("%s: skew %v, %d skewed; want %v, %d", name, time.Duration(s.Skew), s.Skewed, want, skewed)
			}
		}
	}
	f(0, 0, 0)
	f(time.Second, 0, time.Second)
	f(5*time.Minute, 0, 5*time.Minute, -5*time.Minute, 5*time.Minute)
	f(-6*time.Minute, 2, -6*time.Minute, -6*time.Minute)
	f(time.Second, 1, time.Second, 2*time.Hour, time.Second) // one was held up
	many := make([]time.Duration, 100)
	for i := range many {
		many[i] = time.Duration(i) * time.Millisecond
	}
	f(84*time.Millisecond, 0, many...) // of the last 31: 69 to 99
}

// Each record of a datagram whose export time is more than 5 minutes off says so, those that were
// held for their template too.
func TestSkewedRecords(t *testing.T) {
	data, template := set(256, wire{}.u32(1, 2)), set(2, tmpl(256, 8, 4, 12, 4))
	f := func(want bool, by time.Duration, messages ...wire) {
		t.Helper()
		d, b := NewDecoder(Config{}), &flow.Batch{}
		for _, m := range messages {
			if err := d.Datagram(exporterAddr, 1, m, exportTime(m)+int64(by), b); err != nil {
				t.Fatal(err)
			}
		}
		if len(b.Recs) != 1 || b.Recs[0].Skewed != want {
			t.Errorf("%s: %d records, want one with skewed=%v", by, len(b.Recs), want)
		}
	}
	for _, by := range []time.Duration{0, 5 * time.Minute, -5 * time.Minute, 5*time.Minute + 1, -5*time.Minute - 1, 1e6 * time.Hour} {
		want := by > 5*time.Minute || by < -5*time.Minute
		f(want, by, v5Message(0, 0, 1))
		f(want, by, ipfixMessage(0, 0, template, data))
		f(want, by, ipfixMessage(0, 0, data), ipfixMessage(1, 0, template))
	}
}
