package capture

import (
	"cmp"
	"fmt"
	"time"

	"github.com/flowferry/flowferry/capture/filter"
	"github.com/flowferry/flowferry/flow"
)

// Tunnel policies.
const (
	TunnelsInner = "inner"
	TunnelsOuter = "outer"
)

// Timeouts are those of one class of protocols; 0 is that of Config.
type Timeouts struct {
	Idle   time.Duration `yaml:"idle_timeout" help:"A flow without a packet for this long has ended; 0 is capture.idle_timeout."`
	Active time.Duration `yaml:"active_timeout" help:"A flow that lasts longer is exported in pieces of this length; 0 is capture.active_timeout."`
}

// class is a class of protocols with time-outs of their own.
type class uint8

const (
	classTCP class = iota
	classUDP
	classICMP
	classOther
	classes
)

func classOf(proto uint8) class {
	switch proto {
	case flow.ProtoTCP:
		return classTCP
	case flow.ProtoUDP:
		return classUDP
	case flow.ProtoICMP, flow.ProtoICMPv6:
		return classICMP
	}
	return classOther
}

// limits gives the time-outs that hold for each class.
func (c *Config) limits() (l [classes]Timeouts) {
	l = [classes]Timeouts{c.TCP, c.UDP, c.ICMP, c.Other}
	for i := range l {
		l[i].Idle = cmp.Or(l[i].Idle, c.Idle)
		l[i].Active = cmp.Or(l[i].Active, c.Active)
	}
	return l
}

// listLimits gives the time-outs that hold in each list.
func (c *Config) listLimits() (l [lists]Timeouts) {
	of := c.limits()
	copy(l[:], of[:])
	l[listHeld], l[listClosed] = of[classTCP], of[classTCP]
	return l
}

// Config says how packets are made into flows. The zero value works.
type Config struct {
	Idle     time.Duration `yaml:"idle_timeout" default:"30s" help:"A flow without a packet for this long has ended."`
	Active   time.Duration `yaml:"active_timeout" default:"30m" help:"A flow that lasts longer is exported in pieces of this length."`
	Linger   time.Duration `yaml:"linger" default:"2m" help:"How long a TCP flow that has closed, or fell silent without closing, waits for a late RST, FIN or retransmission, which belongs to it."`
	TCP      Timeouts      `yaml:"tcp" help:"Time-outs of TCP, where they differ."`
	UDP      Timeouts      `yaml:"udp" help:"Time-outs of UDP, where they differ."`
	ICMP     Timeouts      `yaml:"icmp" help:"Time-outs of ICMP and ICMPv6, where they differ."`
	Other    Timeouts      `yaml:"other" help:"Time-outs of all other protocols, where they differ."`
	Tunnels  string        `yaml:"tunnels" default:"inner" help:"What is metered of packets in a tunnel: inner (the packets inside, the tunnel's ends and id kept beside), or outer."`
	MaxFlows int           `yaml:"max_flows" default:"1000000" help:"Flows held at once, about 350 bytes each; when there are more, the oldest are exported early."`
	Inspect  int           `yaml:"max_inspected" default:"16384" help:"Flows whose first payload bytes are held at once to find their label and names, most of them 1 KiB each, at most 9 KiB; one in 16 may hold 32 KiB."`
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
	c.Tunnels = cmp.Or(c.Tunnels, TunnelsInner)
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
	}{
		{"idle_timeout", c.Idle}, {"active_timeout", c.Active}, {"linger", c.Linger},
		{"tcp.idle_timeout", c.TCP.Idle}, {"tcp.active_timeout", c.TCP.Active},
		{"udp.idle_timeout", c.UDP.Idle}, {"udp.active_timeout", c.UDP.Active},
		{"icmp.idle_timeout", c.ICMP.Idle}, {"icmp.active_timeout", c.ICMP.Active},
		{"other.idle_timeout", c.Other.Idle}, {"other.active_timeout", c.Other.Active},
	} {
		if f.v < 0 {
			return fmt.Errorf("%s is %v: give a duration above zero such as 30s, or leave it out", f.name, f.v)
		}
	}
	d := c.withDefaults()
	if d.Active < d.Idle {
		return fmt.Errorf("active_timeout %v is shorter than idle_timeout %v: make it longer", d.Active, d.Idle)
	}
	for i, l := range d.limits() {
		if l.Active < l.Idle {
			name := [classes]string{"tcp", "udp", "icmp", "other"}[i]
			return fmt.Errorf("%s.active_timeout %v is shorter than %s.idle_timeout %v: make it longer", name, l.Active, name, l.Idle)
		}
	}
	if d.Tunnels != TunnelsInner && d.Tunnels != TunnelsOuter {
		return fmt.Errorf("tunnels is %q: give %s or %s", c.Tunnels, TunnelsInner, TunnelsOuter)
	}
	if c.MaxFlows < 0 || c.MaxFlows > maxFlows {
		return fmt.Errorf("max_flows is %d: give a number from 1 to %d, or leave it out", c.MaxFlows, maxFlows)
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
