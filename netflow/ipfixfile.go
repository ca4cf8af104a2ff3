package netflow

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/unzip"
)

// IPFIXFile is a source over an IPFIX file (RFC 5655): messages one behind the other, plain or
// compressed with gzip. Templates and all else that is learned live as long as the file. Who the
// exporter was does not stand in a message: Record.Exporter stays zero, "no address", and
// Config.Allow does not apply. A message's receive time is the export time in its header.
type IPFIXFile struct {
	path     string
	dec      *Decoder
	size     int64
	done     atomic.Int64
	messages atomic.Uint64
	broken   atomic.Uint64
	unread   atomic.Uint64 // bytes behind the place where it is broken, after decompression
	warning  atomic.Pointer[string]
}

// IsIPFIXFile says whether a file that begins with head, all of it or 64 KiB and more, holds IPFIX messages one
// behind the other: a second header stands where the first message ends, or the file is longer than a
// message can be. A plain file of a single message is a datagram's payload (Payloads); a compressed one
// is an IPFIX file.
func IsIPFIXFile(head []byte) bool {
	r, zipped, err := unzip.Reader(bytes.NewReader(head), frameMost)
	if err != nil {
		return false // what begins like gzip and is not
	}
	head, _ = r.Peek(frameMost)
	n, bad := frameLength(head)
	switch {
	case bad != nil || n == 0:
		return false
	case zipped || len(head) == frameMost:
		return true
	case n >= len(head):
		return false
	}
	second, bad := frameLength(head[n:])
	return bad == nil && second != 0
}

// NewIPFIXFile reads the file once for its digest and gives the source. Origin of the records is
// the XXH64 digest of the file as it is on disk.
func NewIPFIXFile(path string, cfg Config) (*IPFIXFile, error) {
	origin, size, err := flow.FileOrigin(path)
	if err != nil {
		return nil, err
	}
	cfg.Allow, cfg.Origin = nil, origin
	return &IPFIXFile{path: path, dec: NewDecoder(cfg), size: size}, nil
}

// Origin gives Record.Origin of all records.
func (s *IPFIXFile) Origin() uint64 { return s.dec.cfg.Origin }

// Run decodes the file to its end, or to the byte at which it is broken: that is counted and
// found in Warnings, and is no error.
func (s *IPFIXFile) Run(ctx context.Context, emit func(*flow.Batch)) error {
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer f.Close()
	r, _, err := unzip.Reader(&unzip.Counted{R: f, N: &s.done}, frameMost)
	if err != nil {
		return fmt.Errorf("read %s: %w", s.path, err)
	}
	return s.read(ctx, r, emit)
}

// read decodes the messages of r. A batch goes out when it is full or a second of export time
// has passed.
func (s *IPFIXFile) read(ctx context.Context, r io.Reader, emit func(*flow.Batch)) error {
	var frames framer
	b := flow.NewBatch()
	defer func() { emit(b) }()
	began, at := int64(0), int64(0) // export time of b's first message; place of the message at hand
	for {
		p, bad := frames.next()
		if bad != nil {
			return s.breakOff(at, bad.Error(), frames.rest(), r)
		}
		if p == nil {
			if err := ctx.Err(); err != nil {
				return err
			}
			err := frames.fill(r)
			if err != nil && !whole(frames.rest()) {
				return s.ended(at, err, frames.rest(), b)
			}
			continue
		}
		now := cmp.Or(exportTime(p), b.Now)
		if began == 0 {
			began = now
		} else if b.Full() || now-began >= int64(tickEvery) {
			emit(b)
			b, began = flow.NewBatch(), now
		}
		b.Now = now
		s.decode(p, b)
		at += int64(len(p))
	}
}

// whole says whether p holds a message, or a fault, that next will tell.
func whole(p []byte) bool {
	n, bad := frameLength(p)
	return bad != nil || n > 0 && n <= len(p)
}

func (s *IPFIXFile) decode(p []byte, b *flow.Batch) {
	s.messages.Add(1)
	// A fault is counted by the decoder; the messages after it may still be good.
	_ = s.dec.message(&source{received: exportTime(p), link: link{transport: FromFile}}, p, b)
}

// ended tells what it means that no more can be read. rest is what there is of a message at byte
// at; its sets that are whole are decoded.
func (s *IPFIXFile) ended(at int64, err error, rest []byte, b *flow.Batch) error {
	if err == io.EOF && len(rest) == 0 {
		return nil
	}
	why := "it is cut"
	if err != io.EOF {
		why = err.Error() // of the decompressor, or the disk
	}
	if len(rest) < ipfixHeader {
		return s.breakOff(at, why, rest, bytes.NewReader(nil))
	}
	s.decode(rest, b)
	n, _ := frameLength(rest)
	s.warn(s.messages.Load(), at, fmt.Sprintf("%s: of its %d bytes %d are there; its sets that are whole were decoded", why, n, len(rest)))
	return nil
}

// breakOff notes where the file is broken: at the message that begins at byte at of the
// decompressed file. What is left, rest and all of r, is counted.
func (s *IPFIXFile) breakOff(at int64, why string, rest []byte, r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		why += ", then " + err.Error()
	}
	left := n + int64(len(rest))
	s.unread.Add(uint64(left))
	s.warn(s.messages.Load()+1, at, fmt.Sprintf("%s: %d bytes from there on were not decoded", why, left))
	return nil
}

func (s *IPFIXFile) warn(message uint64, at int64, why string) {
	words := fmt.Sprintf("read %s: message %d, at byte %d: %s", s.path, message, at, why)
	s.broken.Add(1)
	s.warning.Store(&words)
}

// Warnings tells in words where the file is broken.
func (s *IPFIXFile) Warnings() []string {
	if w := s.warning.Load(); w != nil {
		return []string{*w}
	}
	return nil
}

// Progress gives how many of the file's bytes, as on disk, were read.
func (s *IPFIXFile) Progress() (done, total int64) { return s.done.Load(), s.size }

// Exporters gives the account by domain.
func (s *IPFIXFile) Exporters() []ExporterStats { return s.dec.Exporters() }

// Stats gives the decoder's account, and whether the file was broken.
func (s *IPFIXFile) Stats() []flow.Stat {
	return append(s.dec.Stats(),
		flow.Stat{Name: "netflow.file_messages", Value: s.messages.Load()}, // counted in netflow.datagrams too
		flow.Stat{Name: "netflow.broken_files", Value: s.broken.Load()},
		flow.Stat{Name: "netflow.file_bytes_unread", Value: s.unread.Load()})
}
