package flowfiles

import (
	"bytes"
	"compress/bzip2"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/flowferry/flowferry/flow"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// nfcapd files (nfdump, BSD licence) are a header and blocks of records, little-endian:
// layout 1 of nfdump 1.6 has a statistics record behind the header and records whose fields an
// extension map names; layout 2 of nfdump 1.7 has records that are lists of typed elements.
const (
	nfMagic       = 0xa50c
	nfHeader1     = 12 + 128 + 136 // magic, version, flags, blocks; ident; statistics. bytes
	nfHeader2     = 40             // bytes
	nfBlockHeader = 12             // records, size, type, flags. bytes
	maxBlock      = 16 << 20       // bytes; nfdump's own limit is 5 MiB
)

// How blocks are compressed, as layout 2 numbers it.
const (
	nfPlain = iota
	nfLZO
	nfBzip2
	nfLZ4
	nfZstd
)

// Types of blocks and of records.
const (
	nfBlock2 = 2 // of layout 1
	nfBlock3 = 3 // of layout 2

	nfCommon0    = 1 // layout 1
	nfMap        = 2
	nfExporter   = 7 // both layouts
	nfCommon     = 10
	nfRecord3    = 11 // layout 2
	nfFlagUnpack = 1  // of a block: not compressed
)

// nfReader reads one file.
type nfReader struct {
	o           *out
	layout      int
	compression int
	blocks      uint32 // as the header states; 0 is "to the end"
	created     int64  // Unix ns, 0 is unknown
	packed      []byte
	buf         []byte
	zstd        *zstd.Decoder
	maps        map[uint16][]uint16 // layout 1: extensions by map id
	exporters   map[uint16]nfExporterInfo
	rows        uint64
}

type nfExporterInfo struct {
	addr   flow.Addr
	domain uint32
}

// nfcapd reads a file to its end, or to where it is broken.
func nfcapd(ctx context.Context, in io.Reader, o *out) error {
	f := &nfReader{o: o, maps: map[uint16][]uint16{}, exporters: map[uint16]nfExporterInfo{}}
	if err := f.header(in); err != nil {
		o.s.stop("%v", err)
		return nil
	}
	if f.zstd != nil {
		defer f.zstd.Close()
	}
	for n := uint32(1); f.blocks == 0 || n <= f.blocks; n++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		more, err := f.block(in, n)
		if err != nil {
			o.s.stop("it is broken in block %d: %v", n, err)
			return nil
		}
		if !more {
			if f.blocks != 0 {
				o.s.stop("it ends after %d of %d blocks", n-1, f.blocks)
			}
			return nil
		}
	}
	return nil
}

func (f *nfReader) header(in io.Reader) error {
	var h [nfHeader1]byte
	if _, err := io.ReadFull(in, h[:4]); err != nil {
		return fmt.Errorf("its header is cut: %w", err)
	}
	f.layout = int(binary.LittleEndian.Uint16(h[2:]))
	size := nfHeader2
	switch f.layout {
	case 1:
		size = nfHeader1
	case 2:
	default:
		return fmt.Errorf("nfcapd layout %d is not known: those of nfdump 1.6 (1) and 1.7 (2) are", f.layout)
	}
	if _, err := io.ReadFull(in, h[4:size]); err != nil {
		return fmt.Errorf("its header is cut: %w", err)
	}
	if f.layout == 1 {
		return f.header1(h[:])
	}
	f.created = millis(binary.LittleEndian.Uint64(h[8:]) & (1<<33 - 1) * 1000)
	f.compression = int(h[16])
	f.blocks = binary.LittleEndian.Uint32(h[36:])
	if h[17] != 0 {
		return errors.New("it is encrypted: decrypt it with nfdump first")
	}
	return nil
}

func (f *nfReader) header1(h []byte) error {
	f.blocks = binary.LittleEndian.Uint32(h[8:])
	switch binary.LittleEndian.Uint32(h[4:]) & 0x19 {
	case 0:
	case 1:
		f.compression = nfLZO
	case 8:
		f.compression = nfBzip2
	case 16:
		f.compression = nfLZ4
	default:
		return errors.New("it claims several compressions at once")
	}
	return nil
}

// block reads the next block. more is false at the end of the file. A block that can not be
// decompressed is counted and the next is read; an error means that there is none.
func (f *nfReader) block(in io.Reader, n uint32) (more bool, err error) {
	var h [nfBlockHeader]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		return false, err
	}
	size := binary.LittleEndian.Uint32(h[4:])
	if size > maxBlock {
		return false, fmt.Errorf("its size of %d bytes is over the limit of %d", size, maxBlock)
	}
	if f.packed, err = readBlock(in, f.packed[:0], int(size)); err != nil {
		return false, err
	}
	typ, flags := binary.LittleEndian.Uint16(h[8:]), binary.LittleEndian.Uint16(h[10:])
	if want := nfBlock2 + f.layout - 1; int(typ) != want {
		return true, nil // arrays, histograms, catalogs: no flows
	}
	data := f.packed
	if f.compression != nfPlain && flags&nfFlagUnpack == 0 {
		if data, err = f.unpack(); err != nil {
			f.o.s.stats.badBlocks.Add(1)
			f.o.s.note("block", uint64(n), err)
			return true, nil
		}
	}
	f.records(data)
	return true, nil
}

