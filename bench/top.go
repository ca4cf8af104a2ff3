package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/flowferry/flowferry/bench/gen"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/hunt"
	"github.com/flowferry/flowferry/store"
)

// question is asked of both stores. The answers must be the same.
type question struct {
	what                    string
	query, by, sum          string   // ours
	filter                  []string // nfdump's
	statistic, key, measure string   // nfdump's: -s, and the columns of its csv
}

var questions = []question{
	{"sources by bytes, all flows", "", "source.ip", "network.bytes", nil, "srcip/bytes", "val", "byt"},
	{"destinations by bytes, TCP to port 443", "network.transport:tcp and destination.port:443", "destination.ip", "network.bytes",
		[]string{"proto tcp and dst port 443"}, "dstip/bytes", "val", "byt"},
}

// top measures a top-10 over stored flows, both programs started anew for each question and
// reading from the page cache. Flows are stored as they were exported (not stitched), so that
// both have the same number of rows.
func top(ctx context.Context, s *suite) error {
	flows := pick(s.quick, 300_000, 3_000_000)
	stream := gen.NewStream(gen.V9, flows, 1)
	dir := filepath.Join(s.dir, "store")
	wrote, err := fillStore(ctx, dir, stream)
	if err != nil {
		return err
	}
	files := map[string]string{"flowferry": dir}
	if s.have("nfcapd", "nfdump") && s.have("nfdump", "nfdump") {
		if files["nfdump"], err = s.fillNfdump(ctx, stream); err != nil {
			return err
		}
	}
	fmt.Fprintf(s.out, "\n%s flows of NetFlow v9, one row each; writing ours took %.2f µs of CPU per flow, decoding and enrichment included\n",
		commas(strconv.Itoa(flows)), wrote.Seconds()*1e6/float64(flows))
	rows := [][]string{{"", "rows/s, wall", "min–max", "vs first", "CPU ns/row", "disk bytes/row", "reads"}}
	for _, q := range questions {
		more, err := s.compare(ctx, q, flows, files)
		if err != nil {
			return err
		}
		rows = append(rows, more...)
	}
	table(s.out, rows)
	return nil
}

// compare lets both answer in turn and gives the rows of the table.
func (s *suite) compare(ctx context.Context, q question, flows int, files map[string]string) (rows [][]string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var answers [2]string
	var groups string
	all := []contender{{"flowferry: " + q.what, "Parquet, two or four columns of all", func(ctx context.Context) (cost, error) {
		c, said, err := s.child(ctx, self, "child", "top", files["flowferry"], q.by, q.sum, q.query)
		answers[0], groups, _ = strings.Cut(said, "of ")
		return c, err
	}}}
	if file := files["nfdump"]; file != "" {
		args := append([]string{"-r", file, "-s", q.statistic, "-n", "10", "-o", "csv", "-N", "-q"}, q.filter...)
		all = append(all, contender{"nfdump: the same", "nfcapd file, not compressed, all columns", func(ctx context.Context) (cost, error) {
			c, said, err := s.child(ctx, "nfdump", args...)
			if err == nil {
				answers[1], err = nfdumpAnswer(said, q.key, q.measure)
			}
			return c, err
		}})
	}
	result, err := race(ctx, s.rounds, all)
	if err != nil {
		return nil, err
	}
	if len(all) > 1 && answers[0] != answers[1] {
		return nil, fmt.Errorf("%s: the answers differ:\n%s\nnfdump says\n%s", q.what, answers[0], answers[1])
	}
	fmt.Fprintf(s.out, "%s: the 10 largest of %s; both answer the same\n", q.what, commas(strings.TrimSpace(groups)))
	perSecond := func(c cost) float64 { return float64(flows) / c.wall.Seconds() }
	for i := range result {
		r := &result[i]
		size, err := diskSize(files[strings.SplitN(r.name, ":", 2)[0]])
		if err != nil {
			return nil, err
		}
		rows = append(rows, []string{r.name, number(r.median(perSecond)), r.spread(perSecond), times(r, &result[0], perSecond),
			number(r.median(func(c cost) float64 { return float64(c.cpu) / float64(flows) })),
			number(float64(size) / float64(flows)), r.does})
	}
	return rows, nil
}

// fillStore decodes and enriches the stream and writes it to a store.
func fillStore(ctx context.Context, dir string, stream *gen.Stream) (time.Duration, error) {
	through, err := stages()
	if err != nil {
		return 0, err
	}
	st, err := store.Open(dir)
	if err != nil {
		return 0, err
	}
	w, err := st.Writer(store.WriterConfig{Name: "bench"})
	if err != nil {
		return 0, err
	}
	start := cpuTime()
	err = eachBatch(stream, through[1:], func(b *flow.Batch) error { return w.Put(ctx, b) })
	if err = errors.Join(err, w.Close(ctx)); err != nil {
		return 0, err
	}
	return cpuTime() - start, nil
}

