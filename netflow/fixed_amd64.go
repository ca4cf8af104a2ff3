package netflow

import (
	"unsafe"

	"golang.org/x/sys/cpu"

	"github.com/flowferry/flowferry/flow"
)

//lint:file-ignore U1000 fixed_amd64.s uses what nothing here does

// fixedChunk decodes n records of v5, 1 to chunk.
func (x *work) fixedChunk(p []byte, n int, ord uint64) {
	if cpu.X86.HasAVX2 {
		x.vectorChunk(p, n, ord)
	} else {
		x.portableChunk(p, n, ord)
	}
}

// vectorChunk does what portableChunk does with AVX2: a record is written once, in ten pieces of 32
// bytes, each of which is that of x.proto with bytes of the datagram put in.
func (x *work) vectorChunk(p []byte, n int, ord uint64) {
	_ = p[n*48-1]
	var odd odds
	x.proto.NextHop.Set4(0)
	recs := x.b.Extend(n)
	some := fixedAVX2(&recs[0], &p[0], n, &x.proto, x.export, x.uptime, ord, &odd)
	odd.settle(recs, some)
	x.proto.NextHop = flow.Addr{}
}

// fixedAVX2 decodes n records of v5 from p and says how many are odd, and which. What they have in
// common is in like, whose fields that v5 has are zero, but for the prefix of IPv4 addresses.
//
//go:noescape
func fixedAVX2(recs *flow.Record, p *byte, n int, like *flow.Record, export int64, uptime uint32, ord uint64, odd *odds) uint

// What fixedAVX2 knows of a Record besides shuffles: its size, the ends of its pieces, and these.
const (
	recordSize = unsafe.Sizeof(flow.Record{})
	recordOrd  = unsafe.Offsetof(flow.Record{}.Ord)
	recordHas  = unsafe.Offsetof(flow.Record{}.Has)
	hasFlags   = uint64(flow.HasFlags)
	hasSrcAS   = uint64(flow.HasSrcAS)
	hasDstAS   = uint64(flow.HasDstAS)
	hasNextHop = uint64(flow.HasNextHop)
)

// shuffles say for each piece of a record that has bytes of the datagram's record, which: of 16 bytes
// from some byte on. Its order is that of fixedAVX2.
var shuffles = func() (s [10][32]byte) {
	var r flow.Record
	const fwd = unsafe.Offsetof(flow.Record{}.Fwd)
	fields := []struct {
		from, size, at uintptr
		address        bool // its bytes keep their order; those of a number are turned
	}{
		{0, 4, unsafe.Offsetof(r.Src) + 12, true}, {4, 4, unsafe.Offsetof(r.Dst) + 12, true}, {8, 4, unsafe.Offsetof(r.NextHop) + 12, true},
		{12, 2, unsafe.Offsetof(r.InIf), false}, {14, 2, unsafe.Offsetof(r.OutIf), false},
		{16, 4, fwd + unsafe.Offsetof(r.Fwd.Packets), false}, {20, 4, fwd + unsafe.Offsetof(r.Fwd.Bytes), false},
		{24, 4, unsafe.Offsetof(r.Start), false}, {28, 4, unsafe.Offsetof(r.End), false},
		{32, 2, unsafe.Offsetof(r.SrcPort), false}, {34, 2, unsafe.Offsetof(r.DstPort), false},
		{37, 1, fwd + unsafe.Offsetof(r.Fwd.Flags), false}, {38, 1, unsafe.Offsetof(r.Proto), false},
		{39, 1, fwd + unsafe.Offsetof(r.Fwd.ToS), false},
		{40, 2, unsafe.Offsetof(r.SrcAS), false}, {42, 2, unsafe.Offsetof(r.DstAS), false},
		{44, 1, unsafe.Offsetof(r.SrcMask), false}, {45, 1, unsafe.Offsetof(r.DstMask), false},
	}
	pieces := [len(s)]struct{ at, from uintptr }{
		{128, 16}, {0, 16}, {32, 0}, {64, 0}, {96, 0}, {224, 0}, {160, 32}, {224, 32}, {256, 32}, {recordSize - 32, 32},
	}
	for i, piece := range pieces {
		for at := range s[i] {
			s[i][at] = 0x80 // nothing
		}
		for _, f := range fields {
			for b := range f.size {
				from, at := f.from+b-piece.from, f.at+f.size-1-b-piece.at
				if f.address {
					at = f.at + b - piece.at
				}
				if from < 16 && at < 32 {
					s[i][at] = byte(from)
				}
			}
		}
	}
	return s
}()
