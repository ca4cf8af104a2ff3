// Package fuzztest guards fuzz targets against inputs that hang. Only tests import it.
package fuzztest

import (
	"fmt"
	"sync/atomic"
	"time"
)

// Limits of one input. Those of the targets take micro- or milliseconds.
const (
	Limit = time.Second      // of work
	Wait  = 60 * time.Second // in all: for one that waits for what does not come
)

// Guard ends the process, which the fuzzer takes for the input's fault and writes it down, when
// what it guards takes more than Limit of the process's CPU time, or more than Wait. A busy machine
// only makes it wait. Use it as the first line of a target:
//
//	defer fuzztest.Guard()()
func Guard() (done func()) {
	begun, used := time.Now(), cpu()
	var over atomic.Bool
	var look func()
	look = func() {
		if over.Load() {
			return
		}
		if work, wait := cpu()-used, time.Since(begun); work > Limit || wait > Wait {
			panic(fmt.Sprintf("an input took %s of work, %s in all", work, wait))
		}
		time.AfterFunc(Limit/10, look)
	}
	first := time.AfterFunc(Limit, look)
	return func() {
		over.Store(true)
		first.Stop()
	}
}
