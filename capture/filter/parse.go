package filter

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// Bounds of an expression.
const (
	maxText  = 16 << 10 // bytes
	maxDepth = 100      // parentheses and negations within each other
)

// parser reads words from left to right. As in tcpdump, "and" and "or" have the same precedence,
// an address or number alone repeats the qualifiers before it ("port 80 or 443"), and each "vlan"
// moves what stands after it behind one more tag.
type parser struct {
	text  string
	words []string // what is left to read
	last  term     // whose qualifiers an identifier alone repeats
	tags  int      // how many "vlan" were read
	depth int
}

// term is one primitive: a selection of packets by one property.
type term struct {
	kind  kind
	proto string // before the kind: "", "ip", "tcp" …
	dir   direction
	tags  int // VLAN tags in front of the network layer

	prefix netip.Prefix // kindHost, kindNet
	mac    net.HardwareAddr
	lo, hi uint32 // kindPort: range; kindProto, kindVLAN, kindLength: the number is lo
	any    bool   // kindVLAN without a number
}

type kind uint8

const (
	kindNone kind = iota
	kindHost
	kindNet
	kindPort
	kindProto  // a protocol's number in the header that proto names
	kindVLAN   // a tag
	kindLess   // length on the wire up to lo
	kindLarger // and from lo on
)

type direction uint8

const (
	srcOrDst direction = iota
	src
	dst
	srcAndDst
)

// split separates words, parentheses, and !, && and ||.
func split(text string) []string {
	for _, mark := range []string{"(", ")", "!", "&&", "||"} {
		text = strings.ReplaceAll(text, mark, " "+mark+" ")
	}
	return strings.Fields(text)
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("filter %q: %s", p.text, fmt.Sprintf(format, args...))
}

// peek gives the next word, "" at the end.
func (p *parser) peek() string {
	if len(p.words) == 0 {
		return ""
	}
	return p.words[0]
}

// take consumes the next word if it is one of those, and gives it; "" if it is not.
func (p *parser) take(words ...string) string {
	w := p.peek()
	if w == "" || !slices.Contains(words, w) {
		return ""
	}
	p.words = p.words[1:]
	return w
}

// operand consumes the word that must follow what.
func (p *parser) operand(what string) (string, error) {
	w := p.peek()
	if w == "" || strings.ContainsAny(w, "()!&|") {
		return "", p.errorf("%s needs a value after it", what)
	}
	p.words = p.words[1:]
	return w, nil
}

// expression = operand { ("and" | "or") operand }
func (p *parser) expression() (expr, error) {
	left, err := p.negation()
	for err == nil {
		op := p.take("and", "&&", "or", "||")
		if op == "" {
			break
		}
		var right expr
		if right, err = p.negation(); err != nil {
			break
		}
		if op == "and" || op == "&&" {
			left = and{left, right}
		} else {
			left = or{left, right}
		}
	}
	return left, err
}

// negation = { "not" } ( "(" expression ")" | primitive )
func (p *parser) negation() (expr, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.errorf("more than %d parentheses and negations within each other", maxDepth)
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("not", "!") != "":
		e, err := p.negation()
		return not{e}, err
	case p.take("(") != "":
		e, err := p.expression()
		if err == nil && p.take(")") == "" {
			err = p.errorf("\"(\" is never closed")
		}
		return e, err
	case p.peek() == "":
		return nil, p.errorf("it ends where a condition should stand")
	}
	return p.primitive()
}

// protocols are the protocol keywords: the IP protocol of those that are one, and which versions of
// IP carry it.
var protocols = []struct {
	name   string
	number uint8
	in     string // "ip", "ip6", "" for both
}{
	{"tcp", flow.ProtoTCP, ""},
	{"udp", flow.ProtoUDP, ""},
	{"sctp", flow.ProtoSCTP, ""},
	{"icmp", flow.ProtoICMP, "ip"},
	{"icmp6", flow.ProtoICMPv6, "ip6"},
	{"igmp", 2, "ip"},
	{"esp", 50, ""},
	{"ah", 51, ""},
}

// networks are the EtherTypes that have a keyword.
var networks = map[string]uint32{"ip": etherIPv4, "ip6": etherIPv6, "arp": etherARP, "rarp": etherRARP}

