package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowferry/flowferry/capture"
	"github.com/flowferry/flowferry/hunt"
)

func newDemo() *cobra.Command {
	d := &demo{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole way on real input: exports over UDP, captures, the store, a hunt",
		Long: `demo starts a collector of its own on a free loopback port, sends it real export payloads of
many vendors over UDP, each vendor from a loopback address of its own, stops it, imports real
captures into the same store, and shows what a hunt finds. It needs the testdata folder of a
checkout and writes only below --dir.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			d.w = cmd.OutOrStdout()
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&d.dir, "dir", "demo", "directory for the configuration and the store; it is made anew")
	cmd.Flags().StringVar(&d.testdata, "testdata", "testdata", "the testdata folder of a checkout")
	return cmd
}

// demo is one show.
type demo struct {
	w             io.Writer
	dir, testdata string
}

func (d *demo) config() string { return filepath.Join(d.dir, "flowferry.yml") }
func (d *demo) store() string  { return filepath.Join(d.dir, "store") }

func (d *demo) run(ctx context.Context) error {
	groups, err := exportGroups(filepath.Join(d.testdata, "export", "logstash"))
	if err != nil {
		return fmt.Errorf("%w; run the demo in a checkout, or name its testdata folder with --testdata", err)
	}
	captures, err := filepath.Glob(filepath.Join(d.testdata, "pcap", "*", "*"))
	if err != nil {
		return err
	}
	captures = onlyCaptures(captures)
	if err := d.prepare(); err != nil {
		return err
	}
	d.title("1. A collector receives the exports of %d exporters over UDP", len(groups))
	if err := d.collect(ctx, groups); err != nil {
		return err
	}
	d.title("2. Import of %d captures into the same store", len(captures))
	cfg, err := loadConfig(d.config())
	if err != nil {
		return err
	}
	if err := importFiles(ctx, d.w, cfg, captures, asPackets); err != nil {
		return err
	}
	if err := d.hunt(ctx, cfg); err != nil {
		return err
	}
	return d.next()
}

func (d *demo) title(format string, args ...any) {
	fmt.Fprintf(d.w, "\n"+format+"\n\n", args...)
}

// prepare empties the demo's directory and writes its configuration. A directory that is not
// the demo's is left alone.
func (d *demo) prepare() error {
	if entries, err := os.ReadDir(d.dir); err == nil && len(entries) > 0 {
		if _, err := os.Stat(d.config()); err != nil {
			return fmt.Errorf("%s is not empty and not a demo's; name another directory with --dir", d.dir)
		}
	}
	if err := os.RemoveAll(d.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	geo := filepath.Join(d.testdata, "geo")
	text := fmt.Sprintf(demoConfig, port, filepath.Join(geo, "demo-city.mmdb"), filepath.Join(geo, "demo-asn.mmdb"),
		filepath.Join(d.testdata, "lists", "demo-watchlist.csv"), d.store())
	return os.WriteFile(d.config(), []byte(text), 0o600)
}

const demoConfig = `netflow:
  listen: ["127.0.0.1:%d"]
enrich:
  city: %s
  asn: %s
  watchlists:
    - name: demo
      path: %s
      note: note
output:
  kind: store
  store:
    path: %s
`

// freePort finds a UDP port that nobody uses.
func freePort() (int, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, fmt.Errorf("find a free UDP port: %w", err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}

// group is what one exporter sent: its datagrams in order.
type group struct {
	name  string
	files []string
}

// exportGroups reads GROUPS.tsv of a folder of payloads.
func exportGroups(dir string) (groups []group, err error) {
	f, err := os.Open(filepath.Join(dir, "GROUPS.tsv"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes = '\t', true
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	for _, row := range rows[1:] {
		g := group{name: row[0]}
		for _, file := range strings.Fields(row[1]) {
			g.files = append(g.files, filepath.Join(dir, file))
		}
		groups = append(groups, g)
	}
	return groups, nil
}

// onlyCaptures drops what is no capture of packets: a README beside them, or a capture that
// carries exports.
func onlyCaptures(paths []string) (captures []string) {
	for _, p := range paths {
		in, err := openInputs([]string{p}, asAuto, &Config{})
		if err != nil || len(in) != 1 {
			continue
		}
		if _, packets := in[0].source.(*capture.Source); packets {
			captures = append(captures, p)
		}
	}
	return captures
}

// collect runs `flowferry run` as a process of its own, sends it every group, and stops it as
// its service manager would.
func (d *demo) collect(ctx context.Context, groups []group) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "run", "-c", d.config())
	cmd.Stdout = d.w
	return runCollector(ctx, cmd, os.Stderr, groups)
}

// runCollector starts a collector, sends it the groups once it listens, and stops it. What it
// logs goes to log.
func runCollector(ctx context.Context, cmd *exec.Cmd, log io.Writer, groups []group) error {
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ready := make(chan string, 1)
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		readyLine(stderr, ready, log)
	}()
	addr, ok := <-ready
	if !ok {
		return fmt.Errorf("the collector did not start: %w", cmd.Wait())
	}
	sendErr := sendGroups(ctx, addr, groups)
	stopErr := cmd.Process.Signal(syscall.SIGTERM)
	<-logged
	return errors.Join(sendErr, stopErr, cmd.Wait())
}

// readyLine copies what the collector logs and hands on the address it listens at.
func readyLine(r io.Reader, ready chan<- string, w io.Writer) {
	defer close(ready)
	lines := bufio.NewScanner(r)
	for told := false; lines.Scan(); {
		if _, addr, ok := strings.Cut(lines.Text(), " udp="); ok && !told {
			addr, _, _ = strings.Cut(addr, " ")
			ready <- addr
			told = true
			continue
		}
		fmt.Fprintln(w, lines.Text())
	}
}

// sendGroups sends each group from a loopback address of its own, so that each is an exporter.
func sendGroups(ctx context.Context, to string, groups []group) error {
	dst, err := net.ResolveUDPAddr("udp4", to)
	if err != nil {
		return err
	}
	var datagrams, bytes int64
	for i, g := range groups {
		c, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))}, dst)
		if err != nil {
			return fmt.Errorf("send as exporter %d: %w", i+1, err)
		}
		for _, file := range g.files {
			payload, err := os.ReadFile(file)
			if err == nil {
				_, err = c.Write(payload)
			}
			if err != nil {
				c.Close()
				return fmt.Errorf("send %s: %w", file, err)
			}
			datagrams, bytes = datagrams+1, bytes+int64(len(payload))
			time.Sleep(time.Millisecond) // a router's pace, not a burst
		}
		c.Close()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	fmt.Fprintf(os.Stderr, "sent %s datagrams, %s, to %s\n", hunt.Grouped(datagrams), size(bytes), to)
	return nil
}
