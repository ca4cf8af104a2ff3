package main

import (
	"fmt"
	"os"
	"runtime/pprof"
)

// children are the parts of this program that run as processes of their own, so that what they
// use can be told from what the suite uses.
var children = map[string]func(args []string) error{
	"meter":   childMeter,
	"packets": childPackets,
	"top":     childTop,
	"send":    childSend,
}

// child runs one of them. With BENCH_PROFILE it writes a CPU profile to that path.
func child(name string, args []string) error {
	f := children[name]
	if f == nil {
		return fmt.Errorf("there is no child %q", name)
	}
	if path := os.Getenv("BENCH_PROFILE"); path != "" {
		out, err := os.Create(path)
		if err != nil {
			return err
		}
		defer out.Close()
		if err := pprof.StartCPUProfile(out); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	return f(args)
}
