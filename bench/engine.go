package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/flowferry/flowferry/bench/gen"
	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/shipper"
)

const (
	engineName = "opensearch-2.19.4"
	dataStream = "logs-flowferry.flow-default"
	senders    = 4       // at once, ours and the bare loop's
	bodySize   = 4 << 20 // of the bare loop, as the shipper's default
)

// engine measures how fast documents get into a real OpenSearch on this machine: by a bare loop
// that posts bodies made before, which is what the engine can take at most, and by the shipper,
// which begins with records.
func engine(ctx context.Context, s *suite) error {
	node, err := s.startEngine(ctx)
	if err != nil {
		fmt.Fprintf(s.out, "\n(%s does not start and is left out: %v)\n", engineName, err)
		return nil
	}
	defer node.stop()
	cluster, err := shipper.Connect(ctx, shipper.Config{Hosts: []string{node.url}})
	if err != nil {
		return err
	}
	defer cluster.Close(ctx)
	if _, err := shipper.Setup(ctx, cluster, shipper.SetupOptions{}); err != nil {
		return err
	}
	load := &shipment{node: node, cluster: cluster, dir: s.dir, stream: gen.NewStream(gen.IPFIX, pick(s.quick, 20_000, 300_000), 1)}
	if err := load.prepare(); err != nil {
		return err
	}
	all := []contender{
		{"bare loop, plain", "bodies made before, posted", load.bare(false)},
		{"bare loop, gzip", "bodies made and compressed before, posted", load.bare(true)},
		{"flowferry, plain", "records → documents → bodies, posted", load.ship(-1)},
		{"flowferry, gzip (default)", "records → documents → bodies → gzip, posted", load.ship(0)},
	}
	if _, err := race(ctx, 1, all[1:3]); err != nil { // lets the engine's compiler warm up
		return err
	}
	result, err := race(ctx, pick(s.quick, 1, min(s.rounds, 3)), all)
	if err != nil {
		return err
	}
	size, err := load.merged(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\n%s: %s documents of %d bytes, %d requests at once of %d MB; %d bytes per document on disk after merging to one segment\n",
		engineName, commas(strconv.Itoa(load.docs)), load.size/load.docs, senders, bodySize>>20, size/int64(load.docs))
	table(s.out, load.rows(result))
	return nil
}

// shipment is what is sent, in the forms in which it is sent.
type shipment struct {
	node    *node
	cluster *shipper.Engine
	dir     string
	stream  *gen.Stream
	docs    int
	size    int      // bytes of all documents
	bodies  [][]byte // of the bare loop
	zipped  [][]byte
}

// prepare makes the bodies of the bare loop: the same documents, under the same ids.
func (l *shipment) prepare() error {
	batches, err := l.batches()
	if err != nil {
		return err
	}
	var body []byte
	closeBody := func() error {
		var z bytes.Buffer
		w, _ := gzip.NewWriterLevel(&z, gzip.BestSpeed) // the level is valid
		_, err := w.Write(body)
		l.bodies, l.zipped = append(l.bodies, body), append(l.zipped, z.Bytes())
		if err = errors.Join(err, w.Close()); err == nil {
			l.zipped[len(l.zipped)-1] = z.Bytes()
		}
		body = nil
		return err
	}
	for _, b := range batches {
		for i := range b.Recs {
			body = append(body, `{"create":{"_id":"`...)
			body = append(ecs.AppendID(body, &b.Recs[i]), "\"}}\n"...)
			before := len(body)
			body = append(ecs.AppendDocument(body, b, &b.Recs[i]), '\n')
			l.docs, l.size = l.docs+1, l.size+len(body)-before
			if len(body) > bodySize {
				if err := closeBody(); err != nil {
					return err
				}
			}
		}
		b.Free()
	}
	return closeBody()
}

// batches makes the records anew, since who ships them frees them. The few sessions among them
// are left out: they have a data stream of their own.
func (l *shipment) batches() ([]*flow.Batch, error) {
	through, err := stages()
	if err != nil {
		return nil, err
	}
	all, err := records(l.stream, through)
	for _, b := range all {
		b.Recs = slices.DeleteFunc(b.Recs, func(r flow.Record) bool { return r.Kind != flow.KindFlow })
	}
	return all, err
}

// turn times send with a data stream that is empty before and must be complete after.
func (l *shipment) turn(ctx context.Context, send func() error) (cost, error) {
	if status, answer, err := l.cluster.Do(ctx, "DELETE", "/_data_stream/"+dataStream, nil); err != nil || status != 200 && status != 404 {
		return cost{}, fmt.Errorf("delete %s: status %d, %s, %w", dataStream, status, answer, err)
	}
	start, own, engine := time.Now(), cpuTime(), l.node.cpu()
	if err := send(); err != nil {
		return cost{}, err
	}
	c := cost{wall: time.Since(start), cpu: cpuTime() - own, other: l.node.cpu() - engine}
	return c, l.complete(ctx)
}

