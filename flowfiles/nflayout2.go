package flowfiles

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// nf3Sampled is the flag of a record of layout 2 whose counts nfcapd multiplied by the sampling rate.
const nf3Sampled = 2

// The elements of a record of layout 2 that are used.
const (
	ex3Generic     = 1
	ex3IPv4        = 2
	ex3IPv6        = 3
	ex3Misc        = 4
	ex3Count       = 5
	ex3VLAN        = 6
	ex3AS          = 7
	ex3NextHop4    = 10
	ex3NextHop6    = 11
	ex3Received4   = 12
	ex3Received6   = 13
	ex3MPLS        = 14
	ex3MAC         = 15
	ex3NSEL        = 19
	ex3NAT4        = 20
	ex3NAT6        = 21
	ex3NATPorts    = 22
	ex3User        = 24
	ex3NEL         = 25
	ex3Observation = 33
	ex3Layer2      = 38
	ex3IPInfo      = 42
)

// nf3Sizes is how many bytes of each element are read at most; an element that is shorter is
// skipped, a longer one has fields of a later nfdump behind them. 0 is not used.
var nf3Sizes = [...]uint8{ex3Generic: 48, ex3IPv4: 8, ex3IPv6: 32, ex3Misc: 12, ex3Count: 24, ex3VLAN: 8, ex3AS: 8,
	ex3NextHop4: 4, ex3NextHop6: 16, ex3Received4: 4, ex3Received6: 16, ex3MPLS: 4, ex3MAC: 32, ex3NSEL: 15, ex3NAT4: 8,
	ex3NAT6: 32, ex3NATPorts: 4, ex3User: 66, ex3NEL: 13, ex3Observation: 12, ex3Layer2: 8, ex3IPInfo: 4}

// nf3Work is what outlives an element of a record.
type nf3Work struct {
	r                    *flow.Record
	addresses, generic   bool
	srcPort, dstPort     uint16
	flags, tos           uint8
	outPackets, outBytes uint64
	user                 string
	domain               uint32
	event                int64 // Unix ns
}

// record3 reads a flow of layout 2: a head of 12 bytes and elements, each with type and length.
func (f *nfReader) record3(d []byte, r *flow.Record) error {
	le := binary.LittleEndian
	if len(d) < 12 {
		return errRecordSize
	}
	x := nf3Work{r: r}
	partial := false
	elements := d[12:]
	for n := le.Uint16(d[4:]); n > 0; n-- {
		if len(elements) < 4 {
			return errRecordSize
		}
		id, size := le.Uint16(elements), int(le.Uint16(elements[2:]))
		if size < 4 || size > len(elements) {
			return errRecordSize
		}
		if int(id) < len(nf3Sizes) && nf3Sizes[id] != 0 {
			if size-4 >= int(nf3Sizes[id]) {
				x.element(id, elements[4:size])
			} else {
				partial = true
			}
		}
		elements = elements[size:]
	}
	if !x.addresses || !x.generic {
		return errNoAddress
	}
	nfGeneric(r, x.srcPort, x.dstPort, x.flags, x.tos)
	nfTimes(r, x.event, f.created)
	f.domain(r, d, x.domain)
	if d[10]&nf3Sampled != 0 {
		f.o.s.stats.scaled.Add(1)
	}
	if partial {
		f.o.s.stats.partial.Add(1)
	}
	nfReverse(r, x.outPackets, x.outBytes)
	if x.user != "" {
		f.o.b.SetMeta(r, flow.Meta{User: x.user})
	}
	return nil
}

// domain takes the exporter of the record and its domain: as the record has it, as the exporter
// was announced, or of NetFlow v5 the engine in the record's head.
func (f *nfReader) domain(r *flow.Record, d []byte, observed uint32) {
	if d[11] == 5 {
		r.Domain = uint32(d[6])<<8 | uint32(d[7])
		r.Has |= flow.HasDomain
	}
	f.from(r, binary.LittleEndian.Uint16(d[8:]))
	if observed != 0 {
		r.Domain = observed
		r.Has |= flow.HasDomain
	}
}

