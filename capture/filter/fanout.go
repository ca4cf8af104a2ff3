package filter

import "golang.org/x/net/bpf"

// Fanout gives a program for PACKET_FANOUT_CBPF of packet(7): a number that is the same for all
// packets between two hosts, in both directions, for fragments too, and for an ICMP error that of the
// packet it quotes. So all that makes up one conversation meets the same socket; the kernel's own
// hash (PACKET_FANOUT_HASH) is symmetric but takes the ports, which fragments and errors have not.
//
// The number is made of the exclusive or of the two addresses. What is not IPv4 or IPv6, also behind
// a VLAN tag beside the packet and one within, gets 0.
func Fanout() ([]bpf.RawInstruction, error) {
	e := &emitter{}
	rest := e.emit(bpf.RetConstant{Val: 0})
	tagged := e.versions(4, rest, []bpf.Instruction{bpf.LoadAbsolute{Off: network + 2, Size: 2}})
	plain := e.versions(0, rest, []bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtProto}})
	start := plain
	for _, tag := range []uint32{etherVLAN, etherQinQ} {
		start = e.gen(ancillary(bpf.ExtProto, bpf.JumpEqual, tag), tagged, start)
	}
	return bpf.Assemble(e.program(start))
}

// network is the offset from which a packet is counted from its network layer on (SKF_NET_OFF of
// linux/filter.h): where the link layer begins differs between packets that come and that go.
const network = 0xfff00000

// versions goes on by the EtherType that ether loads; at is how far the IP header is behind the
// network layer's beginning.
func (e *emitter) versions(at uint32, rest label, ether []bpf.Instruction) label {
	ip4, ip6 := e.pair4(network+at), e.pair6(network+at)
	next := e.gen(test{ether, bpf.JumpEqual, etherIPv6}, ip6, rest)
	return e.gen(test{ether, bpf.JumpEqual, etherIPv4}, ip4, next)
}

// pair4 returns the number of an IPv4 packet. Errors are destination unreachable, source quench,
// redirect, time exceeded and parameter problem (RFC 792): the quoted header is 8 bytes behind the
// beginning of ICMP.
func (e *emitter) pair4(ip uint32) label {
	const icmp = 1
	plain := e.fold(load4(ip+12, false), load4(ip+16, false))
	quoted := e.fold(load4(ip+8+12, true), load4(ip+8+16, true))
	start := plain
	for _, kind := range []uint32{3, 4, 5, 11, 12} {
		is := []bpf.Instruction{bpf.LoadMemShift{Off: ip}, bpf.LoadIndirect{Off: ip, Size: 1}}
		start = e.gen(test{is, bpf.JumpEqual, kind}, quoted, start)
	}
	later := []bpf.Instruction{bpf.LoadAbsolute{Off: ip + 6, Size: 2}}
	start = e.gen(test{later, bpf.JumpBitsSet, 0x1fff}, plain, start)
	return e.gen(test{[]bpf.Instruction{bpf.LoadAbsolute{Off: ip + 9, Size: 1}}, bpf.JumpEqual, icmp}, start, plain)
}

// pair6 is pair4 for IPv6. The types below 128 are errors (RFC 4443).
func (e *emitter) pair6(ip uint32) label {
	const icmp6 = 58
	words := func(at uint32) (list []bpf.Instruction) {
		for i := range uint32(8) {
			list = append(list, load4(ip+at+4*i, false))
		}
		return list
	}
	plain := e.fold(words(8)...)
	quoted := e.fold(words(40 + 8 + 8)...)
	start := e.gen(test{[]bpf.Instruction{bpf.LoadAbsolute{Off: ip + 40, Size: 1}}, bpf.JumpLessThan, 128}, quoted, plain)
	return e.gen(test{[]bpf.Instruction{bpf.LoadAbsolute{Off: ip + 6, Size: 1}}, bpf.JumpEqual, icmp6}, start, plain)
}

// load4 loads a word, behind an IPv4 header whose length is in X if so asked.
func load4(at uint32, behind bool) bpf.Instruction {
	if behind {
		return bpf.LoadIndirect{Off: at, Size: 4}
	}
	return bpf.LoadAbsolute{Off: at, Size: 4}
}

// fold returns the exclusive or of what the loads give, mixed so that its bits tell alike.
func (e *emitter) fold(loads ...bpf.Instruction) label {
	code := []bpf.Instruction{loads[0], bpf.StoreScratch{Src: bpf.RegA, N: 0}}
	for _, l := range loads[1:] {
		code = append(code, l, bpf.LoadScratch{Dst: bpf.RegX, N: 0}, bpf.ALUOpX{Op: bpf.ALUOpXor},
			bpf.StoreScratch{Src: bpf.RegA, N: 0})
	}
	code = append(code, bpf.ALUOpConstant{Op: bpf.ALUOpMul, Val: 0x9e3779b1}, bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 16}, bpf.RetA{})
	at := e.next()
	for i := len(code) - 1; i >= 0; i-- {
		at = e.emit(code[i])
	}
	return at
}
