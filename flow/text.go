package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// textField is one key=value of the text form.
type textField struct {
	key    string
	has    func(*Record) bool
	append func([]byte, *Record) []byte
	parse  func(*Record, string) error
}

// unsigned is any of the number types of a Record.
type unsigned interface {
	~uint8 | ~uint16 | ~uint32 | ~uint64
}

// num is a number that is present iff bit is set, or with bit 0 iff it is not zero.
func num[T unsigned](key string, bit Set, at func(*Record) *T) textField {
	return textField{key, present(bit, at),
		func(dst []byte, r *Record) []byte { return strconv.AppendUint(dst, uint64(*at(r)), 10) },
		func(r *Record, s string) error {
			v, err := strconv.ParseUint(s, 10, 64)
			if err == nil && uint64(T(v)) != v {
				err = strconv.ErrRange
			}
			*at(r) = T(v)
			r.Has |= bit
			return err
		}}
}

func present[T comparable](bit Set, at func(*Record) *T) func(*Record) bool {
	if bit != 0 {
		return func(r *Record) bool { return r.Has.Has(bit) }
	}
	var zero T
	return func(r *Record) bool { return *at(r) != zero }
}

// named is an enumeration, written by name.
func named[T ~uint8](key string, names []string, at func(*Record) *T) textField {
	return textField{key, present(0, at),
		func(dst []byte, r *Record) []byte { return append(dst, name(names, int(*at(r)))...) },
		func(r *Record, s string) error {
			v, ok := parseName(names, s)
			if !ok {
				return fmt.Errorf("want one of %s", strings.Join(names, " "))
			}
			*at(r) = T(v)
			return nil
		}}
}

// addr is an address that is present iff bit is set, or with bit 0 iff it is not zero.
func addr(key string, bit Set, at func(*Record) *Addr) textField {
	return textField{key, present(bit, at),
		func(dst []byte, r *Record) []byte { return at(r).AppendTo(dst) },
		func(r *Record, s string) (err error) {
			*at(r), err = ParseAddr(s)
			r.Has |= bit
			return err
		}}
}

// instant is a time in RFC 3339 with nanoseconds.
func instant(key string, bit Set, at func(*Record) *int64) textField {
	return textField{key, present(bit, at),
		func(dst []byte, r *Record) []byte {
			return time.Unix(0, *at(r)).UTC().AppendFormat(dst, time.RFC3339Nano)
		},
		func(r *Record, s string) error {
			t, err := time.Parse(time.RFC3339Nano, s)
			*at(r) = t.UnixNano()
			r.Has |= bit
			return err
		}}
}

// tcpFlags is a set of TCP flags, written as letters: "FSRPAUEC" or "-".
func tcpFlags(key string, bit Set, at func(*Record) *uint8) textField {
	return textField{key, present(bit, at),
		func(dst []byte, r *Record) []byte { return AppendTCPFlags(dst, *at(r)) },
		func(r *Record, s string) (err error) {
			*at(r), err = ParseTCPFlags(s)
			r.Has |= bit
			return err
		}}
}

const flagLetters = "FSRPAUEC"

// AppendTCPFlags appends flags as letters in the order of their bits, "-" for none.
func AppendTCPFlags(dst []byte, flags uint8) []byte {
	if flags == 0 {
		return append(dst, '-')
	}
	for i := range len(flagLetters) {
		if flags>>i&1 != 0 {
			dst = append(dst, flagLetters[i])
		}
	}
	return dst
}

// ParseTCPFlags reads the letters of AppendTCPFlags in any order.
func ParseTCPFlags(s string) (flags uint8, err error) {
	for _, c := range strings.TrimPrefix(s, "-") {
		i := strings.IndexRune(flagLetters, c)
		if i < 0 {
			return 0, fmt.Errorf("TCP flag %q is not one of %s", c, flagLetters)
		}
		flags |= 1 << i
	}
	return flags, nil
}

// counts is packets and bytes of one direction, "packets/bytes", "-" for what was not given.
func counts(key string, packets, bytes Set, at func(*Record) *Counts) textField {
	return textField{key, func(r *Record) bool { return r.Has&(packets|bytes) != 0 },
		func(dst []byte, r *Record) []byte {
			dst = appendCount(dst, r.Has.Has(packets), at(r).Packets)
			return appendCount(append(dst, '/'), r.Has.Has(bytes), at(r).Bytes)
		},
		func(r *Record, s string) error {
			p, b, _ := strings.Cut(s, "/")
			return errors.Join(parseCount(p, r, packets, &at(r).Packets), parseCount(b, r, bytes, &at(r).Bytes))
		}}
}

func appendCount(dst []byte, ok bool, v uint64) []byte {
	if !ok {
		return append(dst, '-')
	}
	return strconv.AppendUint(dst, v, 10)
}

func parseCount(s string, r *Record, bit Set, at *uint64) (err error) {
	if s == "-" {
		return nil
	}
	r.Has |= bit
	*at, err = strconv.ParseUint(s, 10, 64)
	return err
}

