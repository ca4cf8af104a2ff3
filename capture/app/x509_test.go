package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math"
	"math/big"
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

// newCert makes a certificate that signs itself.
func newCert(t testing.TB) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: new(big.Int).SetBytes([]byte{0xf1, 0x96, 0x5d}),
		Subject:   pkix.Name{Country: []string{"CH"}, Organization: []string{"Acme, Inc."}, CommonName: "www.host.net"},
		NotBefore: time.Unix(1e9, 0), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		DNSNames: []string{"www.host.net", "host.net"}, IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1), net.ParseIP("2001:db8::1")},
		EmailAddresses: []string{"me@host.net"}}
	der, err := x509.CreateCertificate(crand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestCert(t *testing.T) {
	raw := newCert(t)
	c, ok := readCert(raw)
	sum := sha256.Sum256(raw)
	if !ok || c.Subject != `CN=www.host.net, O=Acme\, Inc., C=CH` || c.Issuer != c.Subject || !c.SelfSigned || c.Serial != "F1965D" ||
		c.CommonName != "www.host.net" || c.IssuerName != "www.host.net" || c.NotBefore != 1e18 || c.NotAfter != math.MaxInt64 ||
		!strings.EqualFold(c.SHA256, hex.EncodeToString(sum[:])) || len(c.SHA1) != 40 {
		t.Errorf("%+v", c)
	}
	if want := []string{"www.host.net", "host.net", "me@host.net", "192.0.2.1", "2001:db8::1"}; !slices.Equal(c.AltNames, want) {
		t.Errorf("got %v", c.AltNames)
	}
	for i := range raw { // cut anywhere: nothing, and no panic
		if _, ok := readCert(raw[:i]); ok {
			t.Errorf("a certificate of %d bytes", i)
		}
	}
}

func TestCertTime(t *testing.T) {
	f := func(element string, want string) {
		t.Helper()
		d := der(element)
		got := time.Unix(0, readTime(&d)).UTC().Format(time.RFC3339)
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f("\x17\x0d491231235959Z", "2049-12-31T23:59:59Z")
	f("\x17\x0d500101000000Z", "1950-01-01T00:00:00Z")
	f("\x17\x0d991231235959Z", "1999-12-31T23:59:59Z")
	f("\x17\x0b1412310000Z", "2014-12-31T00:00:00Z")
	f("\x17\x11141231010000+0100", "2014-12-31T00:00:00Z")
	f("\x18\x0f20141231000000Z", "2014-12-31T00:00:00Z")
	f("\x18\x1120141231000000.5Z", "2014-12-31T00:00:00Z")
	f("\x18\x04junk", "1970-01-01T00:00:00Z")
	f("\x04\x00", "1970-01-01T00:00:00Z")
}

func TestCertNames(t *testing.T) {
	pair := func(oid, tag, value string) string {
		in := "\x06" + string(rune(len(oid))) + oid + tag + string(rune(len(value))) + value
		return "\x30" + string(rune(len(in))) + in
	}
	set := func(pairs ...string) string {
		in := strings.Join(pairs, "")
		return "\x31" + string(rune(len(in))) + in
	}
	f := func(name, want string) {
		t.Helper()
		if got, _ := readName(der(name)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f("", "")
	f(set(pair("\x55\x04\x06", "\x13", "CH"))+set(pair("\x55\x04\x03", "\x0c", `a+b"c`)), `CN=a\+b\"c, C=CH`)
	f(set(pair("\x55\x04\x0a", "\x13", "one"), pair("\x55\x04\x0b", "\x13", "two")), "O=one+OU=two")
	f(set(pair("\x55\x04\x03", "\x1e", "\x00Z\x00\xfc")), "CN=Zü")
	f(set(pair("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x02", "\x16", "x")), "1.2.840.113549.1.9.2=x")
	f(set(pair("\x55\x04\x03", "\x0c", "whole"))+"\x31\x30cut", "CN=whole")
}
