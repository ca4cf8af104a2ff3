package capture

import (
	"fmt"
	"time"

	"github.com/flowferry/flowferry/capture/filter"
)

// Config says how packets are made into flows. The zero value works.
type Config struct {
	Idle     time.Duration `yaml:"idle_timeout" default:"30s" help:"A flow without a packet for this long has ended."`
	Active   time.Duration `yaml:"active_timeout" default:"30m" help:"A flow that lasts longer is exported in pieces of this length."`
	Linger   time.Duration `yaml:"linger" default:"2m" help:"How long a TCP flow that has closed, or fell silent without closing, waits for a late RST, FIN or retransmission, which belongs to it."`
	MaxFlows int           `yaml:"max_flows" default:"1000000" help:"Flows held at once, about 250 bytes each; when there are more, the oldest are exported early."`
	Inspect  int           `yaml:"max_inspected" default:"16384" help:"Flows whose first payload bytes are held at once to find their label and names, at most 8 KiB each; one in 16 may hold 32 KiB."`
	Filter   string        `yaml:"filter" default:"" help:"Which packets are metered, of files and interfaces, in the language of tcpdump, such as 'tcp port 443'; docs/capture.md tells which part of it. Empty is all."`
	Live     LiveConfig    `yaml:"live" help:"Network interfaces that are metered."`
}

func (c Config) withDefaults() Config {
	d := func(v *time.Duration, def time.Duration) {
		if *v == 0 {
			*v = def
		}
	}
	d(&c.Idle, 30*time.Second)
	d(&c.Active, 30*time.Minute)
	d(&c.Linger, 2*time.Minute)
	if c.MaxFlows == 0 {
		c.MaxFlows = 1_000_000
	}
	if c.Inspect == 0 {
		c.Inspect = 16384
	}
	return c
}

// Validate names the field that makes no sense, and the remedy.
func (c *Config) Validate() error {
	for _, f := range []struct {
		name string
		v    time.Duration
	}{{"idle_timeout", c.Idle}, {"active_timeout", c.Active}, {"linger", c.Linger}} {
		if f.v < 0 {
			return fmt.Errorf("%s is %v: give a duration above zero such as 30s, or leave it out", f.name, f.v)
		}
	}
	if d := c.withDefaults(); d.Active < d.Idle {
		return fmt.Errorf("active_timeout %v is shorter than idle_timeout %v: make it longer", d.Active, d.Idle)
	}
	if c.MaxFlows < 0 || c.MaxFlows > 1<<30 {
		return fmt.Errorf("max_flows is %d: give a number from 1 to %d, or leave it out", c.MaxFlows, 1<<30)
	}
	if c.Inspect < 0 {
		return fmt.Errorf("max_inspected is %d: give a number above zero, or leave it out", c.Inspect)
	}
	if _, err := filter.Parse(c.Filter); err != nil {
		return err
	}
	if err := c.Live.validate(); err != nil {
		return err
	}
	return nil
}
