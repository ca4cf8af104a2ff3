package netflow

import (
	"encoding/binary"
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// layout is a version with records of one fixed form.
type layout struct {
	header, record int // bytes
}

var layouts = [...]layout{1: {16, 48}, 5: {24, 48}, 7: {24, 52}}

// fixed decodes NetFlow v1, v5 and v7. The header is that of v5, of which v1 has the first 16
// bytes and v7 the first 20:
//
//	 0       2       4               8               12              16              20      22         24
//	│ 5     │ count │ sysUptime, ms │ UNIX seconds  │ nanoseconds   │ sequence      │ engine│ sampling │ records…
//
// engine is one byte of type and one of id; sampling is 2 bits of mode and 14 of interval.
// A datagram cut short gives the records that are whole.
func (d *Decoder) fixed(src source, version uint16, p []byte, b *flow.Batch) error {
	l := layouts[version]
	if len(p) < l.header {
		return ErrShort
	}
	var domain uint32
	if version == 5 {
		domain = uint32(binary.BigEndian.Uint16(p[20:]))
	}
	e := d.exporter(src, version, domain)
	defer d.release(e)
	m := message{
		received: src.received,
		export:   int64(binary.BigEndian.Uint32(p[8:]))*1e9 + int64(binary.BigEndian.Uint32(p[12:])),
		uptime:   binary.BigEndian.Uint32(p[4:]), hasUptime: true,
	}
	d.clock(e, m)
	count, fit := int(binary.BigEndian.Uint16(p[2:])), (len(p)-l.header)/l.record
	if version != 1 && count <= maxFixed {
		d.sequence(e, binary.BigEndian.Uint32(p[16:]), counts{uint32(count), uint32(count)}, m.uptime)
	}
	if count > maxFixed {
		return e.done(ErrLength)
	}
	x := &e.work
	x.begin(m, b)
	if version == 5 {
		e.rates.common = headerRate(binary.BigEndian.Uint16(p[22:]))
	}
	x.common()
	n := min(count, fit)
	x.fixedRecords(version, p[l.header:], n)
	x.counted(n, 0)
	if count > fit {
		return e.done(ErrLength)
	}
	return nil
}

// maxFixed is the most records a datagram can say it has: 30 fit an Ethernet frame, and a
// jumbo frame has room for some 190.
const maxFixed = 1365

// headerRate reads the sampling word of a v5 header: mode 1 is one packet in so many, 2 is
// random; interval 0 says nothing about sampling.
func headerRate(v uint16) rate {
	r := rate{n: uint32(v & 0x3fff)}
	switch v >> 14 {
	case 1:
		r.mode = deterministic
	case 2:
		r.mode = random
	}
	if r.n == 0 {
		r.mode = ""
	}
	return r
}

// fixedRecords decodes n records of the v5 form, of which v1 and v7 differ in the end:
//
//	 0     4     8        12   14   16       20     24      28     32       34       36
//	│ src │ dst │ next   │ in │out │ packets│ bytes│ first │ last │ sport  │ dport  │
//	 v5: 36 pad │ 37 flags │ 38 proto │ 39 tos │ 40 srcAS │ 42 dstAS │ 44 smask │ 45 dmask
//	 v7: 36 validity flags │ 37 … as v5, then 48 router
//	 v1: 36 pad (2) │ 38 proto │ 39 tos │ 40 flags │ 41 pad (7)
func (x *work) fixedRecords(version uint16, p []byte, n int) {
	size := layouts[version].record
	if mode := x.e.rates.common.mode; mode != "" && n > 0 {
		x.proto.Meta = x.share(alike{mode: mode})
	}
	x.proto.Has |= fixedHas[version]
	b, export, uptime := x.b, x.export, x.uptime
	ord := x.d.ordinals(n)
	first := len(b.Recs)
	b.Recs = slices.Grow(b.Recs, n)[:first+n]
	for i := range n {
		q := (*[48]byte)(p)
		r := &b.Recs[first+i]
		*r = x.proto
		r.Ord = ord + uint64(i)
		put4(&r.Src, uint64(binary.BigEndian.Uint32(q[0:])))
		put4(&r.Dst, uint64(binary.BigEndian.Uint32(q[4:])))
		if hop := binary.BigEndian.Uint32(q[8:]); hop != 0 {
			put4(&r.NextHop, uint64(hop))
			r.Has |= flow.HasNextHop
		}
		r.InIf, r.OutIf = uint32(binary.BigEndian.Uint16(q[12:])), uint32(binary.BigEndian.Uint16(q[14:]))
		r.Fwd.Packets, r.Fwd.Bytes = uint64(binary.BigEndian.Uint32(q[16:])), uint64(binary.BigEndian.Uint32(q[20:]))
		r.Start = export + int64(int32(binary.BigEndian.Uint32(q[24:])-uptime))*1e6
		r.End = export + int64(int32(binary.BigEndian.Uint32(q[28:])-uptime))*1e6
		r.SrcPort, r.DstPort = binary.BigEndian.Uint16(q[32:]), binary.BigEndian.Uint16(q[34:])
		r.Proto, r.Fwd.ToS = q[38], q[39]
		if version == 1 {
			r.Fwd.Flags = q[40]
		} else {
			r.Fwd.Flags = q[37]
			r.SrcAS, r.DstAS = uint32(binary.BigEndian.Uint16(q[40:])), uint32(binary.BigEndian.Uint16(q[42:]))
			r.SrcMask, r.DstMask = q[44], q[45]
			r.Has |= bit(uint64(r.SrcAS), flow.HasSrcAS) | bit(uint64(r.DstAS), flow.HasDstAS)
		}
		if r.Proto != flow.ProtoTCP {
			if r.Proto != flow.ProtoUDP {
				portless(r, 0)
			}
			if r.Fwd.Flags == 0 {
				r.Has &^= flow.HasFlags
			}
		}
		p = p[size:]
	}
}

const fixedCommon = flow.HasTimes | flow.HasPorts | flow.HasProto | flow.HasBytes | flow.HasPackets |
	flow.HasFlags | flow.HasToS | flow.HasInIf | flow.HasOutIf

var fixedHas = [...]flow.Set{
	1: fixedCommon,
	5: fixedCommon | flow.HasSrcMask | flow.HasDstMask,
	7: fixedCommon | flow.HasSrcMask | flow.HasDstMask,
}
