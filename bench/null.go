package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"

	"github.com/flowferry/flowferry/shipper/shippertest"
)

// nullEngine is an engine that takes every document at once, counts it and throws it away. It
// answers as an engine that is asked for no more than the shipper asks for.
type nullEngine struct {
	shippertest.Cluster
	docs atomic.Uint64
}

// ServeHTTP implements http.Handler.
func (e *nullEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/_bulk") {
		e.Cluster.ServeHTTP(w, r)
		return
	}
	docs, err := countDocuments(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	e.docs.Add(uint64(docs))
	w.Header().Set("Content-Type", "application/json")
	items := strings.TrimSuffix(strings.Repeat(`{"create":{"status":201}},`, docs), ",")
	_, _ = io.WriteString(w, `{"errors":false,"items":[`+items+`]}`)
}

// countDocuments reads a bulk request, in which a document is two lines.
func countDocuments(r *http.Request) (int, error) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			return 0, err
		}
		body = z
	}
	lines, buf := 0, make([]byte, 64<<10)
	for {
		n, err := body.Read(buf)
		lines += bytes.Count(buf[:n], []byte{'\n'})
		if err == io.EOF {
			return lines / 2, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// childNull serves a nullEngine on the listener that it was given as its third file until its
// standard input ends, and then says how many documents came.
func childNull([]string) error {
	l, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	e := &nullEngine{}
	server := &http.Server{Handler: e}
	go func() { _ = server.Serve(l) }()
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	_, err = fmt.Println(e.docs.Load())
	return errors.Join(err, server.Close())
}

// nullProcess is a nullEngine that runs as a process of its own, so that its time is not ours.
type nullProcess struct {
	url  string
	cmd  *exec.Cmd
	end  io.Closer
	said strings.Builder
}

func startNull(ctx context.Context) (*nullProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &nullProcess{url: "http://" + l.Addr().String(), cmd: exec.CommandContext(ctx, self, "child", "null")}
	p.cmd.ExtraFiles, p.cmd.Stdout, p.cmd.Stderr = []*os.File{file}, &p.said, os.Stderr
	if p.end, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	return p, p.cmd.Start()
}

// stop ends the process and gives how many documents came.
func (p *nullProcess) stop() (docs int, err error) {
	if err := errors.Join(p.end.Close(), p.cmd.Wait()); err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(p.said.String()))
}
