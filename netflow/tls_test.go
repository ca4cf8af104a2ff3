package netflow

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// pki is a CA made for a test, and what it has signed.
type pki struct {
	t      *testing.T
	ca     *x509.Certificate
	key    *ecdsa.PrivateKey
	pool   *x509.CertPool
	caFile string
	server certFiles
}

// certFiles names the files of a certificate and its key.
type certFiles struct{ cert, key string }

func newPKI(t *testing.T) *pki {
	t.Helper()
	p := &pki{t: t, pool: x509.NewCertPool()}
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), crand.Reader); err != nil {
		t.Fatal(err)
	}
	self := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(crand.Reader, self, self, &p.key.PublicKey, p.key)
	if err != nil {
		t.Fatal(err)
	}
	if p.ca, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	p.pool.AddCert(p.ca)
	dir := t.TempDir()
	p.caFile = filepath.Join(dir, "ca.pem")
	writePEM(t, p.caFile, "CERTIFICATE", der)
	p.server = certFiles{filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")}
	p.issue(p.server, 2)
	return p
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// issue writes a certificate for 127.0.0.1, good for servers and clients, and its key.
func (p *pki) issue(files certFiles, serial int64) tls.Certificate {
	p.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(crand.Reader, leaf, p.ca, &key.PublicKey, p.key)
	if err != nil {
		p.t.Fatal(err)
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	writePEM(p.t, files.cert, "CERTIFICATE", der)
	writePEM(p.t, files.key, "EC PRIVATE KEY", keyDER)
	pair, err := tls.LoadX509KeyPair(files.cert, files.key)
	if err != nil {
		p.t.Fatal(err)
	}
	return pair
}

func (p *pki) client() tls.Certificate {
	dir := p.t.TempDir()
	return p.issue(certFiles{filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")}, 3)
}

// Vendors' messages over TLS decode as over UDP, with each version and with client certificates;
// who is not trusted, or too old, is not heard.
func TestTLS(t *testing.T) {
	p, other := newPKI(t), newPKI(t)
	names, messages, want := ipfixGroups(t)
	stream, records := slices.Concat(messages[1]...), want[1]
	f := func(what, clientCA string, conf *tls.Config, good bool) {
		t.Helper()
		cfg := Config{Streams: Streams{ListenTLS: loopback, TLSCertificate: p.server.cert, TLSKey: p.server.key, TLSClientCA: clientCA}}
		conf.RootCAs = p.pool
		s, c := liveAll(t, cfg, func(l *Live, c *textCatcher) {
			raw, err := net.Dial("tcp", endpoint(t, l, "tls"))
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			conf.ServerName = "127.0.0.1"
			conn := tls.Client(raw, conf)
			for _, part := range slices.Collect(slices.Chunk(stream, 100)) {
				if _, err := conn.Write(part); err != nil && good {
					t.Fatalf("%s: %v", what, err)
				}
			}
			if good {
				eventually(t, "all records", func() bool { return c.len() == len(records) })
				conn.Close()
			}
			eventually(t, "the end", func() bool { return stat(l.Stats(), "tcp_closed")+stat(l.Stats(), "tcp_tls_failed") == 1 })
		})
		if good {
			same(t, what+": "+names[1], c.texts, records)
		} else if c.len() != 0 || stat(s, "tcp_tls_failed") != 1 || stat(s, "datagrams") != 0 {
			t.Errorf("%s: %d records, account %v", what, c.len(), s)
		}
	}
	f("TLS 1.3", "", &tls.Config{}, true)
	f("TLS 1.2", "", &tls.Config{MaxVersion: tls.VersionTLS12}, true)
	f("TLS 1.1", "", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false)
	f("client certificate", p.caFile, &tls.Config{Certificates: []tls.Certificate{p.client()}}, true)
	f("no client certificate", p.caFile, &tls.Config{}, false)
	f("client certificate of another CA", p.caFile, &tls.Config{Certificates: []tls.Certificate{other.client()}}, false)
	f("client certificate of another CA, TLS 1.2", p.caFile, &tls.Config{Certificates: []tls.Certificate{other.client()}, MaxVersion: tls.VersionTLS12}, false)
}

// What is no TLS at all does not get through, and silence holds nothing up at the end.
func TestTLSGarbage(t *testing.T) {
	p := newPKI(t)
	cfg := Config{Streams: Streams{ListenTLS: loopback, TLSCertificate: p.server.cert, TLSKey: p.server.key}}
	s, c := liveAll(t, cfg, func(l *Live, _ *textCatcher) {
		dial := func() net.Conn {
			conn, err := net.Dial("tcp", endpoint(t, l, "tls"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { conn.Close() })
			return conn
		}
		plain := dial()
		write(t, plain, ipfixMessage(0, 7, set(2, addresses), set(256, pair)))
		eventually(t, "the failure", func() bool { return stat(l.Stats(), "tcp_tls_failed") == 1 })
		dial()
		eventually(t, "the silent one", func() bool { return stat(l.Stats(), "tcp_open") == 1 })
	})
	if c.len() != 0 || stat(s, "tcp_closed_stop") != 1 {
		t.Errorf("account %v", s)
	}
}

// A renewed certificate is taken; one that cannot be read leaves the old one.
func TestCertificateReload(t *testing.T) {
	p := newPKI(t)
	var failed atomic.Uint64
	c := &keyPair{certFile: p.server.cert, keyFile: p.server.key, failed: &failed}
	if err := c.load(c.times()); err != nil {
		t.Fatal(err)
	}
	f := func(serial int64, failures uint64) {
		t.Helper()
		c.looked = time.Time{}
		cert, err := c.get(nil)
		if err != nil || cert.Leaf.SerialNumber.Int64() != serial || failed.Load() != failures {
			t.Errorf("got %v, serial number %v, %d failures, want %d, %d", err, cert.Leaf.SerialNumber, failed.Load(), serial, failures)
		}
	}
	change := func(path string, by time.Duration) {
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(by)); err != nil {
			t.Fatal(err)
		}
	}
	f(2, 0)
	p.issue(p.server, 7)
	change(p.server.cert, time.Second)
	f(7, 0)
	writePEM(t, p.server.cert, "CERTIFICATE", []byte("broken"))
	change(p.server.cert, 2*time.Second)
	f(7, 1)
	p.issue(p.server, 8)
	change(p.server.cert, 3*time.Second)
	if cert, err := c.get(nil); err != nil || cert.Leaf.SerialNumber.Int64() != 7 {
		t.Error("the files are looked at for each connection")
	}
	f(8, 1)
}
