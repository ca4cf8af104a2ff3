package filter

import "encoding/binary"

// The instructions of classic BPF that our programs have (linux/bpf_common.h).
const (
	opLoadWord     = 0x20 // A = word at K
	opLoadHalf     = 0x28
	opLoadByte     = 0x30
	opLoadWordX    = 0x40 // A = word at X+K
	opLoadHalfX    = 0x48
	opLoadByteX    = 0x50
	opLoadLength   = 0x80 // A = length on the wire
	opLoadIPHeader = 0xb1 // X = 4 × low nibble of the byte at K
	opAnd          = 0x54 // A &= K
	opJump         = 0x05
	opJumpEqual    = 0x15
	opJumpGreater  = 0x25
	opJumpAtLeast  = 0x35
	opJumpSet      = 0x45
	opReturn       = 0x06
)

// Match says whether the filter selects a packet of which data was captured and which had wire bytes
// on the wire. golang.org/x/net/bpf has a machine too, which takes the captured length for that on
// the wire.
func (p *Program) Match(data []byte, wire int) bool {
	var a, x uint32
	for pc := 0; pc < len(p.code); pc++ {
		ins := &p.code[pc]
		k := ins.K
		ok := true
		switch ins.Op {
		case opLoadWord, opLoadWordX:
			a, ok = word(data, at(ins.Op, x, k))
		case opLoadHalf, opLoadHalfX:
			a, ok = half(data, at(ins.Op, x, k))
		case opLoadByte, opLoadByteX:
			a, ok = octet(data, at(ins.Op, x, k))
		case opLoadIPHeader:
			x, ok = octet(data, uint64(k))
			x = x & 15 * 4
		case opLoadLength:
			a = uint32(wire)
		case opAnd:
			a &= k
		case opJump:
			pc += int(k)
		case opJumpEqual:
			pc += skip(a == k, ins.Jt, ins.Jf)
		case opJumpGreater:
			pc += skip(a > k, ins.Jt, ins.Jf)
		case opJumpAtLeast:
			pc += skip(a >= k, ins.Jt, ins.Jf)
		case opJumpSet:
			pc += skip(a&k != 0, ins.Jt, ins.Jf)
		case opReturn:
			return k != 0
		default:
			return false // not an instruction of a program for files
		}
		if !ok {
			return false
		}
	}
	return false
}

// at is where an instruction loads from.
func at(op uint16, x, k uint32) uint64 {
	if op&0x40 != 0 {
		return uint64(x) + uint64(k)
	}
	return uint64(k)
}

func skip(yes bool, t, f uint8) int {
	if yes {
		return int(t)
	}
	return int(f)
}

func word(b []byte, at uint64) (uint32, bool) {
	if at+4 > uint64(len(b)) {
		return 0, false
	}
	return binary.BigEndian.Uint32(b[at:]), true
}

func half(b []byte, at uint64) (uint32, bool) {
	if at+2 > uint64(len(b)) {
		return 0, false
	}
	return uint32(binary.BigEndian.Uint16(b[at:])), true
}

func octet(b []byte, at uint64) (uint32, bool) {
	if at >= uint64(len(b)) {
		return 0, false
	}
	return uint32(b[at]), true
}
