package netflow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// Why a datagram was refused, wholly or from some byte on. The records before that byte are
// kept. Each is counted under its own name.
var (
	ErrShort    = errors.New("datagram ends inside its header")
	ErrVersion  = errors.New("version is not one of NetFlow 1, 5, 6, 7, 8, 9, IPFIX and sFlow 5")
	ErrScheme   = errors.New("aggregation scheme is not one of the 14 of NetFlow v8")
	ErrLength   = errors.New("datagram is shorter than its header says")
	ErrSet      = errors.New("set or sample length runs beyond the message or below its own header")
	ErrTemplate = errors.New("template is malformed")
	ErrRecord   = errors.New("data record runs beyond its set or sample")
	ErrDenied   = errors.New("exporter is not in the allow-list")
)

// Config says what is received and what may be kept. The zero value works.
//
// Whoever sends what, a Decoder holds no more than 2*MaxState + 8 KiB*MaxExporters + 32 MiB of heap,
// by default 366 MiB. Names, rates, counters and what else exporters tell is in MaxState, counted
// roughly; the factor is for what the count and the allocator leave out.
type Config struct {
	Listen        []string          `yaml:"listen" default:"[\":2055\"]" help:"addresses to listen on for NetFlow v1, v5 to v9, IPFIX and sFlow over UDP, host:port"`
	Readers       int               `yaml:"readers" default:"0" help:"sockets and reading goroutines per address; 0 is one per CPU"`
	ReceiveBuffer int               `yaml:"receive_buffer" default:"8388608" help:"receive buffer asked of the kernel for each socket, bytes"`
	Allow         []string          `yaml:"allow" help:"addresses or prefixes (CIDR) of exporters to accept; empty accepts all"`
	Sampling      map[string]uint32 `yaml:"sampling" help:"sampling rate by exporter address, over what the exporter says: 1000 is one packet in 1000"`
	MaxExporters  int               `yaml:"max_exporters" default:"10000" help:"exporters (address and domain) remembered; beyond it the least recently heard is forgotten"`
	MaxTemplates  int               `yaml:"max_templates" default:"1000" help:"templates remembered per exporter; beyond it the least recently used is forgotten"`
	MaxState      int               `yaml:"max_state" default:"134217728" help:"memory for templates and held data of all exporters together, bytes"`
	Hold          int               `yaml:"hold" default:"262144" help:"data that came before its template held per exporter, bytes; -1 holds none"`
	HoldAge       time.Duration     `yaml:"hold_age" default:"10m" help:"how long data waits for its template"`
	Unknown       string            `yaml:"unknown" default:"nonzero" help:"which elements without a field of their own are kept: nonzero, all or none"`
	StateFile     string            `yaml:"state_file" default:"" help:"file that keeps templates, names and sampling rates over a restart, as /var/lib/flowferry/netflow.state; empty keeps none"`
	LogFormat     string            `yaml:"log_format" help:"columns of AWS VPC flow logs without a header line, as set in AWS: ${version} ${account-id} ...; empty is the default format of version 2"`

	Streams `yaml:",squash"`
	Rules   `yaml:",squash"`

	Origin uint64 `yaml:"-"` // Record.Origin of all records
}

// withDefaults gives c with every zero field set to its default.
func (c Config) withDefaults() Config {
	set := func(at *int, v int) {
		if *at == 0 {
			*at = v
		}
	}
	if len(c.Listen) == 0 && c.listensUDP() {
		c.Listen = []string{defaultListen}
	}
	set(&c.ReceiveBuffer, 8<<20)
	set(&c.MaxExporters, 10_000)
	set(&c.MaxTemplates, 1000)
	set(&c.MaxState, 128<<20)
	set(&c.Hold, 256<<10)
	if c.HoldAge == 0 {
		c.HoldAge = 10 * time.Minute
	}
	if c.Unknown == "" {
		c.Unknown = "nonzero"
	}
	return c
}

