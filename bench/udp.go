package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/netsampler/goflow2/v2/format"
	_ "github.com/netsampler/goflow2/v2/format/json" // makes the format known
	"github.com/netsampler/goflow2/v2/utils"
	"github.com/netsampler/goflow2/v2/utils/templates"

	"github.com/flowferry/flowferry/bench/gen"
	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
	"github.com/flowferry/flowferry/shipper"
)

// udp measures the whole way of a flow, from its datagram to the bytes of a bulk request: first
// in one goroutine, stage upon stage and beside goflow2, then over UDP as the product runs it.
func udp(ctx context.Context, s *suite) error {
	if err := s.wholeWay(ctx); err != nil {
		return err
	}
	return s.overUDP(ctx)
}

func (s *suite) wholeWay(ctx context.Context) error {
	stream, sink := gen.NewStream(gen.V9, pick(s.quick, 20_000, 100_000), 1), newBulk()
	var all []contender
	for n, does := range stops {
		all = append(all, contender{"flowferry", does, inProcess(0, unprepared, func() (int, error) { return ourWay(stream, n, sink) })})
	}
	all = append(all, contender{"goflow2", "datagram → record → JSON line; one-way, no enrichment",
		inProcess(0, unprepared, func() (int, error) { return goflow2Way(stream) })})
	result, err := race(ctx, s.rounds, all)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\nThe whole way of %s flows of NetFlow v9 in one goroutine\n", commas(strconv.Itoa(stream.Flows)))
	rows := [][]string{{"", "CPU ns/flow", "min–max", "flows/s per core", "allocs/flow", "way"}}
	for i := range result {
		r := &result[i]
		rows = append(rows, []string{r.name, number(r.median(perUnit)), r.spread(perUnit),
			number(r.median(func(c cost) float64 { return 1e9 / perUnit(c) })),
			number(r.median(func(c cost) float64 { return c.allocs })), r.does})
	}
	table(s.out, rows)
	return nil
}

// bulk is a sink that makes the lines of bulk requests and throws them away. Its buffers are
// used again and again, as the shipper's are.
type bulk struct{ free chan []byte }

func newBulk() *bulk {
	k := &bulk{make(chan []byte, runtime.NumCPU())}
	for range cap(k.free) {
		k.free <- make([]byte, 0, 2*bodySize)
	}
	return k
}

func (k *bulk) Put(_ context.Context, b *flow.Batch) error {
	buf := <-k.free
	for i := range b.Recs {
		buf = append(buf, `{"create":{"_id":"`...)
		buf = append(ecs.AppendID(buf, &b.Recs[i]), "\"}}\n"...)
		buf = append(ecs.AppendDocument(buf, b, &b.Recs[i]), '\n')
		if len(buf) > bodySize {
			buf = buf[:0] // sent, in the product
		}
	}
	k.free <- buf
	b.Free()
	return nil
}

func (k *bulk) Close(context.Context) error { return nil }

// stops are how far ourWay goes.
var stops = []string{"datagram → record", "… → stitched, two-way", "… → enriched", "… → bulk bytes"}

// ourWay sends the stream once through the first stages: 0 decodes, 1 also stitches, 2 also
// enriches, 3 also makes documents.
func ourWay(stream *gen.Stream, n int, sink *bulk) (int, error) {
	through, err := stages()
	if err != nil {
		return 0, err
	}
	err = eachBatch(stream, through[:min(n, len(through))], func(b *flow.Batch) error {
		if n > len(through) {
			return sink.Put(context.Background(), b)
		}
		b.Free()
		return nil
	})
	return stream.Flows, err
}

// discard is a transport of goflow2.
type discard struct{}

func (discard) Send(_, _ []byte) error { return nil }

func goflow2Way(stream *gen.Stream) (int, error) {
	json, err := format.FindFormat("json")
	if err != nil {
		return 0, err
	}
	pipe := utils.NewNetFlowPipe(&utils.PipeConfig{Format: json, Transport: discard{}, Producer: goflow2Producer(),
		NetFlowTemplater: templates.DefaultTemplateGenerator})
	for _, p := range stream.Datagrams {
		if err := pipe.DecodeFlow(&utils.Message{Src: exporter, Dst: exporter, Payload: p, Received: received}); err != nil {
			return 0, err
		}
	}
	return stream.Flows, nil
}

// exporters is how many addresses datagrams come from, each with a stream of its own.
const exporters = 4

