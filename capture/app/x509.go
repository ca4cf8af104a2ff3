package app

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf16"

	"github.com/flowferry/flowferry/flow"
)

// Certificates are read here rather than by crypto/x509, which refuses whole certificates for one
// field that is not as the standard wants it. This takes what it can read.

const (
	maxAltNames = 64
	maxDN       = 1024 // bytes of a name that are kept, without escapes
)

// Tags of ASN.1 in the Distinguished Encoding Rules (X.690).
const (
	derInteger  = 0x02
	derOctets   = 0x04
	derOID      = 0x06
	derSequence = 0x30
	derSet      = 0x31
	derBMP      = 0x1e
	derUTCTime  = 0x17
	derTime     = 0x18
)

// der takes elements off encoded bytes.
type der []byte

// next gives the tag and the contents of the next element; ok is false at the end and where a
// length leads beyond it.
func (d *der) next() (tag byte, body []byte, ok bool) {
	b := *d
	if len(b) < 2 {
		return 0, nil, false
	}
	n, head := int(b[1]), 2
	if n >= 0x80 {
		size := n & 0x7f
		if size == 0 || size > 3 || len(b) < 2+size {
			return 0, nil, false
		}
		n, head = 0, 2+size
		for _, c := range b[2:head] {
			n = n<<8 | int(c)
		}
	}
	if len(b) < head+n {
		return 0, nil, false
	}
	*d = b[head+n:]
	return b[0], b[head : head+n], true
}

// in gives the contents of the next element if it has this tag; else nothing is taken.
func (d *der) in(tag byte) (body der, ok bool) {
	rest := *d
	got, b, ok := rest.next()
	if !ok || got != tag {
		return nil, false
	}
	*d = rest
	return b, true
}

// knownCerts is how many certificates are remembered: a server shows the same one in each connection.
const knownCerts = 1 << 9

// knownCert is what a certificate says, by its digest.
type knownCert struct {
	sum  [sha256.Size]byte
	cert flow.Cert
	ok   bool
}

var certs [knownCerts]atomic.Pointer[knownCert]

// readCert reads a certificate, if it was not read lately.
func readCert(b []byte) (flow.Cert, bool) {
	sum := sha256.Sum256(b)
	place := &certs[binary.BigEndian.Uint16(sum[:])%knownCerts]
	if k := place.Load(); k != nil && k.sum == sum {
		return k.cert, k.ok
	}
	c, ok := parseCert(b, &sum)
	place.Store(&knownCert{sum, c, ok})
	return c, ok
}

// parseCert reads a certificate as far as it can: version [0], serial, algorithm, issuer, validity,
// subject, key and, after the two unique identifiers, extensions [3] (RFC 5280 section 4.1).
func parseCert(b []byte, sum *[sha256.Size]byte) (c flow.Cert, ok bool) {
	outer := der(b)
	cert, ok := outer.in(derSequence)
	if !ok {
		return c, false
	}
	t, ok := cert.in(derSequence)
	if !ok {
		return c, false
	}
	t.in(0xa0)
	if serial, ok := t.in(derInteger); ok {
		c.Serial = serialText(serial)
	}
	t.in(derSequence)
	issuer, ok := t.in(derSequence)
	if !ok {
		return c, false
	}
	c.Issuer, c.IssuerName = readName(issuer)
	if valid, ok := t.in(derSequence); ok {
		c.NotBefore, c.NotAfter = readTime(&valid), readTime(&valid)
	}
	subject, ok := t.in(derSequence)
	if ok {
		c.Subject, c.CommonName = readName(subject)
		c.SelfSigned = string(issuer) == string(subject)
	}
	for {
		tag, body, ok := t.next()
		if !ok {
			break
		}
		if tag == 0xa3 {
			c.AltNames = altNames(body)
		}
	}
	one := sha1.Sum(b)
	c.SHA1 = strings.ToUpper(hex.EncodeToString(one[:]))
	c.SHA256 = strings.ToUpper(hex.EncodeToString(sum[:]))
	return c, true
}

// serialText gives an integer in hex; the zero byte that only says that it is positive is left out.
func serialText(b []byte) string {
	if len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	return strings.ToUpper(hex.EncodeToString(b[:min(len(b), 64)]))
}

