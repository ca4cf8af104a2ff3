package enrich

import (
	"net/netip"

	"github.com/flowferry/flowferry/flow"
)

// origin is all that the place of an address is made of. Addresses of one origin are not told apart.
type origin struct {
	city, asn uintptr     // the records in the databases
	group     *flow.Place // its group, nil for none
	bogon     string
}

// origin finds what the place of an address is made of.
func (t *Tables) origin(ip netip.Addr) (from origin) {
	from.city, from.asn = t.cityDB.record(ip), t.asnDB.record(ip)
	from.group, _ = t.groups.Lookup(ip)
	from.bogon, _ = t.bogons.Lookup(ip)
	return from
}

// place tells what the tables know of an address, whose origin is given: place, autonomous system,
// host group of the longest matching prefix and name of the bogon range. whole is false if a
// damaged database could not answer.
func (t *Tables) place(ip netip.Addr, from origin) (p flow.Place, whole bool) {
	whole = t.geo(ip, &p)
	whole = t.asn(ip, &p) && whole
	if g := from.group; g != nil {
		p.Group, p.Role, p.Criticality, p.Internal = g.Group, g.Role, g.Criticality, g.Internal
	}
	p.Bogon = from.bogon
	return p, whole
}

// flows is what is made of a record once its addresses are known, in this order.
var flows = [...]func(*Tables, *flow.Record, *flow.Enr){
	(*Tables).direction,
	(*Tables).service,
}
