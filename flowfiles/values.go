package flowfiles

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// protocols are the names by which tools write protocol numbers, lower case (IANA
// protocol-numbers and what Zeek, Suricata and Argus make of them).
var protocols = map[string]uint8{
	"icmp": 1, "igmp": 2, "ipip": 4, "ipv4": 4, "tcp": 6, "egp": 8, "igp": 9, "udp": 17, "dccp": 33, "ipv6": 41,
	"rsvp": 46, "gre": 47, "esp": 50, "ah": 51, "icmp6": 58, "ipv6-icmp": 58, "icmpv6": 58, "ipv6-no": 59, "ipv6-nonxt": 59,
	"eigrp": 88, "ospf": 89, "ospfigp": 89, "etherip": 97, "pim": 103, "ipcomp": 108, "vrrp": 112, "l2tp": 115, "sctp": 132,
	"udplite": 136, "udt": 17, "rtp": 17, "rtcp": 17,
}

// parseProto reads a protocol by name or number.
func parseProto(s string) (uint8, bool) {
	if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		return uint8(n), true
	}
	n, ok := protocols[strings.ToLower(s)]
	return n, ok
}

// hasPorts says whether a protocol has ports: TCP, UDP, DCCP, SCTP, UDP-Lite.
func hasPorts(proto uint8) bool {
	return proto == flow.ProtoTCP || proto == flow.ProtoUDP || proto == 33 || proto == flow.ProtoSCTP || proto == 136
}

func isICMP(proto uint8) bool { return proto == flow.ProtoICMP || proto == flow.ProtoICMPv6 }

// maxSeconds is the last second that fits Unix ns.
const maxSeconds = math.MaxInt64 / 1_000_000_000

var errTime = errors.New("want seconds, as 1299594022.5")

// seconds reads decimal seconds as ns, exactly to the nanosecond: "1299594022.501".
func seconds(s string) (int64, error) {
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	whole, frac, _ := strings.Cut(s, ".")
	n, err := strconv.ParseUint(whole, 10, 63)
	if err != nil || n >= maxSeconds || len(frac) > 18 {
		return exponent(s, neg)
	}
	ns := int64(n) * 1e9
	for i, unit := 0, int64(1e8); i < len(frac); i, unit = i+1, unit/10 {
		if frac[i] < '0' || frac[i] > '9' {
			return exponent(s, neg)
		}
		ns += int64(frac[i]-'0') * unit
	}
	if neg {
		ns = -ns
	}
	return ns, nil
}

// exponent reads seconds as JSON may write them: 1.5e-5.
func exponent(s string, neg bool) (int64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(math.Abs(f) < maxSeconds) {
		return 0, errTime
	}
	if neg {
		f = -f
	}
	return int64(math.Round(f * 1e9)), nil
}

// instant reads a time as decimal Unix seconds or RFC 3339, also with a zone like +0000; a time
// without a zone is UTC.
func instant(s string) (int64, error) {
	if len(s) < 11 || s[4] != '-' {
		return seconds(s)
	}
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return unixNano(t)
		}
	}
	return 0, fmt.Errorf("%.40q is no time in RFC 3339 nor in seconds", s)
}

func unixNano(t time.Time) (int64, error) {
	if y := t.Year(); y < 1900 || y > 2200 {
		return 0, fmt.Errorf("the year %d is out of bounds", y)
	}
	return t.UnixNano(), nil
}

// number reads a decimal count.
func number(field, s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %.40q is no count", field, s)
	}
	return n, nil
}

// port reads a port, decimal or as 0x0050.
func port(field, s string) (uint16, error) {
	digits, base := s, 10
	if strings.HasPrefix(s, "0x") {
		digits, base = s[2:], 16
	}
	n, err := strconv.ParseUint(digits, base, 16)
	if err != nil {
		return 0, fmt.Errorf("%s: %.40q is no port", field, s)
	}
	return uint16(n), nil
}

// address reads an address.
func address(field, s string) (flow.Addr, error) {
	a, err := flow.ParseAddr(s)
	if err != nil {
		return a, fmt.Errorf("%s: %.60q is no address", field, s)
	}
	return a, nil
}

// mac reads a MAC address as 00:1f:33:d9:81:60.
func mac(s string) (m flow.MAC, ok bool) {
	if len(s) != 17 {
		return m, false
	}
	for i := range m {
		n, err := strconv.ParseUint(s[3*i:3*i+2], 16, 8)
		if err != nil || i > 0 && s[3*i-1] != ':' {
			return m, false
		}
		m[i] = uint8(n)
	}
	return m, true
}

// labels are the names that tools give to what we call otherwise.
var labels = map[string]string{"ssl": "tls", "ftp-data": "ftp", "ftp_data": "ftp", "krb_tcp": "krb", "ldap_tcp": "ldap", "ldap_udp": "ldap", "http2": "http"}

// label gives the record the first application label that is known among names, set apart by
// commas; names that are no label are kept as the tool's own words.
func label(b *flow.Batch, r *flow.Record, names string) {
	if names == "" {
		return
	}
	for rest := names; rest != "" && r.App == flow.AppNone; {
		var one string
		one, rest, _ = strings.Cut(rest, ",")
		one = strings.ToLower(strings.TrimPrefix(one, "-"))
		if to, ok := labels[one]; ok {
			one = to
		}
		r.App, _ = flow.ParseApp(one)
	}
	if r.App.String() != names {
		b.SetMeta(r, flow.Meta{AppName: strings.ToValidUTF8(names[:min(len(names), 256)], "")})
	}
}

// tcpState is what the union of the TCP flags of each side tells of a connection; answered says
// that the responder sent packets at all.
func tcpState(fwd, rev uint8, answered bool) flow.State {
	switch {
	case !answered && fwd&flow.SYN != 0:
		return flow.StateAttempt
	case !answered:
		return flow.StateOneway
	case rev&flow.RST != 0 && rev&flow.SYN == 0 && fwd&flow.SYN != 0:
		return flow.StateRejected
	case fwd&flow.SYN != 0 && rev&flow.SYN != 0 && fwd&flow.ACK != 0:
		return flow.StateEstablished
	case (fwd|rev)&flow.SYN == 0:
		return flow.StateMidstream
	}
	return flow.StateUnknown
}
