package capture

import (
	"encoding/binary"
	"math/bits"
)

// pcap reads the classic format (draft-ietf-opsawg-pcap section 4):
//
//	file:   magic(4) major(2) minor(2) zone(4) sigfigs(4) snaplen(4) link type(4)
//	packet: seconds(4) fraction(4) captured length(4) length on the wire(4) data
//
// in the byte order of the machine that wrote it. Snaplen is not believed: real files hold
// packets that are longer.
type pcap struct {
	big     bool  // written by a big-endian machine
	unit    int64 // ns per unit of the fraction
	extra   int   // bytes after the usual packet header
	skip    int   // bytes after the file header
	link    uint32
	swapped bool // lengths stand in the other order, as before version 2.3
	maySwap bool // version 2.3: either order
}

// Magic numbers of files in the byte order of the reader (wiretap/libpcap.h for the last three).
const (
	magicMicro    = 0xa1b2c3d4
	magicNano     = 0xa1b23c4d
	magicModified = 0xa1b2cd34 // Kuznetzov: 8 more bytes in each packet header
	magicIxiaHW   = 0x1c0001ac // Ixia lcap: 4 more bytes in the file header, nanoseconds
	magicIxiaSW   = 0x1c0001ab
	magicNG       = 0x0a0d0d0a // pcapng: section header block; reads the same both ways
)

// pcapMagic tells the format by the first four bytes; both results are empty for another file.
func pcapMagic(head []byte) (p *pcap, ng bool) {
	for _, big := range []bool{false, true} {
		switch (&pcap{big: big}).u32(head) {
		case magicNG:
			return nil, true
		case magicMicro:
			return &pcap{big: big, unit: 1000}, false
		case magicNano:
			return &pcap{big: big, unit: 1}, false
		case magicModified:
			return &pcap{big: big, unit: 1000, extra: 8}, false
		case magicIxiaHW, magicIxiaSW:
			return &pcap{big: big, unit: 1, skip: 4}, false
		}
	}
	return nil, false
}

func (p *pcap) header(f *File) error {
	h, err := f.peek(24, "the file header")
	if err != nil {
		return err
	}
	if major, minor := p.u16(h[4:]), p.u16(h[6:]); major == 2 {
		p.swapped, p.maySwap = minor < 3, minor == 3
	}
	p.link = p.u32(h[20:]) & 0x03ffffff // the upper bits tell of a frame check sequence
	return f.discard(24 + p.skip)
}

// u32 reads a number in the file's byte order.
func (p *pcap) u32(b []byte) uint32 {
	v := binary.LittleEndian.Uint32(b)
	if p.big {
		v = bits.ReverseBytes32(v)
	}
	return v
}

func (p *pcap) u16(b []byte) uint16 {
	if p.big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

// sizes reads the lengths in a packet header: as captured, and on the wire.
func (p *pcap) sizes(h []byte) (captured, wire uint32) {
	captured, wire = p.u32(h[8:]), p.u32(h[12:])
	if p.swapped || p.maySwap && captured > wire {
		captured, wire = wire, captured
	}
	return captured, wire
}

func (p *pcap) step(f *File, pkt *Packet) (ok bool, err error) {
	w := f.r
	at, head := w.at+f.skip, 16+p.extra
	if at+head > w.end {
		return false, nil
	}
	h := w.b[at:w.end]
	captured, wire := p.sizes(h)
	n := head + int(captured)
	if captured > maxPacket || n > len(h) {
		return false, nil
	}
	w.at, f.off = at, f.off+int64(f.skip)
	f.skip, f.ord = n, f.ord+1
	p.packet(pkt, h, h[head:n], wire)
	pkt.Ord, pkt.Offset = f.ord, f.off
	return true, nil
}

func (p *pcap) next(f *File, pkt *Packet) error {
	n := 16 + p.extra
	h, err := f.peek(n, "a packet header")
	if err != nil {
		return err
	}
	captured, wire := p.sizes(h)
	if captured > maxPacket {
		return f.broken("a packet of %d bytes; no packet is longer than %d", captured, maxPacket)
	}
	b, err := f.peek(n+int(captured), "a packet")
	if err != nil {
		return err
	}
	f.skip = len(b)
	p.packet(pkt, b, b[n:], wire)
	return nil
}

// packet fills pkt with the data behind header h.
func (p *pcap) packet(pkt *Packet, h, data []byte, wire uint32) {
	pkt.Data, pkt.Link, pkt.Wire = data, p.link, max(int(wire), len(data))
	pkt.Time = int64(p.u32(h))*1e9 + int64(p.u32(h[4:]))*p.unit
}
