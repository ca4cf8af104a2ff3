package enrich

import "math"

// asn adds the number and the name of the autonomous system.
func (t *Tables) asn(a *address) {
	if t.asnDB == nil {
		return
	}
	as, err := t.asnDB.ASN(a.ip)
	if err != nil {
		t.geoErrors.Add(1)
		return
	}
	if n := as.AutonomousSystemNumber; n > 0 && n <= math.MaxUint32 {
		a.place.ASN, a.place.ASOrg = uint32(n), as.AutonomousSystemOrganization
	}
}
