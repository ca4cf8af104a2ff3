package stitch

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets the random tests draw the same conversations each time, so that they fail by a change
// and not by chance: a few in ten thousand drawn worlds are beyond what is promised (docs/stitching.md,
// "What cannot be told"). Others are drawn with -rapid.seed=N, more with -rapid.checks=N.
func TestMain(m *testing.M) {
	flag.Parse()
	if seed := flag.Lookup("rapid.seed"); seed.Value.String() == "0" {
		if err := seed.Value.Set("1"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