// attributes are the short names of the parts of a distinguished name by their object identifier
// as encoded (RFC 4519, RFC 2985, and CA/Browser Forum EV guidelines).
var attributes = map[string]string{
	"\x55\x04\x03": "CN", "\x55\x04\x04": "SN", "\x55\x04\x05": "serialNumber", "\x55\x04\x06": "C", "\x55\x04\x07": "L",
	"\x55\x04\x08": "ST", "\x55\x04\x09": "STREET", "\x55\x04\x0a": "O", "\x55\x04\x0b": "OU", "\x55\x04\x0c": "title",
	"\x55\x04\x0d": "description", "\x55\x04\x0f": "businessCategory", "\x55\x04\x11": "postalCode", "\x55\x04\x2a": "GN",
	"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19":     "DC",
	"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01":     "UID",
	"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01":         "emailAddress",
	"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01": "jurisdictionL",
	"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02": "jurisdictionST",
	"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03": "jurisdictionC",
}

var escapeDN = strings.NewReplacer(`\`, `\\`, `,`, `\,`, `+`, `\+`, `"`, `\"`, `<`, `\<`, `>`, `\>`, `;`, `\;`)

// readName gives a distinguished name, the last part first as RFC 4514 asks, and its common name.
func readName(d der) (name, common string) {
	size := 0
	for size < maxDN {
		set, ok := d.in(derSet)
		if !ok {
			break
		}
		var part string
		for {
			pair, ok := set.in(derSequence)
			if !ok {
				break
			}
			oid, ok := pair.in(derOID)
			tag, value, ok2 := pair.next()
			if !ok || !ok2 || len(value) > maxDN {
				break
			}
			key, val := attributes[string(oid)], derText(tag, value)
			if key == "CN" {
				common = val
			}
			if key == "" {
				key = oidText(oid)
			}
			if part != "" {
				part += "+"
			}
			part += key + "=" + escapeDN.Replace(val)
			size += len(key) + len(val)
			if size >= maxDN {
				break
			}
		}
		if name != "" && part != "" {
			part += ", "
		}
		name = part + name
	}
	return name, common
}

// derText gives the text of one of ASN.1's string types; BMPString is UTF-16.
func derText(tag byte, b []byte) string {
	if tag != derBMP {
		return text(b)
	}
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	return text([]byte(string(utf16.Decode(units))))
}

// oidText gives an object identifier in dotted form.
func oidText(b []byte) string {
	var out []byte
	v, first := uint64(0), true
	for _, c := range b[:min(len(b), 32)] {
		v = v<<7 | uint64(c&0x7f)
		if c&0x80 != 0 {
			continue
		}
		if first {
			top := min(v/40, 2)
			out = strconv.AppendUint(out, top, 10)
			v, first = v-40*top, false
		}
		out = strconv.AppendUint(append(out, '.'), v, 10)
		v = 0
	}
	return string(out)
}

// readTime reads UTCTime or GeneralizedTime (RFC 5280 section 4.1.2.5), leniently: seconds may
// lack and the zone may be other than Z. Unix ns, within what that can say; 0 is neither.
func readTime(d *der) int64 {
	tag, b, ok := d.next()
	if !ok || len(b) > 32 {
		return 0
	}
	layouts := []string{"060102150405Z0700", "0601021504Z0700"}
	if tag == derTime {
		layouts = []string{"20060102150405Z0700", "200601021504Z0700", "20060102150405"}
	} else if tag != derUTCTime {
		return 0
	}
	for _, l := range layouts {
		t, err := time.Parse(l, string(b))
		if err != nil {
			continue
		}
		if tag == derUTCTime && t.Year() >= 2050 {
			t = t.AddDate(-100, 0, 0)
		}
		switch {
		case t.Year() < 1678:
			return math.MinInt64
		case t.Year() > 2261:
			return math.MaxInt64
		}
		return t.UnixNano()
	}
	return 0
}

// altNames gives the subject alternative names (RFC 5280 section 4.2.1.6) of the extensions, a
// sequence of sequences of object identifier, perhaps a boolean, and value.
func altNames(b der) (names []string) {
	list, _ := b.in(derSequence)
	for {
		ext, ok := list.in(derSequence)
		if !ok {
			return names
		}
		if oid, _ := ext.in(derOID); string(oid) != "\x55\x1d\x11" {
			continue
		}
		ext.in(0x01)
		value, _ := ext.in(derOctets)
		all, _ := value.in(derSequence)
		for len(names) < maxAltNames {
			tag, v, ok := all.next()
			if !ok {
				break
			}
			switch tag {
			case 0x81, 0x82, 0x86: // mail address, name, URI
				names = append(names, text(v[:min(len(v), maxDN)]))
			case 0x87:
				if ip, ok := netip.AddrFromSlice(v); ok {
					names = append(names, ip.String())
				}
			}
		}
	}
}