// Validate says which field is wrong and what it should be.
func (c *Config) Validate() error {
	for _, l := range c.Listen {
		if _, err := netip.ParseAddrPort(wild(l)); err != nil {
			return fmt.Errorf("listen: %q: want address:port, such as 0.0.0.0:2055, [::1]:2055 or :2055", l)
		}
	}
	if _, err := parsePrefixes(c.Allow); err != nil {
		return fmt.Errorf("allow: %w", err)
	}
	if err := c.validateRules(); err != nil {
		return err
	}
	if _, err := parseRates(c.Sampling); err != nil {
		return fmt.Errorf("sampling: %w", err)
	}
	for _, n := range []struct {
		name string
		v    int
		min  int
	}{
		{"readers", c.Readers, 0}, {"receive_buffer", c.ReceiveBuffer, 0}, {"max_exporters", c.MaxExporters, 0},
		{"max_templates", c.MaxTemplates, 0}, {"max_state", c.MaxState, 0}, {"hold", c.Hold, -1}, {"hold_age", int(c.HoldAge), 0},
	} {
		if n.v < n.min {
			return fmt.Errorf("%s: %d: want %d or more", n.name, n.v, n.min)
		}
	}
	if _, err := parseLayout(c.LogFormat); err != nil {
		return err
	}
	switch c.Unknown {
	case "", "nonzero", "all", "none":
		return c.Streams.validate()
	}
	return fmt.Errorf("unknown: %q: want nonzero, all or none", c.Unknown)
}

// wild completes ":2055" to the address that listens on all interfaces.
func wild(listen string) string {
	if len(listen) > 0 && listen[0] == ':' {
		return "[::]" + listen
	}
	return listen
}

func parsePrefixes(texts []string) (prefixes, error) {
	var out prefixes
	for _, s := range texts {
		p, err := netip.ParsePrefix(s)
		if ip, errIP := netip.ParseAddr(s); err != nil && errIP == nil {
			p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q: want an address or a prefix, such as 10.1.0.0/16", s)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func parseRates(texts map[string]uint32) (map[flow.Addr]uint32, error) {
	out := make(map[flow.Addr]uint32, len(texts))
	for s, rate := range texts {
		a, err := flow.ParseAddr(s)
		if err != nil || rate == 0 {
			return nil, fmt.Errorf("%q: %d: want an exporter's address and a rate of 1 or more", s, rate)
		}
		out[a] = rate
	}
	return out, nil
}

// Decoder turns datagrams into records. It is safe for concurrent use: datagrams of different
// exporters are decoded side by side, those of one exporter one after the other.
type Decoder struct {
	cfg    Config
	allow  allowList // of Datagram, and of listeners without one of their own
	byPort prefixes
	rates  map[flow.Addr]uint32 // rates set by configuration
	stats  stats
	ord    atomic.Uint64 // Ord of the last record
	state  atomic.Int64  // bytes of templates, names and held data of all exporters

	changes atomic.Uint64 // of what saveState saves
	general bool          // sFlow: all in the general way, which tests compare with the fast one

	works     works
	mu        sync.RWMutex
	exporters map[exporterKey]*exporter // guarded by mu
}

// NewDecoder makes a Decoder. cfg must be valid; of an invalid list the good part is not used.
func NewDecoder(cfg Config) *Decoder {
	cfg = cfg.withDefaults()
	d := &Decoder{cfg: cfg, exporters: map[exporterKey]*exporter{}}
	d.allow = allowed(cfg.Allow)
	d.byPort, _ = parsePrefixes(cfg.ByPort)
	d.rates, _ = parseRates(cfg.Sampling)
	return d
}

// Datagram decodes one export datagram and appends its records to b. received is in Unix ns.
// The error is one of the package's, already counted; the records before it are kept.
func (d *Decoder) Datagram(addr flow.Addr, port uint16, payload []byte, received int64, b *flow.Batch) error {
	return d.datagram(&d.allow, &source{addr: addr, port: port, received: received}, payload, b)
}

// datagram is Datagram for a listener that has an allow-list of its own.
func (d *Decoder) datagram(allow *allowList, src *source, payload []byte, b *flow.Batch) error {
	d.stats.datagrams.Add(1)
	d.stats.bytes.Add(uint64(len(payload)))
	err := ErrDenied
	if allow.has(src.addr) {
		err = d.decode(src, payload, b)
	}
	d.stats.done(err)
	return err
}

// source is whence a datagram came.
type source struct {
	addr     flow.Addr
	port     uint16
	received int64 // Unix ns
	link
}

func (d *Decoder) decode(src *source, p []byte, b *flow.Batch) error {
	if len(p) < 2 {
		return ErrShort
	}
	switch version := binary.BigEndian.Uint16(p); version {
	case 1, 5, 6, 7, 8:
		return d.fixed(src, version, p, b)
	case versionSFlow:
		return d.sflow(src, p, b)
	case 9:
		return d.v9(src, p, b)
	case 10:
		return d.ipfix(src, p, b)
	}
	return ErrVersion
}

// ordinals takes n ordinals and gives the first.
func (d *Decoder) ordinals(n int) uint64 { return d.ord.Add(uint64(n)) - uint64(n) + 1 }