// endpoint is address and, where the record has ports, port.
func endpoint(key string, a func(*Record) *Addr, p func(*Record) *uint16) textField {
	return textField{key, func(*Record) bool { return true },
		func(dst []byte, r *Record) []byte {
			if !r.Has.Has(HasPorts) {
				return a(r).AppendTo(dst)
			}
			return netip.AddrPortFrom(a(r).IP(), *p(r)).AppendTo(dst)
		},
		func(r *Record, s string) (err error) {
			if ap, err := netip.ParseAddrPort(s); err == nil {
				*a(r), *p(r) = AddrFrom(ap.Addr()), ap.Port()
				r.Has |= HasPorts
				return nil
			}
			*a(r), err = ParseAddr(s)
			return err
		}}
}

// textFields is the text form, in its order.
var textFields = []textField{
	named("kind", kinds[:], func(r *Record) *Kind { return &r.Kind }),
	named("via", vias[:], func(r *Record) *Via { return &r.Via }),
	named("event", events[:], func(r *Record) *Event { return &r.Event }),
	endpoint("src", func(r *Record) *Addr { return &r.Src }, func(r *Record) *uint16 { return &r.SrcPort }),
	endpoint("dst", func(r *Record) *Addr { return &r.Dst }, func(r *Record) *uint16 { return &r.DstPort }),
	num("proto", HasProto, func(r *Record) *uint8 { return &r.Proto }),
	num("icmp.type", HasICMP, func(r *Record) *uint8 { return &r.ICMPType }),
	num("icmp.code", HasICMP, func(r *Record) *uint8 { return &r.ICMPCode }),
	instant("start", HasTimes, func(r *Record) *int64 { return &r.Start }),
	instant("end", HasTimes, func(r *Record) *int64 { return &r.End }),
	instant("received", 0, func(r *Record) *int64 { return &r.Received }),
	counts("fwd", HasPackets, HasBytes, func(r *Record) *Counts { return &r.Fwd }),
	counts("rev", HasRev, HasRev, func(r *Record) *Counts { return &r.Rev }),
	num("fwd.payload", HasPayload, func(r *Record) *uint64 { return &r.Fwd.Payload }),
	num("rev.payload", HasPayload|HasRev, func(r *Record) *uint64 { return &r.Rev.Payload }),
	tcpFlags("fwd.flags", HasFlags, func(r *Record) *uint8 { return &r.Fwd.Flags }),
	tcpFlags("rev.flags", HasFlags|HasRev, func(r *Record) *uint8 { return &r.Rev.Flags }),
	tcpFlags("fwd.init", HasInitFlags, func(r *Record) *uint8 { return &r.Fwd.InitFlags }),
	tcpFlags("rev.init", HasInitFlags|HasRev, func(r *Record) *uint8 { return &r.Rev.InitFlags }),
	num("fwd.tos", HasToS, func(r *Record) *uint8 { return &r.Fwd.ToS }),
	num("rev.tos", HasToS|HasRev, func(r *Record) *uint8 { return &r.Rev.ToS }),
	num("fwd.ttl", HasTTL, func(r *Record) *uint8 { return &r.Fwd.TTL }),
	num("rev.ttl", HasTTL|HasRev, func(r *Record) *uint8 { return &r.Rev.TTL }),
	addr("exporter", 0, func(r *Record) *Addr { return &r.Exporter }),
	num("domain", HasDomain, func(r *Record) *uint32 { return &r.Domain }),
	num("sampling", 0, func(r *Record) *uint32 { return &r.Sampling }),
	num("in", HasInIf, func(r *Record) *uint32 { return &r.InIf }),
	num("out", HasOutIf, func(r *Record) *uint32 { return &r.OutIf }),
	named("direction", directions[:], func(r *Record) *Direction { return &r.Direction }),
	addr("nexthop", HasNextHop, func(r *Record) *Addr { return &r.NextHop }),
	num("src.as", HasSrcAS, func(r *Record) *uint32 { return &r.SrcAS }),
	num("dst.as", HasDstAS, func(r *Record) *uint32 { return &r.DstAS }),
	num("src.mask", HasSrcMask, func(r *Record) *uint8 { return &r.SrcMask }),
	num("dst.mask", HasDstMask, func(r *Record) *uint8 { return &r.DstMask }),
	addr("src.nat", HasNATSrc, func(r *Record) *Addr { return &r.NATSrc }),
	addr("dst.nat", HasNATDst, func(r *Record) *Addr { return &r.NATDst }),
	num("src.natport", HasNATPorts, func(r *Record) *uint16 { return &r.NATSrcPort }),
	num("dst.natport", HasNATPorts, func(r *Record) *uint16 { return &r.NATDstPort }),
	num("vlan", HasVLAN, func(r *Record) *uint16 { return &r.VLAN }),
	num("postvlan", HasPostVLAN, func(r *Record) *uint16 { return &r.PostVLAN }),
	num("mpls", HasMPLS, func(r *Record) *uint32 { return &r.MPLS }),
	num("flows", HasFlows, func(r *Record) *uint64 { return &r.Flows }),
	mac("src.mac", func(r *Record) *MAC { return &r.SrcMAC }),
	mac("dst.mac", func(r *Record) *MAC { return &r.DstMAC }),
	app("app", func(r *Record) *App { return &r.App }),
	named("app.confidence", confidences[:], func(r *Record) *Confidence { return &r.AppConfidence }),
	named("app.reason", reasons[:], func(r *Record) *Reason { return &r.AppReason }),
	app("app.hint", func(r *Record) *App { return &r.AppHint }),
	named("reason", endReasons[:], func(r *Record) *EndReason { return &r.EndReason }),
	named("state", states[:], func(r *Record) *State { return &r.State }),
	named("initiator", initiators[:], func(r *Record) *InitiatorBy { return &r.InitiatorBy }),
	num("segment", 0, func(r *Record) *uint32 { return &r.Segment }),
	num("segments", 0, func(r *Record) *uint32 { return &r.Segments }),
	num("observers", 0, func(r *Record) *uint8 { return &r.Observers }),
	flag("complete", func(r *Record) *bool { return &r.Complete }),
	flag("skewed", func(r *Record) *bool { return &r.Skewed }),
	hex("origin", func(r *Record) *uint64 { return &r.Origin }),
	num("ord", 0, func(r *Record) *uint64 { return &r.Ord }),
}

