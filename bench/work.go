package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/google/pprof/profile"

	"github.com/flowferry/flowferry/bench/gen"
)

// childWork writes what builds are optimised with (`make profile`): a CPU profile of the product's
// own work, each kind for some seconds. Where the sources and the program were is not kept.
func childWork(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("give a folder for captures of 150 MB, and the file to write")
	}
	var took bytes.Buffer
	if err := pprof.StartCPUProfile(&took); err != nil {
		return err
	}
	err := work(args[0])
	pprof.StopCPUProfile()
	if err != nil {
		return err
	}
	p, err := profile.Parse(&took)
	if err != nil {
		return err
	}
	for _, m := range p.Mapping {
		m.File, m.BuildID = "", ""
	}
	for _, f := range p.Function {
		f.Filename = ""
	}
	out, err := os.Create(args[1])
	if err != nil {
		return err
	}
	return errors.Join(p.Write(out), out.Close())
}

func work(dir string) error {
	for _, format := range decoded {
		stream, d := decodedStream(format), flowferry()
		if err := workFor(4*time.Second, func() (int, error) {
			stream.Renumber()
			return pass(stream, d)()
		}); err != nil {
			return err
		}
	}
	for _, p := range gen.Profiles {
		if err := workOnCapture(dir, p); err != nil {
			return err
		}
	}
	stream, sink := gen.NewStream(gen.V9, 100_000, 1), newBulk()
	return workFor(15*time.Second, func() (int, error) { return ourWay(stream, len(stops)-1, sink) })
}

func workOnCapture(dir string, p gen.Profile) error {
	file := filepath.Join(dir, "work.pcap")
	if _, err := makeCapture(file, p, 150<<20); err != nil {
		return err
	}
	defer os.Remove(file)
	return workFor(8*time.Second, func() (int, error) { return 0, childPackets([]string{file}) })
}

func workFor(d time.Duration, work func() (int, error)) error {
	for end := time.Now().Add(d); time.Now().Before(end); {
		if _, err := work(); err != nil {
			return err
		}
	}
	return nil
}
