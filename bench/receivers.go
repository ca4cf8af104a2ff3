package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/netsampler/goflow2/v2/producer"
	"github.com/netsampler/goflow2/v2/utils"
	"github.com/netsampler/goflow2/v2/utils/templates"

	"github.com/flowferry/flowferry/bench/gen"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
)

// receiver is a program that receives on a UDP port of 127.0.0.1 until SIGTERM, and then says
// how many flows it made.
type receiver struct {
	name, does string
	command    func(self, dir string, port int) []string
	flows      *regexp.Regexp // finds their number in what it says
}

var receivers = []receiver{
	{"flowferry", "records in batches, counted and let go",
		func(self, _ string, port int) []string { return []string{self, "child", "receive", strconv.Itoa(port)} },
		regexp.MustCompile(`flows (\d+)`)},
	{"nfcapd", "records in a file in memory or page cache, not compressed",
		func(_, dir string, port int) []string {
			return []string{"nfcapd", "-b", "127.0.0.1", "-p", strconv.Itoa(port), "-w", dir, "-t", "3600", "-B", strconv.Itoa(peerBuffer)}
		},
		regexp.MustCompile(`Flows: (\d+)`)},
	{"goflow2", "messages of its protobuf producer, counted and let go",
		func(self, _ string, port int) []string { return []string{self, "child", "goflow2", strconv.Itoa(port)} },
		regexp.MustCompile(`flows (\d+)`)},
}

// peerBuffer is the receive buffer asked for nfcapd, as large as ours; it gets what
// net.core.rmem_max allows. goflow2 cannot ask for one.
const peerBuffer = 8 << 20

// childReceive receives with the product's source as it is by default, up to its batches.
func childReceive(args []string) error {
	src, err := netflow.Listen(netflow.Config{Listen: []string{"127.0.0.1:" + args[0]}, Origin: 1})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var flows atomic.Uint64
	var atEnd uint64
	context.AfterFunc(ctx, func() { atEnd = flows.Load() })
	if err := src.Run(ctx, func(b *flow.Batch) {
		flows.Add(uint64(len(b.Recs)))
		b.Free()
	}); err != nil {
		return err
	}
	n := account{}
	n.add(src)
	fmt.Println("flows", atEnd, "datagrams", n["netflow.datagrams"], "dropped", n["netflow.kernel_drops"])
	return nil
}

// childGoflow2 receives with goflow2's library as its program does by default, but with a socket
// per CPU: UDP receiver, NetFlow pipe, protobuf producer; nothing is marshalled.
func childGoflow2(args []string) error {
	port, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	sockets := runtime.NumCPU()
	r, err := utils.NewUDPReceiver(&utils.UDPReceiverConfig{Sockets: sockets, Workers: 2 * sockets, QueueSize: 1_000_000})
	if err != nil {
		return err
	}
	made := &counter{ProducerInterface: goflow2Producer()}
	pipe := goflow2Pipe(gen.V9, &utils.PipeConfig{Producer: made, NetFlowTemplater: templates.DefaultTemplateGenerator})
	if err := r.Start("127.0.0.1", port, pipe.DecodeFlow); err != nil {
		return err
	}
	<-ctx.Done()
	fmt.Println("flows", made.flows.Load())
	return nil
}

// counter counts goflow2's messages on their way back to the pool.
type counter struct {
	producer.ProducerInterface
	flows atomic.Uint64
}

func (c *counter) Commit(set []producer.ProducerMessage) {
	c.flows.Add(uint64(len(set)))
	c.ProducerInterface.Commit(set)
}

// receiving is a receiver at work.
type receiving struct {
	*receiver
	cmd  *exec.Cmd
	port int
	said strings.Builder
	dir  string
}

// start starts a receiver and waits until it has its port.
func (s *suite) start(ctx context.Context, r *receiver) (*receiving, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	at := &receiving{receiver: r}
	if at.port, err = freePort(); err != nil {
		return nil, err
	}
	if at.dir, err = os.MkdirTemp(s.dir, "receive-"); err != nil {
		return nil, err
	}
	args := r.command(self, at.dir, at.port)
	at.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	at.cmd.Stdout, at.cmd.Stderr = &at.said, &at.said
	if err = at.cmd.Start(); err != nil {
		return nil, err
	}
	if err = waitFor(ctx, func() bool { return udpBound(at.port) }); err != nil {
		_, _ = at.stop()
		return nil, fmt.Errorf("start %s: %w: %s", r.name, err, &at.said)
	}
	time.Sleep(50 * time.Millisecond) // for further sockets
	return at, nil
}

// stop ends it and gives how many flows it made.
func (r *receiving) stop() (flows int, err error) {
	defer os.RemoveAll(r.dir)
	err = errors.Join(r.cmd.Process.Signal(syscall.SIGTERM), r.cmd.Wait())
	if err != nil {
		return 0, fmt.Errorf("stop %s: %w: %s", r.name, err, &r.said)
	}
	found := r.flows.FindStringSubmatch(r.said.String())
	if found == nil {
		return 0, fmt.Errorf("%s does not say how many flows it made: %s", r.name, &r.said)
	}
	return strconv.Atoi(found[1])
}

// kernelDrops is how many datagrams the kernel dropped as the sockets of the port were full.
func kernelDrops(port int) (drops int, err error) {
	sockets, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return 0, err
	}
	return dropsOf(string(sockets), port)
}

func dropsOf(sockets string, port int) (drops int, err error) {
	for line := range strings.Lines(sockets) {
		if column := strings.Fields(line); len(column) == 13 && column[1] == fmt.Sprintf("0100007F:%04X", port) {
			n, err := strconv.Atoi(column[12])
			if err != nil {
				return 0, fmt.Errorf("read /proc/net/udp: %w", err)
			}
			drops += n
		}
	}
	return drops, nil
}
