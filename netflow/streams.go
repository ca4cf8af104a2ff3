package netflow

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Streams is the part of Config for IPFIX over TCP and TLS (RFC 7011 section 10.4).
type Streams struct {
	ListenTCP         []string      `yaml:"listen_tcp" help:"addresses to listen on for IPFIX over TCP, host:port; 4739 is IPFIX's port"`
	ListenTLS         []string      `yaml:"listen_tls" help:"addresses to listen on for IPFIX over TLS (1.2 or later), host:port; 4740 is IPFIX's port"`
	TLSCertificate    string        `yaml:"tls_certificate" help:"file with the certificate shown to exporters and those that lead to its CA, PEM; read again when it changes"`
	TLSKey            string        `yaml:"tls_key" help:"file with the certificate's private key, PEM"`
	TLSClientCA       string        `yaml:"tls_client_ca" help:"file with the CAs that exporters' certificates must come from, PEM; empty asks exporters for none"`
	Connections       int           `yaml:"connections" default:"256" help:"TCP and TLS connections open at once, all exporters together; more are closed at once"`
	ConnectionsByAddr int           `yaml:"connections_per_address" default:"16" help:"TCP and TLS connections open at once from one address"`
	ConnectionIdle    time.Duration `yaml:"connection_idle" default:"1h" help:"a connection on which no message comes for so long is closed"`
}

// withDefaults gives s with every zero limit set to its default.
func (s Streams) withDefaults() Streams {
	s.Connections = cmp.Or(s.Connections, 256)
	s.ConnectionsByAddr = cmp.Or(s.ConnectionsByAddr, 16)
	s.ConnectionIdle = cmp.Or(s.ConnectionIdle, time.Hour)
	return s
}

// listens says whether there is anything to listen on.
func (s *Streams) listens() bool { return len(s.ListenTCP)+len(s.ListenTLS) > 0 }

func (s *Streams) validate() error {
	for _, l := range []struct {
		name  string
		addrs []string
		port  int
	}{{"listen_tcp", s.ListenTCP, 4739}, {"listen_tls", s.ListenTLS, 4740}} {
		for _, a := range l.addrs {
			if _, err := netip.ParseAddrPort(wild(a)); err != nil {
				return fmt.Errorf("%s: %q: want address:port, such as 0.0.0.0:%d, [::1]:%[3]d or :%[3]d", l.name, a, l.port)
			}
		}
	}
	switch {
	case s.Connections < 0:
		return fmt.Errorf("connections: %d: want 0 or more", s.Connections)
	case s.ConnectionsByAddr < 0:
		return fmt.Errorf("connections_per_address: %d: want 0 or more", s.ConnectionsByAddr)
	case s.ConnectionIdle < 0:
		return fmt.Errorf("connection_idle: %s: want 0 or more", s.ConnectionIdle)
	case len(s.ListenTLS) > 0 && (s.TLSCertificate == "" || s.TLSKey == ""):
		return errors.New("listen_tls: needs netflow.tls_certificate and netflow.tls_key, files in PEM")
	}
	return nil
}
