package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cost is what one turn of a contender took.
type cost struct {
	cpu    time.Duration
	wall   time.Duration
	allocs float64       // per unit of work; in-process contenders only
	memory int64         // largest resident set, bytes; children only
	other  time.Duration // CPU time of the server it talks to
}

// contender is one of those that do the same work in a table.
type contender struct {
	name string
	does string // what is and what is not in its time
	turn func(context.Context) (cost, error)
}

// series is what a contender took over the rounds.
type series struct {
	contender
	costs []cost
}

// race lets the contenders take turns, each round beginning with another one.
func race(ctx context.Context, rounds int, all []contender) ([]series, error) {
	result := make([]series, len(all))
	for round := range rounds {
		for i := range all {
			at := (i + round) % len(all)
			c, err := all[at].turn(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", all[at].name, err)
			}
			result[at].contender = all[at]
			result[at].costs = append(result[at].costs, c)
		}
	}
	return result, nil
}

// once makes a turn that is taken in the first round only and costs the same in the others: for a
// contender that takes so long that one must do.
func once(turn func(context.Context) (cost, error)) func(context.Context) (cost, error) {
	var first cost
	var done bool
	return func(ctx context.Context) (cost, error) {
		if done {
			return first, nil
		}
		var err error
		first, err = turn(ctx)
		done = err == nil
		return first, err
	}
}

// median gives the middle value of what of takes from each round.
func (s *series) median(of func(cost) float64) float64 {
	v := s.values(of)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func (s *series) values(of func(cost) float64) (v []float64) {
	for _, c := range s.costs {
		v = append(v, of(c))
	}
	slices.Sort(v)
	return v
}

// inProcess makes a turn of work, which runs until the turn has lasted long enough and is
// divided by the units that it says it did. What is done before each time is not in the figure.
func inProcess(atLeast time.Duration, before func(), work func() (units int, err error)) func(context.Context) (cost, error) {
	return func(context.Context) (cost, error) {
		var had, has runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&had)
		units, used := 0, time.Duration(0)
		for start := time.Now(); units == 0 || time.Since(start) < atLeast; {
			before()
			cpu := cpuTime()
			n, err := work()
			if err != nil {
				return cost{}, err
			}
			used += cpuTime() - cpu
			units += n
		}
		runtime.ReadMemStats(&has)
		n := float64(units)
		return cost{
			cpu:    time.Duration(float64(used) / n * 1000), // of 1,000 units, so as not to round nanoseconds
			allocs: float64(has.Mallocs-had.Mallocs) / n,
		}, nil
	}
}

// unprepared is what inProcess does before work that can be done again as it is.
func unprepared() {}

// perUnit gives the CPU nanoseconds per unit of a turn made by inProcess.
func perUnit(c cost) float64 { return float64(c.cpu) / 1000 }

// cpuTime is the user and system time of this process so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // only a bad argument
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// childLimit is how long a child may take before it is ended: five minutes, and as long again for
// each GB of a generated capture.
func (s *suite) childLimit() time.Duration {
	return 5*time.Minute + 5*time.Minute*time.Duration(s.size>>30)
}

// child runs a program to its end, with %DIR% in its arguments made a folder of its own, and
// tells what it took and what it said.
func (s *suite) child(ctx context.Context, program string, args ...string) (cost, string, error) {
	return s.run(ctx, watchMemory, program, args...)
}

// beside is child for a program beside which this process is measured: its memory is not watched,
// for that would be in the CPU time of this process.
func (s *suite) beside(ctx context.Context, program string, args ...string) (said string, err error) {
	_, said, err = s.run(ctx, func(int) func() int64 { return func() int64 { return 0 } }, program, args...)
	return said, err
}

func (s *suite) run(ctx context.Context, watch func(pid int) func() int64, program string, args ...string) (cost, string, error) {
	dir, err := os.MkdirTemp(s.dir, "child-")
	if err != nil {
		return cost{}, "", err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, s.childLimit())
	defer cancel()
	var said strings.Builder
	cmd := exec.CommandContext(ctx, program)
	for _, a := range args {
		cmd.Args = append(cmd.Args, strings.ReplaceAll(a, "%DIR%", dir))
	}
	cmd.Stdout, cmd.Stderr = &said, &said
	start := time.Now()
	if err = cmd.Start(); err != nil {
		return cost{}, "", err
	}
	largest := watch(cmd.Process.Pid)
	err = cmd.Wait()
	c := cost{wall: time.Since(start), memory: largest()}
	if err != nil {
		text := strings.TrimSpace(said.String())
		return c, "", fmt.Errorf("run %s: %w: %s", filepath.Base(program), err, text[max(0, len(text)-500):])
	}
	c.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return c, said.String(), nil
}

// watchMemory looks every few milliseconds how large the process has been, until the function
// it returns is called. (The maximum that getrusage knows begins with that of the parent.)
func watchMemory(pid int) (stop func() (largest int64)) {
	end, result := make(chan struct{}), make(chan int64)
	go func() {
		var kb, last int64
		for {
			if status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)); err == nil {
				if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
					if _, err := fmt.Sscan(rest, &kb); err == nil {
						last = max(last, kb)
					}
				}
			}
			select {
			case <-end:
				result <- last << 10
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return func() int64 { close(end); return <-result }
}

// have says whether a peer is installed, and prints a line if not.
func (s *suite) have(program, debian string) bool {
	if _, err := exec.LookPath(program); err != nil {
		fmt.Fprintf(s.out, "\n(%s is not installed and is left out; Debian package %s)\n", program, debian)
		return false
	}
	return true
}

// table prints rows in the pipe form of Markdown, with columns that line up. Text columns are
// those of which left is true.
func table(w io.Writer, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	fmt.Fprintln(w)
	for n, row := range rows {
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-len([]rune(cell)))
			if i == 0 || i == len(row)-1 && textual(rows, i) {
				fmt.Fprintf(w, "| %s%s ", cell, pad)
			} else {
				fmt.Fprintf(w, "| %s%s ", pad, cell)
			}
		}
		fmt.Fprintln(w, "|")
		if n > 0 {
			continue
		}
		for i := range row {
			dashes := strings.Repeat("-", width[i]+1)
			if i == 0 || i == len(row)-1 && textual(rows, i) {
				fmt.Fprintf(w, "|-%s", dashes)
			} else {
				fmt.Fprintf(w, "|%s:", dashes)
			}
		}
		fmt.Fprintln(w, "|")
	}
}

// textual says whether a column holds words rather than numbers.
func textual(rows [][]string, column int) bool {
	for _, row := range rows[1:] {
		if cell := row[column]; cell != "" && (cell[0] < '0' || cell[0] > '9') {
			return true
		}
	}
	return false
}

// number prints a figure with three digits that mean something, and commas.
func number(v float64) string {
	switch {
	case v >= 100:
		return commas(fmt.Sprintf("%.0f", v))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	case v < 0.0005:
		return "0"
	}
	return fmt.Sprintf("%.2f", v)
}

func commas(digits string) string {
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// spread prints the smallest and the largest of the rounds.
func (s *series) spread(of func(cost) float64) string {
	v := s.values(of)
	return number(v[0]) + "–" + number(v[len(v)-1])
}

// times prints how many times the first contender's figure this one's is.
func times(s, first *series, of func(cost) float64) string {
	return fmt.Sprintf("%.2f×", s.median(of)/first.median(of))
}
