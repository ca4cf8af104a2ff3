package enrich

import (
	"fmt"
	"net/netip"
	"strings"
)

// Config says which tables there are. The zero value is usable: private address ranges as one
// internal group, bogons and service names, no databases and no watchlists.
type Config struct {
	City       string      `yaml:"city" help:"path of a city or country database in MaxMind DB format (GeoLite2, GeoIP2, DB-IP Lite); empty is none"`
	ASN        string      `yaml:"asn" help:"path of an ASN or ISP database in MaxMind DB format; empty is none"`
	Groups     []Group     `yaml:"groups" help:"host groups by prefix; the longest matching prefix decides, also against the private ranges"`
	Watchlists []Watchlist `yaml:"watchlists" help:"files of addresses and prefixes to look out for"`
	PrivateOff bool        `yaml:"private_off" default:"false" help:"do not treat private, link-local and loopback ranges as the internal group \"private\""`
	BogonsOff  bool        `yaml:"bogons_off" default:"false" help:"do not mark addresses that must not occur on the Internet"`
	Cache      int         `yaml:"cache" default:"16384" help:"addresses that each shard remembers, rounded up to a power of two"`
}

// Group is a set of hosts that belong together.
type Group struct {
	Name        string   `yaml:"name" help:"name of the group"`
	CIDRs       []string `yaml:"cidrs" help:"prefixes or single addresses"`
	Role        string   `yaml:"role" help:"what the hosts do, such as \"web server\"; may be empty"`
	Criticality string   `yaml:"criticality" help:"how much the hosts matter, such as \"high\"; may be empty"`
	Internal    bool     `yaml:"internal" default:"false" help:"the hosts are ours: decides network.direction"`
}

// Watchlist is a file of indicators.
type Watchlist struct {
	Name   string `yaml:"name" help:"name of the list; empty is the file's name"`
	Path   string `yaml:"path" help:"path of the file"`
	Format string `yaml:"format" default:"auto" help:"plain (one indicator a line), csv, or auto (csv when the name ends in .csv)"`
	Column string `yaml:"column" default:"1" help:"csv: column of the indicator, by its header name or its number from 1"`
	Note   string `yaml:"note" help:"csv: column of the note that a hit carries, by header name or number; empty is none"`
}

// defaultCache is Config.Cache when zero: 16 Ki addresses are 400 kB and hold a site's day.
const defaultCache = 1 << 14

// maxCache bounds Config.Cache.
const maxCache = 1 << 22

// Validate reports the first field that can not be used, and what to write instead.
func (c *Config) Validate() error {
	if c.Cache < 0 || c.Cache > maxCache {
		return fmt.Errorf("cache: %d is out of range: use 0 (the default, %d) to %d", c.Cache, defaultCache, maxCache)
	}
	for i, g := range c.Groups {
		if err := g.validate(); err != nil {
			return fmt.Errorf("groups[%d]: %w", i, err)
		}
	}
	for i, w := range c.Watchlists {
		if err := w.validate(); err != nil {
			return fmt.Errorf("watchlists[%d]: %w", i, err)
		}
	}
	return nil
}

func (g *Group) validate() error {
	if g.Name == "" {
		return fmt.Errorf("name: is missing: give the group a name")
	}
	if len(g.CIDRs) == 0 {
		return fmt.Errorf("cidrs: group %q has none: list at least one prefix such as 192.0.2.0/24", g.Name)
	}
	for _, s := range g.CIDRs {
		if _, err := parsePrefix(s); err != nil {
			return fmt.Errorf("cidrs: group %q: %q is not a prefix: write it as 192.0.2.0/24 or 2001:db8::/32", g.Name, s)
		}
	}
	return nil
}

func (w *Watchlist) validate() error {
	if w.Path == "" {
		return fmt.Errorf("path: is missing: name the file of the list")
	}
	switch w.Format {
	case "", "auto", "plain", "csv":
		return nil
	}
	return fmt.Errorf("format: %q is not known: use auto, plain or csv", w.Format)
}

// parsePrefix reads a prefix or a single address, which is its own prefix. Host bits are
// cleared, an IPv4-mapped address becomes IPv4, a zone is refused.
func parsePrefix(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		ip, err := netip.ParseAddr(s)
		if err == nil && ip.Zone() != "" {
			err = fmt.Errorf("address %q has a zone", s)
		}
		if err != nil {
			return netip.Prefix{}, err
		}
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, err
	}
	if a := p.Addr(); a.Is4In6() {
		if p.Bits() < 96 {
			return p, fmt.Errorf("prefix %q is shorter than the IPv4-mapped range", s)
		}
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}
