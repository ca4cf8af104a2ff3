package flowfiles

import (
	"encoding/binary"

	"github.com/flowferry/flowferry/flow"
)

// Flags of a record of layout 1.
const (
	nf1IPv6      = 1
	nf1Packets64 = 2
	nf1Bytes64   = 4
	nf1Sampled   = 128
)

// nf1Sizes is the size in bytes of each extension of layout 1, by its id; 0 is unknown.
var nf1Sizes = [...]uint8{4: 4, 5: 8, 6: 4, 7: 8, 8: 4, 9: 4, 10: 16, 11: 4, 12: 16, 13: 4, 14: 4, 15: 8, 16: 4, 17: 8,
	18: 4, 19: 8, 20: 16, 21: 16, 22: 40, 23: 4, 24: 16, 25: 4, 26: 8, 27: 8, 37: 20, 38: 4, 39: 8, 40: 32, 41: 24,
	42: 24, 43: 72, 45: 24, 46: 12, 47: 8, 48: 8}

// maxMap is how many extensions a map may name.
const maxMap = 64

// extensionMap keeps which extensions the records of a map id have, in order.
func (f *nfReader) extensionMap(d []byte) error {
	if len(d) < 8 {
		return errRecordSize
	}
	id := binary.LittleEndian.Uint16(d[4:])
	var list []uint16
	for d = d[8:]; len(d) >= 2 && len(list) < maxMap; d = d[2:] {
		ext := binary.LittleEndian.Uint16(d)
		if ext == 0 {
			break
		}
		list = append(list, ext)
	}
	f.maps[id] = list
	return errOther
}

// common reads a flow of layout 1: a fixed head, addresses, packets and bytes by its flags, and
// the extensions of its map.
func (f *nfReader) common(typ uint16, d []byte, r *flow.Record) error {
	le := binary.LittleEndian
	head := 28
	if typ == nfCommon {
		head = 32
	}
	if len(d) < head {
		return errRecordSize
	}
	flags, sysid := uint16(d[4]), uint16(d[5])
	if typ == nfCommon {
		flags, sysid = le.Uint16(d[4:]), le.Uint16(d[28:])
	}
	exts, ok := f.maps[le.Uint16(d[6:])]
	if !ok {
		return errNoMap
	}
	r.Start = int64(le.Uint32(d[12:]))*1e9 + int64(le.Uint16(d[8:]))*1e6
	r.End = int64(le.Uint32(d[16:]))*1e9 + int64(le.Uint16(d[10:]))*1e6
	r.Proto = d[22]
	if typ == nfCommon && d[31] <= uint8(flow.EndLackResources) {
		r.EndReason = flow.EndReason(d[31])
	}
	rest, err := nf1Required(d[head:], flags, r)
	if err != nil {
		return err
	}
	x := nf1Work{f: f, r: r}
	for _, ext := range exts {
		if int(ext) >= len(nf1Sizes) || nf1Sizes[ext] == 0 || int(nf1Sizes[ext]) > len(rest) {
			f.o.s.stats.partial.Add(1) // where the next one begins is not known
			break
		}
		x.extension(ext, rest)
		rest = rest[nf1Sizes[ext]:]
	}
	nfGeneric(r, le.Uint16(d[24:]), le.Uint16(d[26:]), d[21], d[23])
	nfTimes(r, x.event, f.created)
	f.from(r, sysid)
	if flags&nf1Sampled != 0 {
		f.o.s.stats.scaled.Add(1)
	}
	nfReverse(r, x.outPackets, x.outBytes)
	if x.user != "" {
		f.o.b.SetMeta(r, flow.Meta{User: x.user})
	}
	return nil
}

