// Package ecstest gives tests records that have what the fields table knows.
package ecstest

import (
	"time"

	"github.com/flowferry/flowferry/flow"
)

// Filled makes a batch of one record in which every field of the table that can be present beside
// the others is.
func Filled() (*flow.Batch, *flow.Record) {
	b := &flow.Batch{}
	at := time.Date(2024, 2, 29, 23, 59, 59, 123456789, time.UTC).UnixNano()
	r := b.Next()
	*r = flow.Record{
		Start: at - 1500e6, End: at, Received: at + 1e9, Origin: 0x0123456789abcdef, Ord: 42, Has: flow.HasWire<<1 - 1,
		Src: flow.MustAddr("10.1.2.3"), Dst: flow.MustAddr("81.2.69.142"), Exporter: flow.MustAddr("192.0.2.1"),
		NextHop: flow.MustAddr("192.0.2.254"), NATSrc: flow.MustAddr("198.51.100.7"), NATDst: flow.MustAddr("81.2.69.143"),
		Fwd:    flow.Counts{Bytes: 3000, Packets: 10, Payload: 2400, InitFlags: flow.SYN, Flags: flow.SYN | flow.ACK | flow.PSH | flow.FIN, ToS: 46 << 2, TTL: 63},
		Rev:    flow.Counts{Bytes: 1000, Packets: 8, Payload: 500, InitFlags: flow.SYN | flow.ACK, Flags: flow.SYN | flow.ACK, ToS: 8, TTL: 52},
		Domain: 7, Sampling: 100, InIf: 3, OutIf: 4, SrcAS: 64512, DstAS: 20712, MPLS: 16001, Segment: 1, Segments: 2, Flows: 3,
		SrcPort: 49152, DstPort: 443, NATSrcPort: 1025, NATDstPort: 8443, VLAN: 100, PostVLAN: 200, App: flow.AppTLS,
		AppConfidence: flow.ConfidenceHigh, AppReason: flow.ReasonHandshake, AppHint: flow.AppHTTP,
		SrcMAC: flow.MAC{0, 0, 0x5e, 0, 0x53, 0x23}, DstMAC: flow.MAC{0, 0, 0x5e, 0, 0x53, 0xff}, Proto: flow.ProtoTCP,
		ICMPType: 3, ICMPCode: 1, SrcMask: 24, DstMask: 16, Via: flow.ViaIPFIX, Direction: flow.Ingress, EndReason: flow.EndOfFlow,
		InitiatorBy: flow.BySYN, State: flow.StateEstablished, Complete: true, Skewed: true, Observers: 2,
	}
	side := flow.WireSide{ISN: 1, HasISN: true, Retransmits: 2, OutOfOrder: 3, Gap: 4, ZeroWindows: 5, SessionFlags: flow.ACK, MaxTTL: 64, Entropy: 4.5, EntropyBytes: 200}
	*b.AddWire(r) = flow.Wire{Fwd: side, Rev: side, File: "office.pcap", Offset: 24, LastOffset: 4096, SynRTT: 20000, AckRTT: 300,
		History: flow.History{'S', 'h', 'A'}, Conn: flow.ConnS1, ICMPErrors: 1, ICMPVersion: 4, ICMPType: 3, ICMPCode: 3,
		Tunnel: flow.TunnelVXLAN, TunnelID: 100, HasTunnelID: true, TunnelDepth: 1, TunnelSrc: flow.MustAddr("192.0.2.8"), TunnelDst: flow.MustAddr("192.0.2.9")}
	b.SetMeta(r, flow.Meta{
		DNS: &flow.DNS{ID: 4660, Question: "www.example.com", Type: "A", Class: "IN", Rcode: "NOERROR", Opcode: "QUERY", Flags: []string{"RD", "RA"}, More: []flow.DNS{{Question: "www.example.com", Type: "AAAA", Rcode: "NXDOMAIN"}}, Answers: []flow.Answer{
			{Name: "www.example.com", Type: "CNAME", Data: "example.com", TTL: 60}, {Name: "example.com", Type: "A", Data: "93.184.216.34", TTL: 60}}},
		HTTP: &flow.HTTP{Method: "GET", Host: "www.example.com:8080", Path: "/a?q=1", Version: "1.1", UserAgent: "curl/8.5 \"quoted\"",
			Referrer: "http://example.com/", Server: "nginx", ContentType: "text/html; charset=utf-8", Status: 200},
		TLS: &flow.TLS{ServerName: "www.example.com", Version: "1.3", Cipher: "TLS_AES_128_GCM_SHA256", ALPN: []string{"h2", "http/1.1"}, NextProto: "h2",
			JA3: "771,1", JA3S: "771,2", JA4: "t13d1516h2_8daaf6152771_e5627efa2ab1", Resumed: true,
			Cert: flow.Cert{Subject: "CN=www.example.com, O=Example", Issuer: "CN=Example CA", Serial: "0A1B", NotBefore: 1e18, NotAfter: 2e18, CommonName: "www.example.com",
				IssuerName: "Example CA", AltNames: []string{"www.example.com", "192.0.2.1"}, SHA1: "0A", SHA256: "0B"},
			Client: &flow.Cert{Subject: "CN=alice", Issuer: "CN=Example CA", Serial: "0C", NotBefore: 1e18, NotAfter: 2e18, SHA256: "0D"}},
		SSH:  &flow.SSH{Client: "SSH-2.0-OpenSSH_9.6", Server: "SSH-2.0-dropbear", HASSH: "aa", HASSHServer: "bb"},
		Mail: &flow.Mail{Helo: "client.example.com", From: "a@example.com", To: []string{"b@example.com", "c@example.com"}, Subject: "Hello"},
		Talk: &flow.Talk{Version: "1", Commands: []string{"USER", "RETR"}, Results: []string{"230"}, Names: []string{"a.txt"}, User: "bob", Server: "vsFTPd", Domain: "EXAMPLE.COM", Client: "desk7",
			DHCP: []flow.DHCP{{MAC: "00-00-5E-00-53-23", Host: "desk", Requested: flow.MustAddr("10.1.2.3"), Assigned: flow.MustAddr("10.1.2.4"), Server: flow.MustAddr("10.1.2.1"),
				Vendor: "MSFT 5.0", Fingerprint: "1,3,6,15"}, {MAC: "00-00-5E-00-53-24", Host: "desk2"}},
			NTP: &flow.NTP{Stratum: 1, Reference: "GPS", Set: 1e18}, SNMP: &flow.SNMP{Community: "public", Engine: "80001f8880"},
			Kerberos: &flow.Kerberos{Realm: "EXAMPLE.COM", Ciphers: []string{"aes256-cts-hmac-sha1-96", "rc4-hmac"}, Cipher: "aes256-cts-hmac-sha1-96", TicketCipher: "rc4-hmac"},
			LDAP:     &flow.LDAP{Authentication: "simple", Filter: "(uid=bob)"},
			SIP:      &flow.SIP{From: "sip:bob@example.com", To: "sip:alice@example.com", CallID: "a84b4c76e66710@pc33", UserAgent: "phone/1"}},
		Parent: "1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
		NAT:    "1:wCb3OG7yAFWelaUydu0D+125CLM=",
		Code:   1001, Reason: "denied by ingress ACL", AppName: "Office365", User: "alice", Sampler: "random",
		Names:   &flow.Names{InIf: "Gi0/3", OutIf: "Gi0/4", InIfAlias: "office", OutIfAlias: "uplink", InVRF: "staff", OutVRF: "internet"},
		Unknown: []flow.Element{{PEN: 9, ID: 12235, Value: []byte{1, 2}}, {ID: 500, Value: []byte("x")}, {ID: 148, Name: "flowId", Value: []byte{7}}, {PEN: 9, ID: 12235, Value: []byte{3}}},
		Cloud:   &flow.Cloud{Provider: "aws", Account: "123456789010", Project: "p", Region: "eu-west-1", Zone: "euw1-az1", Instance: "i-01234", Name: "web"},
		Extra:   []flow.Pair{{Name: "vpc-id", Value: "vpc-1a2b"}, {Name: "rule", Value: "\"deny\""}},
		Seen: []flow.Seen{{Exporter: flow.MustAddr("192.0.2.2"), Domain: 5, InIf: 1, OutIf: 2, Start: 1e18, End: 2e18, Bytes: 500, Packets: 5},
			{Exporter: flow.MustAddr("192.0.2.2"), Domain: 5, InIf: 3, OutIf: 4, Start: 1e18, End: 2e18, Bytes: 500, Packets: 5}},
	})
	b.SetEnr(r, flow.Enr{
		Src: &flow.Place{Group: "office", Role: "client", Criticality: "low", Internal: true, Bogon: "private", CountryISO: "CH", Country: "Switzerland",
			Continent: "EU", RegionISO: "CH-ZH", Region: "Zurich", City: "Zurich", Timezone: "Europe/Zurich", Lat: 47.36, Lon: 8.55, Located: true, ASN: 64512, ASOrg: "Example"},
		Dst: &flow.Place{Group: "cdn", Role: "web", Criticality: "high", Bogon: "none", CountryISO: "GB", Country: "United Kingdom", Continent: "EU",
			RegionISO: "GB-ENG", Region: "England", City: "London", Timezone: "Europe/London", Lat: 51.5142, Lon: -0.0931, Located: true, ASN: 20712, ASOrg: "Andrews & Arnold"},
		Service: "https", Direction: "outbound", SrcDomain: "desk.example.com", SrcDomainBy: flow.DomainOther, DstDomain: "cdn.example.net", DstDomainBy: flow.DomainDNS,
		Hits: []flow.Hit{{List: "tor", Indicator: "81.2.69.0/24", Side: "destination", Type: "ipv4-addr", Note: "exit"}},
	})
	return b, r
}
