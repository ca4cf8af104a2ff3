package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flowferry/flowferry/capture"
)

// A collector of an interface writes its flows, and the account of a stop balances.
func TestRunInterface(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	filter := fmt.Sprintf("udp port %d", server.LocalAddr().(*net.UDPAddr).Port)
	probe, err := capture.OpenLive(capture.Config{Live: capture.LiveConfig{Interfaces: []string{"lo"}, RingMB: 1, Workers: 1}}, 1)
	if err != nil {
		t.Skipf("no interface can be metered here: %v", err)
	}
	probe.Close()
	dir := filepath.Join(t.TempDir(), "store")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out bytes.Buffer
	done := make(chan error, 1)
	cfg := &Config{Capture: capture.Config{Filter: filter, Live: capture.LiveConfig{Interfaces: []string{"lo"}, RingMB: 1}}}
	setOutput(cfg, dir, "")
	go func() { done <- collect(ctx, &out, cfg, false) }()
	client, err := net.Dial("udp", server.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 10 { // it is not known when the ring is open
		time.Sleep(100 * time.Millisecond)
		if _, err := client.Write(make([]byte, 50)); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n := numbers(t, out.String()); n["received"] != 1 || !strings.Contains(out.String(), "1    flow records metered from packets") {
		t.Errorf("got\n%s", &out)
	}
	if top := must(t, "top", "--store", dir, "--by", "network.transport"); !strings.Contains(top, "1 of 1 groups · 1 flows") {
		t.Errorf("the store holds\n%s", top)
	}
	if top := must(t, "top", "--store", dir, "--by", "observer.ingress.interface.name"); !strings.Contains(top, "lo") || !strings.Contains(top, "1 of 1 groups · 1 flows") {
		t.Errorf("the interface is\n%s", top)
	}
}

// A capture on standard input gives the flows of the file, also compressed; a pipe that stays open
// does not keep the program from ending.
func TestReadCaptureStdin(t *testing.T) {
	file := filepath.Join(testdata, "pcap", "zeek", "krb__kinit.pcap")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	program := func(in io.Reader) (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command(os.Args[0], "read", "-o", "csv", "-")
		cmd.Env = append(os.Environ(), asProgram+"=1")
		var out bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, os.Stderr
		return cmd, &out
	}
	want := must(t, "read", "-o", "csv", file)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(data)
	z.Close()
	for _, in := range []io.Reader{bytes.NewReader(data), &zipped} {
		cmd, out := program(in)
		if err := cmd.Run(); err != nil || out.String() != want {
			t.Errorf("got %v,\n%s, want\n%s", err, out, want)
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	cmd, out := program(r)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || out.String() != want {
		t.Errorf("with the pipe open: got %v,\n%s", err, out)
	}
}

func TestFilterFlag(t *testing.T) {
	file := filepath.Join(testdata, "pcap", "zeek", "krb__kinit.pcap")
	count := func(args ...string) int {
		return strings.Count(must(t, append([]string{"read", "-o", "text", file}, args...)...), "\n")
	}
	if all, some, none := count(), count("--filter", "tcp"), count("--filter", "tcp port 7"); all <= some || some == 0 || none != 0 {
		t.Errorf("%d records, %d of TCP, %d of port 7", all, some, none)
	}
	f := func(want string, args ...string) {
		t.Helper()
		if _, err := inProcess(t.Context(), args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: got error %v, want %q", args, err, want)
		}
	}
	f(`--filter "tcp and": it ends`, "read", "--filter", "tcp and", file)
	f(`--filter "music": "music" is not understood`, "import", "--filter", "music", file)
	f(`--filter "port": port needs a value`, "run", "--filter", "port", "-i", "lo")
}
