package main

import (
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/flowferry/flowferry/hunt"
)

// showProgress shows how far a long work is: a bar with totals and the time left on a terminal,
// else a line now and then. The returned function ends it.
func showProgress(w *os.File, what string, at func() (done, total int64, flows uint64)) (stop func()) {
	if !term.IsTerminal(int(w.Fd())) {
		return lineProgress(w, what, at)
	}
	_, total, _ := at()
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w), progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(24),
		progressbar.OptionFullWidth(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true))
	set := func() {
		done, _, flows := at()
		bar.Describe(fmt.Sprintf("%s: %s records", what, hunt.Grouped(int64(flows))))
		_ = bar.Set64(min(done, total)) // a terminal that is gone is no reason to stop
	}
	quit := every(100*time.Millisecond, set)
	return func() {
		quit()
		set()
		_ = bar.Finish()
		fmt.Fprintln(w)
	}
}

// lineProgress is for logs and pipes: first after two seconds, then at each tenth.
func lineProgress(w *os.File, what string, at func() (done, total int64, flows uint64)) (stop func()) {
	begin, next := time.Now(), int64(10)
	print := func() {
		done, total, flows := at()
		share := int64(100)
		if total > 0 {
			share = done * 100 / total
		}
		if share < next {
			return
		}
		next = share - share%10 + 10
		left := time.Duration(0)
		if done > 0 {
			left = time.Duration(float64(time.Since(begin)) * float64(total-done) / float64(done)).Round(time.Second)
		}
		fmt.Fprintf(w, "%s: %3d %% of %s, %s records, %s left\n", what, share, size(total), hunt.Grouped(int64(flows)), left)
	}
	quit := every(2*time.Second, print)
	return func() { quit(); print() }
}

// size writes a number of bytes for people: 1.4 MB.
func size(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	v, i := float64(n), 0
	for v >= 1000 && i < len(units)-1 {
		v, i = v/1000, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, units[i])
}
