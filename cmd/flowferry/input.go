package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
)

// input is one thing to read: a file, or the payload files of one exporter together.
type input struct {
	name     string
	source   flow.Source
	origin   func() uint64              // may wait until the file was read for it
	progress func() (done, total int64) // bytes
	stats    func() []flow.Stat
}

// warn tells what was wrong with the input but did not stop it.
func (in *input) warn() {
	if s, ok := in.source.(interface{ Warnings() []string }); ok {
		for _, line := range s.Warnings() {
			note("%s", line)
		}
	}
}

// How a capture is to be read.
const (
	asAuto    = "auto"    // as exports where its UDP payloads are such, else as packets
	asPackets = "packets" // meter its packets
	asExports = "exports" // decode the exports it carries
)

// openInputs makes the inputs of the files named on a command line, of standard input for "-",
// and of the files in directories. Raw export payloads, one datagram a file, are one exporter's
// datagrams in the order given and make one input. A file that can not be read does not keep
// the others from it: the error tells of each such file, and the inputs are those that can be.
func openInputs(paths []string, as string, cfg *Config) (inputs []input, err error) {
	paths, errs := filesOf(paths)
	var payloads []string
	for _, path := range paths {
		in, isPayload, err := openInput(path, as, cfg)
		switch {
		case err != nil:
			errs = append(errs, err)
		case isPayload:
			payloads = append(payloads, path)
		default:
			inputs = append(inputs, in)
		}
	}
	if len(payloads) > 0 {
		in, err := openPayloads(payloads, cfg)
		if err != nil {
			errs = append(errs, err)
		} else {
			inputs = append(inputs, in)
		}
	}
	return inputs, errors.Join(errs...)
}

func openPayloads(paths []string, cfg *Config) (input, error) {
	p, err := netflow.NewPayloads(paths, cfg.NetFlow)
	if err != nil {
		return input{}, err
	}
	name := paths[0]
	if n := len(paths); n > 1 {
		name = fmt.Sprintf("%s and %d more", name, n-1)
	}
	return input{name, p, p.Origin, p.Progress, p.Stats}, nil
}

// filesOf puts in the place of each directory the files in and below it, in the order of their
// names. Hidden ones are left out.
func filesOf(paths []string) (files []string, errs []error) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if path == netflow.Stdin || err != nil || !info.IsDir() {
			files = append(files, path) // a missing file is reported when it is opened
			continue
		}
		inside, err := filesBelow(path)
		if err != nil {
			errs = append(errs, fmt.Errorf("read directory %s: %w", path, err))
		}
		files = append(files, inside...)
	}
	return files, errs
}

func filesBelow(dir string) (files []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch hidden := path != dir && strings.HasPrefix(d.Name(), "."); {
		case err != nil:
			return err
		case hidden && d.IsDir():
			return fs.SkipDir
		case !hidden && d.Type().IsRegular():
			files = append(files, path)
		}
		return nil
	})
	if err == nil && len(files) == 0 {
		err = errors.New("there is no file in it")
	}
	return files, err
}

// checkPayload refuses a file that can not be an export payload, by the version it begins with.
func checkPayload(path string, head []byte) error {
	if len(head) == 0 {
		return fmt.Errorf("read %s: the file is empty", path)
	}
	var version [4]byte
	copy(version[:], head)
	switch binary.BigEndian.Uint16(version[:]) {
	case 1, 5, 6, 7, 8, 9, 10:
		return nil
	case 0: // sFlow has four bytes of version
		if version[3] == 5 && version[2] == 0 {
			return nil
		}
	}
	return fmt.Errorf("read %s: neither a capture (pcap, pcapng), an IPFIX file, a flow log (AWS, Azure, GCP), a flow file (Zeek, Suricata, Argus, nfcapd), all also gzipped, nor a NetFlow, IPFIX or sFlow payload", path)
}
