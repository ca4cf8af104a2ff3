package capture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Packet is one packet as captured.
type Packet struct {
	Data   []byte // captured bytes from the link layer on. Valid until the next call of Next
	Time   int64  // Unix ns
	Ord    uint64 // ordinal in the file, from 1
	Offset int64  // byte at which its header or block begins, after decompression
	Wire   int    // length on the wire in bytes; Data is shorter when the capture cut it
	Link   uint32 // link type (LINKTYPE_ numbers, tcpdump.org/linktypes.html)
}

// BrokenError says where a capture file stops making sense. What stands before was read.
type BrokenError struct {
	Path   string
	Offset int64  // byte at which the unreadable header or block begins, after decompression
	Why    string // what is wrong there
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("read %s: broken at byte %d: %s; the packets before it were kept", e.Path, e.Offset, e.Why)
}

// File reads the packets of one capture file. It is used by one goroutine; Progress by any.
type File struct {
	path   string
	f      *os.File
	closer func()
	in     counter
	r      *window
	used   []*window // to give back
	format format
	off    int64 // of the next unread byte, after decompression
	ord    uint64
	eof    bool
	packet Packet // what Next hands out
	skip   int    // bytes of the packet handed out last with its header or block, still in r
}

// format reads one packet of a pcap or pcapng file, all but its ordinal and offset. io.EOF is a clean
// end.
type format interface {
	next(f *File, pkt *Packet) error
	// step reads the packet behind the last one, with its ordinal and offset, if it is in memory.
	step(f *File, pkt *Packet) (ok bool, err error)
}

// counter counts the compressed bytes read, for Progress.
type counter struct {
	r     io.Reader
	n     atomic.Int64
	total int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// Open opens a pcap or pcapng file, plain or compressed with gzip or zstd; the name does not
// matter, the first bytes do.
func Open(path string) (*File, error) {
	fd, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	f := &File{path: path, f: fd, closer: func() {}}
	if err := f.open(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (f *File) open() error {
	info, err := f.f.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return fmt.Errorf("open %s: it is a directory; name the capture files in it", f.path)
	}
	f.in.r, f.in.total = readerOf(f.f), info.Size()
	return f.begin()
}

// begin reads up to the first packet.
func (f *File) begin() error {
	f.read(&f.in)
	if err := f.decompress(); err != nil {
		return err
	}
	head, _ := f.r.peek(4)
	if len(head) < 4 {
		return fmt.Errorf("open %s: %d bytes are too few for a capture file", f.path, len(head))
	}
	switch pcap, isNG := pcapMagic(head); {
	case isNG:
		f.format = &pcapng{}
		return nil
	case pcap != nil:
		f.format = pcap
		return pcap.header(f)
	}
	return fmt.Errorf("open %s: not a pcap or pcapng file: it begins with %x", f.path, head)
}

// decompress puts a decompressor in front when the first bytes ask for one.
func (f *File) decompress() error {
	head, _ := f.r.peek(4)
	switch {
	case len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b: // RFC 1952 section 2.3.1
		z, err := gzip.NewReader(f.r)
		if err != nil {
			return fmt.Errorf("open %s: %w", f.path, err)
		}
		f.read(z)
	case len(head) == 4 && binary.LittleEndian.Uint32(head) == 0xfd2fb528: // RFC 8878 section 3.1.1
		z, err := zstd.NewReader(f.r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(64<<20))
		if err != nil {
			return fmt.Errorf("open %s: %w", f.path, err)
		}
		before := f.closer
		f.closer = func() { z.Close(); before() }
		f.read(z)
	}
	return nil
}

// read makes f read from r.
func (f *File) read(r io.Reader) {
	f.r = newWindow(r)
	f.used = append(f.used, f.r)
}

// Close closes the file. The data of its packets are not valid any more.
func (f *File) Close() error {
	f.closer()
	for _, w := range f.used {
		w.free()
	}
	f.used = nil
	if f.f == nil {
		return nil
	}
	return f.f.Close()
}

// Next gives the next packet, good until the next call. At the end of the file it returns io.EOF;
// where the file is broken it returns a *BrokenError once, and io.EOF from then on.
func (f *File) Next() (*Packet, error) {
	if err := f.advance(&f.packet); err != nil {
		return nil, err
	}
	return &f.packet, nil
}

// Read fills pkts with the next packets: one, and those behind it that are in memory. They are good
// until the next call of Read or Next. When an error, that of Next, comes behind the n packets, it is
// returned with them.
func (f *File) Read(pkts []Packet) (n int, err error) {
	if len(pkts) == 0 {
		return 0, nil
	}
	if err := f.advance(&pkts[0]); err != nil {
		return 0, err
	}
	for n = 1; n < len(pkts); n++ {
		if ok, err := f.format.step(f, &pkts[n]); !ok {
			return n, err
		}
	}
	return n, nil
}

// advance reads the next packet.
func (f *File) advance(pkt *Packet) error {
	if f.eof {
		return io.EOF
	}
	if err := f.discard(f.skip); err != nil {
		return f.stop(err)
	}
	f.skip = 0
	if err := f.format.next(f, pkt); err != nil {
		return f.stop(err)
	}
	f.ord++
	pkt.Ord, pkt.Offset = f.ord, f.off
	return nil
}

func (f *File) stop(err error) error {
	f.eof = true
	return err
}

// Progress gives how many of the file's bytes, as on disk, were read.
func (f *File) Progress() (done, total int64) { return f.in.n.Load(), f.in.total }

// peek gives the next n bytes without consuming them. At a clean end it returns io.EOF.
func (f *File) peek(n int, what string) ([]byte, error) {
	if b := f.r.held(); len(b) >= n {
		return b[:n], nil
	}
	return f.slowPeek(n, what)
}

func (f *File) slowPeek(n int, what string) ([]byte, error) {
	b, err := f.r.peek(n)
	switch {
	case len(b) == n:
		return b, nil
	case len(b) == 0 && err == io.EOF:
		return nil, io.EOF
	case err == io.ErrUnexpectedEOF:
		return nil, f.broken("the compressed data end early")
	case err == io.EOF:
		return nil, f.broken("%s needs %d bytes, the file has %d more", what, n, len(b))
	}
	return nil, f.broken("%v", err)
}

// discard consumes n bytes.
func (f *File) discard(n int) error {
	if n <= len(f.r.held()) {
		f.r.at += n
		f.off += int64(n)
		return nil
	}
	m, err := f.r.discard(n)
	if err != nil && m < n {
		err = f.broken("%d bytes should follow, the file has %d more", n, m)
	}
	f.off += int64(m)
	return err
}

func (f *File) broken(why string, args ...any) error {
	return &BrokenError{Path: f.path, Offset: f.off, Why: fmt.Sprintf(why, args...)}
}

// IsCapture says whether head, the beginning of a file, is that of a pcap or pcapng file, plain or compressed.
func IsCapture(head []byte) bool {
	f := &File{closer: func() {}}
	defer f.Close()
	f.in.r = bytes.NewReader(head)
	f.read(&f.in)
	if err := f.decompress(); err != nil {
		return false // it begins like a compressed file and is not one
	}
	magic, _ := f.r.peek(4)
	if len(magic) < 4 {
		return false
	}
	pcap, ng := pcapMagic(magic)
	return pcap != nil || ng
}
