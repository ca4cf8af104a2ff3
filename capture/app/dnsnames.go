package app

import "strconv"

// dnsTypes names record types (IANA dns-parameters).
var dnsTypes = [...]string{
	1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 10: "NULL", 11: "WKS", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT",
	17: "RP", 18: "AFSDB", 24: "SIG", 25: "KEY", 28: "AAAA", 29: "LOC", 33: "SRV", 35: "NAPTR", 37: "CERT",
	39: "DNAME", 41: "OPT", 42: "APL", 43: "DS", 44: "SSHFP", 45: "IPSECKEY", 46: "RRSIG", 47: "NSEC",
	48: "DNSKEY", 49: "DHCID", 50: "NSEC3", 51: "NSEC3PARAM", 52: "TLSA", 53: "SMIMEA", 55: "HIP", 59: "CDS",
	60: "CDNSKEY", 61: "OPENPGPKEY", 62: "CSYNC", 63: "ZONEMD", 64: "SVCB", 65: "HTTPS", 99: "SPF",
	249: "TKEY", 250: "TSIG", 251: "IXFR", 252: "AXFR", 255: "ANY", 256: "URI", 257: "CAA",
}

// dnsKnown says whether a record type has a name.
func dnsKnown(t uint16) bool { return int(t) < len(dnsTypes) && dnsTypes[t] != "" }

func dnsType(t uint16) string {
	if dnsKnown(t) {
		return dnsTypes[t]
	}
	return "TYPE" + strconv.Itoa(int(t)) // RFC 3597 section 5
}

func dnsClassName(c uint16) string {
	switch c & 0x7fff {
	case 1:
		return "IN"
	case 3:
		return "CH"
	case 4:
		return "HS"
	case 254:
		return "NONE"
	case 255:
		return "ANY"
	}
	return "CLASS" + strconv.Itoa(int(c))
}

// dnsRcodes names response codes (RFC 1035, RFC 2136).
var dnsRcodes = [...]string{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"}

func dnsRcode(c byte) string {
	if int(c) < len(dnsRcodes) {
		return dnsRcodes[c]
	}
	return "RCODE" + strconv.Itoa(int(c))
}
