package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/flowferry/flowferry/bench/gen"
)

// childWork does each kind of the product's own work for some seconds, without any other program's:
// what builds are optimised with is the CPU profile of that (`make profile`).
func childWork(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("give one folder for captures of 150 MB")
	}
	for _, format := range decoded {
		stream, d := decodedStream(format), flowferry()
		if err := workFor(4*time.Second, func() (int, error) {
			stream.Renumber()
			return pass(stream, d)()
		}); err != nil {
			return err
		}
	}
	for _, profile := range gen.Profiles {
		if err := workOnCapture(args[0], profile); err != nil {
			return err
		}
	}
	stream, sink := gen.NewStream(gen.V9, 100_000, 1), newBulk()
	return workFor(15*time.Second, func() (int, error) { return ourWay(stream, len(stops)-1, sink) })
}

func workOnCapture(dir string, profile gen.Profile) error {
	file := filepath.Join(dir, "work.pcap")
	if _, err := makeCapture(file, profile, 150<<20); err != nil {
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
