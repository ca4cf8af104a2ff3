package stitch

import (
	"fmt"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// Config of a Table. The zero value is usable.
type Config struct {
	Window         time.Duration `yaml:"window" default:"10s" help:"how long a flow waits for its other direction and for other exporters' reports of it"`
	Half           time.Duration `yaml:"half" default:"60s" help:"how long a piece waits for its other direction if the conversation is known to have one"`
	Skew           time.Duration `yaml:"skew" default:"2s" help:"by how much exporters' clocks may differ"`
	IdleTCP        time.Duration `yaml:"idle_tcp" default:"5m" help:"TCP: a longer silence separates two conversations; longer than any exporter's inactive time-out"`
	Idle           time.Duration `yaml:"idle" default:"2m" help:"other protocols: a longer silence separates two conversations"`
	Linger         time.Duration `yaml:"linger" default:"2m" help:"how long after its end a conversation is remembered, for late packets and late reports"`
	Active         time.Duration `yaml:"active" default:"30m" help:"the longest active time-out of the exporters: how long the next piece may take to come"`
	ShortestActive time.Duration `yaml:"shortest_active" default:"60s" help:"the shortest active time-out of the exporters: a shorter flow is not a piece"`
	Quiet          time.Duration `yaml:"quiet" default:"10s" help:"the shortest inactive time-out of the exporters: a flow silent for so long when it was sent had ended"`
	Interim        time.Duration `yaml:"interim" default:"6h" help:"how often the totals of a conversation that goes on are told; such a session is not complete and never enters sums"`
	Counts         string        `yaml:"counts" default:"first" help:"from which of several exporters counts are taken: first (reporter), max (most bytes) or order"`
	Order          []string      `yaml:"order" help:"exporter addresses, the preferred first; for counts: order"`
	ServerPorts    []uint16      `yaml:"server_ports" help:"ports of own services, in addition to the well-known ones: their side is the responder"`
	StateFile      string        `yaml:"state_file" default:"" help:"file in which run keeps open conversations when it is stopped, and finds them when it starts again, as /var/lib/flowferry/stitch.state; empty writes them out at the stop"`
	MaxFlows       int           `yaml:"max_flows" default:"1000000" help:"conversations that each shard holds at most; some 300 bytes each while they wait or go on in pieces, 150 afterwards"`
}

// Bounds of Config.MaxFlows.
const (
	minFlows     = 16
	maxFlows     = 1 << 27
	defaultFlows = 1_000_000
)

// Validate reports the first field that can not be used, and what to write instead.
func (c *Config) Validate() error {
	for _, d := range c.durations() {
		if *d.at < 0 || *d.at > 24*time.Hour {
			return fmt.Errorf("%s: %s is out of range: use 0 (the default, %s) to 24h", d.name, *d.at, d.def)
		}
	}
	if c.MaxFlows != 0 && (c.MaxFlows < minFlows || c.MaxFlows > maxFlows) {
		return fmt.Errorf("max_flows: %d is out of range: use 0 (the default, %d) or %d to %d", c.MaxFlows, defaultFlows, minFlows, maxFlows)
	}
	switch c.Counts {
	case "", "first", "max":
	case "order":
		if len(c.Order) == 0 {
			return fmt.Errorf("order: is empty: list exporter addresses, or set counts to first or max")
		}
	default:
		return fmt.Errorf("counts: %q is not known: use first, max or order", c.Counts)
	}
	for i, s := range c.Order {
		if _, err := flow.ParseAddr(s); err != nil {
			return fmt.Errorf("order[%d]: %q is not an address: write it as 192.0.2.1 or 2001:db8::1", i, s)
		}
	}
	return nil
}

type duration struct {
	name string
	at   *time.Duration
	def  time.Duration
}

func (c *Config) durations() []duration {
	return []duration{
		{"window", &c.Window, 10 * time.Second},
		{"half", &c.Half, time.Minute},
		{"skew", &c.Skew, 2 * time.Second},
		{"idle_tcp", &c.IdleTCP, 5 * time.Minute},
		{"idle", &c.Idle, 2 * time.Minute},
		{"linger", &c.Linger, 2 * time.Minute},
		{"active", &c.Active, 30 * time.Minute},
		{"shortest_active", &c.ShortestActive, time.Minute},
		{"quiet", &c.Quiet, 10 * time.Second},
		{"interim", &c.Interim, 6 * time.Hour},
	}
}

// withDefaults fills what is zero.
func (c Config) withDefaults() Config {
	for _, d := range c.durations() {
		if *d.at == 0 {
			*d.at = d.def
		}
	}
	if c.MaxFlows == 0 {
		c.MaxFlows = defaultFlows
	}
	c.MaxFlows = max(c.MaxFlows, minFlows)
	return c
}
