package fuzztest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// An endless loop ends the process with a word; what ends in time, or sleeps, does not.
func TestGuard(t *testing.T) {
	if os.Getenv("FUZZTEST_LOOP") != "" {
		defer Guard()()
		for n := 0; n >= 0; n++ {
		}
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestGuard$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), "FUZZTEST_LOOP=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: an input took 1") {
		t.Errorf("%v: %s", err, out)
	}
	done := Guard()
	time.Sleep(Limit + Limit/5)
	done()
}
