package capture

import (
	"encoding/binary"
	"io"
	"math/bits"
)

// pcapng reads the block format (draft-ietf-opsawg-pcapng):
//
//	block: type(4) total length(4) body … total length(4)
//
// A section header begins each section and sets the byte order; the interface descriptions of a
// section give link type and unit of time to its packets. Other blocks are stepped over.
type pcapng struct {
	order  binary.ByteOrder
	ifaces []iface
}

// iface is what an interface description block tells.
type iface struct {
	link    uint32
	snap    uint32 // 0 is no limit
	perSec  uint64 // units of time in a second, when a power of ten
	shift   uint8  // else 2^shift units in a second
	offset  int64  // seconds to add
	decimal bool
}

const (
	blockInterface = 1
	blockPacket    = 2 // obsolete
	blockSimple    = 3
	blockEnhanced  = 6
	blockSection   = magicNG

	maxIfaces = 1 << 16 // an interface id of the old packet block has 16 bits
)

func (p *pcapng) next(f *File, pkt *Packet) error {
	for {
		h, err := f.peek(12, "a block")
		if err != nil {
			return err
		}
		if err := p.section(f, h); err != nil {
			return err
		}
		typ, n := p.order.Uint32(h), p.order.Uint32(h[4:])
		if n < 12 || n > 1<<31-4 {
			return f.broken("a block of %d bytes", n)
		}
		n = (n + 3) &^ 3
		switch typ {
		case blockInterface, blockPacket, blockSimple, blockEnhanced:
			ok, err := p.block(f, pkt, typ, int(n))
			if ok || err != nil {
				return err
			}
		default:
			if err := f.discard(int(n)); err != nil {
				return err
			}
		}
	}
}

func (p *pcapng) step(f *File, pkt *Packet) (ok bool, err error) {
	if !p.has(f.r.held()[f.skip:]) {
		return false, nil
	}
	err = f.advance(pkt)
	return err == nil, err
}

// has says whether b begins with a packet and has all of it.
func (p *pcapng) has(b []byte) bool {
	if p.order == nil || len(b) < 12 {
		return false
	}
	switch p.order.Uint32(b) {
	case blockPacket, blockSimple, blockEnhanced:
		return uint64(p.order.Uint32(b[4:]))+3 <= uint64(len(b))
	}
	return false
}

// section takes the byte order of a section header block; another block changes nothing.
func (p *pcapng) section(f *File, h []byte) error {
	if binary.LittleEndian.Uint32(h) != blockSection {
		return nil
	}
	p.ifaces = p.ifaces[:0]
	switch uint32(0x1a2b3c4d) {
	case binary.LittleEndian.Uint32(h[8:]):
		p.order = binary.LittleEndian
	case binary.BigEndian.Uint32(h[8:]):
		p.order = binary.BigEndian
	default:
		return f.broken("a section header without byte-order magic")
	}
	return nil
}

// block reads one block of n bytes; ok says that it held a packet.
func (p *pcapng) block(f *File, pkt *Packet, typ uint32, n int) (ok bool, err error) {
	if n > maxPacket+1<<16 {
		return false, f.broken("a block of %d bytes; none is longer than %d", n, maxPacket+1<<16)
	}
	b, err := f.peek(n, "a block")
	if err == io.EOF {
		err = f.broken("a block of %d bytes is missing", n)
	}
	if err != nil {
		return false, err
	}
	body := b[8 : n-4]
	if typ == blockInterface {
		if len(body) < 8 || len(p.ifaces) >= maxIfaces {
			return false, f.broken("a bad interface description")
		}
		p.ifaces = append(p.ifaces, p.description(body))
		return false, f.discard(n)
	}
	if *pkt, ok = p.packet(typ, body); !ok {
		return false, f.broken("a packet block that contradicts itself")
	}
	f.skip = n
	return true, nil
}

func (p *pcapng) packet(typ uint32, b []byte) (pkt Packet, ok bool) {
	var id, hi, lo, captured, wire uint32
	u32 := p.order.Uint32
	switch {
	case typ == blockSimple && len(b) >= 4:
		wire, b = u32(b), b[4:]
		captured = min(wire, uint32(len(b)))
	case typ == blockEnhanced && len(b) >= 20:
		id, hi, lo, captured, wire, b = u32(b), u32(b[4:]), u32(b[8:]), u32(b[12:]), u32(b[16:]), b[20:]
	case typ == blockPacket && len(b) >= 20:
		id = uint32(p.order.Uint16(b))
		hi, lo, captured, wire, b = u32(b[4:]), u32(b[8:]), u32(b[12:]), u32(b[16:]), b[20:]
	default:
		return pkt, false
	}
	if int64(id) >= int64(len(p.ifaces)) || captured > maxPacket || int(captured) > len(b) {
		return pkt, false
	}
	i := &p.ifaces[id]
	if typ == blockSimple {
		if i.snap != 0 {
			captured = min(captured, i.snap)
		}
		return Packet{Data: b[:captured], Wire: int(wire), Link: i.link}, true
	}
	return Packet{
		Data: b[:captured],
		Time: i.time(uint64(hi)<<32 | uint64(lo)),
		Wire: int(max(wire, captured)),
		Link: i.link,
	}, true
}

// time turns units since 1970 into Unix ns.
func (i *iface) time(v uint64) int64 {
	if i.decimal {
		frac := v % i.perSec
		hi, lo := bits.Mul64(frac, 1e9)
		ns, _ := bits.Div64(hi, lo, i.perSec)
		return (int64(v/i.perSec)+i.offset)*1e9 + int64(ns)
	}
	frac := v & (1<<i.shift - 1)
	hi, lo := bits.Mul64(frac, 1e9)
	ns := hi<<(64-i.shift) | lo>>i.shift
	return (int64(v>>i.shift)+i.offset)*1e9 + int64(ns)
}

// description reads an interface description: link type(2) reserved(2) snaplen(4) options, each
// code(2) length(2) value padded to 4 bytes. if_tsresol (9) is the unit of time as a negative
// power of 10, or of 2 when its high bit is set; if_tsoffset (14) is in seconds.
func (p *pcapng) description(b []byte) iface {
	i := iface{link: uint32(p.order.Uint16(b)), snap: p.order.Uint32(b[4:]), perSec: 1e6, decimal: true}
	for b = b[8:]; len(b) >= 4; {
		code, n := p.order.Uint16(b), int(p.order.Uint16(b[2:]))
		if b = b[4:]; code == 0 || n > len(b) {
			break
		}
		switch {
		case code == 9 && n >= 1:
			i.resolution(b[0])
		case code == 14 && n >= 8:
			i.offset = int64(p.order.Uint64(b))
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	return i
}

func (i *iface) resolution(v byte) {
	if i.decimal = v&0x80 == 0; !i.decimal {
		i.shift = min(v&0x7f, 63)
		return
	}
	i.perSec = 1
	for range min(v, 19) {
		i.perSec *= 10
	}
}
