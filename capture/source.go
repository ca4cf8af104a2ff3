package capture

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/packet"
)

// Source meters one capture file. It is a flow.Source: the same file gives the same records in
// the same order, each with the same Origin and Ord, whatever the machine.
type Source struct {
	path     string
	stream   io.Reader // read instead of the path, where there is one
	cfg      Config
	only     *selection
	digest   *digest // of the file; a stream has none
	origin   uint64  // of a stream
	size     int64
	file     atomic.Pointer[File]
	meter    *Meter
	broken   atomic.Uint64
	warnings atomic.Pointer[string]
}

// NewSource opens the file and checks that it is a capture.
func NewSource(path string, cfg Config) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	f, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := &Source{path: path, cfg: cfg, size: f.in.total, digest: newDigest(path)}
	if s.only, err = newSelection(cfg.Filter); err != nil {
		return nil, err
	}
	return s, nil
}

// Origin gives the Origin of the source's records: the XXH64 digest of the file. It
// waits until the file was read for it; Run computes it beside the metering. It is 0 when the file
// can not be read, which is Run's error.
func (s *Source) Origin() uint64 {
	if s.stream != nil {
		return s.origin
	}
	origin, _ := s.digest.wait()
	return origin
}

// Progress gives how many of the file's bytes, as on disk, were read.
func (s *Source) Progress() (done, total int64) {
	if f := s.file.Load(); f != nil {
		done, total = f.Progress()
		return done, max(done, total)
	}
	return 0, s.size
}

// Warnings tells in words what was wrong with the file: where it is broken.
func (s *Source) Warnings() []string {
	if w := s.warnings.Load(); w != nil {
		return []string{*w}
	}
	return nil
}

// Run meters the file to its end, or to the byte at which it is broken: that is counted and
// found in Warnings, and is no error. When ctx ends, the flows so far are emitted.
func (s *Source) Run(ctx context.Context, emit func(*flow.Batch)) error {
	f, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer f.Close()
	if s.stream != nil {
		m := NewMeter(s.cfg, s.origin, emit)
		s.meter = m
		s.file.Store(f)
		defer m.Flush()
		return s.read(ctx, f, m)
	}
	s.digest.start()
	out := &stamper{digest: s.digest, emit: emit}
	m := NewMeter(s.cfg, 0, out.batch)
	m.file = filepath.Base(s.path)
	s.meter = m
	s.file.Store(f)
	err = s.read(ctx, f, m)
	m.Flush()
	out.flush()
	if _, failed := s.digest.wait(); failed != nil {
		return failed
	}
	return err
}

// read feeds the packets of f to m.
func (s *Source) read(ctx context.Context, f *File, m *Meter) error {
	beat := time.Now()
	for ctx.Err() == nil {
		end, err := s.some(f, m)
		if s.stream != nil && time.Since(beat) >= beatEvery {
			beat = time.Now()
			m.send()
		}
		switch {
		case err != nil:
			return fmt.Errorf("read %s: %w", s.path, err)
		case end == io.EOF:
			return nil
		case end != nil && s.stream != nil && ctx.Err() != nil:
			return ctx.Err()
		case end != nil:
			return s.note(end)
		}
	}
	return ctx.Err()
}

// some feeds a few packets to m, those that are selected. end is how the file ends, err an error of the filter.
func (s *Source) some(f *File, m *Meter) (end, err error) {
	if s.only.filter == nil {
		_, end = m.Read(f)
		return end, nil
	}
	n, end := f.Read(m.room[:])
	chosen, err := s.only.choose(m.room[:n])
	m.Packets(chosen)
	return end, err
}

func (s *Source) open(ctx context.Context) (*File, error) {
	if s.stream != nil {
		return openStream(ctx, s.path, s.stream)
	}
	return Open(s.path)
}

// note keeps the words of a BrokenError; any other error is returned.
func (s *Source) note(err error) error {
	var broken *BrokenError
	if !errors.As(err, &broken) {
		return err
	}
	s.broken.Add(1)
	words := broken.Error()
	s.warnings.Store(&words)
	return nil
}

// Stats gives the meter's account and whether the file was broken.
func (s *Source) Stats() []flow.Stat {
	var out []flow.Stat
	if s.file.Load() != nil { // the meter was made before
		out = s.meter.Stats()
	}
	return append(out, flow.Stat{Name: "capture.filtered", Value: s.only.left.Load()},
		flow.Stat{Name: "capture.broken_files", Value: s.broken.Load()})
}

// Datagram is the payload of one UDP packet of a capture.
type Datagram struct {
	Src, Dst         flow.Addr
	SrcPort, DstPort uint16
	Time             int64  // Unix ns
	Ord              uint64 // ordinal of the packet in the file, from 1
	Payload          []byte // captured bytes. Valid until fn returns
	Wire             int    // payload bytes on the wire; Payload is shorter when the capture cut it
}

// Datagrams calls fn with every unfragmented UDP datagram of a capture in order that the filter
// selects, so that a capture of exports can be decoded as if they came from the network. An error
// of fn ends it; a file that is broken gives its datagrams up to there and then a *BrokenError.
func Datagrams(path, filter string, fn func(d Datagram) error) error {
	var h packet.Headers
	return walk(context.Background(), path, filter, func(p *Packet) error {
		if packet.Decode(p.Link, p.Data, p.Wire, &h) != packet.Accepted || h.Proto != flow.ProtoUDP || !h.HasPorts || h.Frag {
			return nil
		}
		return fn(Datagram{h.Src, h.Dst, h.SrcPort, h.DstPort, p.Time, p.Ord, h.Payload, int(h.PayLen)})
	})
}

// walk calls fn with every packet of a capture in order that the filter selects, to the end or an error:
// of ctx, of fn, or a *BrokenError.
func walk(ctx context.Context, path, filter string, fn func(p *Packet) error) error {
	only, err := newSelection(filter)
	if err != nil {
		return err
	}
	f, err := Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for n := 0; ; n++ {
		if n%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		p, err := f.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		ok, err := only.selects(p)
		if ok && err == nil {
			err = fn(p)
		}
		if err != nil {
			return err
		}
	}
}
