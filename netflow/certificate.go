package netflow

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// lookAgain is how often, at most, the files of a certificate are looked at for a change.
const lookAgain = 10 * time.Second

// keyPair is what is shown to exporters. It follows its files: a renewed certificate is
// taken with the next connection; one that cannot be read leaves the old one in use.
type keyPair struct {
	certFile, keyFile string
	failed            *atomic.Uint64 // changes that could not be read

	mu     sync.Mutex
	cert   *tls.Certificate // guarded by mu, as what follows
	seen   [2]time.Time     // when the files were changed
	looked time.Time
}

// tlsConfig is the server's side. Exporters must show a certificate where there are CAs for it.
func tlsConfig(s Streams, failed *atomic.Uint64) (*tls.Config, error) {
	c := &keyPair{certFile: s.TLSCertificate, keyFile: s.TLSKey, failed: failed}
	if err := c.load(c.times()); err != nil {
		return nil, fmt.Errorf("netflow.tls_certificate, netflow.tls_key: %w", err)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
	if s.TLSClientCA == "" {
		return cfg, nil
	}
	pem, err := os.ReadFile(s.TLSClientCA)
	if err != nil {
		return nil, fmt.Errorf("netflow.tls_client_ca: %w", err)
	}
	cfg.ClientCAs, cfg.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !cfg.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("netflow.tls_client_ca: %s: no certificate in it; want PEM", s.TLSClientCA)
	}
	return cfg, nil
}

func (c *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < lookAgain {
		return c.cert, nil
	}
	if now := c.times(); now != c.seen {
		if err := c.load(now); err != nil {
			c.failed.Add(1) // the old one is still good for those who trust it
		}
	}
	c.looked = time.Now()
	return c.cert, nil
}

// load reads the files, which were changed at the given times.
func (c *keyPair) load(changed [2]time.Time) error {
	cert, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return err
	}
	c.cert, c.seen, c.looked = &cert, changed, time.Now()
	return nil
}

// times tells when the files were changed; zero where that cannot be told.
func (c *keyPair) times() (out [2]time.Time) {
	for i, path := range []string{c.certFile, c.keyFile} {
		if st, err := os.Stat(path); err == nil {
			out[i] = st.ModTime()
		}
	}
	return out
}
