package flow

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"strconv"
)

// Addr is an IPv4 or IPv6 address without a pointer inside (netip.Addr has one): 16 bytes in
// network order, IPv4 in its IPv4-mapped form ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2).
// The zero value is the unspecified IPv6 address "::" and stands for "no address".
type Addr [16]byte

// mapped is the prefix of an IPv4-mapped address.
var mapped = [12]byte{10: 0xff, 11: 0xff}

// Addr4 makes an Addr of an IPv4 address in host byte order: 0x0a000001 is 10.0.0.1.
func Addr4(v uint32) (a Addr) {
	a.Set4(v)
	return a
}

// Set4 makes a the IPv4 address v, in host byte order. It is Addr4 in place: three stores.
func (a *Addr) Set4(v uint32) {
	binary.BigEndian.PutUint64(a[:8], 0)
	binary.BigEndian.PutUint32(a[8:12], 0xffff)
	binary.BigEndian.PutUint32(a[12:], v)
}

// AddrBytes makes an Addr of 4 or 16 bytes in network order; ok is false for another length.
func AddrBytes(b []byte) (a Addr, ok bool) {
	switch len(b) {
	case 4:
		a[10], a[11] = 0xff, 0xff
		copy(a[12:], b)
	case 16:
		copy(a[:], b)
	default:
		return a, false
	}
	return a, true
}

// AddrFrom makes an Addr of a netip.Addr; a zone is dropped, an invalid address gives the zero Addr.
func AddrFrom(ip netip.Addr) Addr {
	if !ip.IsValid() {
		return Addr{}
	}
	return ip.As16()
}

// ParseAddr parses the text form of an IPv4 or IPv6 address.
func ParseAddr(s string) (Addr, error) {
	ip, err := netip.ParseAddr(s)
	return AddrFrom(ip), err
}

// MustAddr is ParseAddr for constants and tests: it panics on bad text.
func MustAddr(s string) Addr { return AddrFrom(netip.MustParseAddr(s)) }

// Is4 says whether a is an IPv4 address.
func (a *Addr) Is4() bool { return [12]byte(a[:12]) == mapped }

// IsZero says whether a is the zero Addr, which stands for "no address".
func (a *Addr) IsZero() bool { return *a == Addr{} }

// As4 gives the IPv4 address in host byte order. Valid iff Is4.
func (a *Addr) As4() uint32 { return binary.BigEndian.Uint32(a[12:]) }

// IP gives the netip form, IPv4 unmapped.
func (a Addr) IP() netip.Addr { return netip.AddrFrom16(a).Unmap() }

// Wire gives the bytes in network order: 4 for IPv4, else 16. The slice aliases a.
func (a *Addr) Wire() []byte {
	if a.Is4() {
		return a[12:]
	}
	return a[:]
}

// String gives the usual text form: "10.0.0.1", "2001:db8::1".
func (a Addr) String() string { return a.IP().String() }

// AppendTo appends the text form of a to dst without allocating.
func (a *Addr) AppendTo(dst []byte) []byte {
	if !a.Is4() {
		return netip.AddrFrom16(*a).AppendTo(dst)
	}
	dst = slices.Grow(dst, 4*4)
	n := len(dst)
	for _, b := range a[12:] {
		o := &octets[b]
		copy(dst[n:n+4], o.text[:])
		n += o.size
	}
	return dst[:n-1]
}

// octets are the digits of each byte in decimal with a full stop behind them, and how long that is.
var octets = func() (t [256]struct {
	text [4]byte
	size int
}) {
	for i := range t {
		t[i].size = copy(t[i].text[:], strconv.Itoa(i)+".")
	}
	return t
}()

// MarshalText gives the text form.
func (a Addr) MarshalText() ([]byte, error) { return a.AppendTo(nil), nil }

// UnmarshalText reads the text form.
func (a *Addr) UnmarshalText(b []byte) (err error) {
	*a, err = ParseAddr(string(b))
	return err
}

// Compare orders addresses by their bytes: IPv4 among IPv4 by value.
func (a *Addr) Compare(b *Addr) int {
	ah, bh := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(b[:8])
	if ah == bh {
		ah, bh = binary.BigEndian.Uint64(a[8:]), binary.BigEndian.Uint64(b[8:])
	}
	switch {
	case ah < bh:
		return -1
	case ah > bh:
		return 1
	}
	return 0
}

// MAC is an IEEE 802 address; the zero value stands for "none".
type MAC [6]byte

// AppendTo appends the ECS form of m, "00-00-5E-00-53-23" (RFC 7042), to dst.
func (m *MAC) AppendTo(dst []byte) []byte {
	const hex = "0123456789ABCDEF"
	for i, b := range m {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = append(dst, hex[b>>4], hex[b&15])
	}
	return dst
}

// String gives the ECS form of m.
func (m MAC) String() string { return string(m.AppendTo(nil)) }
