package filter

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/net/bpf"

	"github.com/flowferry/flowferry/packet"
)

// EtherTypes (IANA ieee-802-numbers).
const (
	etherIPv4  = 0x0800
	etherARP   = 0x0806
	etherRARP  = 0x8035
	etherIPv6  = 0x86dd
	etherVLAN  = 0x8100
	etherQinQ  = 0x88a8
	etherQinQ9 = 0x9100
)

// lowering makes terms into tests of bytes, for one link type. The packets that a term selects are
// those of libpcap (gencode.c of release 1.10).
type lowering struct {
	layout layout
	beside bool // the outer VLAN tag is beside the packet, not in it
	err    error
}

// lower replaces the terms of an expression.
func (l *lowering) lower(e expr) expr {
	switch e := e.(type) {
	case and:
		return and{l.lower(e.a), l.lower(e.b)}
	case or:
		return or{l.lower(e.a), l.lower(e.b)}
	case not:
		return not{l.lower(e.a)}
	case term:
		return l.term(&e)
	}
	return e
}

func (l *lowering) term(t *term) expr {
	switch t.kind {
	case kindHost, kindNet:
		if t.mac != nil {
			return l.ether(t)
		}
		return l.address(t)
	case kindPort:
		return l.port(t)
	case kindVLAN:
		return l.vlan(t)
	case kindLess:
		return not{ancillary(bpf.ExtLen, bpf.JumpGreaterThan, t.lo)}
	case kindLarger:
		return ancillary(bpf.ExtLen, bpf.JumpGreaterOrEqual, t.lo)
	}
	return l.protocol(t)
}

func ancillary(what bpf.Extension, cond bpf.JumpTest, value uint32) test {
	return test{load: []bpf.Instruction{bpf.LoadExtension{Num: what}}, cond: cond, value: value}
}

// load tests a number at a fixed place.
func load(at, size int, value uint32) test {
	return test{load: []bpf.Instruction{bpf.LoadAbsolute{Off: uint32(at), Size: size}}, cond: bpf.JumpEqual, value: value}
}

// masked tests some bits of a number.
func masked(at, size int, mask, value uint32) test {
	t := load(at, size, value)
	if mask != ^uint32(0)>>(32-8*size) {
		t.load = append(t.load, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: mask})
	}
	return t
}

// shift is by how much the tags in the packet move what stands behind them.
func (l *lowering) shift(t *term) int {
	n := t.tags
	if l.beside && n > 0 {
		n--
	}
	return 4 * n
}

// net is the offset of the network layer.
func (l *lowering) net(t *term) int { return l.layout.payload + l.shift(t) }

// network tests for an EtherType.
func (l *lowering) network(t *term, ether uint32) expr {
	at := l.layout.typeAt + l.shift(t)
	switch l.layout.told {
	case byType:
		return load(at, 2, ether)
	case byPPP:
		ppp := map[uint32]uint32{etherIPv4: 0x0021, etherIPv6: 0x0057}
		if n, ok := ppp[ether]; ok {
			return load(at, 2, n)
		}
	case byFamily:
		return family(at, ether)
	case byVersion:
		version := map[uint32]uint32{etherIPv4: 0x40, etherIPv6: 0x60}
		if n, ok := version[ether]; ok {
			return masked(0, 1, 0xf0, n)
		}
	}
	return constant(l.layout.told == isIPv4 && ether == etherIPv4 || l.layout.told == isIPv6 && ether == etherIPv6)
}

// family tests for an address family in either byte order: AF_INET is 2 everywhere, AF_INET6 is 10,
// 24, 28 or 30.
func family(at int, ether uint32) expr {
	families := map[uint32][]uint32{etherIPv4: {2}, etherIPv6: {10, 24, 28, 30}}[ether]
	e := expr(constant(false))
	for _, n := range families {
		e = either(e, load(at, 4, n), load(at, 4, n<<24))
	}
	return e
}

// protocol tests for a protocol of the link layer or of IP.
func (l *lowering) protocol(t *term) expr {
	switch t.proto {
	case "ether":
		return l.network(t, t.lo)
	case "ip":
		return l.inIPv4(t, t.lo)
	case "ip6":
		return l.inIPv6(t, t.lo)
	}
	return or{l.inIPv4(t, t.lo), l.inIPv6(t, t.lo)}
}

func (l *lowering) inIPv4(t *term, proto uint32) expr {
	return and{l.network(t, etherIPv4), load(l.net(t)+9, 1, proto)}
}