// ways are the sinks behind the stages: the lines of bulk requests thrown away, and the product's
// shipper, whose requests go to an engine in another process, which throws them away.
var ways = []struct {
	name string
	sink func(s *suite, url string) (flow.Sink, error)
}{
	{"bulk lines, thrown away", func(*suite, string) (flow.Sink, error) { return newBulk(), nil }},
	{"shipper, plain, HTTP", func(s *suite, url string) (flow.Sink, error) { return s.ships(url, -1) }},
	{"shipper, gzip 1, HTTP", func(s *suite, url string) (flow.Sink, error) { return s.ships(url, 1) }},
}

func (s *suite) ships(url string, compression int) (flow.Sink, error) {
	cfg := shipper.Config{Hosts: []string{url}, Compression: compression, Block: true, DeadLetter: filepath.Join(s.dir, "dead.ndjson")}
	e, err := shipper.Connect(context.Background(), cfg)
	if err != nil {
		return nil, err
	}
	return shipper.New(e, cfg), nil
}

// overUDP receives at several paces with the product's source, pipeline and stages, and holds
// the account: each flow that was sent is kept, merged or named as lost.
func (s *suite) overUDP(ctx context.Context) error {
	rows := [][]string{{"way", "datagrams/s sent", "flows/s sent", "lost by the kernel", "by a full queue", "CPU ns/flow", "flows/s per core"}}
	for i, w := range ways {
		for _, pace := range pick(s.quick, []int{4_000, 16_000}, []int{4_000, 8_000, 16_000, 32_000}) {
			a, err := s.carry(ctx, pace, i)
			if err != nil {
				return fmt.Errorf("%s: %w", w.name, err)
			}
			per := float64(a.steady.cpu) / float64(a.steady.kept)
			rows = append(rows, []string{w.name, number(float64(a.datagrams) / a.sending.Seconds()), number(float64(a.sent) / a.sending.Seconds()),
				fmt.Sprintf("%.2f %%", 100*float64(a.sent-a.kept-a.queue)/float64(a.sent)),
				fmt.Sprintf("%.2f %%", 100*float64(a.queue)/float64(a.sent)), number(per), number(1e9 / per)})
		}
	}
	fmt.Fprintf(s.out, "\nUDP on the loopback, %d exporters, NetFlow v9, the senders and the engine on the same %d CPUs; decoded, stitched, enriched, bulk bytes.\n"+
		"Each flow sent is in the account: kept, paired, merged, or lost by name; each document shipped has come.\n", exporters, runtime.NumCPU())
	table(s.out, rows)
	return nil
}

// arrived is what became of what was sent.
type arrived struct {
	datagrams, sent, kept int
	queue                 int // flows lost to a full shard
	sending               time.Duration
	steady                spent // from when flows began to leave to the end of sending
}

// spent is what was kept so far, and the CPU time that it took.
type spent struct {
	kept int
	cpu  time.Duration
}

func spentBy(src, p counting) spent {
	n := account{}
	n.add(src)
	n.add(p)
	return spent{int(n["netflow.records"] - n["pipeline.queue_drops"]), cpuTime()}
}

// spentAfter is spentBy at a time after the first flow. Stitching holds each flow for 10 s: before
// that, none leaves.
func spentAfter(src, p counting, after time.Duration) spent {
	for spentBy(src, p).kept == 0 {
		time.Sleep(20 * time.Millisecond)
	}
	time.Sleep(after)
	return spentBy(src, p)
}

// carry runs the product's way into one of ways while senders send at a pace.
func (s *suite) carry(ctx context.Context, pace, way int) (arrived, error) {
	null, err := startNull(ctx)
	if err != nil {
		return arrived{}, err
	}
	a, n, err := s.carryInto(ctx, pace, way, null.url)
	came, stopped := null.stop()
	if err = errors.Join(err, stopped); err != nil {
		return a, err
	}
	if err := n.arrived(came); err != nil {
		return a, err
	}
	return a, n.check(&a)
}

