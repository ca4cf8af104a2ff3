package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/flowferry/flowferry/capture"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/flowfiles"
	"github.com/flowferry/flowferry/netflow"
	"github.com/flowferry/flowferry/store"
)

// kinds are the kinds of files that are told by their first bytes, in the order in which they are tried.
var kinds = []struct {
	is   func(head []byte, cfg *Config) bool
	open func(f *file) (input, error)
}{
	{func(head []byte, _ *Config) bool { return capture.IsCapture(head) }, openCapture},
	{func(head []byte, _ *Config) bool { return netflow.IsIPFIXFile(head) }, openIPFIX},
	{func(head []byte, _ *Config) bool { return flowfiles.Sniff(head) != flowfiles.Unknown }, openFlowFile},
	{func(head []byte, _ *Config) bool { return store.IsParquet(head) }, openParquet},
	{func(head []byte, cfg *Config) bool { return netflow.IsLog(head, cfg.NetFlow) }, openLog},
}

// file is one whose kind is to be found.
type file struct {
	path string
	head []byte // its first bytes, up to headSize
	as   string
	cfg  *Config
}

// headSize holds what the kinds look at, also when it is compressed: a block of Zstandard has up to
// 128 KiB (RFC 8878 section 3.1.1.2.4).
const headSize = 256 << 10

// openInput opens a file of a known kind, or finds that it is an export payload.
func openInput(path, as string, cfg *Config) (in input, isPayload bool, err error) {
	if path == netflow.Stdin {
		in, err = openStdin(as, cfg)
		return in, false, err
	}
	head, err := readHead(path)
	if err != nil {
		return in, false, err
	}
	for _, k := range kinds {
		if k.is(head, cfg) {
			in, err = k.open(&file{path, head, as, cfg})
			return in, false, err
		}
	}
	return in, true, checkPayload(path, head)
}

func readHead(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, headSize))
}

// openStdin opens standard input: a capture, as tcpdump writes one, or a flow log.
func openStdin(as string, cfg *Config) (input, error) {
	r := bufio.NewReaderSize(os.Stdin, 1<<16)
	_, _ = r.Peek(4) // the first read gives at least so much, mostly all that the pipe holds
	head, _ := r.Peek(r.Buffered())
	if !capture.IsCapture(head) {
		l, err := netflow.NewLogOf(r, cfg.NetFlow)
		if err != nil {
			return input{}, err
		}
		return input{netflow.Stdin, l, l.Origin, l.Progress, l.Stats}, nil
	}
	if as == asExports {
		return input{}, errors.New("read standard input: exports can be read of capture files only; write it to a file")
	}
	s, err := capture.NewStream("standard input", r, cfg.Capture)
	if err != nil {
		return input{}, err
	}
	return input{netflow.Stdin, s, s.Origin, s.Progress, s.Stats}, nil
}

// openParquet opens a flow log of AWS in Parquet files.
func openParquet(f *file) (input, error) {
	t, err := store.OpenTable(f.path)
	if err != nil {
		return input{}, err
	}
	l, err := netflow.NewTableLog(f.path, f.cfg.NetFlow, t.Columns(), t.Rows())
	if err != nil {
		t.Close()
		return input{}, err
	}
	return input{f.path, l, l.Origin, t.Progress, l.Stats}, nil
}

func openLog(f *file) (input, error) {
	l, err := netflow.NewLog(f.path, f.cfg.NetFlow)
	if err != nil {
		return input{}, err
	}
	return input{f.path, l, l.Origin, l.Progress, l.Stats}, nil
}

// openIPFIX opens a file of several messages, which are one session of its own.
func openIPFIX(f *file) (input, error) {
	s, err := netflow.NewIPFIXFile(f.path, f.cfg.NetFlow)
	if err != nil {
		return input{}, err
	}
	return input{f.path, s, s.Origin, s.Progress, s.Stats}, nil
}

func openFlowFile(f *file) (input, error) {
	s, err := flowfiles.Open(f.path, flowfiles.Sniff(f.head))
	if err != nil {
		return input{}, err
	}
	return input{f.path, s, s.Origin, s.Progress, s.Stats}, nil
}

func openCapture(f *file) (input, error) {
	as := f.as
	if as == asAuto {
		as = asPackets
		if yes, err := carriesExports(f.path, f.cfg.Capture.Filter); err != nil {
			return input{}, err
		} else if yes {
			as = asExports
		}
	}
	if as == asExports {
		return openExports(f.path, f.cfg)
	}
	s, err := capture.NewSource(f.path, f.cfg.Capture)
	if err != nil {
		return input{}, err
	}
	return input{f.path, s, s.Origin, s.Progress, s.Stats}, nil
}

// probed is how many datagrams carriesExports looks at.
const probed = 64

var errProbed = errors.New("enough datagrams seen")

// carriesExports says whether most of the first datagrams of a capture are flow exports.
func carriesExports(path, filter string) (bool, error) {
	seen, exports := 0, 0
	err := capture.Datagrams(path, filter, func(d capture.Datagram) error {
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
	filter  string
	decoder *netflow.Decoder
	origin  uint64
	size    int64
	done    atomic.Int64
}

func openExports(path string, cfg *Config) (input, error) {
	origin, size, err := flow.FileOrigin(path)
	if err != nil {
		return input{}, err
	}
	nf := cfg.NetFlow
	nf.Origin = origin
	e := &exportCapture{path: path, filter: cfg.Capture.Filter, decoder: netflow.NewDecoder(nf), origin: origin, size: size}
	return input{path, e, func() uint64 { return origin }, e.progress, e.decoder.Stats}, nil
}

func (e *exportCapture) progress() (done, total int64) { return e.done.Load(), e.size }

// Exporters gives the account of each exporter so far.
func (e *exportCapture) Exporters() []netflow.ExporterStats { return e.decoder.Exporters() }

// Run decodes the datagrams in order. Those that are no exports, or broken ones, are counted by
// the decoder.
func (e *exportCapture) Run(ctx context.Context, emit func(*flow.Batch)) error {
	b := flow.NewBatch()
	err := capture.Datagrams(e.path, e.filter, func(d capture.Datagram) error {
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
