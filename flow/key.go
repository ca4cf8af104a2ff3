package flow

import (
	"encoding/binary"
	"math/bits"
)

// Key is a direction-free 5-tuple: both directions of a conversation have the same Key.
// The lower (address, port) is A.
type Key struct {
	A, B         Addr
	APort, BPort uint16
	Proto        uint8
}

// Key gives the record's direction-free 5-tuple; forward says whether Src is A.
// Records without ports have both ports zero.
func (r *Record) Key() (k Key, forward bool) {
	c := r.Src.Compare(&r.Dst)
	if c < 0 || c == 0 && r.SrcPort <= r.DstPort {
		return Key{r.Src, r.Dst, r.SrcPort, r.DstPort, r.Proto}, true
	}
	return Key{r.Dst, r.Src, r.DstPort, r.SrcPort, r.Proto}, false
}

// Hash gives a well-mixed hash of the direction-free 5-tuple of r without making a Key: the
// same for both directions. It is keyed by seed, so that an outsider who does not know the seed
// cannot aim at one shard or bucket.
func (r *Record) Hash(seed uint64) uint64 {
	return mix(side(&r.Src, r.SrcPort, seed)+side(&r.Dst, r.DstPort, seed), uint64(r.Proto)^seed)
}

// Hash gives the same value as Record.Hash of any record with this Key.
func (k *Key) Hash(seed uint64) uint64 {
	return HashEnds(&k.A, &k.B, k.APort, k.BPort, k.Proto, seed)
}

// HashEnds gives the same value as Record.Hash of a record with these ends, in either order.
func HashEnds(a, b *Addr, aport, bport uint16, proto uint8, seed uint64) uint64 {
	return mix(side(a, aport, seed)+side(b, bport, seed), uint64(proto)^seed)
}

// side hashes one end of a flow.
func side(a *Addr, port uint16, seed uint64) uint64 {
	hi, lo := binary.LittleEndian.Uint64(a[:8]), binary.LittleEndian.Uint64(a[8:])
	return mix(hi^seed^0x9e3779b97f4a7c15, lo^uint64(port)<<17^seed)
}

// mix is the multiply-and-fold step of wyhash.
func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0xa0761d6478bd642f, b^0xe7037ed1a0b428db)
	return hi ^ lo
}
