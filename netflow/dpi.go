package netflow

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/flowferry/flowferry/capture/app"
	"github.com/flowferry/flowferry/flow"
)

// maxAnswers is how many answers flow.DNS holds.
const maxAnswers = 32

// dnsRecord is one resource record of YAF's DNS list, or a question. What it says of the name
// stands beside a list of one record that depends on the type:
//
//	dnsDetailRecordList [ dnsA │ dnsCNAME │ … ], dnsName, dnsTTL, dnsRRType, dnsQueryResponse,
//	dnsAuthoritative, dnsResponseCode, dnsSection, dnsId
type dnsRecord struct {
	open     bool
	name     []byte
	typ, id  uint16
	ttl      uint32
	response bool
	rcode    uint8
	section  uint8
	data     string
	numbers  [4]uint64 // of MX: preference; of SRV: priority, weight, port
}

// take uses a value that stands in an open record; false leaves it to others.
func (d *dnsRecord) take(f field, v []byte) bool {
	if !d.open {
		return false
	}
	n := number(v)
	if f.pen == penIANA && f.id == ieSourceIPv4Address || f.pen == penIANA && f.id == ieSourceIPv6Address ||
		f.pen == penCERT && (f.id == certDNSA || f.id == certDNSAAAA) {
		if ip, ok := netip.AddrFromSlice(v); ok {
			d.data = ip.String()
		}
		return true
	}
	if f.pen != penCERT {
		return false
	}
	switch f.id {
	case certRRName:
		d.name = hostName(v)
	case certTTL:
		d.ttl = uint32(n)
	case certRRType:
		d.typ = uint16(n)
	case certQueryResponse:
		d.response = n == 1
	case certRcode:
		d.rcode = uint8(n)
	case certSection:
		d.section = uint8(n)
	case certDNSID:
		d.id = uint16(n)
	case certCNAME, certNSDName, certPTRDName, certMXExchange, certSRVTarget:
		d.data = clean(hostName(v))
	case certTXT:
		d.data = clean(v)
	case certMXPreference, certSRVPriority:
		d.numbers[0] = n
	case certSRVWeight:
		d.numbers[1] = n
	case certSRVPort:
		d.numbers[2] = n
	default:
		return false
	}
	return true
}

// end puts the record into the flow's DNS: the first question, and the answers to it. Without a
// question the first answer tells what was asked.
func (d *dnsRecord) end(x *work) {
	d.open = false
	if len(d.name) == 0 && d.typ == 0 {
		return
	}
	m := x.dns()
	typ, name := app.DNSType(d.typ), clean(d.name)
	if name == "" {
		name = "."
	}
	if m.ID == 0 {
		m.ID = d.id
	}
	answer := d.response && d.section == 1
	if m.Question == "" && (answer || d.section == 0) {
		m.Question = name
		if !answer || typ != "CNAME" {
			m.Type = typ
		}
	}
	if d.response && m.Rcode == "" {
		m.Rcode = app.DNSRcode(d.rcode)
	}
	if answer && len(m.Answers) < maxAnswers {
		m.Answers = append(m.Answers, flow.Answer{Name: name, Type: typ, Data: d.text(typ), TTL: d.ttl})
	}
}

func (d *dnsRecord) text(typ string) string {
	switch typ {
	case "MX":
		return strconv.FormatUint(d.numbers[0], 10) + " " + d.data
	case "SRV":
		return fmt.Sprintf("%d %d %d %s", d.numbers[0], d.numbers[1], d.numbers[2], d.data)
	}
	return d.data
}

func clean(b []byte) string { return strings.ToValidUTF8(string(b), "\uFFFD") }

// certificate is one of YAF's list of a server's certificates, of which the first is the
// server's own. Issuer, subject and extensions are lists of attributes; in version 2 they have
// no names of their own and stand in this order.
type certificate struct {
	open    bool
	count   int // certificates begun
	lists   int // unnamed lists of the certificate at hand begun
	of      uint16
	kind    uint8
	text    []byte
	issuer  string
	subject string
	serial  string
	from    int64
	to      int64
}

func (c *certificate) begin() { *c = certificate{open: true, count: c.count + 1} }

// enter notes which list of an open certificate begins.
func (c *certificate) enter(f field) {
	if !c.open {
		return
	}
	if c.of = f.id; f.pen == penIANA {
		c.of = certIssuerList + uint16(min(c.lists, 2))
		c.lists++
	}
}

func (c *certificate) take(x *work, f field, v []byte) bool {
	if !c.open || f.pen != penCERT {
		return false
	}
	switch f.id {
	case certObjectType:
		c.kind = uint8(number(v))
	case certObjectValue:
		c.text = v
	case certSerial:
		c.serial = serial(v)
	case certNotBefore:
		c.from = asn1Time(v)
	case certNotAfter:
		c.to = asn1Time(v)
	default:
		return c.count > 1
	}
	return true
}

// maxDN is how long a distinguished name may become, in bytes.
const maxDN = 1024

// attributeNames are the short names of attributes by the last arc of their object identifier
// under 2.5.4 (RFC 4519), and of domainComponent, for which YAF has 25.
var attributeNames = map[uint8]string{
	3: "CN", 4: "SN", 5: "serialNumber", 6: "C", 7: "L", 8: "ST", 9: "STREET", 10: "O", 11: "OU", 12: "title", 17: "postalCode", 25: "DC",
}

var escapeDN = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `+`, `\+`, `"`, `\"`, `<`, `\<`, `>`, `\>`, `;`, `\;`)

// attribute adds one attribute to the name that it belongs to; the last comes first (RFC 4514
// section 2.1).
func (c *certificate) attribute(x *work) {
	var at *string
	switch c.of {
	case certIssuerList:
		at = &c.issuer
	case certSubjectList:
		at = &c.subject
	default:
		if c.count == 1 && len(c.text) > 0 {
			x.keep(nameOf(penCERT, certObjectValue), c.text)
		}
		return
	}
	name := attributeNames[c.kind]
	if name == "" {
		name = "2.5.4." + strconv.Itoa(int(c.kind))
	}
	if len(*at)+len(name)+len(c.text) > maxDN {
		return
	}
	part := name + "=" + escapeDN.Replace(clean(c.text))
	if *at != "" {
		part += ", " + *at
	}
	*at = part
}

// end puts the first certificate into the flow's TLS.
func (c *certificate) end(x *work) {
	c.open = false
	if c.count > 1 {
		return
	}
	t := x.tls()
	t.Subject, t.Issuer, t.Serial, t.NotBefore, t.NotAfter = c.subject, c.issuer, c.serial, c.from, c.to
}

// asn1Time reads UTCTime or GeneralizedTime in UTC (RFC 5280 section 4.1.2.5); 0 is neither.
func asn1Time(b []byte) int64 {
	layout := "20060102150405Z"
	if len(b) == len("060102150405Z") {
		layout = "060102150405Z"
	}
	t, err := time.Parse(layout, string(b))
	if err != nil || t.Year() < 1678 || t.Year() > 2261 {
		return 0
	}
	return t.UnixNano()
}
