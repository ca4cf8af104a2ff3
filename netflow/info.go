package netflow

import (
	"bytes"
	"encoding/hex"
	"strings"

	"github.com/flowferry/flowferry/capture/app"
	"github.com/flowferry/flowferry/flow"
)

// hint collects numbers of a record that mean something only together with a name. They may
// stand before it in the template, and are zero in records that have nothing to do with it.
type hint struct {
	dnsType, dnsRcode, dnsID uint64
	dnsAnswers               uint64
	cipher                   uint64
	code                     uint16 // extended event
	reason                   string
}

// info puts an element into the record's Meta, and keeps it as it came where it has no use there.
func (x *work) info(r *flow.Record, op op, e flow.Element, v uint64, raw []byte) got {
	switch op {
	case opBasicList, opSubList, opSubMultiList:
		x.lists(r, op, e, raw)
	default:
		if !x.tell(r, op, v, raw) {
			x.keep(e, raw)
		}
	}
	return gotInfo | gotHint
}

// tell says whether there is a place for what op gives, or whether it is nothing.
func (x *work) tell(r *flow.Record, op op, v uint64, raw []byte) bool {
	switch op {
	case opSilkApp:
		if a := silkApps[v]; a != flow.AppNone {
			r.App = a
			return true
		}
		return v == 0
	case opAppName:
		return x.say(&x.meta.AppName, raw)
	case opUser:
		return x.say(&x.meta.User, raw)
	case opEventCode:
		x.hint.code = uint16(v)
	case opReason:
		x.hint.reason = x.names.get(raw)
	case opDNSType:
		x.hint.dnsType = v
	case opDNSRcode:
		x.hint.dnsRcode = v
	case opDNSID:
		x.hint.dnsID = v
	case opDNSAnswers:
		x.hint.dnsAnswers = v
	case opDNSName:
		return x.dnsName(raw)
	case opSubApp:
		return x.subApp(raw)
	case opTLSName, opTLSCipher, opTLSVersion, opTLSSubject, opTLSIssuer, opTLSSerial:
		return x.tellTLS(op, v, raw)
	default:
		return x.tellHTTP(op, raw)
	}
	return true
}

// say fills a text that is still empty. It is false where another value is there already.
func (x *work) say(at *string, raw []byte) bool {
	s := x.names.get(raw)
	if *at == "" && s != "" {
		*at, x.hasMeta = s, true
	}
	return s == "" || *at == s
}

// sayOnce is say for texts that seldom come again.
func (x *work) sayOnce(at *string, raw []byte) bool {
	raw = trim(raw)
	if *at == "" && len(raw) > 0 {
		*at, x.hasMeta = strings.ToValidUTF8(string(raw), "\uFFFD"), true
		return true
	}
	return len(raw) == 0 || *at == string(raw)
}

// nothing says of a text that it is empty.
func nothing(raw []byte) bool { return len(trim(raw)) == 0 }

// http gives the record's own HTTP metadata, to be filled.
func (x *work) http() *flow.HTTP {
	if x.meta.HTTP == nil || x.lent {
		own := x.https.next()
		if x.meta.HTTP != nil {
			*own = *x.meta.HTTP
		}
		x.meta.HTTP, x.hasMeta, x.lent = own, true, false
	}
	return x.meta.HTTP
}

// httpHost fills the host. Where it is all that is known of HTTP, records with the same host share
// one: that is what most exporters with such an element send.
func (x *work) httpHost(raw []byte) bool {
	if x.meta.HTTP != nil {
		return x.say(&x.http().Host, raw)
	}
	if known, ok := x.hosts.get(raw); ok {
		x.meta.HTTP, x.hasMeta, x.lent = known, true, true
		return true
	}
	if nothing(raw) {
		return true
	}
	h := x.http()
	h.Host = x.names.get(raw)
	x.hosts.put(raw, string(raw), h)
	x.lent = true
	return true
}

