package shipper

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

const (
	probeTimeout = 15 * time.Second
	dialTimeout  = 10 * time.Second
)

// setTransport makes the HTTP transport. TLS is always verified: by the system's authorities, by
// those of the CA file, or by a fingerprint.
func (e *Engine) setTransport() error {
	if e.cfg.Transport != nil {
		e.transport = e.cfg.Transport
		return nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if e.cfg.CAFile != "" {
		pem, err := os.ReadFile(e.cfg.CAFile)
		if err != nil {
			return fmt.Errorf("ca_file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return fmt.Errorf("ca_file: %s holds no certificate in PEM form", e.cfg.CAFile)
		}
	}
	if e.cfg.CAFingerprint != "" {
		want, err := parseFingerprint(e.cfg.CAFingerprint)
		if err != nil {
			return err
		}
		config.InsecureSkipVerify = true // verifyFingerprint does it
		config.VerifyConnection = func(s tls.ConnectionState) error { return verifyFingerprint(s, want, e.hosts) }
	}
	e.transport = &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:     config,
		TLSHandshakeTimeout: dialTimeout,
		MaxIdleConnsPerHost: e.cfg.Workers + 2,
		IdleConnTimeout:     90 * time.Second,
	}
	return nil
}

// fingerprintError says that the server showed no certificate with the configured fingerprint.
type fingerprintError struct{ got [32]byte }

func (e *fingerprintError) Error() string {
	return fmt.Sprintf("no certificate of the server has the configured fingerprint; its own has %X", e.got)
}

// verifyFingerprint accepts a server whose own certificate has the fingerprint, or whose chain
// leads by verified signatures, for the server's name, to an authority that has it. That the
// authority is merely among the certificates shown would prove nothing.
func verifyFingerprint(s tls.ConnectionState, want []byte, hosts []string) error {
	if len(s.PeerCertificates) == 0 {
		return &fingerprintError{}
	}
	leaf := s.PeerCertificates[0]
	sum := sha256.Sum256(leaf.Raw)
	if bytes.Equal(sum[:], want) {
		return nil
	}
	intermediates, roots := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, c := range s.PeerCertificates[1:] {
		if d := sha256.Sum256(c.Raw); bytes.Equal(d[:], want) {
			roots.AddCert(c)
			found = true
		} else {
			intermediates.AddCert(c)
		}
	}
	if !found {
		return &fingerprintError{sum}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates}); err != nil {
		return err
	}
	return verifyName(leaf, s.ServerName, hosts)
}

// verifyName checks that the certificate is for the server that was dialled. A server that was
// dialled by its address has no name in the handshake: then it must be for one of our hosts.
func verifyName(leaf *x509.Certificate, name string, hosts []string) (err error) {
	if name != "" {
		return leaf.VerifyHostname(name)
	}
	for _, h := range hosts {
		u, parseErr := parseHost(h)
		if parseErr != nil || net.ParseIP(u.Hostname()) == nil {
			continue
		}
		if err = leaf.VerifyHostname(u.Hostname()); err == nil {
			return nil
		}
	}
	return cmp.Or(err, errNoName)
}

var errNoName = errors.New("the server was dialled by an address that is not in hosts")

// shim makes the Elasticsearch client and OpenSearch understand each other: it takes the vendor
// media types, which OpenSearch refuses with 406, out of the request, and puts the product
// header, without which the client refuses the answer, into the response.
type shim struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s shim) RoundTrip(req *http.Request) (*http.Response, error) {
	for _, name := range [...]string{"Accept", "Content-Type"} {
		if v := req.Header.Get(name); strings.Contains(v, "vnd.elasticsearch") {
			req.Header.Set(name, plainMediaType(v))
		}
	}
	res, err := s.next.RoundTrip(req)
	if err == nil {
		res.Header.Set("X-Elastic-Product", "Elasticsearch")
	}
	return res, err
}

// plainMediaType gives the media type that application/vnd.elasticsearch+<type>;compatible-with=8
// stands for.
func plainMediaType(v string) string {
	if strings.Contains(v, "+x-ndjson") {
		return "application/x-ndjson"
	}
	return "application/json"
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
