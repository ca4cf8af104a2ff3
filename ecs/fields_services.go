package ecs

import "github.com/flowferry/flowferry/flow"

// services is what DHCP, NTP, SNMP, Kerberos, LDAP and SIP tell that has no place among the fields
// which are alike over all protocols: flow.app.*, user.*, user_agent.original.
var services = []Field{
	{Name: "flow.dhcp.client_mac", Type: Keyword, Multi: true, Of: Ours, Desc: "Hardware addresses of the DHCP clients of the flow; to broadcast addresses several speak in one. Of DHCPv6 as far as the client's identifier holds one.", side: meta,
		Strs: dhcpTexts(func(d *flow.DHCP) string { return d.MAC })},
	{Name: "flow.dhcp.host_name", Type: Keyword, Multi: true, Of: Ours, Desc: "What the DHCP clients call themselves: host name, else fully qualified name.", side: meta,
		Strs: dhcpTexts(func(d *flow.DHCP) string { return d.Host })},
	{Name: "flow.dhcp.vendor_class", Type: Keyword, Multi: true, Of: Ours, Desc: "Vendor classes of the DHCP clients: MSFT 5.0, android-dhcp-14 …", side: meta,
		Strs: dhcpTexts(func(d *flow.DHCP) string { return d.Vendor })},
	{Name: "flow.dhcp.fingerprint", Type: Keyword, Multi: true, Of: Ours, Desc: "Options that the DHCP clients ask for, in their order: 1,3,6,15. It tells systems apart.", side: meta,
		Strs: dhcpTexts(func(d *flow.DHCP) string { return d.Fingerprint })},
	{Name: "flow.dhcp.requested_ip", Type: IP, Multi: true, Of: Ours, Desc: "Addresses that the DHCP clients ask for.", side: meta,
		Addrs: dhcpAddrs(func(d *flow.DHCP) flow.Addr { return d.Requested })},
	{Name: "flow.dhcp.assigned_ip", Type: IP, Multi: true, Of: Ours, Desc: "Addresses that the DHCP clients are offered or given.", side: meta,
		Addrs: dhcpAddrs(func(d *flow.DHCP) flow.Addr { return d.Assigned })},
	{Name: "flow.dhcp.server_ip", Type: IP, Multi: true, Of: Ours, Desc: "DHCP servers by the identifier in their messages; a relay may stand between.", side: meta,
		Addrs: dhcpAddrs(func(d *flow.DHCP) flow.Addr { return d.Server })},

	{Name: "flow.ntp.stratum", Type: Long, Of: Ours, Desc: "Distance of the time server from a reference clock; 0 is unspecified or a refusal, 1 has the clock itself.", side: meta,
		Int: func(b *batch, r *record) (int64, bool) { n := ntpOf(b, r); return int64(n.Stratum), n != &emptyNTP }},
	{Name: "flow.ntp.reference_id", Type: Keyword, Of: Ours, Desc: "What the time server goes by: a clock (GPS, PPS), a reason to refuse (RATE, DENY), or the next server, an IPv4 address or four bytes of a hash.", side: meta,
		Str: func(b *batch, r *record) string { return ntpOf(b, r).Reference }},
	{Name: "flow.ntp.reference_time", Type: Date, Of: Ours, Desc: "When the time server's clock was last set.", side: meta,
		Int: func(b *batch, r *record) (int64, bool) { n := ntpOf(b, r); return n.Set, n.Set != 0 }},

	{Name: "flow.snmp.community", Type: Keyword, Of: Ours, Desc: "public or private, where it is one of these two defaults; any other community is a secret and is not kept.", side: meta,
		Str: func(b *batch, r *record) string { return snmpOf(b, r).Community }},
	{Name: "flow.snmp.engine_id", Type: Keyword, Of: Ours, Desc: "Authoritative engine of SNMP version 3, lower-case hex.", side: meta,
		Str: func(b *batch, r *record) string { return snmpOf(b, r).Engine }},

	{Name: "flow.kerberos.realm", Type: Keyword, Of: Ours, Desc: "Realm of the Kerberos service that was asked for.", side: meta,
		Str: func(b *batch, r *record) string { return kerberosOf(b, r).Realm }},
	{Name: "flow.kerberos.ciphers", Type: Keyword, Multi: true, Of: Ours, Desc: "Encryption types that the Kerberos client offers, its favourite first: aes256-cts-hmac-sha1-96, rc4-hmac …", side: meta,
		Strs: func(dst []string, b *batch, r *record) []string { return append(dst, kerberosOf(b, r).Ciphers...) }},
	{Name: "flow.kerberos.cipher", Type: Keyword, Of: Ours, Desc: "Encryption type of the reply to the client.", side: meta,
		Str: func(b *batch, r *record) string { return kerberosOf(b, r).Cipher }},
	{Name: "flow.kerberos.ticket_cipher", Type: Keyword, Of: Ours, Desc: "Encryption type of the ticket: rc4-hmac can be broken off line.", side: meta,
		Str: func(b *batch, r *record) string { return kerberosOf(b, r).TicketCipher }},

	{Name: "flow.ldap.authentication", Type: Keyword, Of: Ours, Desc: "How the first LDAP bind proves who it is: anonymous, simple (a password in the clear), else the mechanism: GSS-SPNEGO …", side: meta,
		Str: func(b *batch, r *record) string { return ldapOf(b, r).Authentication }},
	{Name: "flow.ldap.filter", Type: Keyword, Of: Ours, Desc: "Filter of the first LDAP search, at most 1024 bytes.", side: meta,
		Str: func(b *batch, r *record) string { return ldapOf(b, r).Filter }},

	{Name: "flow.sip.from", Type: Keyword, Of: Ours, Desc: "Who calls, a URI.", side: meta,
		Str: func(b *batch, r *record) string { return sipOf(b, r).From }},
	{Name: "flow.sip.to", Type: Keyword, Of: Ours, Desc: "Who is called, a URI.", side: meta,
		Str: func(b *batch, r *record) string { return sipOf(b, r).To }},
	{Name: "flow.sip.call_id", Type: Keyword, Of: Ours, Desc: "Identifier of the first call or registration of the flow.", side: meta,
		Str: func(b *batch, r *record) string { return sipOf(b, r).CallID }},
}

