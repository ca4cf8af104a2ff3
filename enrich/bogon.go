package enrich

import "net/netip"

// BogonVersion is the date of the registries from which the list of bogons was made.
const BogonVersion = "2025-10"

// bogons are the ranges whose addresses must not be seen on the Internet: those that the IANA
// IPv4 and IPv6 special-purpose address registries (RFC 6890 and its updates) do not mark as
// globally reachable, multicast that is no source, and the IPv6 space outside 2000::/3, of
// which nothing is allocated. The longest prefix decides; an empty name is an exception.
var bogons = [...]struct{ prefix, name string }{
	{"0.0.0.0/8", "this network"},                 // RFC 791
	{"10.0.0.0/8", "private use"},                 // RFC 1918
	{"100.64.0.0/10", "shared address space"},     // RFC 6598
	{"127.0.0.0/8", "loopback"},                   // RFC 1122
	{"169.254.0.0/16", "link local"},              // RFC 3927
	{"172.16.0.0/12", "private use"},              // RFC 1918
	{"192.0.0.0/24", "IETF protocol assignments"}, // RFC 6890
	{"192.0.0.9/32", ""},                          // Port Control Protocol anycast, RFC 7723
	{"192.0.0.10/32", ""},                         // TURN anycast, RFC 8155
	{"192.0.2.0/24", "documentation"},             // RFC 5737
	{"192.88.99.0/24", "deprecated 6to4 relay"},   // RFC 7526
	{"192.168.0.0/16", "private use"},             // RFC 1918
	{"198.18.0.0/15", "benchmarking"},             // RFC 2544
	{"198.51.100.0/24", "documentation"},          // RFC 5737
	{"203.0.113.0/24", "documentation"},           // RFC 5737
	{"224.0.0.0/4", "multicast"},                  // RFC 1112
	{"240.0.0.0/4", "reserved"},                   // RFC 1112
	{"255.255.255.255/32", "limited broadcast"},   // RFC 8190

	{"::/0", "unallocated"},                    // RFC 3513: only 2000::/3 is global unicast so far
	{"2000::/3", ""},                           // global unicast
	{"::/128", "unspecified"},                  // RFC 4291
	{"::1/128", "loopback"},                    // RFC 4291
	{"64:ff9b::/96", ""},                       // IPv4-IPv6 translation, RFC 6052
	{"64:ff9b:1::/48", "private translation"},  // RFC 8215
	{"100::/64", "discard only"},               // RFC 6666
	{"100:0:0:1::/64", "dummy prefix"},         // RFC 9780
	{"2001::/23", "IETF protocol assignments"}, // RFC 2928
	{"2001::/32", ""},                          // Teredo, RFC 4380
	{"2001:1::1/128", ""},                      // Port Control Protocol anycast, RFC 7723
	{"2001:1::2/128", ""},                      // TURN anycast, RFC 8155
	{"2001:1::3/128", ""},                      // DNS-SD service registration anycast, RFC 9665
	{"2001:2::/48", "benchmarking"},            // RFC 5180
	{"2001:3::/32", ""},                        // AMT, RFC 7450
	{"2001:4:112::/48", ""},                    // AS112-v6, RFC 7535
	{"2001:10::/28", "deprecated ORCHID"},      // RFC 4843
	{"2001:20::/28", ""},                       // ORCHIDv2, RFC 7343
	{"2001:30::/28", ""},                       // drone remote identification, RFC 9374
	{"2001:db8::/32", "documentation"},         // RFC 3849
	{"3fff::/20", "documentation"},             // RFC 9637
	{"5f00::/16", "segment routing"},           // RFC 9602
	{"fc00::/7", "unique local"},               // RFC 4193
	{"fe80::/10", "link local"},                // RFC 4291
	{"fec0::/10", "deprecated site local"},     // RFC 3879
	{"ff00::/8", "multicast"},                  // RFC 4291
}

func (t *Tables) loadBogons() {
	for _, b := range bogons {
		t.bogons.Insert(netip.MustParsePrefix(b.prefix), b.name)
	}
}
