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
