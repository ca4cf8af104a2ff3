package capture

import (
	"encoding/binary"
	"math"
)

// A block of a TPACKET_V3 ring (linux/if_packet.h), in the byte order of the machine:
//
//	block:  version(4) private(4) status(4) packets(4) first packet at(4) length(4) …
//	packet: next packet at(4) seconds(4) nanoseconds(4) captured(4) length on the wire(4) status(4)
//	        link layer at(2) network layer at(2) hash(4) VLAN tag(4) VLAN protocol(2) …
//
// The places of packets are counted from the block's beginning, those of layers from the packet's.
const (
	blockStatus  = 8
	blockPackets = 12
	blockFirst   = 16
	blockHeader  = 48
	frameHeader  = 48

	frameVLAN     = 1 << 4 // status: the tag is valid
	frameVLANType = 1 << 6 // status: its protocol is too
)

// tagSize is how many bytes a VLAN tag has, and how many the ring keeps free before each packet.
const tagSize = 4

// ringBlock reads the packets of one block. Nothing outside of it is ever touched, whatever it holds.
type ringBlock struct {
	data []byte
	at   uint32 // of the next packet
	left uint32 // packets
	link uint32
	ord  uint64 // of the packet before
}

func openRingBlock(data []byte, link uint32, ord uint64) ringBlock {
	b := ringBlock{data: data, link: link, ord: ord}
	if len(data) >= blockHeader {
		b.left = binary.NativeEndian.Uint32(data[blockPackets:])
		b.at = binary.NativeEndian.Uint32(data[blockFirst:])
	}
	return b
}

// next gives the next packet, whose data lie in the block. A VLAN tag that the kernel took off is
// put back.
func (b *ringBlock) next(p *Packet) bool {
	if b.left == 0 || uint64(b.at)+frameHeader > uint64(len(b.data)) {
		return false
	}
	f := b.data[b.at:]
	field := func(at int) uint32 { return binary.NativeEndian.Uint32(f[at:]) }
	captured, wire, status := field(12), field(16), field(20)
	link := uint32(binary.NativeEndian.Uint16(f[24:]))
	if uint64(link)+uint64(captured) > uint64(len(f)) || wire > math.MaxInt32-tagSize {
		b.left = 0
		return false
	}
	b.ord++
	*p = Packet{Data: f[link : link+captured], Time: int64(field(4))*1e9 + int64(field(8)), Ord: b.ord,
		Wire: int(max(wire, captured)), Link: b.link}
	if status&frameVLAN != 0 && captured >= 14 && link >= frameHeader+tagSize {
		protocol := uint16(0x8100) // of kernels before 3.14, which do not tell
		if status&frameVLANType != 0 {
			protocol = binary.NativeEndian.Uint16(f[36:])
		}
		p.Data = putTag(f[link-tagSize:link+captured], protocol, uint16(field(32)))
		p.Wire += tagSize
	}
	b.left--
	b.at += field(0)
	if field(0) < frameHeader { // the last one, or nonsense
		b.left = 0
	}
	return true
}

// read gives the next packets in room, none at the end of the block.
func (b *ringBlock) read(room []Packet) []Packet {
	n := 0
	for n < len(room) && b.next(&room[n]) {
		n++
	}
	return room[:n]
}

// putTag moves the two MAC addresses of a packet, before which there is room for a tag, to the
// beginning of that room and puts the tag behind them.
func putTag(b []byte, protocol, tag uint16) []byte {
	copy(b[:12], b[tagSize:])
	binary.BigEndian.PutUint16(b[12:], protocol)
	binary.BigEndian.PutUint16(b[14:], tag)
	return b
}
