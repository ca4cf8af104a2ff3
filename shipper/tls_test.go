package shipper

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/shipper/shippertest"
)

// authority makes certificates for TLS servers.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newCert(t *testing.T, template *x509.Certificate, signer *authority) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	template.NotBefore = time.Now().Add(-time.Hour)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	parent, parentKey := template, key
	if signer != nil {
		parent, parentKey = signer.cert, signer.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func newCA(t *testing.T, name string) *authority {
	return newCert(t, &x509.Certificate{Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
}

func (a *authority) fingerprint() string {
	sum := sha256.Sum256(a.cert.Raw)
	return hex.EncodeToString(sum[:])
}

// serveTLS serves a cluster with a leaf and further certificates shown beside it.
func serveTLS(t *testing.T, leaf *authority, shown ...*authority) string {
	t.Helper()
	chain := tls.Certificate{PrivateKey: leaf.key, Certificate: [][]byte{leaf.cert.Raw}}
	for _, s := range shown {
		chain.Certificate = append(chain.Certificate, s.cert.Raw)
	}
	s := httptest.NewUnstartedServer(&shippertest.Cluster{})
	s.TLS = &tls.Config{Certificates: []tls.Certificate{chain}}
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// TLS is verified in each case, and what is wrong is said in words.
func TestTLS(t *testing.T) {
	ca, other := newCA(t, "ours"), newCA(t, "theirs")
	ips := []net.IP{net.IPv4(127, 0, 0, 1)}
	leaf := newCert(t, &x509.Certificate{IPAddresses: ips}, ca)
	misnamed := newCert(t, &x509.Certificate{DNSNames: []string{"elsewhere"}}, ca)
	expired := newCert(t, &x509.Certificate{IPAddresses: ips, NotAfter: time.Now().Add(-time.Minute)}, ca)
	forged := newCert(t, &x509.Certificate{IPAddresses: ips}, other)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(name, url string, c Config, want string) {
		t.Helper()
		c.Hosts = []string{url}
		e, err := Connect(t.Context(), c)
		if err == nil {
			defer e.Close(t.Context())
		}
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), url+": "+want)) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	byFile, byCA, byLeaf := Config{CAFile: file}, Config{CAFingerprint: ca.fingerprint()}, Config{CAFingerprint: strings.ToUpper(leaf.fingerprint())}
	good := serveTLS(t, leaf, ca)
	f("unknown authority", good, Config{}, "its certificate is signed by an unknown authority; give that authority's certificate as ca_file")
	f("file", good, byFile, "")
	f("fingerprint of the authority", good, byCA, "")
	f("fingerprint of the server", good, byLeaf, "")
	f("the authority is not shown", serveTLS(t, leaf), byCA, "check ca_fingerprint")
	f("shown, but did not sign", serveTLS(t, forged, ca), byCA, "its certificate is signed by an unknown authority")
	f("other fingerprint", good, Config{CAFingerprint: other.fingerprint()}, "check ca_fingerprint: no certificate of the server has")
	f("other name", serveTLS(t, misnamed), byFile, "its certificate is for another name")
	f("other name by fingerprint", serveTLS(t, misnamed, ca), byCA, "its certificate is for another name")
	f("expired", serveTLS(t, expired), byFile, "its certificate is not valid (any more)")
	f("expired by fingerprint", serveTLS(t, expired, ca), byCA, "its certificate is not valid (any more)")
	f("http to https", strings.Replace(good, "https", "http", 1), Config{}, "it speaks TLS; write https:// in hosts")
}
