package enrich

import (
	"net/netip"

	"github.com/flowferry/flowferry/flow"
)

// private is what a site may use inside without asking (RFC 1918, RFC 4193), with the ranges
// that never leave a link or a host (RFC 3927, RFC 4291, RFC 1122).
var private = Group{Name: "private", Internal: true, CIDRs: []string{
	"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7",
	"169.254.0.0/16", "fe80::/10", "127.0.0.0/8", "::1/128",
}}

// loadGroups fills the table of groups; a configured prefix replaces the same private one.
func (t *Tables) loadGroups(cfg *Config) {
	if !cfg.PrivateOff {
		t.addGroup(&private)
	}
	for i := range cfg.Groups {
		t.addGroup(&cfg.Groups[i])
	}
}

func (t *Tables) addGroup(g *Group) {
	p := &flow.Place{Group: g.Name, Role: g.Role, Criticality: g.Criticality, Internal: g.Internal}
	for _, s := range g.CIDRs {
		if prefix, err := parsePrefix(s); err == nil { // Validate has refused the others
			t.groups.Insert(prefix, p)
		}
	}
}

// direction sets ECS network.direction as a site sees it that knows which hosts are its own.
// What goes to a multicast or broadcast address stays where its sender is.
func (t *Tables) direction(r *flow.Record, e *flow.Enr) {
	src, dst := internal(e.Src), internal(e.Dst)
	if !dst && toMany(&r.Dst) {
		dst = src
	}
	switch {
	case src && dst:
		e.Direction = "internal"
	case src:
		e.Direction = "outbound"
	case dst:
		e.Direction = "inbound"
	default:
		e.Direction = "external"
	}
}

func internal(p *flow.Place) bool { return p != nil && p.Internal }

// toMany says whether a is a multicast address or the limited broadcast address.
func toMany(a *flow.Addr) bool {
	if a.Is4() {
		return a[12]>>4 == 0xe || a.As4() == 0xffffffff
	}
	return netip.AddrFrom16(*a).IsMulticast()
}
