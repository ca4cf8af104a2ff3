package netflow

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// fixed decodes NetFlow v1, v5, v6, v7 and v8. The header is that of v5, of which v1 has the
// first 16 bytes; v6 has nothing in place of the sampling, v7 nothing behind the sequence:
//
//	 0       2       4               8               12              16              20       22         24
//	│ 5     │ count │ sysUptime, ms │ UNIX seconds  │ nanoseconds   │ sequence      │ engine │ sampling │ records…
//	 v8:                                                                    20 engine │ 22 scheme │ 23 its version │ 24 sampling │ 26 pad
//
// engine is one byte of type and one of id; sampling is 2 bits of mode and 14 of interval.
// A datagram cut short gives the records that are whole.
func (d *Decoder) fixed(src *source, version uint16, p []byte, b *flow.Batch) error {
	l, err := layoutOf(version, p)
	if err != nil {
		return err
	}
	if len(p) < l.header {
		return ErrShort
	}
	e := d.exporter(src, version, engine(version, p))
	defer d.release(e)
	m := message{
		received: src.received,
		export:   int64(binary.BigEndian.Uint32(p[8:]))*1e9 + int64(binary.BigEndian.Uint32(p[12:])),
		uptime:   binary.BigEndian.Uint32(p[4:]), hasUptime: true,
	}
	d.clock(e, m)
	count, fit := int(binary.BigEndian.Uint16(p[2:])), (len(p)-l.header)/l.record()
	if count > l.max() {
		return e.done(ErrLength)
	}
	if version != 1 {
		d.sequence(e, binary.BigEndian.Uint32(p[16:]), counts{uint32(count), uint32(count)}, m.uptime)
	}
	x := e.work
	x.begin(m, b)
	n := min(count, fit)
	if at := samplingAt[version]; at != 0 {
		e.rates.common = headerRate(binary.BigEndian.Uint16(p[at:]))
	}
	if version == 5 {
		x.common()
		x.fixedRecords(p[l.header:], n)
		x.counted(n, 0)
	} else {
		err = x.dataSet(&l.template, p[:l.header+n*l.record()], l.header)
	}
	if count > fit {
		err = ErrLength
	}
	return e.done(err)
}

// engine tells what a datagram's sequence numbers belong to: the engine that sent it, of v8 the
// cache of one aggregation scheme on it.
func engine(version uint16, p []byte) uint32 {
	switch version {
	case 5, 6:
		return uint32(binary.BigEndian.Uint16(p[20:]))
	case 8:
		return uint32(p[22])<<16 | uint32(binary.BigEndian.Uint16(p[20:]))
	}
	return 0
}

// samplingAt is where a version's header has the sampling word; 0 is nowhere.
var samplingAt = [...]int{5: 22, 8: 24}

// headerRate reads the sampling word of a v5 or v8 header: mode 1 is one packet in so many, 2 is
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

// fixedRecords decodes n records of v5. It does what the plan of layouts[5] does, many times
// faster:
//
//	 0     4     8        12   14   16       20     24      28     32       34
//	│ src │ dst │ next   │ in │out │ packets│ bytes│ first │ last │ sport  │ dport  │
//	│ 36 pad │ 37 flags │ 38 proto │ 39 tos │ 40 srcAS │ 42 dstAS │ 44 smask │ 45 dmask │ 46 pad
func (x *work) fixedRecords(p []byte, n int) { x.fixedChunks(p, n, x.fixedChunk) }

// fixedChunks decodes n records, a chunk at a time.
func (x *work) fixedChunks(p []byte, n int, decode func(p []byte, n int, ord uint64)) {
	x.proto.Has |= layouts[5].template.plan.has | flow.HasTimes
	x.proto.Src.Set4(0)
	x.proto.Dst.Set4(0)
	ord := x.d.ordinals(n)
	for done := 0; done < n; done += chunk {
		decode(p[done*48:], min(n-done, chunk), ord+uint64(done))
	}
}

// odds are which records of a chunk have a protocol other than TCP and UDP.
type odds [chunk]uint8

// portableChunk decodes n records, at most chunk, on any processor. What depends on the value of a
// field is done without branches, or after the loop for the few records that need it.
func (x *work) portableChunk(p []byte, n int, ord uint64) {
	var odd odds
	some := uint(0)
	recs := x.b.Repeat(&x.proto, n)
	export, uptime, like := x.export, x.uptime, &x.proto
	for i := range recs {
		q, r := (*[48]byte)(p[i*48:i*48+48:i*48+48]), &recs[i]
		r.Start = export + int64(int32(binary.BigEndian.Uint32(q[24:])-uptime))*1e6
		r.End = export + int64(int32(binary.BigEndian.Uint32(q[28:])-uptime))*1e6
		r.Ord = ord + uint64(i)
		*(*[4]byte)(r.Src[12:]) = *(*[4]byte)(q[0:])
		*(*[4]byte)(r.Dst[12:]) = *(*[4]byte)(q[4:])
		has := like.Has
		if hop := (*[4]byte)(q[8:]); *hop != [4]byte{} {
			r.NextHop = like.Src
			*(*[4]byte)(r.NextHop[12:]) = *hop
			has |= flow.HasNextHop
		}
		as, proto, flags := binary.BigEndian.Uint32(q[40:]), q[38], q[37]
		r.Has = has&^flagless(proto, flags) | bit(uint64(as>>16), flow.HasSrcAS) | bit(uint64(as&0xffff), flow.HasDstAS)
		r.SrcAS, r.DstAS = as>>16, as&0xffff
		r.Fwd.Bytes, r.Fwd.Packets = uint64(binary.BigEndian.Uint32(q[20:])), uint64(binary.BigEndian.Uint32(q[16:]))
		r.Fwd.Flags, r.Fwd.ToS = flags, q[39]
		interfaces := binary.BigEndian.Uint32(q[12:])
		r.InIf, r.OutIf = interfaces>>16, interfaces&0xffff
		ports := binary.BigEndian.Uint32(q[32:])
		r.SrcPort, r.DstPort = uint16(ports>>16), uint16(ports)
		r.Proto, r.SrcMask, r.DstMask = proto, q[44], q[45]
		odd[some%chunk] = uint8(i)
		some += uint(isOdd[proto])
	}
	odd.settle(recs, some)
}

// settle does what the first n of the odd records need.
func (o *odds) settle(recs []flow.Record, n uint) {
	for _, i := range o[:n] {
		portless(&recs[i], 0)
	}
}

// isOdd is 1 for the protocols that portless is for, 0 for the others.
var isOdd = func() (is [256]uint8) {
	for proto := range is {
		is[proto] = 1
	}
	is[flow.ProtoTCP], is[flow.ProtoUDP] = 0, 0
	return is
}()

// flagless is HasFlags where there are none: of another protocol than TCP, and zero.
func flagless(proto, flags uint8) flow.Set {
	none := flow.HasFlags
	if proto == flow.ProtoTCP {
		none = 0
	}
	if flags != 0 {
		none = 0
	}
	return none
}
