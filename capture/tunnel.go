package capture

import (
	"github.com/flowferry/flowferry/internal/huge"
	"github.com/flowferry/flowferry/packet"
)

// maxTunnels is how many tunnels around a packet are looked through.
const maxTunnels = 4

// tunnel is what a packet was carried in: the innermost tunnel, and how many there are.
type tunnel struct {
	packet.Tunnel
	depth uint8 // 0 is no tunnel
}

// unwrap puts the packet that the one in hand carries in its place, through several tunnels.
func (m *Meter) unwrap() {
	for m.outside.depth < maxTunnels && packet.Inner(m.p, &m.other, &m.outside.Tunnel) {
		*m.p = m.other
		m.outside.depth++
	}
	if m.outside.depth > 0 {
		m.n.tunnelled++
	}
}

// tunnels holds the tunnels of the flows that came through one.
type tunnels struct{ huge.Slab[tunnel] }

// put gives the index, from 1, of t, which was seen on a packet that side dir sent.
func (x *tunnels) put(t tunnel, dir int) uint32 {
	if dir == 1 {
		t.Src, t.Dst = t.Dst, t.Src
	}
	i := x.Take()
	*x.At(i) = t
	return i
}

// turn exchanges the ends; 0 is none.
func (x *tunnels) turn(i uint32) {
	if i != 0 {
		t := x.At(i)
		t.Src, t.Dst = t.Dst, t.Src
	}
}

func (x *tunnels) free(i uint32) {
	if i != 0 {
		x.Drop(i)
	}
}
