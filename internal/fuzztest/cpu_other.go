//go:build !unix

package fuzztest

import "time"

var start = time.Now()

// cpu is the time that has passed: how much of it the process has worked is not known here.
func cpu() time.Duration { return time.Since(start) }
