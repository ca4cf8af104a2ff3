package netflow

import (
	"bytes"
	"math"

	"github.com/flowferry/flowferry/flow"
)

// parseUint reads a decimal number of at most max.
func parseUint(s []byte, max uint64) (n uint64, ok bool) {
	if len(s) == 0 || len(s) > 20 {
		return 0, false
	}
	for _, c := range s {
		d := uint64(c - '0')
		if d > 9 || n > (math.MaxUint64-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, n <= max
}

// parseSeconds reads Unix seconds and gives Unix ns.
func parseSeconds(s []byte) (ns int64, ok bool) {
	n, ok := parseUint(s, math.MaxUint32)
	return int64(n) * 1e9, ok
}

// parseAddr reads an address without a zone. For IPv4 it does not allocate.
func parseAddr(s []byte) (a flow.Addr, ok bool) {
	if v, ok := parseAddr4(s); ok {
		return flow.Addr4(v), true
	}
	if len(s) > 45 || bytes.IndexByte(s, ':') < 0 || bytes.IndexByte(s, '%') >= 0 {
		return a, false
	}
	a, err := flow.ParseAddr(string(s))
	return a, err == nil
}

func parseAddr4(s []byte) (v uint32, ok bool) {
	dots, digits, octet := 0, 0, uint32(0)
	for _, c := range s {
		switch {
		case c == '.' && digits > 0 && dots < 3:
			v, octet, digits = v<<8|octet, 0, 0
			dots++
		case '0' <= c && c <= '9' && digits < 3 && (digits == 0 || octet > 0):
			octet = octet*10 + uint32(c-'0')
			digits++
			if octet > 255 {
				return 0, false
			}
		default:
			return 0, false
		}
	}
	return v<<8 | octet, dots == 3 && digits > 0
}