func (x *work) tls() *flow.TLS {
	if x.meta.TLS == nil {
		x.meta.TLS, x.hasMeta = x.tlses.next(), true
	}
	return x.meta.TLS
}

func (x *work) dns() *flow.DNS {
	if x.meta.DNS == nil {
		x.meta.DNS, x.hasMeta = x.dnses.next(), true
	}
	return x.meta.DNS
}

func (x *work) tellHTTP(op op, raw []byte) bool {
	if op != opHTTPStatus && op != opHTTPHost && nothing(raw) {
		return true
	}
	switch op {
	case opHTTPStatus:
		n := status(raw)
		switch {
		case n == 0:
			return zero(raw)
		case x.http().Status == 0:
			x.http().Status = n
		}
		return x.http().Status == n
	case opHTTPURL:
		return x.url(raw)
	case opHTTPGet: // "GET /path" or "/path"
		method, url, ok := bytes.Cut(trim(raw), []byte(" "))
		if !ok {
			return x.url(method)
		}
		url, _, _ = bytes.Cut(url, []byte(" "))
		return x.say(&x.http().Method, bytes.ToUpper(method)) && x.url(url)
	case opHTTPHost:
		return x.httpHost(raw)
	case opHTTPMethod:
		return x.say(&x.http().Method, raw)
	case opHTTPVersion:
		return x.say(&x.http().Version, bytes.TrimPrefix(text(raw), []byte("HTTP/")))
	case opHTTPUserAgent:
		return x.say(&x.http().UserAgent, raw)
	case opHTTPReferrer:
		return x.sayOnce(&x.http().Referrer, raw)
	case opHTTPServer:
		return x.say(&x.http().Server, raw)
	case opHTTPType:
		return x.say(&x.http().ContentType, raw)
	}
	return false
}

// url takes a path, or an address with a host, with or without the scheme.
func (x *work) url(raw []byte) bool {
	raw = trim(raw)
	if _, rest, ok := bytes.Cut(raw, []byte("://")); ok && raw[0] != '/' {
		raw = rest
	}
	h := x.http()
	if len(raw) > 0 && raw[0] != '/' && raw[0] != '*' && raw[0] != '?' {
		n := bytes.IndexAny(raw, "/?")
		if n < 0 {
			n = len(raw)
		}
		if h.Host == "" {
			h.Host = x.names.get(raw[:n])
		}
		raw = raw[n:]
	}
	if len(raw) == 0 {
		raw = []byte("/")
	}
	return x.sayOnce(&h.Path, raw)
}

// status reads a status that is a number, or the text of a status line: "200 OK". It is 0 for
// what is neither.
func status(raw []byte) int {
	v := number(raw)
	if len(raw) >= 3 && raw[0] > ' ' {
		t := text(raw)
		if bytes.HasPrefix(t, []byte("HTTP/")) {
			_, t, _ = bytes.Cut(t, []byte(" "))
		}
		if len(t) < 3 {
			return 0
		}
		v = 0
		for _, c := range t[:3] {
			if c < '0' || c > '9' {
				return 0
			}
			v = v*10 + uint64(c-'0')
		}
	}
	if v < 100 || v > 999 {
		return 0
	}
	return int(v)
}

func (x *work) dnsName(raw []byte) bool {
	if nothing(raw) {
		return true
	}
	return x.sayOnce(&x.dns().Question, hostName(raw))
}

// hostName is a name as flow.DNS has it: in lower case, without the last dot, the root as ".".
func hostName(raw []byte) []byte {
	raw = bytes.ToLower(trim(raw))
	if len(raw) > 1 {
		raw = bytes.TrimSuffix(raw, []byte("."))
	}
	return raw
}

