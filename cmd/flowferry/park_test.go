package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// freeAddr gives an address on which nobody listens.
func freeAddr(t *testing.T, network string) string {
	t.Helper()
	if network == "udp" {
		c, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.LocalAddr().String()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// collector is a process of flowferry run.
type collector struct {
	t           *testing.T
	cmd         *exec.Cmd
	out, err    bytes.Buffer
	udp, metric string // addresses
}

func startCollector(t *testing.T, dir, settings string, shards int) *collector {
	t.Helper()
	c := &collector{t: t, udp: freeAddr(t, "udp"), metric: freeAddr(t, "tcp")}
	config := writeFile(t, fmt.Sprintf("{netflow: {listen: ['%s']}, admin: {listen: '%s'}, shards: %d, stitch: {%s}}", c.udp, c.metric, shards, settings))
	c.cmd = exec.Command(os.Args[0], "run", "-c", config, "--store", filepath.Join(dir, "store"))
	c.cmd.Env = append(os.Environ(), asProgram+"=1")
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.err
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill() })
	until(t, func() bool { return c.counts("netflow_datagrams_total") == 0 })
	return c
}

// counts gives a metric; -1 while there is none.
func (c *collector) counts(name string) int {
	resp, err := http.Get("http://" + c.metric + "/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	m := regexp.MustCompile(`(?m)^flowferry_` + name + ` (\d+)$`).FindSubmatch(body)
	if m == nil {
		return -1
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

// send sends minutes from to to of a long conversation, the last with a RST if it is the end.
func (c *collector) send(now time.Time, from, to int, end bool) {
	c.t.Helper()
	const uptime = 10_000_000 // ms, at now
	p := binary.BigEndian.AppendUint16(nil, 5)
	p = binary.BigEndian.AppendUint16(p, uint16(to-from))
	p = binary.BigEndian.AppendUint32(p, uptime)
	p = binary.BigEndian.AppendUint32(p, uint32(now.Unix()))
	p = append(p, make([]byte, 12)...)
	for m := from; m < to; m++ {
		r := make([]byte, 48)
		copy(r, []byte{10, 0, 0, 1, 192, 0, 2, 1})
		binary.BigEndian.PutUint32(r[16:], 10)   // packets
		binary.BigEndian.PutUint32(r[20:], 1000) // bytes
		binary.BigEndian.PutUint32(r[24:], uptime-600_000+uint32(m)*60_000)
		binary.BigEndian.PutUint32(r[28:], uptime-600_000+uint32(m)*60_000+60_000)
		binary.BigEndian.PutUint16(r[32:], 40000)
		binary.BigEndian.PutUint16(r[34:], 443)
		r[37], r[38] = 0x18, 6 // PSH and ACK; TCP
		if end && m == to-1 {
			r[37] |= 4
		}
		p = append(p, r...)
	}
	conn, err := net.Dial("udp", c.udp)
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(p); err != nil {
		c.t.Fatal(err)
	}
}

// stop sends SIGTERM and gives the account, which balances.
func (c *collector) stop() string {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		c.t.Fatalf("%v\n%s", err, &c.err)
	}
	numbers(c.t, c.out.String())
	return c.out.String()
}

// A conversation that goes on while the collector is stopped and started again with another number
// of shards becomes one session, and each run's account balances.
func TestRunOverARestart(t *testing.T) {
	dir := t.TempDir()
	settings := "window: 2s, half: 2s, state_file: '" + filepath.Join(dir, "stitch.state") + "'"
	now := time.Now()
	first := startCollector(t, dir, settings, 2)
	first.send(now, 0, 4, false)
	until(t, func() bool { return first.counts("stitch_flows_total") == 4 })
	first.send(now, 4, 6, false)
	until(t, func() bool { return first.counts("stitch_in_total") == 6 })
	out := first.stop()
	left := amount(t, out, "left waiting for the next run") // two, unless the machine is very busy
	if amount(t, out, "complete conversations") != 0 || left+amount(t, out, "flows kept") != 6 {
		t.Fatalf("the first run:\n%s", out)
	}

	second := startCollector(t, dir, settings, 3)
	second.send(now, 6, 9, true)
	until(t, func() bool { return second.counts("stitch_sessions_total") == 1 })
	if out = second.stop(); amount(t, out, "flows that the last run left waiting") != left || amount(t, out, "flows kept") != left+3 {
		t.Errorf("%d were left waiting, and the second run:\n%s", left, out)
	}
	if !strings.Contains(second.err.String(), "msg=resumed conversations=1") {
		t.Errorf("the second run says\n%s", &second.err)
	}
	top := func(args ...string) string {
		return must(t, append([]string{"top", "--store", filepath.Join(dir, "store"), "--csv"}, args...)...)
	}
	sessions := top("--stream", "session", "--by", "source.ip,network.bytes,flow.segments,event.duration,flow.end_reason")
	if !strings.Contains(sessions, "\n10.0.0.1,9000,9,540000000000,end_of_flow,1") || strings.Count(sessions, "\n") != 2 {
		t.Errorf("sessions:\n%s", sessions)
	}
	if flows := top("--by", "source.ip", "--sum", "network.bytes"); !strings.Contains(flows, "\n10.0.0.1,9,1.000000,9000,") {
		t.Errorf("flows:\n%s", flows)
	}

	third := startCollector(t, dir, settings, 1)
	if out = third.stop(); strings.Contains(out, "left waiting") {
		t.Errorf("the third run:\n%s", out)
	}
}

// Where the state can not be kept at the end, what is open is written out, and the error is told.
func TestRunCanNotPark(t *testing.T) {
	dir := t.TempDir()
	place := filepath.Join(dir, "place")
	if err := os.Mkdir(place, 0o700); err != nil {
		t.Fatal(err)
	}
	c := startCollector(t, dir, "state_file: '"+filepath.Join(place, "stitch.state")+"'", 2)
	c.send(time.Now(), 0, 3, false)
	until(t, func() bool { return c.counts("stitch_in_total") == 3 })
	if err := os.RemoveAll(place); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err == nil || !strings.Contains(c.err.String(), "save stitch.state_file") {
		t.Errorf("got %v\n%s", err, &c.err)
	}
	if n := numbers(t, c.out.String()); n["received"] != 3 || !strings.Contains(c.out.String(), "3    flows kept") || !strings.Contains(c.out.String(), "1  complete conversations") {
		t.Errorf("got\n%s", &c.out)
	}
}