// childTop is our contender: one question to the store, answered as "key value" lines.
func childTop(args []string) error {
	r, err := ask(args[0], args[1], args[2], args[3])
	if err != nil {
		return err
	}
	for _, row := range r.Rows {
		fmt.Printf("%s %.0f\n", row.Key[0], row.Sum[0])
	}
	fmt.Printf("of %d\n", r.Groups)
	return nil
}

// ask gives the ten values of by with the largest sum.
func ask(dir, by, sum, query string) (*hunt.Result, error) {
	st, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	q := hunt.All()
	if query != "" {
		if q, err = hunt.Parse(query); err != nil {
			return nil, err
		}
	}
	return hunt.Top{By: []string{by}, Sum: []string{sum}, Limit: 10}.Store(context.Background(), st, q)
}

// nfdumpAnswer brings nfdump's csv into the form of ours.
func nfdumpAnswer(said, key, measure string) (string, error) {
	r := csv.NewReader(strings.NewReader(said))
	r.FieldsPerRecord = -1
	lines, err := r.ReadAll()
	if err != nil {
		return "", fmt.Errorf("read nfdump's answer: %w", err)
	}
	var keyAt, measureAt int
	var b strings.Builder
	for _, line := range lines {
		for i, name := range line {
			if name == key {
				keyAt = i
			}
			if name == measure {
				measureAt = i
			}
		}
		if keyAt > 0 && len(line) > max(keyAt, measureAt) && line[keyAt] != key {
			fmt.Fprintln(&b, line[keyAt], line[measureAt])
		}
	}
	return b.String(), nil
}

// paces are the datagrams per second at which nfcapd is fed: slower when it lost some.
var paces = []int{20_000, 8_000, 3_000}

// fillNfdump lets nfcapd write the stream, and gives the file's path.
func (s *suite) fillNfdump(ctx context.Context, stream *gen.Stream) (path string, err error) {
	for _, pace := range paces {
		dir, err := os.MkdirTemp(s.dir, "nfcapd-")
		if err != nil {
			return "", err
		}
		if err := s.nfcapd(ctx, dir, stream, pace); err != nil {
			return "", err
		}
		files, err := filepath.Glob(filepath.Join(dir, "nfcapd.2*"))
		if err != nil || len(files) != 1 {
			return "", fmt.Errorf("nfcapd wrote %d files: %v %w", len(files), files, err)
		}
		_, said, err := s.child(ctx, "nfdump", "-I", "-r", files[0])
		if err != nil {
			return "", err
		}
		if strings.Contains(said, fmt.Sprintf("Flows: %d\n", stream.Flows)) {
			return files[0], nil
		}
	}
	return "", fmt.Errorf("nfcapd lost flows even at %d datagrams/s", paces[len(paces)-1])
}

// nfcapd feeds a stream to a nfcapd that writes to dir.
func (s *suite) nfcapd(ctx context.Context, dir string, stream *gen.Stream, pace int) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "nfcapd", "-b", "127.0.0.1", "-p", strconv.Itoa(port), "-w", dir, "-t", "86400", "-B", "16000000")
	if err := cmd.Start(); err != nil {
		return err
	}
	defer cmd.Process.Kill()
	if err := waitFor(ctx, func() bool { return udpBound(port) }); err != nil {
		return fmt.Errorf("nfcapd did not open its port: %w", err)
	}
	conn, err := net.Dial("udp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := send(ctx, conn, stream, pace); err != nil {
		return err
	}
	time.Sleep(500 * time.Millisecond) // what is still in the socket
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	_ = cmd.Wait() // its exit status says nothing
	return nil
}

// send sends the datagrams of a stream, pace per second.
func send(ctx context.Context, conn net.Conn, stream *gen.Stream, pace int) error {
	start := time.Now()
	for i, p := range stream.Datagrams {
		if i%32 == 0 {
			time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second / time.Duration(pace))))
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
		if _, err := conn.Write(p); err != nil {
			return err
		}
	}
	return nil
}

func freePort() (int, error) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}

// udpBound says whether somebody has the UDP port.
func udpBound(port int) bool {
	sockets, _ := os.ReadFile("/proc/net/udp")
	return strings.Contains(string(sockets), fmt.Sprintf("0100007F:%04X ", port))
}

func waitFor(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// diskSize gives the bytes of the files below a path.
func diskSize(path string) (total int64, err error) {
	err = filepath.WalkDir(path, func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			total += info.Size()
		}
		return err
	})
	return total, err
}
