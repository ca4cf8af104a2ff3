package app

// What exporters give as numbers is named by these as the meter names it.

// DNSType names a record type: "AAAA", or "TYPE65280" where it has no name.
func DNSType(t uint16) string { return dnsType(t) }

// DNSRcode names a response code: "NXDOMAIN", or "RCODE23" where it has no name.
func DNSRcode(c uint8) string { return dnsRcode(c) }

// TLSVersion names a protocol version: "1.2", or "0x0500" where it has no name.
func TLSVersion(v uint16) string { return tlsVersion(int(v)) }

// TLSCipher names a cipher suite by IANA, or is "0xc02f" where it has no name.
func TLSCipher(id uint16) string { return tlsCipher(int(id)) }