// element takes one element; d is at least as long as nf3Sizes says.
func (x *nf3Work) element(id uint16, d []byte) {
	le, r := binary.LittleEndian, x.r
	switch id {
	case ex3Generic:
		r.Start, r.End, r.Received = millis(le.Uint64(d)), millis(le.Uint64(d[8:])), millis(le.Uint64(d[16:]))
		r.Fwd.Packets, r.Fwd.Bytes = le.Uint64(d[24:]), le.Uint64(d[32:])
		x.srcPort, x.dstPort = le.Uint16(d[40:]), le.Uint16(d[42:])
		r.Proto, x.flags, x.tos = d[44], d[45], d[47]
		x.generic = true
	case ex3IPv4:
		r.Src, r.Dst = nfAddr4(d), nfAddr4(d[4:])
		x.addresses = true
	case ex3IPv6:
		r.Src, r.Dst = nfAddr6(d), nfAddr6(d[16:])
		x.addresses = true
	case ex3Misc:
		nfInterfaces(r, le.Uint32(d), le.Uint32(d[4:]))
		nfMasks(r, d[8], d[9])
		nfDirection(r, d[10])
	case ex3Count:
		x.outPackets, x.outBytes = le.Uint64(d[8:]), le.Uint64(d[16:])
	case ex3VLAN:
		nfVLANs(r, le.Uint32(d), le.Uint32(d[4:]))
	case ex3AS:
		nfAS(r, le.Uint32(d), le.Uint32(d[4:]))
	case ex3NextHop4:
		nfNextHop(r, nfAddr4(d), le.Uint32(d) == 0)
	case ex3NextHop6:
		a := nfAddr6(d)
		nfNextHop(r, a, a.IsZero())
	case ex3Received4:
		r.Exporter = nfAddr4(d)
	case ex3Received6:
		r.Exporter = nfAddr6(d)
	case ex3MPLS:
		nfLabel(r, le.Uint32(d))
	case ex3MAC:
		nfMACs(r, nfMAC(d), nfMAC(d[8:]), nfMAC(d[16:]), nfMAC(d[24:]))
	default:
		x.rare(id, d)
	}
}

// rare takes the elements of few records.
func (x *nf3Work) rare(id uint16, d []byte) {
	le, r := binary.LittleEndian, x.r
	switch id {
	case ex3NSEL:
		nfFirewall(r, d[14])
		x.event = millis(le.Uint64(d))
	case ex3NAT4:
		nfNAT(r, nfAddr4(d), nfAddr4(d[4:]), le.Uint32(d) == 0, le.Uint32(d[4:]) == 0)
	case ex3NAT6:
		src, dst := nfAddr6(d), nfAddr6(d[16:])
		nfNAT(r, src, dst, src.IsZero(), dst.IsZero())
	case ex3NATPorts:
		nfNATPorts(r, le.Uint16(d), le.Uint16(d[2:]))
	case ex3User:
		x.user = text(d[:66])
	case ex3NEL:
		nfNATEvent(r, d[12])
		x.event = millis(le.Uint64(d))
	case ex3Observation:
		x.domain = le.Uint32(d[8:])
	case ex3Layer2:
		nfVLANs(r, uint32(le.Uint16(d)), uint32(le.Uint16(d[4:])))
	case ex3IPInfo:
		if d[2] != 0 {
			r.Fwd.TTL = d[2]
			r.Has |= flow.HasTTL
		}
	}
}

// nfReverse takes the counts "out" of an event as those of the other direction: NSEL's responder
// counts. Of any other record it is not known what they count, the same direction behind a
// middlebox or the other one, so they stand for the flow only where there is nothing better.
func nfReverse(r *flow.Record, packets, bytes uint64) {
	switch {
	case packets|bytes == 0:
	case r.Kind == flow.KindEvent:
		r.Rev.Packets, r.Rev.Bytes = packets, bytes
		r.Has |= flow.HasRev
	case r.Fwd.Packets|r.Fwd.Bytes == 0:
		r.Fwd.Packets, r.Fwd.Bytes = packets, bytes
	}
}

// text reads a name of fixed size that a zero byte may end early.
func text(d []byte) string {
	d, _, _ = bytes.Cut(d, []byte{0})
	return strings.ToValidUTF8(string(d), "")
}