func (x *work) tellTLS(op op, v uint64, raw []byte) bool {
	if zero(raw) {
		return true
	}
	switch op {
	case opTLSName:
		return nothing(raw) || x.say(&x.tls().ServerName, hostName(raw))
	case opTLSCipher:
		if v == 0 || v > 0xffff {
			return false
		}
		x.hint.cipher = v
		return x.say(&x.tls().Cipher, []byte(app.TLSCipher(uint16(v))))
	case opTLSVersion:
		if v < 0x300 || v > 0xffff {
			return false
		}
		return x.say(&x.tls().Version, []byte(app.TLSVersion(uint16(v))))
	case opTLSSubject:
		return x.say(&x.tls().Subject, raw)
	case opTLSIssuer:
		return x.say(&x.tls().Issuer, raw)
	case opTLSSerial:
		return x.sayOnce(&x.tls().Serial, raw)
	}
	return false
}

// Fields that Cisco's NBAR extracts from the payload: the application (engine in the first byte,
// selector in the other three) and the number of the field within it.
//
//	 0              4                6
//	│ application  │ field          │ value …
const (
	avcHTTP      = 3<<24 | 80
	avcTLS       = 13<<24 | 453
	avcURL       = 13313
	avcHost      = 13314
	avcUserAgent = 13315
	avcReferrer  = 13316
)

func (x *work) subApp(raw []byte) bool {
	if len(raw) < 6 {
		return false
	}
	value := raw[6:]
	if nothing(value) {
		return true // observed nothing
	}
	switch application, field := number(raw[:4]), number(raw[4:6]); {
	case application == avcHTTP && field == avcURL:
		return x.url(value)
	case application == avcHTTP && field == avcHost:
		return x.say(&x.http().Host, value)
	case application == avcHTTP && field == avcUserAgent:
		return x.say(&x.http().UserAgent, value)
	case application == avcHTTP && field == avcReferrer:
		return x.say(&x.http().Referrer, value)
	case application == avcTLS && field == avcURL: // common name of the certificate
		return x.say(&x.tls().Subject, append([]byte("CN="), text(value)...))
	}
	return false
}

// settle puts the hints in their place, once all elements of the record have been seen, and labels
// the record.
func (x *work) settle(r *flow.Record, g got) {
	if g&gotHint != 0 {
		x.settleHints(r)
	}
	if r.App == flow.AppNone {
		r.App = spoken(x.meta)
	}
}

func (x *work) settleHints(r *flow.Record) {
	h := x.hint
	x.hint = hint{}
	m := x.meta
	if d := m.DNS; d != nil {
		if h.dnsType != 0 && d.Type == "" {
			d.Type = app.DNSType(uint16(h.dnsType))
		}
		if d.ID == 0 {
			d.ID = uint16(h.dnsID)
		}
		if d.Rcode == "" && (h.dnsRcode != 0 || h.dnsAnswers != 0) {
			d.Rcode = app.DNSRcode(uint8(h.dnsRcode))
		}
	}
	if h.cipher>>8 == 0x13 { // TLS 1.3 says 1.2 in its records (RFC 8446 section 5.1)
		m.TLS.Version = "1.3"
	}
	if h.code != 0 && r.Event != flow.EventUpdated {
		m.Code, m.Reason, x.hasMeta = h.code, extendedEvents[h.code], true
	}
	if h.reason != "" && m.Reason == "" {
		m.Reason, x.hasMeta = h.reason, true
	}
}

// spoken is the label of what a record has metadata of.
func spoken(m *flow.Meta) flow.App {
	switch {
	case m.DNS != nil:
		return flow.AppDNS
	case m.HTTP != nil:
		return flow.AppHTTP
	case m.TLS != nil:
		return flow.AppTLS
	}
	return flow.AppNone
}

// slab gives out values of larger pieces. What was given out is never touched again.
type slab[T any] []T

func (s *slab[T]) next() *T {
	if len(*s) == cap(*s) {
		*s = make([]T, 0, 32)
	}
	*s = (*s)[:len(*s)+1]
	return &(*s)[len(*s)-1]
}

// serial writes a certificate's serial number.
func serial(raw []byte) string { return strings.ToUpper(hex.EncodeToString(raw)) }
