// Package lategc lets a program begin its work before it collects garbage. By itself Go collects first at
// 4 MB and then at twice what it found, so that a program that comes to tens of megabytes collects several
// times on the way, each time through all that its packages have made at their start.
package lategc

import (
	"os"
	"runtime"
	"runtime/debug"
)

const (
	floor   = 32 << 20 // bytes of heap at which is collected first
	goFloor = 4 << 20  // the same with the usual GOGC=100; it grows with it (runtime/debug, SetGCPercent)
	usual   = 100
)

// Start puts the first collection off; after it, collections come as usual. Where the environment has GOGC it
// does nothing.
func Start() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(usual * floor / goFloor)
	runtime.AddCleanup(new([64]byte), func(percent int) { debug.SetGCPercent(percent) }, usual) // the first collection finds it
}
