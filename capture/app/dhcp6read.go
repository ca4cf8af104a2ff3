package app

import (
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// dhcp6Parse reads the first message of each side.
func dhcp6Parse(v *View, m *flow.Meta) bool {
	client := dhcp6Follow(v.Client, m)
	return dhcp6Follow(v.Server, m) || client
}

// dhcp6Types names the messages (RFC 8415 section 7.3); true are those of a server.
var dhcp6Types = [...]struct {
	name   string
	answer bool
}{1: {"SOLICIT", false}, 2: {"ADVERTISE", true}, 3: {"REQUEST", false}, 4: {"CONFIRM", false}, 5: {"RENEW", false}, 6: {"REBIND", false},
	7: {"REPLY", true}, 8: {"RELEASE", false}, 9: {"DECLINE", false}, 10: {"RECONFIGURE", true}, 11: {"INFORMATION-REQUEST", false},
	12: {"RELAY-FORW", false}, 13: {"RELAY-REPL", true}}

const (
	dhcp6Relayed   = 12 // from here on a relay's
	dhcp6MaxNested = 8  // relays around a message (HOP_COUNT_LIMIT)
)

// dhcp6Follow reads a message: type(1) id(3) options; or, of a relay, type(1) hops(1) link(16)
// peer(16) options, one of which is the message.
func dhcp6Follow(b []byte, m *flow.Meta) (told bool) {
	var d flow.DHCP
	for range dhcp6MaxNested {
		if len(b) < 4 || b[0] == 0 || int(b[0]) >= len(dhcp6Types) {
			return told
		}
		at := 4
		if b[0] >= dhcp6Relayed {
			at = 34
		}
		typ := dhcp6Types[b[0]]
		inner := []byte(nil)
		dhcp6Options(b[min(at, len(b)):], func(code int, v []byte) {
			if code == 9 { // relay message
				inner = v
			} else {
				dhcp6Option(&d, code, v, typ.answer)
			}
		})
		if told = dhcpTell(m, typ.name, typ.answer, &d) || told; inner == nil {
			return told
		}
		b = inner
	}
	return told
}

// dhcp6Options gives each option that is whole: code(2) length(2) value (RFC 8415 section 21.1).
func dhcp6Options(b []byte, f func(code int, v []byte)) {
	for len(b) >= 4 {
		n := be16(b[2:])
		if 4+n > len(b) {
			return
		}
		f(be16(b), b[4:4+n])
		b = b[4+n:]
	}
}

func dhcp6Option(d *flow.DHCP, code int, v []byte, answer bool) {
	switch {
	case code == 1: // the client's identifier
		if mac := dhcp6MAC(v); mac != "" {
			d.MAC = mac
		}
	case code == 3 && len(v) >= 12: // addresses: id(4) two times(4) options
		dhcp6Options(v[12:], func(code int, v []byte) { dhcp6Addr(d, code, v, answer) })
	case code == 4 && len(v) >= 4: // temporary addresses: id(4) options
		dhcp6Options(v[4:], func(code int, v []byte) { dhcp6Addr(d, code, v, answer) })
	case code == 6 && !answer:
		d.Fingerprint = dhcpCodes(v, 2)
	case code == 16 && len(v) > 6: // vendor class: enterprise(4), texts of length(2)
		if n := be16(v[4:]); 6+n <= len(v) {
			d.Vendor = clip(v[6 : 6+n])
		} else {
			d.Vendor = "enterprise " + strconv.Itoa(be32(v))
		}
	case code == 39 && len(v) > 1 && !answer: // flags(1) name (RFC 4704 section 4)
		d.Host = dhcpName(v[1:], true)
	}
}

// dhcp6Addr reads the first address(16) of an identity association.
func dhcp6Addr(d *flow.DHCP, code int, v []byte, answer bool) {
	at := &d.Requested
	if answer {
		at = &d.Assigned
	}
	if code == 5 && len(v) >= 24 && at.IsZero() {
		*at = flow.Addr(v[:16])
	}
}

// dhcp6MAC reads the hardware address of a unique identifier (RFC 8415 section 11) that has one of
// Ethernet: type=1(2) hardware=1(2) time(4) address, or type=3(2) hardware=1(2) address.
func dhcp6MAC(b []byte) string {
	switch {
	case len(b) == 14 && be16(b) == 1 && be16(b[2:]) == 1:
		return flow.MAC(b[8:14]).String()
	case len(b) == 10 && be16(b) == 3 && be16(b[2:]) == 1:
		return flow.MAC(b[4:10]).String()
	}
	return ""
}
