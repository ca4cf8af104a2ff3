package enrich

import (
	"math"
	"net/netip"

	"github.com/flowferry/flowferry/flow"
)

// asn adds the number and the name of the autonomous system.
func (t *Tables) asn(ip netip.Addr, p *flow.Place) (ok bool) {
	if t.asnDB == nil {
		return true
	}
	as, err := t.asnDB.ASN(ip)
	if err != nil {
		t.geoErrors.Add(1)
		return false
	}
	if n := as.AutonomousSystemNumber; n > 0 && n <= math.MaxUint32 {
		p.ASN, p.ASOrg = uint32(n), as.AutonomousSystemOrganization
	}
	return true
}
