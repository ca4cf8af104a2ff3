package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/flowferry/flowferry/bench/gen"
)

// settle is how long a receiver has to count what was sent, from the last datagram on.
const settle = 250 * time.Millisecond

// The rates of the sender, datagrams per second.
var (
	ladder      = []int{10_000, 20_000, 40_000, 60_000, 80_000, 100_000, 150_000, 200_000, 300_000}
	quickLadder = []int{10_000, 40_000, 100_000, 150_000, 200_000}
)

// receive measures how many datagrams per second a receiver takes on the loopback without loss,
// and what a flow costs it: the same sender, the same datagrams, one receiver after the other.
func receive(ctx context.Context, s *suite) error {
	if runtime.GOOS != "linux" {
		fmt.Fprintf(s.out, "\n(left out: it needs Linux)\n")
		return nil
	}
	contenders := slices.Clone(receivers)
	if !s.have("nfcapd", "nfdump") {
		contenders = slices.DeleteFunc(contenders, func(r receiver) bool { return r.name == "nfcapd" })
	}
	for _, l := range []load{{gen.V9Short, 24}, {gen.V5, 24}, {gen.V9Short, 1}} {
		if err := s.climb(ctx, l, contenders); err != nil {
			return err
		}
	}
	return nil
}

// taken is what became of one run of the sender.
type taken struct {
	told
	pace         int // asked of it, datagrams per second
	drops, flows int
	cpu          time.Duration // of the receiver
}

// lost is how many flows the receiver did not count in time.
func (t *taken) lost() int { return t.told.flows - t.flows }

// rate is how many flows were sent per second.
func (t *taken) rate() float64 { return float64(t.told.flows) / t.took.Seconds() }

// rung is the runs of one receiver at one pace.
type rung []taken

// lossless says whether nothing was lost in most of the runs.
func (r rung) lossless() bool {
	good := 0
	for i := range r {
		if r[i].lost() == 0 {
			good++
		}
	}
	return 2*good > len(r)
}

// median gives the middle value of what of takes from each run.
func (r rung) median(of func(*taken) float64) float64 {
	v := make([]float64, len(r))
	for i := range r {
		v[i] = of(&r[i])
	}
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// climb raises the pace, and lets the receivers take turns at each. A receiver that lost at two
// paces running is out.
func (s *suite) climb(ctx context.Context, l load, contenders []receiver) error {
	rounds, lasts := pick(s.quick, 1, min(s.rounds, 3)), pick[time.Duration](s.quick, 600, 1000)*time.Millisecond
	rungs := make([][]rung, len(contenders)) // by contender, by pace
	for _, pace := range pick(s.quick, quickLadder, ladder) {
		now := make([]rung, len(contenders))
		for round := range rounds {
			for i := range contenders {
				at := (i + round) % len(contenders)
				if out(rungs[at]) {
					continue
				}
				t, err := s.turn(ctx, l, &contenders[at], pace, int(time.Duration(pace)*lasts/time.Second))
				if err != nil {
					return err
				}
				now[at] = append(now[at], t)
			}
		}
		for i := range contenders {
			if now[i] != nil {
				rungs[i] = append(rungs[i], now[i])
			}
		}
	}
	fmt.Fprintf(s.out, "\n%v, %d exporters, %v at each pace, rounds: %d\n", l, pacedExporters, lasts, rounds)
	table(s.out, climbRows(l, contenders, rungs))
	fmt.Fprintln(s.out)
	for i, r := range contenders {
		fmt.Fprintf(s.out, "%s without loss: %s\n", r.name, highest(l, rungs[i]))
	}
	return nil
}

// highest tells the fastest pace up to which nothing was lost.
func highest(l load, rungs []rung) string {
	rate := 0.0
	for _, g := range rungs {
		if !g.lossless() {
			break
		}
		rate = max(rate, g.median((*taken).rate))
	}
	if rate == 0 {
		return "at none of these rates"
	}
	return fmt.Sprintf("up to %s datagrams/s, %s flows/s", number(rate/float64(l.each)), number(rate))
}

func out(r []rung) bool {
	n := len(r)
	return n >= 2 && !r[n-1].lossless() && !r[n-2].lossless()
}

// turn starts a receiver, sends, and takes the account.
func (s *suite) turn(ctx context.Context, l load, r *receiver, pace, count int) (t taken, err error) {
	at, err := s.start(ctx, r)
	if err != nil {
		return t, err
	}
	t.pace = pace
	cpu, err := processCPU(at.cmd.Process.Pid)
	if err == nil {
		t.told, err = s.sendPaced(ctx, l, at.port, pace, count)
	}
	time.Sleep(settle)
	if err == nil {
		t.cpu, err = processCPU(at.cmd.Process.Pid)
		t.cpu -= cpu
	}
	if err == nil {
		t.drops, err = kernelDrops(at.port)
	}
	flows, stopped := at.stop()
	if err == nil {
		err = stopped
	}
	t.flows = flows
	if err == nil && t.lost() < t.drops*l.each {
		err = fmt.Errorf("%s made %d flows of %d, and the kernel dropped %d datagrams of %d", r.name, flows, t.told.flows, t.drops, l.each)
	}
	return t, err
}

// sendPaced runs the sender, a process of its own.
func (s *suite) sendPaced(ctx context.Context, l load, port, pace, count int) (t told, err error) {
	self, err := os.Executable()
	if err != nil {
		return t, err
	}
	args := []string{"child", "paced"}
	for _, n := range []int{port, int(l.format), l.each, pace, count} {
		args = append(args, strconv.Itoa(n))
	}
	_, said, err := s.child(ctx, self, args...)
	if err == nil {
		_, err = fmt.Sscan(said, &t.datagrams, &t.flows, &t.took, &t.cpu)
	}
	return t, err
}

// climbRows prints a row for each pace and receiver.
func climbRows(l load, contenders []receiver, rungs [][]rung) [][]string {
	rows := [][]string{{"", "datagrams/s asked", "sent", "flows/s", "flows sent", "lost", "dropped by the kernel", "CPU ns/flow", "CPUs", "sender's CPUs"}}
	for i, r := range contenders {
		for _, g := range rungs[i] {
			percent := func(of func(*taken) int) string {
				v := g.median(func(t *taken) float64 { return 100 * float64(of(t)) / float64(t.told.flows) })
				if v == 0 {
					return "0"
				}
				return fmt.Sprintf("%.2f %%", v)
			}
			rate := g.median((*taken).rate)
			rows = append(rows, []string{r.name, number(float64(g[0].pace)), number(rate / float64(l.each)), number(rate), number(float64(g[0].told.flows)),
				percent((*taken).lost), percent(func(t *taken) int { return t.drops * l.each }),
				number(g.median(func(t *taken) float64 { return float64(t.cpu) / float64(max(t.flows, 1)) })),
				number(g.median(func(t *taken) float64 { return t.cpu.Seconds() / t.took.Seconds() })),
				number(g.median(func(t *taken) float64 { return t.told.cpu.Seconds() / t.took.Seconds() }))})
		}
	}
	return rows
}
