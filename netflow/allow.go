package netflow

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/flowferry/flowferry/flow"
)

// Rules is the part of Config that says from whom each listener accepts, and what tells exporters
// apart.
type Rules struct {
	AllowByListen   map[string][]string `yaml:"allow_by_listen" help:"allow-lists of single listeners, instead of allow: an address of listen, listen_tcp or listen_tls as it stands there, and from whom it accepts"`
	ByPort          []string            `yaml:"by_port" help:"addresses or prefixes (CIDR) behind each of which are several exporters (NAT), told apart by their UDP source ports; elsewhere an exporter keeps its templates when its port changes"`
	TemplateTimeout time.Duration       `yaml:"template_timeout" default:"0s" help:"a template that came over UDP is used for so long after it was last sent; at least three times the exporters' refresh time; 0 is until it is replaced or withdrawn"`
}

// defaultListen is where UDP is listened on when nothing else is said.
const defaultListen = ":2055"

// prefixes is a list of networks.
type prefixes []netip.Prefix

func (ps prefixes) has(addr flow.Addr) bool {
	if len(ps) == 0 {
		return false
	}
	ip := addr.IP()
	for _, p := range ps {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// allowList says from whom a listener accepts. The zero value accepts all.
type allowList struct {
	some bool // those of the list only
	list prefixes
}

func (a *allowList) has(addr flow.Addr) bool { return !a.some || a.list.has(addr) }

// allowed makes an allow-list of a valid configuration; of an invalid one it accepts no one.
func allowed(texts []string) allowList {
	list, _ := parsePrefixes(texts)
	return allowList{len(texts) > 0, list}
}

// allowOf gives the allow-list of the listener that the configuration calls so.
func (c *Config) allowOf(listen string) allowList {
	for l, texts := range c.AllowByListen {
		if strings.EqualFold(l, listen) { // viper writes keys in lower case
			return allowed(texts)
		}
	}
	return allowed(c.Allow)
}

// listensUDP says whether there is a UDP listener: it is switched off by an empty list, not nil,
// where there is something else.
func (c *Config) listensUDP() bool {
	return c.Listen == nil || len(c.Listen) > 0 || !c.Streams.listens()
}

// listeners are all addresses to listen on, as the configuration writes them.
func (c *Config) listeners() []string {
	udp := c.Listen
	if len(udp) == 0 && c.listensUDP() {
		udp = []string{defaultListen}
	}
	return slices.Concat(udp, c.ListenTCP, c.ListenTLS)
}

// allowLists are those of all listeners.
func (c *Config) allowLists() (lists []allowList) {
	for _, l := range c.listeners() {
		lists = append(lists, c.allowOf(l))
	}
	return lists
}

func (c *Config) validateRules() error {
	for listen, texts := range c.AllowByListen {
		_, err := parsePrefixes(texts)
		switch {
		case !slices.ContainsFunc(c.listeners(), func(l string) bool { return strings.EqualFold(l, listen) }):
			err = errors.New("is none of listen, listen_tcp and listen_tls; write it as it stands there")
		case len(texts) == 0:
			err = errors.New("want addresses or prefixes to accept; 0.0.0.0/0 and ::/0 are all")
		}
		if err != nil {
			return fmt.Errorf("allow_by_listen: %q: %w", listen, err)
		}
	}
	if _, err := parsePrefixes(c.ByPort); err != nil {
		return fmt.Errorf("by_port: %w", err)
	}
	if c.TemplateTimeout < 0 {
		return fmt.Errorf("template_timeout: %s: want 0 or more", c.TemplateTimeout)
	}
	return nil
}
