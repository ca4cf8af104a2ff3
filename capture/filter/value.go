package filter

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// host reads an IPv4, IPv6 or, after "ether", a MAC address.
func (p *parser) host(t *term, word string) error {
	t.kind = kindHost
	if t.proto == "ether" {
		mac, err := net.ParseMAC(word)
		if err != nil || len(mac) != 6 {
			return p.errorf("ether host %s: want six bytes such as 00:1b:21:3c:9d:f8", word)
		}
		t.mac = mac
		return nil
	}
	addr, err := netip.ParseAddr(word)
	if err != nil || addr.Zone() != "" {
		if strings.Contains(word, "/") {
			return p.net(t, word)
		}
		return p.errorf("host %s: want an IPv4 or IPv6 address; names are not looked up", word)
	}
	t.prefix = netip.PrefixFrom(addr, addr.BitLen())
	return p.addressed(t, "host")
}

// addressed refuses protocols that have no addresses, or none of this version.
func (p *parser) addressed(t *term, kind string) error {
	v6 := t.prefix.Addr().Is6()
	switch t.proto {
	case "":
		return nil
	case "ip", "arp", "rarp":
		if !v6 {
			return nil
		}
	case "ip6":
		if v6 {
			return nil
		}
	default:
		return p.errorf("%s has no %s; write %s and %s", t.proto, kind, t.proto, kind)
	}
	return p.errorf("%s has no address %s", t.proto, t.prefix.Addr())
}

// net reads "10.0.0.0/8", "2001:db8::/32", "10.0.0.0 mask 255.0.0.0", and the short forms "10.1" (a
// /16) and "10.1/16" of IPv4.
func (p *parser) net(t *term, word string) error {
	t.kind = kindNet
	addr, length, sized := strings.Cut(word, "/")
	v4, bits, short := shortNet(addr)
	a, err := netip.ParseAddr(addr)
	switch {
	case short:
		a = v4
	case err != nil || a.Zone() != "":
		return p.errorf("net %s: want a network such as 10.0.0.0/8 or 2001:db8::/32", word)
	default:
		bits = a.BitLen()
	}
	switch {
	case sized:
		if bits, err = strconv.Atoi(length); err != nil || bits < 0 || bits > a.BitLen() {
			return p.errorf("net %s: want a length of 0 to %d after the /", word, a.BitLen())
		}
	case p.take("mask") != "":
		if bits, err = p.mask(a); err != nil {
			return err
		}
	}
	t.prefix = netip.PrefixFrom(a, bits)
	if t.prefix.Masked().Addr() != a {
		return p.errorf("net %s: there are bits beyond the first %d; write %s", word, bits, t.prefix.Masked())
	}
	if t.proto == "ether" {
		return p.errorf("ether has no net")
	}
	return p.addressed(t, "net")
}

// shortNet reads one to three numbers of an IPv4 address, which name a network of so many bytes.
func shortNet(text string) (addr netip.Addr, bits int, ok bool) {
	parts := strings.Split(text, ".")
	if len(parts) > 3 {
		return addr, 0, false
	}
	var b [4]byte
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			return addr, 0, false
		}
		b[i] = byte(n)
	}
	return netip.AddrFrom4(b), 8 * len(parts), true
}

func (p *parser) mask(of netip.Addr) (bits int, err error) {
	word, err := p.operand("mask")
	if err != nil {
		return 0, err
	}
	m, err := netip.ParseAddr(word)
	if err != nil || !m.Is4() || !of.Is4() {
		return 0, p.errorf("mask %s: want the mask of an IPv4 network", word)
	}
	b := m.As4()
	bits, size := net.IPv4Mask(b[0], b[1], b[2], b[3]).Size()
	if size == 0 {
		return 0, p.errorf("mask %s: its ones are not all at the beginning", word)
	}
	return bits, nil
}

// port reads a port or a range of ports.
func (p *parser) port(t *term, word string, isRange bool) error {
	t.kind = kindPort
	first, last, two := strings.Cut(word, "-")
	if !two {
		last = first
	}
	lo, err1 := strconv.ParseUint(first, 0, 16)
	hi, err2 := strconv.ParseUint(last, 0, 16)
	switch {
	case err1 != nil || err2 != nil || two && !isRange:
		return p.errorf("port %s: want a number of 0 to 65535, or portrange with two; names are not looked up", word)
	case !slices.Contains([]string{"", "tcp", "udp", "sctp"}, t.proto):
		return p.errorf("%s has no ports; use tcp, udp or sctp", t.proto)
	}
	t.lo, t.hi = uint32(min(lo, hi)), uint32(max(lo, hi))
	return nil
}

// protoNumber reads a protocol by number or name: an EtherType after "ether", else one of IP.
func (p *parser) protoNumber(t *term, word string) error {
	t.kind = kindProto
	name := strings.TrimPrefix(word, `\`)
	if n, ok := networks[name]; ok && t.proto == "ether" {
		t.lo = n
		return nil
	}
	size := 8
	switch t.proto {
	case "ether":
		size = 16
	case "", "ip", "ip6":
		for _, k := range protocols {
			if k.name == name {
				t.lo = uint32(k.number)
				return nil
			}
		}
	default:
		return p.errorf("%s has no proto; use ip, ip6 or ether", t.proto)
	}
	n, err := strconv.ParseUint(name, 0, size)
	if err != nil || t.proto == "ether" && n < 0x600 {
		return p.errorf("proto %s: want a number, or a name such as tcp", word)
	}
	t.lo = uint32(n)
	return nil
}

// words gives an address as 32-bit numbers with their masks; those that the mask leaves out are
// not given. at is the offset of each.
func prefixWords(p netip.Prefix) (at []int, value, mask []uint32) {
	b := p.Addr().AsSlice()
	for i := 0; i < len(b); i += 4 {
		bits := p.Bits() - i*8
		if bits <= 0 {
			break
		}
		at = append(at, i)
		value = append(value, binary.BigEndian.Uint32(b[i:]))
		mask = append(mask, ^uint32(0)<<(32-min(bits, 32)))
	}
	return at, value, mask
}