// inIPv6 looks at the header and behind one fragment header.
func (l *lowering) inIPv6(t *term, proto uint32) expr {
	const fragment = 44
	behind := and{load(l.net(t)+6, 1, fragment), load(l.net(t)+40, 1, proto)}
	return and{l.network(t, etherIPv6), or{behind, load(l.net(t)+6, 1, proto)}}
}

// address tests for an IP address or network, which ARP has too.
func (l *lowering) address(t *term) expr {
	if t.prefix.Addr().Is6() {
		return and{l.network(t, etherIPv6), directed(t, l.prefix(t, 8), l.prefix(t, 24))}
	}
	ip := and{l.network(t, etherIPv4), directed(t, l.prefix(t, 12), l.prefix(t, 16))}
	arp := func(ether uint32) expr { // RFC 826: sender and target address
		return and{l.network(t, ether), directed(t, l.prefix(t, 14), l.prefix(t, 24))}
	}
	switch t.proto {
	case "ip":
		return ip
	case "arp", "rarp":
		return arp(networks[t.proto])
	}
	return either(ip, arp(etherARP), arp(etherRARP))
}

// prefix tests an address at an offset from the network layer.
func (l *lowering) prefix(t *term, at int) expr {
	e := expr(constant(true))
	offsets, values, masks := prefixWords(t.prefix)
	for i := range offsets {
		e = and{e, masked(l.net(t)+at+offsets[i], 4, masks[i], values[i])}
	}
	return e
}

// directed joins a test of the source and one of the destination.
func directed(t *term, source, dest expr) expr {
	switch t.dir {
	case src:
		return source
	case dst:
		return dest
	case srcAndDst:
		return and{source, dest}
	}
	return or{source, dest}
}

// ether tests a MAC address.
func (l *lowering) ether(t *term) expr {
	if l.layout.link != packet.LinkEthernet {
		l.err = fmt.Errorf("ether host needs Ethernet; these packets have link type %d", l.layout.link)
		return constant(false)
	}
	at := func(off int) expr {
		return and{load(off+2, 4, binary.BigEndian.Uint32(t.mac[2:])), load(off, 2, uint32(binary.BigEndian.Uint16(t.mac)))}
	}
	return directed(t, at(6), at(0))
}

// port tests the ports of TCP, UDP and SCTP. Later fragments of IPv4 have none.
func (l *lowering) port(t *term) expr {
	var protos4, protos6 expr = constant(false), constant(false)
	for _, p := range protocols[:3] {
		if t.proto == "" || t.proto == p.name {
			protos4 = or{protos4, load(l.net(t)+9, 1, uint32(p.number))}
			protos6 = or{protos6, load(l.net(t)+6, 1, uint32(p.number))}
		}
	}
	first := test{load: []bpf.Instruction{bpf.LoadAbsolute{Off: uint32(l.net(t) + 6), Size: 2}}, cond: bpf.JumpBitsNotSet, value: 0x1fff}
	ip4 := all(l.network(t, etherIPv4), protos4, first, directed(t, l.port4(t, 0), l.port4(t, 2)))
	ip6 := all(l.network(t, etherIPv6), protos6, directed(t, l.port6(t, 40), l.port6(t, 42)))
	return or{ip4, ip6}
}

// port4 tests a port at an offset behind an IPv4 header of any length.
func (l *lowering) port4(t *term, at int) expr {
	return between(t, bpf.LoadMemShift{Off: uint32(l.net(t))}, bpf.LoadIndirect{Off: uint32(l.net(t) + at), Size: 2})
}

func (l *lowering) port6(t *term, at int) expr {
	return between(t, bpf.LoadAbsolute{Off: uint32(l.net(t) + at), Size: 2})
}

func between(t *term, load ...bpf.Instruction) expr {
	if t.lo == t.hi {
		return test{load, bpf.JumpEqual, t.lo}
	}
	return and{test{load, bpf.JumpGreaterOrEqual, t.lo}, not{test{load, bpf.JumpGreaterThan, t.hi}}}
}

// vlan tests a tag, by its number where one is given.
func (l *lowering) vlan(t *term) expr {
	if l.layout.link != packet.LinkEthernet {
		l.err = fmt.Errorf("vlan needs Ethernet; these packets have link type %d", l.layout.link)
		return constant(false)
	}
	if l.beside && t.tags == 0 {
		if t.any {
			return constant(true)
		}
		tag := ancillary(bpf.ExtVLANTag, bpf.JumpEqual, t.lo)
		tag.load = append(tag.load, bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xfff})
		return tag
	}
	tagged := either(l.network(t, etherVLAN), l.network(t, etherQinQ), l.network(t, etherQinQ9))
	if t.any {
		return tagged
	}
	return and{tagged, masked(l.net(t), 2, 0xfff, t.lo)}
}
