// Command bench measures what Flowferry costs beside other programs that do the same, on the
// same input, on the same machine, in the same run.
//
//	go run . [-quick] [-only decode,meter,document,top,engine,receive,udp] [-rounds N] [-size MB] [-dir DIR]
//
// It measures CPU time (user and system, of getrusage), not wall time, so that other work on
// the machine disturbs little; the contenders of a table take turns within each round, and the
// table shows the median of the rounds. Network traffic stays on the loopback. What it writes
// is removed at the end. With BENCH_PROFILE=FILE a CPU profile of the run is written there.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/flowferry/flowferry/internal/lategc"
)

// suite is the setting of a run.
type suite struct {
	out    io.Writer
	quick  bool
	rounds int
	size   int64  // of a generated capture, bytes
	dir    string // for files; removed at the end
}

// section is one group of measurements.
type section struct {
	name, title string
	run         func(context.Context, *suite) error
}

var sections = []section{
	{"decode", "Export datagrams to records", decode},
	{"meter", "Packets to flows", meter},
	{"document", "Records to ECS documents", document},
	{"top", "Top talkers among stored flows", top},
	{"engine", "Documents into OpenSearch", engine},
	{"receive", "UDP to records", receive},
	{"udp", "UDP to bulk bytes", udp},
}

func main() {
	lategc.Start() // as the program does that is measured
	if len(os.Args) > 2 && os.Args[1] == "child" {
		exit(child(os.Args[2], os.Args[3:]))
	}
	quick := flag.Bool("quick", false, "small sizes and few rounds: a few minutes, and rough figures")
	only := flag.String("only", "", "comma-separated sections to run: "+strings.Join(names(), ","))
	rounds := flag.Int("rounds", 0, "rounds per table (default 7, quick 3)")
	size := flag.Int64("size", 0, "size of a generated capture, MB (default 3000, quick 40); that of short flows is half of it, and at most 550: 3 million flows")
	dir := flag.String("dir", os.TempDir(), "where to put files, which are removed at the end")
	flag.Parse()
	s := &suite{out: os.Stdout, quick: *quick, rounds: *rounds, size: *size << 20}
	s.defaults()
	exit(profiled(func() error { return s.main(*dir, *only) }))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func names() (list []string) {
	for _, s := range sections {
		list = append(list, s.name)
	}
	return list
}

func (s *suite) defaults() {
	if s.rounds == 0 {
		s.rounds = pick(s.quick, 3, 7)
	}
	if s.size == 0 {
		s.size = pick[int64](s.quick, 40<<20, 3000<<20)
	}
}

func pick[T any](quick bool, small, full T) T {
	if quick {
		return small
	}
	return full
}

func (s *suite) main(dir, only string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	chosen := strings.Split(only, ",")
	for _, name := range chosen {
		if only != "" && !slices.Contains(names(), name) {
			return fmt.Errorf("-only: no section %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	var err error
	if s.dir, err = os.MkdirTemp(dir, "flowferry-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	fmt.Fprintf(s.out, "%s %s/%s, %d CPUs, medians of %d rounds, CPU time = user + system\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), s.rounds)
	for _, sec := range sections {
		if only != "" && !slices.Contains(chosen, sec.name) {
			continue
		}
		fmt.Fprintf(s.out, "\n## %s\n", sec.title)
		if err := sec.run(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", sec.name, err)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