// qualifiers are the words that may stand before a kind, besides directions.
var qualifiers = []string{"ether", "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "esp", "ah"}

func (p *parser) primitive() (expr, error) {
	switch word := p.take("vlan", "less", "greater", "len"); word {
	case "vlan":
		return p.vlan()
	case "less", "greater":
		return p.length(word)
	case "len":
		return nil, p.errorf("use less N or greater N for len")
	}
	t := term{tags: p.tags, proto: p.take(qualifiers...)}
	directed := p.direction(&t)
	kind := p.take("host", "net", "port", "portrange", "proto")
	switch {
	case kind != "":
		if kind == "proto" && directed {
			return nil, p.errorf("proto has no direction")
		}
		return p.value(t, kind)
	case directed:
		return p.value(t, "host")
	case t.proto != "":
		return p.protocol(t)
	}
	return p.repeated()
}

// direction reads src, dst, "src or dst", "src and dst".
func (p *parser) direction(t *term) bool {
	first := p.take("src", "dst")
	if first == "" {
		return false
	}
	t.dir = src
	if first == "dst" {
		t.dir = dst
	}
	if len(p.words) > 1 && (p.words[1] == "src" || p.words[1] == "dst") && p.words[1] != first {
		switch p.words[0] {
		case "or", "||":
			t.dir, p.words = srcOrDst, p.words[2:]
		case "and", "&&":
			t.dir, p.words = srcAndDst, p.words[2:]
		}
	}
	return true
}

// protocol is a protocol keyword alone.
func (p *parser) protocol(t term) (expr, error) {
	if t.proto == "ether" {
		return nil, p.errorf("ether needs host, src, dst or proto after it")
	}
	p.last = t
	t.kind = kindProto
	if n, ok := networks[t.proto]; ok {
		t.proto, t.lo = "ether", n
		return t, nil
	}
	for _, k := range protocols {
		if k.name == t.proto {
			t.proto, t.lo = k.in, uint32(k.number)
		}
	}
	return t, nil
}

// repeated is an address or number with the qualifiers of the term before it.
func (p *parser) repeated() (expr, error) {
	t := p.last
	t.tags = p.tags
	kind := map[kind]string{kindHost: "host", kindNet: "net", kindPort: "portrange", kindProto: "proto", kindNone: "host"}[t.kind]
	if t.kind == kindNone {
		if w := p.peek(); !looksLikeAddress(w) {
			return nil, p.errorf("%q is not understood", w)
		}
	}
	return p.value(t, kind)
}

func looksLikeAddress(w string) bool {
	addr, _, _ := strings.Cut(w, "/")
	_, err := netip.ParseAddr(addr)
	return err == nil
}

// value reads what follows host, net, port, portrange or proto.
func (p *parser) value(t term, kind string) (_ expr, err error) {
	word, err := p.operand(kind)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "host":
		err = p.host(&t, word)
	case "net":
		err = p.net(&t, word)
	case "proto":
		err = p.protoNumber(&t, word)
	default:
		err = p.port(&t, word, kind == "portrange")
	}
	p.last = t
	return t, err
}

func (p *parser) vlan() (expr, error) {
	t := term{kind: kindVLAN, tags: p.tags, any: true}
	if n, err := strconv.ParseUint(p.peek(), 0, 16); err == nil {
		if n > 4095 {
			return nil, p.errorf("vlan %d: use 0 to 4095", n)
		}
		p.words = p.words[1:]
		t.any, t.lo = false, uint32(n)
	}
	if p.tags++; p.tags > maxTags {
		return nil, p.errorf("more than %d times vlan", maxTags)
	}
	return t, nil
}

// maxTags bounds how deep in a packet a filter looks.
const maxTags = 8

func (p *parser) length(word string) (expr, error) {
	value, err := p.operand(word)
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(value, 0, 32)
	if err != nil {
		return nil, p.errorf("%s %s: want a number of bytes", word, value)
	}
	t := term{kind: kindLess, lo: uint32(n)}
	if word == "greater" {
		t.kind = kindLarger
	}
	return t, nil
}