// readBlock reads n bytes, growing as they come: a size that lies takes no memory.
func readBlock(in io.Reader, buf []byte, n int) ([]byte, error) {
	const step = 1 << 20
	for len(buf) < n {
		at := len(buf)
		take := min(step, n-at)
		buf = append(buf, make([]byte, take)...)
		if _, err := io.ReadFull(in, buf[at:]); err != nil {
			return buf[:at], fmt.Errorf("it is cut: %w", io.ErrUnexpectedEOF)
		}
	}
	return buf, nil
}

// unpack decompresses the block into at most maxBlock bytes.
func (f *nfReader) unpack() (data []byte, err error) {
	if cap(f.buf) == 0 {
		f.buf = make([]byte, 0, maxBlock)
	}
	switch f.compression {
	case nfLZO:
		return lzo(f.buf[:0], f.packed)
	case nfBzip2:
		return readAll(bzip2.NewReader(bytes.NewReader(f.packed)), f.buf[:maxBlock])
	case nfLZ4:
		n, err := lz4.UncompressBlock(f.packed, f.buf[:maxBlock])
		if err != nil {
			return nil, err
		}
		return f.buf[:n], nil
	case nfZstd:
		if f.zstd == nil {
			if f.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock)); err != nil {
				return nil, err
			}
		}
		return f.zstd.DecodeAll(f.packed, f.buf[:0])
	}
	return nil, fmt.Errorf("compression %d is not known", f.compression)
}

// readAll fills buf to the end of r.
func readAll(r io.Reader, buf []byte) ([]byte, error) {
	n, err := io.ReadFull(r, buf)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return buf[:n], nil
	case err == nil:
		return nil, fmt.Errorf("more than %d bytes in a block", maxBlock)
	}
	return nil, err
}

var (
	errRecordSize = errors.New("its size is wrong")
	errNoAddress  = errors.New("a record without addresses")
	errNoMap      = errors.New("a record of an unknown extension map")
)

// records reads the records of a block. Each begins with its type and size.
func (f *nfReader) records(data []byte) {
	for len(data) > 0 {
		f.rows++
		f.o.s.stats.rows.Add(1)
		if len(data) < 4 {
			f.o.bad("record", f.rows, errRecordSize)
			return
		}
		typ, size := binary.LittleEndian.Uint16(data), int(binary.LittleEndian.Uint16(data[2:]))
		if size < 4 || size > len(data) {
			f.o.bad("record", f.rows, errRecordSize)
			return // where the next one begins is not known
		}
		f.record(typ, data[:size])
		data = data[size:]
	}
}

func (f *nfReader) record(typ uint16, data []byte) {
	r := f.o.b.Next()
	err := errOther
	switch {
	case typ == nfRecord3 && f.layout == 2:
		err = f.record3(data, r)
	case (typ == nfCommon || typ == nfCommon0) && f.layout == 1:
		err = f.common(typ, data, r)
	case typ == nfMap && f.layout == 1:
		err = f.extensionMap(data)
	case typ == nfExporter:
		err = f.exporter(data)
	}
	switch err {
	case nil:
		f.o.keep(r)
	case errOther:
		f.o.b.Undo()
		f.o.s.stats.other.Add(1)
	default:
		f.o.b.Undo()
		f.o.bad("record", f.rows, err)
	}
}

// exporter takes who sent the flows that refer to it: version, address, family, our id, domain.
func (f *nfReader) exporter(d []byte) error {
	if len(d) < 32 {
		return errRecordSize
	}
	var e nfExporterInfo
	if binary.LittleEndian.Uint16(d[24:]) == 2 { // AF_INET
		e.addr = flow.Addr4(binary.LittleEndian.Uint32(d[16:]))
	} else {
		e.addr = nfAddr6(d[8:])
	}
	e.domain = binary.LittleEndian.Uint32(d[28:])
	f.exporters[binary.LittleEndian.Uint16(d[26:])] = e
	return errOther
}

// from gives the record its exporter, if the file told of it.
func (f *nfReader) from(r *flow.Record, id uint16) {
	e, ok := f.exporters[id]
	if !ok {
		return
	}
	if r.Exporter.IsZero() {
		r.Exporter = e.addr
	}
	r.Domain = e.domain
	r.Has |= flow.HasDomain
}

// nfAddr6 reads an IPv6 address, two little-endian halves.
func nfAddr6(d []byte) (a flow.Addr) {
	binary.BigEndian.PutUint64(a[:8], binary.LittleEndian.Uint64(d))
	binary.BigEndian.PutUint64(a[8:], binary.LittleEndian.Uint64(d[8:]))
	return a
}

func nfAddr4(d []byte) flow.Addr { return flow.Addr4(binary.LittleEndian.Uint32(d)) }

// nfMAC reads a MAC address, the low 48 bits of a little-endian number.
func nfMAC(d []byte) (m flow.MAC) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], binary.LittleEndian.Uint64(d))
	copy(m[:], b[2:])
	return m
}

// millis makes Unix ns of ms; 0 for what does not fit.
func millis(ms uint64) int64 {
	if ms > maxSeconds*1000 {
		return 0
	}
	return int64(ms) * 1e6
}
