package capture

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
	"github.com/flowferry/flowferry/packet"
)

// fakeFrame is a packet as the kernel lays it into a block.
type fakeFrame struct {
	data   []byte
	wire   uint32
	status uint32
	tag    uint32
	kind   uint16 // VLAN protocol
}

// fakeBlock makes a block as the kernel does.
func fakeBlock(frames ...fakeFrame) []byte {
	b := make([]byte, blockHeader)
	n := binary.NativeEndian
	n.PutUint32(b[blockPackets:], uint32(len(frames)))
	n.PutUint32(b[blockFirst:], blockHeader)
	for i, f := range frames {
		const at = frameHeader + 20 + tagSize
		h := make([]byte, at)
		n.PutUint32(h[4:], 1_700_000_000)
		n.PutUint32(h[8:], uint32(i))
		n.PutUint32(h[12:], uint32(len(f.data)))
		n.PutUint32(h[16:], f.wire)
		n.PutUint32(h[20:], f.status)
		n.PutUint16(h[24:], at)
		n.PutUint32(h[32:], f.tag)
		n.PutUint16(h[36:], f.kind)
		h = append(h, f.data...)
		for len(h)%8 != 0 {
			h = append(h, 0)
		}
		if i+1 < len(frames) {
			n.PutUint32(h, uint32(len(h)))
		}
		b = append(b, h...)
	}
	return b
}

func TestRingBlock(t *testing.T) {
	plain := frameOf(0x0800, "0123456789")
	data := fakeBlock(fakeFrame{data: plain, wire: uint32(len(plain))}, fakeFrame{data: plain[:20], wire: 1500},
		fakeFrame{data: plain, wire: 24, status: frameVLAN | frameVLANType, tag: 0x2005, kind: 0x88a8},
		fakeFrame{data: plain, wire: 24, status: frameVLAN, tag: 6})
	b := openRingBlock(data, packet.LinkEthernet, 41)
	f := func(want []byte, wire int, ns int64) {
		t.Helper()
		var p Packet
		if !b.next(&p) {
			t.Fatal("no packet")
		}
		if !bytes.Equal(p.Data, want) || p.Wire != wire || p.Time != 1_700_000_000e9+ns || p.Ord != uint64(42+ns) || p.Link != packet.LinkEthernet {
			t.Errorf("got %x, %d on the wire, at %d, number %d", p.Data, p.Wire, p.Time, p.Ord)
		}
	}
	withTag := func(tag ...byte) []byte {
		return append(append(bytes.Clone(plain[:12]), tag...), plain[12:]...)
	}
	f(plain, 24, 0)
	f(plain[:20], 1500, 1)
	f(withTag(0x88, 0xa8, 0x20, 5), 28, 2)
	f(withTag(0x81, 0, 0, 6), 28, 3)
	if b.next(&Packet{}) {
		t.Error("a packet too many")
	}
}

// frameOf makes a frame whose twelve bytes of addresses are all different.
func frameOf(ether uint16, body string) []byte {
	b := []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, byte(ether >> 8), byte(ether)}
	return append(b, body...)
}

func TestRingBlockAllocs(t *testing.T) {
	plain := frameOf(0x0800, "0123456789")
	data := fakeBlock(fakeFrame{data: plain, wire: 24, status: frameVLAN, tag: 6}, fakeFrame{data: plain, wire: 24})
	var p Packet
	n := 0
	if a := testing.AllocsPerRun(100, func() {
		for b := openRingBlock(data, 1, 0); b.next(&p); n++ {
		}
	}); a != 0 || n != 202 {
		t.Errorf("%v allocations, %d packets", a, n)
	}
}

// FuzzRingBlock: whatever a block holds, packets lie in it and there are no more than it says.
func FuzzRingBlock(f *testing.F) {
	plain := frameOf(0x0800, "0123456789")
	f.Add(fakeBlock(fakeFrame{data: plain, wire: 24, status: frameVLAN, tag: 6}, fakeFrame{data: plain, wire: 24}))
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.Guard()()
		m := NewMeter(Config{}, 1, func(b *flow.Batch) { b.Free() })
		said := uint64(0)
		if len(data) >= blockHeader {
			said = uint64(binary.NativeEndian.Uint32(data[blockPackets:]))
		}
		n := uint64(0)
		var p Packet
		for b := openRingBlock(data, packet.LinkEthernet, 0); b.next(&p); n++ {
			if len(p.Data) > len(data) || p.Wire < len(p.Data) || p.Ord != n+1 {
				t.Fatalf("%d bytes captured, %d on the wire, number %d", len(p.Data), p.Wire, p.Ord)
			}
			m.Packet(&p)
		}
		if n > said || n*frameHeader > uint64(len(data)) {
			t.Fatalf("%d packets in a block of %d bytes that says %d", n, len(data), said)
		}
		m.Flush()
	})
}