func mac(key string, at func(*Record) *MAC) textField {
	return textField{key, present(HasMACs, at),
		func(dst []byte, r *Record) []byte { return at(r).AppendTo(dst) },
		func(r *Record, s string) error {
			m := at(r)
			_, err := fmt.Sscanf(s, "%02X-%02X-%02X-%02X-%02X-%02X", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5])
			r.Has |= HasMACs
			return err
		}}
}

func hex(key string, at func(*Record) *uint64) textField {
	return textField{key, present(0, at),
		func(dst []byte, r *Record) []byte { return strconv.AppendUint(dst, *at(r), 16) },
		func(r *Record, s string) (err error) {
			*at(r), err = strconv.ParseUint(s, 16, 64)
			return err
		}}
}

func app(key string, at func(*Record) *App) textField {
	return textField{key, func(r *Record) bool { return *at(r) != AppNone },
		func(dst []byte, r *Record) []byte { return append(dst, at(r).String()...) },
		func(r *Record, s string) error {
			a, ok := ParseApp(s)
			if !ok {
				return fmt.Errorf("no such application label")
			}
			*at(r) = a
			return nil
		}}
}

// flag is present iff it is true.
func flag(key string, at func(*Record) *bool) textField {
	return textField{key, func(r *Record) bool { return *at(r) },
		func(dst []byte, _ *Record) []byte { return append(dst, "true"...) },
		func(r *Record, s string) (err error) {
			*at(r), err = strconv.ParseBool(s)
			return err
		}}
}

// AppendText appends the text form of r: one line of key=value pairs, each present field once,
// without a line end. It is what tests compare and what `read -o text` prints. Wire and the
// metadata stand last, as JSON.
func AppendText(dst []byte, b *Batch, r *Record) []byte {
	mark := len(dst)
	for i := range textFields {
		f := &textFields[i]
		if !f.has(r) {
			continue
		}
		if len(dst) > mark {
			dst = append(dst, ' ')
		}
		dst = append(append(dst, f.key...), '=')
		dst = f.append(dst, r)
	}
	if w := b.Metered(r); w != nil {
		dst = appendJSON(dst, " wire=", w)
	}
	if m := b.Metadata(r); m != nil {
		dst = appendJSON(dst, " meta=", m)
	}
	return dst
}

// appendJSON appends a side entry; no field of one is of a kind that fails.
func appendJSON(dst []byte, key string, v any) []byte {
	j, err := json.Marshal(v)
	if err != nil {
		return dst
	}
	return append(append(dst, key...), j...)
}

// ParseText appends to b the record that a line of AppendText describes.
func ParseText(b *Batch, line string) (*Record, error) {
	r := b.Next()
	line, meta, hasMeta := strings.Cut(line, " meta=")
	line, wire, hasWire := strings.Cut(line, " wire=")
	for _, kv := range strings.Fields(line) {
		key, value, _ := strings.Cut(kv, "=")
		if err := parseTextField(r, key, value); err != nil {
			b.Undo()
			return nil, fmt.Errorf("parse record: %s: %w", kv, err)
		}
	}
	if hasWire {
		if err := json.Unmarshal([]byte(wire), b.AddWire(r)); err != nil {
			b.Undo()
			return nil, fmt.Errorf("parse record: wire: %w", err)
		}
	}
	if hasMeta {
		var m Meta
		if err := json.Unmarshal([]byte(meta), &m); err != nil {
			b.Undo()
			return nil, fmt.Errorf("parse record: meta: %w", err)
		}
		if m.Names != nil {
			m.Names.Vantage = r.Vantage()
		}
		b.SetMeta(r, m)
	}
	return r, nil
}

func parseTextField(r *Record, key, value string) error {
	for i := range textFields {
		if textFields[i].key == key {
			return textFields[i].parse(r, value)
		}
	}
	return fmt.Errorf("unknown key %q", key)
}
