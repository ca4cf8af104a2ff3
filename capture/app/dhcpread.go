package app

import (
	"slices"
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// dhcpParse reads the first message of each side.
func dhcpParse(v *View, m *flow.Meta) bool {
	client := dhcpFollow(v.Client, m)
	return dhcpFollow(v.Server, m) || client
}

const maxClients = 8 // of DHCP in one flow that are kept

// dhcpFollow reads a message (RFC 2131 section 2): op(1) htype(1) hlen(1) hops(1) id(4) secs(2)
// flags(2) ciaddr(4) yiaddr(4) siaddr(4) giaddr(4) chaddr(16) sname(64) file(128) cookie(4) options.
// One of BOOTP has no options.
func dhcpFollow(b []byte, m *flow.Meta) bool {
	if len(b) < 236 || b[0] != 1 && b[0] != 2 {
		return false
	}
	d := dhcpMessage{}
	if b[1] == 1 && b[2] == 6 && !zeros(b[28:34]) {
		d.MAC = flow.MAC(b[28:34]).String()
	}
	if len(b) >= 240 && string(b[236:240]) == dhcpCookie {
		d.options(b[240:])
		if d.overload&1 != 0 {
			d.options(b[108:236])
		}
		if d.overload&2 != 0 {
			d.options(b[44:108])
		}
	}
	if !zeros(b[16:20]) && (d.typ == 0 || d.typ == 2 || d.typ == 5) {
		d.Assigned = flow.Addr4(uint32(be32(b[16:])))
	}
	kind := "type " + strconv.Itoa(int(d.typ))
	if int(d.typ) < len(dhcpTypes) {
		kind = dhcpTypes[d.typ]
	}
	if d.typ == 0 {
		kind = [2]string{"BOOTREQUEST", "BOOTREPLY"}[b[0]-1]
	}
	return dhcpTell(m, kind, b[0] == 2, &d.DHCP)
}

// dhcpTypes names the messages (RFC 2132 section 9.6, RFC 3203, RFC 4388, RFC 6926).
var dhcpTypes = [...]string{1: "DISCOVER", 2: "OFFER", 3: "REQUEST", 4: "DECLINE", 5: "ACK", 6: "NAK", 7: "RELEASE", 8: "INFORM",
	9: "FORCERENEW", 10: "LEASEQUERY", 11: "LEASEUNASSIGNED", 12: "LEASEUNKNOWN", 13: "LEASEACTIVE"}

// dhcpMessage is what one message tells.
type dhcpMessage struct {
	flow.DHCP
	typ, overload byte
}

// options reads code(1) length(1) value (RFC 2132) up to the end.
func (d *dhcpMessage) options(b []byte) {
	for len(b) > 1 && b[0] != 255 {
		if b[0] == 0 {
			b = b[1:]
			continue
		}
		n := int(b[1])
		if 2+n > len(b) {
			return
		}
		d.option(b[0], b[2:2+n])
		b = b[2+n:]
	}
}

func (d *dhcpMessage) option(code byte, v []byte) {
	switch {
	case len(v) == 0:
	case code == 12:
		d.Host = clip(dhcpText(v))
	case code == 50 && len(v) == 4:
		d.Requested = flow.Addr4(uint32(be32(v)))
	case code == 52:
		d.overload = v[0]
	case code == 53:
		d.typ = v[0]
	case code == 54 && len(v) == 4:
		d.Server = flow.Addr4(uint32(be32(v)))
	case code == 55:
		d.Fingerprint = dhcpCodes(v, 1)
	case code == 60:
		d.Vendor = clip(dhcpText(v))
	case code == 81 && len(v) > 3 && d.Host == "": // flags(1) two codes(1) name (RFC 4702 section 2)
		d.Host = dhcpName(v[3:], v[0]&4 != 0)
	}
}

// dhcpText takes zeros off that some clients put behind a text.
func dhcpText(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

// dhcpName gives a name that is written as in DNS, which need not be ended, or as text.
func dhcpName(b []byte, wire bool) string {
	if !wire {
		return clip(dhcpText(b))
	}
	var own texts
	m := dnsMessage{b: b, texts: &own}
	if len(b) > 0 && b[len(b)-1] != 0 {
		m.b = append(b[:len(b):len(b)], 0)
	}
	name, ok := m.name()
	if !ok || name == "." {
		return ""
	}
	return name
}

// dhcpCodes writes numbers of the given size in bytes, with commas between them.
func dhcpCodes(b []byte, size int) string {
	var room [256]byte
	out := room[:0]
	for ; len(b) >= size && len(out) < maxValue; b = b[size:] {
		n := int(b[0])
		if size == 2 {
			n = be16(b)
		}
		if len(out) > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendInt(out, int64(n), 10)
	}
	return string(out)
}

// dhcpTell adds a message, and what it tells of its client.
func dhcpTell(m *flow.Meta, kind string, answer bool, d *flow.DHCP) bool {
	k := on(m)
	k.says(kind, answer)
	if list := dhcpJoin(k.see().DHCP, d); !slices.Equal(list, k.see().DHCP) {
		k.edit().DHCP = list
	}
	return k.end(m)
}

// dhcpJoin gives a list with what d tells of its client added. Of what a client says the first
// counts, of addresses the last.
func dhcpJoin(list []flow.DHCP, d *flow.DHCP) []flow.DHCP {
	for i := range list {
		if list[i].MAC != d.MAC {
			continue
		}
		next := list[i]
		if next.Host == "" {
			next.Host = d.Host
		}
		if next.Vendor == "" {
			next.Vendor = d.Vendor
		}
		if next.Fingerprint == "" {
			next.Fingerprint = d.Fingerprint
		}
		for _, a := range [...]struct{ at, now *flow.Addr }{{&next.Requested, &d.Requested}, {&next.Assigned, &d.Assigned}, {&next.Server, &d.Server}} {
			if !a.now.IsZero() {
				*a.at = *a.now
			}
		}
		if next == list[i] {
			return list
		}
		list = append([]flow.DHCP(nil), list...)
		list[i] = next
		return list
	}
	if len(list) >= maxClients || *d == (flow.DHCP{}) {
		return list
	}
	return append(list[:len(list):len(list)], *d)
}