func (s *suite) carryInto(ctx context.Context, pace, way int, url string) (a arrived, sums account, err error) {
	src, err := netflow.Listen(netflow.Config{Listen: []string{"127.0.0.1:0"}, Origin: 1})
	if err != nil {
		return a, nil, err
	}
	sink, err := ways[way].sink(s, url)
	if err != nil {
		return a, nil, err
	}
	shards := make([][]flow.Stage, 2)
	for i := range shards {
		if shards[i], err = stages(); err != nil {
			return a, nil, err
		}
	}
	p := &flow.Pipeline{Shards: len(shards), Sink: sink, Stages: func(i int) []flow.Stage { return shards[i] }}
	running, stop := context.WithCancel(ctx)
	defer stop()
	done, began := make(chan error, 1), make(chan spent, 1)
	go func() { done <- p.Run(running, src) }()
	go func() { began <- spentAfter(src, p, pick[time.Duration](s.quick, 1, 12)*time.Second) }()
	flows := pace * 21 * pick(s.quick, 2, 20) // 21 in a datagram
	a, err = s.sendFrom(ctx, src.Endpoints()[0].Addr.Port(), flows/exporters, pace/exporters)
	if err == nil {
		from, to := <-began, spentBy(src, p)
		a.steady = spent{to.kept - from.kept, to.cpu - from.cpu}
	}
	time.Sleep(300 * time.Millisecond) // for what is still in the sockets
	stop()
	err = errors.Join(err, <-done, sink.Close(ctx))
	sums = account{}
	sums.add(src)
	sums.add(p)
	for _, list := range shards {
		sums.add(list[0].(counting))
	}
	if ships, ok := sink.(counting); ok {
		sums.add(ships)
	}
	return a, sums, err
}

// sendFrom starts the senders, each a child process, and waits for them.
func (s *suite) sendFrom(ctx context.Context, port uint16, flows, pace int) (total arrived, err error) {
	self, err := os.Executable()
	if err != nil {
		return total, err
	}
	parts, errs := make([]arrived, exporters), make([]error, exporters)
	var wg sync.WaitGroup
	for i := range exporters {
		wg.Go(func() {
			said, err := s.beside(ctx, self, "child", "send", fmt.Sprint(port), fmt.Sprint(i), fmt.Sprint(flows), fmt.Sprint(pace))
			if err == nil {
				_, err = fmt.Sscan(said, &parts[i].datagrams, &parts[i].sent, &parts[i].sending)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for _, p := range parts {
		total.datagrams += p.datagrams
		total.sent += p.sent
		total.sending = max(total.sending, p.sending)
	}
	return total, errors.Join(errs...)
}

// childSend is one exporter, with an address of its own out of 127.0.0.0/8.
func childSend(args []string) error {
	var n [4]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(args[i]); err != nil {
			return err
		}
	}
	port, number, flows, pace := n[0], n[1], n[2], n[3]
	lasts := time.Duration(flows/21) * time.Second / time.Duration(pace)
	stream := gen.NewStreamAt(gen.V9, flows, uint64(number+1), time.Now(), lasts/time.Duration(flows))
	conn, err := net.DialUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, byte(number+2))}, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
	if err != nil {
		return err
	}
	defer conn.Close()
	start := time.Now()
	if err := send(context.Background(), conn, stream, pace); err != nil {
		return err
	}
	_, err = fmt.Println(len(stream.Datagrams), stream.Flows, int64(time.Since(start)))
	return err
}

// account is what the parts of the product counted, by name.
type account map[string]uint64

type counting interface{ Stats() []flow.Stat }

func (n account) add(part counting) {
	for _, s := range part.Stats() {
		n[s.Name] += s.Value
	}
}

// check fails when something that was sent is neither kept nor lost by name, and tells a how
// much was kept.
func (n account) check(a *arrived) error {
	if got, sent := n["netflow.datagrams"]+n["netflow.kernel_drops"], uint64(a.datagrams); got != sent {
		return fmt.Errorf("%d datagrams were sent, %d are in the account", sent, got)
	}
	records, dropped := n["netflow.records"], n["pipeline.queue_drops"]
	if n["netflow.kernel_drops"] == 0 && records != uint64(a.sent) {
		return fmt.Errorf("%d flows were sent, %d were decoded", a.sent, records)
	}
	if got := n["stitch.flows"] + n["stitch.paired"] + n["stitch.duplicates"] + dropped; got != records {
		return fmt.Errorf("of %d records %d are in the account", records, got)
	}
	a.kept, a.queue = int(records-dropped), int(dropped)
	return nil
}

// arrived fails when not every document of a way with a shipper has come.
func (n account) arrived(came int) error {
	shipped, ok := n["shipper.documents_in"]
	if made := n["stitch.flows"] + n["stitch.sessions"] + n["stitch.interims"]; ok && (uint64(came) != shipped || shipped != made) {
		return fmt.Errorf("%d documents were made, %d were shipped, and %d came", made, shipped, came)
	}
	return nil
}
