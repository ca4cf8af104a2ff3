package flow

// Enr is what enrichment found out about a flow. A Record points to it by index into the
// Batch's side table. The pointers lead to values that are shared and never changed.
type Enr struct {
	Src, Dst  *Place // nil when nothing is known of the address
	Service   string // IANA service name of the responder's port; ""
	Direction string // ECS network.direction: "inbound", "outbound", "internal", "external"; ""
	Hits      []Hit  // watchlist matches

	// What the addresses were called in DNS answers shortly before the flow; "" is not known.
	SrcDomain, DstDomain     string
	SrcDomainBy, DstDomainBy DomainBy // valid iff the domain is
}

// DomainBy is whose question a name of an address was the answer to.
type DomainBy uint8

const (
	DomainNone  DomainBy = iota
	DomainDNS            // that of the other end of the flow
	DomainOther          // that of another host, and no other name was answered with the address
)

var domainBys = [...]string{"", "dns", "dns_other"}

func (d DomainBy) String() string { return name(domainBys[:], int(d)) }

// Place is what the tables know of one address.
type Place struct {
	CountryISO, Country      string // "GB", "United Kingdom"
	Continent                string // code: "EU"
	RegionISO, Region, City  string // "GB-ENG", "England", "London"
	Timezone                 string
	Lat, Lon                 float64 // degrees. Valid iff Located
	Located                  bool
	ASN                      uint32 // 0 is none
	ASOrg                    string
	Group, Role, Criticality string // host group: its name, role and criticality
	Internal                 bool   // in a host group that is ours
	Bogon                    string // name of the bogon range the address is in; ""
}

// Hit is one match of a watchlist.
type Hit struct {
	List      string // name of the list
	Indicator string // what matched: an address or a prefix
	Side      string // "source" or "destination"
	Type      string // ECS threat.indicator.type: "ipv4-addr", "ipv6-addr"
	Note      string // the list's own words on the indicator; ""
}
