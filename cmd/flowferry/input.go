package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/flowferry/flowferry/capture"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/flowfiles"
	"github.com/flowferry/flowferry/netflow"
)

// input is one thing to read: a capture, a capture that carries exports, the flow file of another
// tool, or the payload files of one exporter together.
type input struct {
	name     string
	source   flow.Source
	origin   uint64
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

// openInputs makes the inputs of the files named on a command line. Raw export payloads, one
// datagram a file, are one exporter's datagrams in the order given and make one input. A file
// that can not be read does not keep the others from it: the error tells of each such file, and
// the inputs are those that can be.
func openInputs(paths []string, as string, cfg *Config) (inputs []input, err error) {
	var payloads []string
	var errs []error
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

// openInput opens a capture or a flow file, or finds that the file is an export payload.
func openInput(path, as string, cfg *Config) (in input, isPayload bool, err error) {
	isCapture, err := capture.IsCapture(path)
	if err != nil {
		return in, false, err
	}
	if !isCapture {
		if in, ok, err := openFlowFile(path); ok || err != nil {
			return in, false, err
		}
		return in, true, checkPayload(path)
	}
	in, err = openCapture(path, as, cfg)
	return in, false, err
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
	return input{name, p, p.Origin(), p.Progress, p.Stats}, nil
}

// openFlowFile opens the flow file of another tool; ok is false for a file that is none.
func openFlowFile(path string) (in input, ok bool, err error) {
	format, err := flowfiles.Sniff(path)
	if err != nil || format == flowfiles.Unknown {
		return input{}, false, err
	}
	s, err := flowfiles.Open(path)
	if err != nil {
		return input{}, false, err
	}
	return input{path, s, s.Origin(), s.Progress, s.Stats}, true, nil
}

// checkPayload refuses a file that can not be an export payload, by the version it begins with.
func checkPayload(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var version [2]byte
	switch _, err := io.ReadFull(f, version[:]); {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("read %s: the file is empty", path)
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("read %s: %w", path, err)
	}
	switch binary.BigEndian.Uint16(version[:]) {
	case 1, 5, 6, 7, 8, 9, 10:
		return nil
	}
	return fmt.Errorf("read %s: neither a capture (pcap, pcapng, also gzipped), nor a NetFlow or IPFIX payload, nor a flow file (Zeek, Suricata, Argus, nfcapd)", path)
}

func openCapture(path, as string, cfg *Config) (input, error) {
	if as == asAuto {
		as = asPackets
		if yes, err := carriesExports(path); err != nil {
			return input{}, err
		} else if yes {
			as = asExports
		}
	}
	if as == asExports {
		return openExports(path, cfg)
	}
	s, err := capture.NewSource(path, cfg.Capture)
	if err != nil {
		return input{}, err
	}
	return input{path, s, s.Origin(), s.Progress, s.Stats}, nil
}

// probed is how many datagrams carriesExports looks at.
const probed = 64

var errProbed = errors.New("enough datagrams seen")

// carriesExports says whether most of the first datagrams of a capture are flow exports.
func carriesExports(path string) (bool, error) {
	seen, exports := 0, 0
	err := capture.Datagrams(path, func(d capture.Datagram) error {
		seen++
		if netflow.IsExport(d.Payload) {
			exports++
		}
		if seen == probed {
			return errProbed
		}
		return nil
	})
	if err != nil && !errors.Is(err, errProbed) && seen == 0 {
		return false, nil // a broken capture is reported when it is read
	}
	return exports > 0 && exports*2 > seen, nil
}

// exportCapture is the source of the exports in a capture: each UDP sender is an exporter.
type exportCapture struct {
	path    string
	decoder *netflow.Decoder
	origin  uint64
	size    int64
	done    atomic.Int64
}

func openExports(path string, cfg *Config) (input, error) {
	origin, size, err := fileOrigin(path)
	if err != nil {
		return input{}, err
	}
	nf := cfg.NetFlow
	nf.Origin = origin
	e := &exportCapture{path: path, decoder: netflow.NewDecoder(nf), origin: origin, size: size}
	return input{path, e, origin, e.progress, e.decoder.Stats}, nil
}

func (e *exportCapture) progress() (done, total int64) { return e.done.Load(), e.size }

// Run decodes the datagrams in order. Those that are no exports, or broken ones, are counted by
// the decoder.
func (e *exportCapture) Run(ctx context.Context, emit func(*flow.Batch)) error {
	b := flow.NewBatch()
	err := capture.Datagrams(e.path, func(d capture.Datagram) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		e.decoder.Datagram(d.Src, d.SrcPort, d.Payload, d.Time, b)
		b.Now = d.Time
		e.done.Store(min(e.done.Load()+int64(len(d.Payload)), e.size))
		if b.Full() {
			emit(b)
			b = flow.NewBatch()
		}
		return nil
	})
	emit(b)
	e.done.Store(e.size)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("read %s: %w", e.path, err)
	}
	return nil
}

// fileOrigin gives the first 8 bytes of a file's SHA-256, by which its documents are known, and
// its size.
func fileOrigin(path string) (origin uint64, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.Copy(h, f); err != nil {
		return 0, 0, fmt.Errorf("read %s: %w", path, err)
	}
	return binary.BigEndian.Uint64(h.Sum(nil)), size, nil
}
