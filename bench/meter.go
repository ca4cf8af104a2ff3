package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/flowferry/flowferry/bench/gen"
	"github.com/flowferry/flowferry/capture"
	"github.com/flowferry/flowferry/flow"
)

// metering is a program that makes flows of a capture file. Each is a child process, so that
// all that it uses is counted alike.
type metering struct {
	name, does string
	program    string // "" is this one
	debian     string
	args       []string
	packets    *regexp.Regexp // in what it prints; the first group is added up. nil: it does not say
	bytes      *regexp.Regexp // nil: it does not say, or counts others
	once       bool           // takes so long that one round must do
}

// meterings gives the programs for a capture; flows go to a socket that nobody reads, to a file
// that is removed, or nowhere.
func meterings(file, sink string) []metering {
	said := regexp.MustCompile(`packets=(\d+) bytes=(\d+)`)
	bytes := regexp.MustCompile(`packets=\d+ bytes=(\d+)`)
	return []metering{
		{"flowferry", "two-way flows, labels and metadata from payload, id from the file's digest", "", "", []string{"child", "meter", file}, said, bytes, false},
		{"flowferry, meter alone", "the same without the digest", "", "", []string{"child", "packets", file}, said, bytes, false},
		{"softflowd", "two-way table, v9 to a socket; no labels", "softflowd", "softflowd",
			[]string{"-r", file, "-d", "-c", "none", "-p", "%DIR%/pid", "-n", sink, "-v", "9", "-m", "4000000", "-6"},
			regexp.MustCompile(`\(\d+\): +\d+ +(\d+)`), regexp.MustCompile(`\(\d+\): +(\d+)`), false},
		{"nfpcapd", "one-way flows, nfcapd file; no labels", "nfpcapd", "nfdump",
			[]string{"-r", file, "-w", "%DIR%"},
			regexp.MustCompile(`Ident: .*Packets: (\d+)`), regexp.MustCompile(`Ident: .*Bytes: (\d+)`), false},
		{"argus", "two-way flows, argus file; no labels", "argus", "argus-server",
			[]string{"-X", "-r", file, "-w", "%DIR%/flows"}, nil, nil, false},
		{"tshark", "two-way TCP and UDP conversations as text; every packet dissected; one round", "tshark", "tshark",
			[]string{"-n", "-q", "-r", file, "-z", "conv,tcp", "-z", "conv,udp"}, nil, nil, true},
	}
}

// meter measures the way from a capture file to flows.
func meter(ctx context.Context, s *suite) error {
	sink, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer sink.Close()
	for _, profile := range gen.Profiles {
		if err := s.meterProfile(ctx, profile, sink.LocalAddr().String()); err != nil {
			return err
		}
	}
	return nil
}

// maxShort is how large a capture of short flows is at most, bytes: 3 million flows.
const maxShort = 550 << 20

func (s *suite) meterProfile(ctx context.Context, profile gen.Profile, sink string) error {
	file := filepath.Join(s.dir, "capture.pcap")
	size, rounds := s.size, s.rounds
	if profile == gen.Short { // many more packets in a MB
		size, rounds = min(size/2, maxShort), min(rounds, 3)
	}
	made, err := makeCapture(file, profile, size)
	if err != nil {
		return err
	}
	defer os.Remove(file)
	var all []contender
	for _, m := range meterings(file, sink) {
		if m.program != "" && !s.have(m.program, m.debian) {
			continue
		}
		turn, err := s.metering(m, made)
		if err != nil {
			return err
		}
		if m.once {
			turn = once(turn)
		}
		all = append(all, contender{m.name, m.does, turn})
	}
	result, err := race(ctx, rounds, all)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\n%v: %s packets, %s conversations, %d MB, %.0f s of traffic, %d rounds\n", profile,
		commas(strconv.Itoa(made.Packets)), commas(strconv.Itoa(made.Flows)), made.Size>>20, made.Lasts.Seconds(), rounds)
	table(s.out, meterRows(result, made.Packets))
	return nil
}

// makeCapture writes a capture, which stays in the page cache; that it goes to the disk is in nobody's time.
func makeCapture(path string, profile gen.Profile, size int64) (gen.Contents, error) {
	f, err := os.Create(path)
	if err != nil {
		return gen.Contents{}, err
	}
	made, err := gen.Capture(f, profile, size, 1)
	return made, errors.Join(err, f.Sync(), f.Close())
}

// metering makes the turn of a program, which fails when the program says that it saw other
// packets or bytes than there are.
func (s *suite) metering(m metering, made gen.Contents) (func(context.Context) (cost, error), error) {
	program := m.program
	if program == "" {
		var err error
		if program, err = os.Executable(); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context) (cost, error) {
		c, said, err := s.child(ctx, program, m.args...)
		if err != nil || m.packets == nil {
			return c, err
		}
		if packets, bytes := addUp(m.packets, said), addUp(m.bytes, said); packets != uint64(made.Packets) || bytes != made.Bytes {
			return c, fmt.Errorf("counted %d packets and %d bytes in a file of %d and %d", packets, bytes, made.Packets, made.Bytes)
		}
		return c, nil
	}, nil
}

// addUp sums the numbers that the expression's first group finds.
func addUp(re *regexp.Regexp, said string) (total uint64) {
	for _, m := range re.FindAllStringSubmatch(said, -1) {
		n, _ := strconv.ParseUint(m[1], 10, 64)
		total += n
	}
	return total
}

func meterRows(result []series, packets int) [][]string {
	of := func(c cost) float64 { return float64(c.cpu) / float64(packets) }
	rows := [][]string{{"", "CPU ns/packet", "min–max", "vs first", "resident MB", "ends with"}}
	for i := range result {
		r := &result[i]
		rows = append(rows, []string{r.name, number(r.median(of)), r.spread(of), times(r, &result[0], of),
			number(r.median(func(c cost) float64 { return float64(c.memory) / 1e6 })), r.does})
	}
	return rows
}

// counted is what a meter gave out.
type counted struct {
	flows, labelled int
	packets, bytes  uint64
}

// batch counts a batch and frees it.
func (n *counted) batch(b *flow.Batch) {
	for i := range b.Recs {
		r := &b.Recs[i]
		n.flows++
		n.packets += r.Fwd.Packets + r.Rev.Packets
		n.bytes += r.Fwd.Bytes + r.Rev.Bytes
		if r.App != flow.AppNone {
			n.labelled++
		}
	}
	b.Free()
}

func (n *counted) print() {
	fmt.Printf("flows=%d labelled=%d packets=%d bytes=%d\n", n.flows, n.labelled, n.packets, n.bytes)
}

// childMeter is our contender: the capture source, as import uses it.
func childMeter(args []string) error {
	src, err := capture.NewSource(args[0], capture.Config{})
	if err != nil {
		return err
	}
	var n counted
	err = src.Run(context.Background(), n.batch)
	n.print()
	return err
}

// childPackets is the same without the digest of the file, as live capture works.
func childPackets(args []string) error {
	f, err := capture.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	var n counted
	m := capture.NewMeter(capture.Config{}, 1, n.batch)
	for err == nil {
		_, err = m.Read(f)
	}
	if err != io.EOF {
		return err
	}
	m.Flush()
	n.print()
	return nil
}