// nf1Required takes the three extensions that every record has: addresses, packets, bytes.
func nf1Required(d []byte, flags uint16, r *flow.Record) (rest []byte, err error) {
	le := binary.LittleEndian
	need := 8
	if flags&nf1IPv6 != 0 {
		need = 32
	}
	for _, flag := range [...]uint16{nf1Packets64, nf1Bytes64} {
		need += 4
		if flags&flag != 0 {
			need += 4
		}
	}
	if len(d) < need {
		return nil, errRecordSize
	}
	if flags&nf1IPv6 != 0 {
		r.Src, r.Dst = nfAddr6(d), nfAddr6(d[16:])
		d = d[32:]
	} else {
		r.Src, r.Dst = nfAddr4(d), nfAddr4(d[4:])
		d = d[8:]
	}
	for i, to := range [...]*uint64{&r.Fwd.Packets, &r.Fwd.Bytes} {
		if flags>>(i+1)&1 != 0 {
			*to, d = le.Uint64(d), d[8:]
		} else {
			*to, d = uint64(le.Uint32(d)), d[4:]
		}
	}
	return d, nil
}

// nf1Work is what outlives an extension of a record.
type nf1Work struct {
	f                    *nfReader
	r                    *flow.Record
	outPackets, outBytes uint64
	inSrc, outDst        flow.MAC
	user                 string
	event                int64 // Unix ns
}

// extension takes one extension; d is at least as long as its size.
func (x *nf1Work) extension(id uint16, d []byte) {
	le, r := binary.LittleEndian, x.r
	switch id {
	case 4:
		nfInterfaces(r, uint32(le.Uint16(d)), uint32(le.Uint16(d[2:])))
	case 5:
		nfInterfaces(r, le.Uint32(d), le.Uint32(d[4:]))
	case 6:
		nfAS(r, uint32(le.Uint16(d)), uint32(le.Uint16(d[2:])))
	case 7:
		nfAS(r, le.Uint32(d), le.Uint32(d[4:]))
	case 8: // class of service at egress, direction, masks
		nfDirection(r, d[1])
		nfMasks(r, d[2], d[3])
	case 9:
		nfNextHop(r, nfAddr4(d), le.Uint32(d) == 0)
	case 10:
		a := nfAddr6(d)
		nfNextHop(r, a, a.IsZero())
	case 13:
		nfVLANs(r, uint32(le.Uint16(d)), uint32(le.Uint16(d[2:])))
	case 14:
		x.outPackets = uint64(le.Uint32(d))
	case 15:
		x.outPackets = le.Uint64(d)
	case 16:
		x.outBytes = uint64(le.Uint32(d))
	case 17:
		x.outBytes = le.Uint64(d)
	case 20:
		x.inSrc, x.outDst = nfMAC(d), nfMAC(d[8:])
		nfMACs(r, x.inSrc, x.outDst, flow.MAC{}, flow.MAC{})
	case 21:
		nfMACs(r, x.inSrc, x.outDst, nfMAC(d), nfMAC(d[8:]))
	case 22:
		nfLabel(r, le.Uint32(d))
	default:
		x.events(id, d)
	}
}

// events takes what only some records have: who exported it, and when it came; NSEL and NEL.
func (x *nf1Work) events(id uint16, d []byte) {
	le, r := binary.LittleEndian, x.r
	switch id {
	case 23:
		r.Exporter = nfAddr4(d)
	case 24:
		r.Exporter = nfAddr6(d)
	case 25: // engine type and id
		r.Domain = uint32(d[2])<<8 | uint32(d[3])
		r.Has |= flow.HasDomain
	case 27:
		r.Received = millis(le.Uint64(d))
	case 37:
		nfFirewall(r, d[14])
		x.event = millis(le.Uint64(d))
	case 38:
		nfNATPorts(r, le.Uint16(d), le.Uint16(d[2:]))
	case 39, 47:
		nfNAT(r, nfAddr4(d), nfAddr4(d[4:]), le.Uint32(d) == 0, le.Uint32(d[4:]) == 0)
	case 40:
		src, dst := nfAddr6(d), nfAddr6(d[16:])
		nfNAT(r, src, dst, src.IsZero(), dst.IsZero())
	case 42:
		x.user = text(d[:24])
	case 43:
		x.user = text(d[:72])
	case 46:
		nfNATEvent(r, d[0])
	}
}
