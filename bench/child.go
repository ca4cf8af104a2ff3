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
	"paced":   childPaced,
	"receive": childReceive,
	"goflow2": childGoflow2,
	"null":    childNull,
	"work":    childWork,
}

// child runs one of them.
func child(name string, args []string) error {
	f := children[name]
	if f == nil {
		return fmt.Errorf("there is no child %q", name)
	}
	return profiled(func() error { return f(args) })
}

// profiled runs f and writes a CPU profile to the path in BENCH_PROFILE, if there is one.
func profiled(f func() error) error {
	path := os.Getenv("BENCH_PROFILE")
	if path == "" {
		return f()
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	if err := pprof.StartCPUProfile(out); err != nil {
		return err
	}
	defer pprof.StopCPUProfile()
	os.Unsetenv("BENCH_PROFILE") // for the children of this process
	return f()
}
