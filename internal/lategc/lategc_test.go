package lategc

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"
)

var sink []byte

// collections is how often garbage was collected, at n bytes of new garbage.
func collections(n int) uint32 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	was := m.NumGC
	for range n >> 16 {
		sink = make([]byte, 1<<16)
	}
	runtime.ReadMemStats(&m)
	return m.NumGC - was
}

// The first collection is late, and those after it as usual.
func TestStart(t *testing.T) {
	t.Setenv("GOGC", "")
	Start()
	if n := collections(floor / 2); n != 0 {
		t.Errorf("%d collections before the heap has %d bytes", n, floor)
	}
	runtime.GC()
	for range 1000 {
		if percent() == usual {
			if n := collections(2 * floor); n == 0 {
				t.Error("no collections after the first")
			}
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("GOGC is %d after the first collection", percent())
}

// percent is GOGC as it is.
func percent() uint64 {
	s := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// Whoever has set GOGC knows why.
func TestGOGC(t *testing.T) {
	t.Setenv("GOGC", "50")
	was := percent()
	if Start(); percent() != was {
		t.Errorf("GOGC is %d, want %d", percent(), was)
	}
}