var (
	emptyNTP      flow.NTP
	emptySNMP     flow.SNMP
	emptyKerberos flow.Kerberos
	emptyLDAP     flow.LDAP
	emptySIP      flow.SIP
)

// or gives p, or what stands for it where it is absent.
func or[T any](p, empty *T) *T {
	if p == nil {
		return empty
	}
	return p
}

func ntpOf(b *batch, r *record) *flow.NTP           { return or(talkOf(b, r).NTP, &emptyNTP) }
func snmpOf(b *batch, r *record) *flow.SNMP         { return or(talkOf(b, r).SNMP, &emptySNMP) }
func kerberosOf(b *batch, r *record) *flow.Kerberos { return or(talkOf(b, r).Kerberos, &emptyKerberos) }
func ldapOf(b *batch, r *record) *flow.LDAP         { return or(talkOf(b, r).LDAP, &emptyLDAP) }
func sipOf(b *batch, r *record) *flow.SIP           { return or(talkOf(b, r).SIP, &emptySIP) }

// dhcpTexts makes an accessor over the clients of a flow.
func dhcpTexts(of func(*flow.DHCP) string) func([]string, *batch, *record) []string {
	return func(dst []string, b *batch, r *record) []string {
		list := talkOf(b, r).DHCP
		for i := range list {
			dst = appendString(dst, of(&list[i]))
		}
		return dst
	}
}

func dhcpAddrs(of func(*flow.DHCP) flow.Addr) func([]flow.Addr, *batch, *record) []flow.Addr {
	return func(dst []flow.Addr, b *batch, r *record) []flow.Addr {
		list := talkOf(b, r).DHCP
		for i := range list {
			dst = appendAddr(dst, of(&list[i]))
		}
		return dst
	}
}
