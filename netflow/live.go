package netflow

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/flowferry/flowferry/flow"
)

// Live is a source of all that a Config listens on, over one Decoder: all have one account, one
// bound on memory, and one row of ordinals.
type Live struct {
	dec      *Decoder
	udp      *udpSource // nil when switched off
	tcp      *tcpSource // nil when there is nothing to listen on
	state    *stateFile // nil where none is kept
	warnings []string
}

// Listen binds UDP, and TCP and TLS where they are configured. UDP is left out when
// Config.Listen is an empty list, not nil, and there is something else. The source runs with
// Run; without it, Close gives the sockets back.
func Listen(cfg Config) (*Live, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := &Live{dec: NewDecoder(cfg)}
	streams := cfg.Streams.listens()
	var err error
	if cfg.listensUDP() {
		l.udp, err = listenUDP(cfg, l.dec)
	}
	if err == nil && streams {
		l.tcp, err = listenTCP(cfg.Streams, l.dec)
	}
	if err == nil {
		err = l.keepState(cfg.StateFile)
	}
	if err != nil {
		l.Close()
		return nil, err
	}
	if l.tcp != nil {
		l.tcp.ticks = l.udp == nil
	}
	return l, nil
}

// keepState loads the state file and has it kept.
func (l *Live) keepState(path string) (err error) {
	if path == "" {
		return nil
	}
	var warning string
	if l.state, warning, err = openState(l.dec, path); warning != "" {
		l.warnings = append(l.warnings, warning)
	}
	return err
}

// Run receives until ctx is cancelled or a listener fails, then drains all that is open. The state
// file, if there is one, is saved while it runs and at the end.
func (l *Live) Run(ctx context.Context, emit func(*flow.Batch)) (err error) {
	if l.state != nil {
		saving, end := context.WithCancel(context.Background())
		kept := make(chan error)
		go func() { kept <- l.state.keep(saving) }()
		defer func() {
			end()
			err = errors.Join(err, <-kept)
		}()
	}
	var all flow.Sources
	if l.udp != nil {
		all = append(all, l.udp)
	}
	if l.tcp != nil {
		all = append(all, l.tcp)
	}
	return all.Run(ctx, emit)
}

// Endpoint is an address listened on.
type Endpoint struct {
	Network string // "udp", "tcp" or "tls"
	Addr    netip.AddrPort
}

// Endpoints gives the addresses it listens on.
func (l *Live) Endpoints() (out []Endpoint) {
	add := func(network string, addrs []netip.AddrPort) {
		for _, a := range addrs {
			out = append(out, Endpoint{network, a})
		}
	}
	if l.udp != nil {
		add("udp", l.udp.Addrs())
	}
	if l.tcp != nil {
		plain, secure := l.tcp.Addrs()
		add("tcp", plain)
		add("tls", secure)
	}
	return out
}

// Stats gives the account of all.
func (l *Live) Stats() (out []flow.Stat) {
	if l.udp != nil {
		out = l.udp.Stats()
	} else {
		out = l.dec.Stats()
	}
	if l.tcp != nil {
		out = append(out, l.tcp.Stats()...)
	}
	return out
}

// Exporters gives the account of each exporter.
func (l *Live) Exporters() []ExporterStats { return l.dec.Exporters() }

// Warnings gives what the operator should know about the sockets and the state file, each with its
// remedy.
func (l *Live) Warnings() []string {
	if l.udp == nil {
		return l.warnings
	}
	return slices.Concat(l.udp.warnings, l.warnings)
}

// Close closes the sockets. Run does so itself.
func (l *Live) Close() error {
	var err error
	if l.udp != nil {
		err = l.udp.Close()
	}
	if l.tcp != nil {
		if e := l.tcp.Close(); err == nil {
			err = e
		}
	}
	return err
}