// complete fails unless all documents are there.
func (l *shipment) complete(ctx context.Context) error {
	if _, _, err := l.cluster.Do(ctx, "POST", "/"+dataStream+"/_refresh", nil); err != nil {
		return err
	}
	_, answer, err := l.cluster.Do(ctx, "GET", "/"+dataStream+"/_count", nil)
	if err != nil {
		return err
	}
	var found struct{ Count int }
	if err := json.Unmarshal(answer, &found); err != nil || found.Count != l.docs {
		return fmt.Errorf("of %d documents %s has %d: %s", l.docs, dataStream, found.Count, answer)
	}
	return nil
}

// ship is our contender.
func (l *shipment) ship(compression int) func(context.Context) (cost, error) {
	return func(ctx context.Context) (cost, error) {
		batches, err := l.batches()
		if err != nil {
			return cost{}, err
		}
		return l.turn(ctx, func() error {
			sink := shipper.New(l.cluster, shipper.Config{Block: true, Compression: compression,
				Workers: senders, BatchBytes: bodySize, DeadLetter: filepath.Join(l.dir, "dead-letters.ndjson")})
			for _, b := range batches {
				if err := sink.Put(ctx, b); err != nil {
					return err
				}
			}
			return sink.Close(ctx)
		})
	}
}

// bare posts the bodies, senders at once.
func (l *shipment) bare(zip bool) func(context.Context) (cost, error) {
	bodies := l.bodies
	if zip {
		bodies = l.zipped
	}
	return func(ctx context.Context) (cost, error) {
		return l.turn(ctx, func() error {
			queue, errs := make(chan []byte), make(chan error, senders)
			var wg sync.WaitGroup
			for range senders {
				wg.Go(func() {
					for body := range queue {
						if err := post(ctx, l.node.url, body, zip); err != nil {
							errs <- err
							for range queue { // let the others end
							}
							return
						}
					}
				})
			}
			for _, body := range bodies {
				queue <- body
			}
			close(queue)
			wg.Wait()
			select {
			case err := <-errs:
				return err
			default:
				return nil
			}
		})
	}
}

// post sends one bulk request and fails if any of its documents did.
func post(ctx context.Context, url string, body []byte, zip bool) error {
	req, err := http.NewRequestWithContext(ctx, "POST", url+"/"+dataStream+"/_bulk?filter_path=errors,items.*.error", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	if zip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && (res.StatusCode != 200 || !bytes.Contains(answer, []byte(`"errors":false`))) {
		err = fmt.Errorf("bulk request: %s: %.300s", res.Status, answer)
	}
	return err
}

// merged merges the data stream to one segment and gives its size in bytes.
func (l *shipment) merged(ctx context.Context) (int64, error) {
	for _, path := range []string{"/_forcemerge?max_num_segments=1", "/_flush", "/_refresh"} {
		if status, answer, err := l.cluster.Do(ctx, "POST", "/"+dataStream+path, nil); err != nil || status != 200 {
			return 0, fmt.Errorf("%s: status %d, %s, %w", path, status, answer, err)
		}
	}
	_, answer, err := l.cluster.Do(ctx, "GET", "/"+dataStream+"/_stats/store", nil)
	if err != nil {
		return 0, err
	}
	var stats struct {
		All struct {
			Primaries struct {
				Store struct {
					Size int64 `json:"size_in_bytes"`
				}
			}
		} `json:"_all"`
	}
	err = json.Unmarshal(answer, &stats)
	return stats.All.Primaries.Store.Size, err
}

func (l *shipment) rows(result []series) [][]string {
	rate := func(c cost) float64 { return float64(l.docs) / c.wall.Seconds() }
	each := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(l.docs) }
	rows := [][]string{{"", "documents/s", "min–max", "vs first", "own CPU µs/document", "engine's", "own share", "does"}}
	for i := range result {
		r := &result[i]
		rows = append(rows, []string{r.name, number(r.median(rate)), r.spread(rate), times(r, &result[0], rate),
			number(r.median(func(c cost) float64 { return each(c.cpu) })),
			number(r.median(func(c cost) float64 { return each(c.other) })),
			number(r.median(func(c cost) float64 { return 100 * c.cpu.Seconds() / (c.cpu + c.other).Seconds() })) + " %", r.does})
	}
	return rows
}

// node is a running engine. It ends, and its data goes, when its standard input closes.
type node struct {
	url   string
	cmd   *exec.Cmd
	stdin io.Closer
}

// engineStart is how long the engine may take; the first time it has to be fetched.
const engineStart = 8 * time.Minute

// startEngine starts the engine of the tests on a free loopback port.
func (s *suite) startEngine(ctx context.Context) (*node, error) {
	cmd := exec.CommandContext(ctx, "../testdata/engine/engine.sh", "run", engineName, "0", "2g")
	cmd.Env = append(os.Environ(), "INSTANCE="+filepath.Join(s.dir, "engine"))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	n := &node{cmd: cmd, stdin: stdin}
	late := time.AfterFunc(engineStart, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	if n.url, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		n.stop()
		return nil, err
	}
	n.url = strings.TrimSpace(n.url)
	return n, nil
}

func (n *node) stop() {
	n.stdin.Close()
	late := time.AfterFunc(15*time.Second, func() { _ = n.cmd.Process.Kill() })
	_ = n.cmd.Wait()
	late.Stop()
}

// cpu is the user and system time of the engine so far, to 10 ms.
func (n *node) cpu() time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.Atoi(fields[11]) // fields 14 and 15 of proc(5)
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}
