package app

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// el makes an element in the Basic Encoding Rules; its contents are up to 64 KiB.
func el(tag byte, contents ...string) string {
	s := strings.Join(contents, "")
	switch n := len(s); {
	case n < 0x80:
		return string([]byte{tag, byte(n)}) + s
	default:
		return string([]byte{tag, 0x82, byte(n >> 8), byte(n)}) + s
	}
}

func seq(contents ...string) string { return el(0x30, contents...) }
func octets(s string) string        { return el(4, s) }
func num(n byte) string             { return el(2, string([]byte{n})) }

// at makes the field [n] of an ASN.1 value.
func at(n byte, contents ...string) string { return el(0xa0+n, contents...) }

// principal makes a name of Kerberos.
func principal(parts ...string) string {
	list := ""
	for _, p := range parts {
		list += el(0x1b, p)
	}
	return seq(at(0, num(1)), at(1, seq(list)))
}

func length4(s string) string { return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s }

// opt makes an option of DHCP.
func opt(code byte, value string) string { return string([]byte{code, byte(len(value))}) + value }

// opt6 makes an option of DHCPv6.
func opt6(code byte, value string) string {
	return string([]byte{0, code, 0, byte(len(value))}) + value
}

func dhcpOf(op byte, your, mac, options string) string {
	return string([]byte{op, 1, 6, 0}) + rep("\x00", 12) + your + rep("\x00", 8) + mac + rep("\x00", 10+64+128) + dhcpCookie + options + "\xff"
}

const none4 = "\x00\x00\x00\x00"

var (
	macA, macB   = "\x00\x00\x5e\x00\x53\x01", "\x00\x00\x5e\x00\x53\x02"
	dhcpDiscover = dhcpOf(1, none4, macA, opt(53, "\x01")+opt(12, "desk\x00")+opt(50, "\x0a\x00\x00\x09")+opt(55, "\x01\x03\x06")+opt(60, "MSFT 5.0"))
	dhcpOffer    = dhcpOf(2, "\x0a\x00\x00\x07", macA, opt(53, "\x02")+opt(54, "\x0a\x00\x00\x01"))
	dhcpAck      = dhcpOf(2, "\x0a\x00\x00\x08", macA, opt(53, "\x05")+opt(54, "\x0a\x00\x00\x01"))
	dhcpOther    = dhcpOf(1, none4, macB, opt(53, "\x03")+opt(81, "\x04\x00\x00\x04pad1\x03net\x00"))

	solicit = "\x01\x00\x00\x01" + opt6(1, "\x00\x03\x00\x01"+macA) + opt6(6, "\x00\x17\x00\x18") + opt6(39, "\x00\x04Desk\x03net") +
		opt6(3, rep("\x00", 12)+opt6(5, x("20010db8000000000000000000000001")+rep("\x00", 8))) + opt6(16, "\x00\x00\x01\x37\x00\x08MSFT 5.0")
	reply6 = "\x07\x00\x00\x01" + opt6(1, "\x00\x03\x00\x01"+macA) + opt6(4, none4+opt6(5, x("20010db8000000000000000000000002")+rep("\x00", 8)))

	ntpClient = x("23 00 06 ec") + rep("\x00", 44)
	ntpServer = x("24 01 06 ec 00000000 00000000") + "GPS\x00" + x("e8d4a51000000000") + rep("\x01", 24)

	snmpGet    = seq(num(1), octets("public"), at(0, num(7), num(0), num(0), seq(seq(el(6, x("2b060102010105 00")), el(5)), seq(el(6, x("2b06010401 8f65")), el(5)))))
	snmpAnswer = seq(num(1), octets("public"), at(2, num(7), num(2), num(1), seq(seq(el(6, x("2b0601020101")), el(5)))))
	snmpV3     = seq(num(3), seq(num(7), num(99), octets("\x04"), num(3)),
		octets(seq(octets("\x80\x00\x1f\x88"), num(1), num(2), octets("bob"), octets(""), octets(""))),
		seq(octets("\x80\x00"), octets(""), at(8, num(7), num(0), num(0), seq(seq(el(6, x("2b06010603")), el(5))))))

	kerberosAsk = el(0x6a, seq(at(1, num(5)), at(2, num(10)), at(4, seq(at(0, el(3, none4+"\x00")), at(1, principal("alice")), at(2, el(0x1b, "EXAMPLE.COM")),
		at(3, principal("krbtgt", "EXAMPLE.COM")), at(7, num(9)), at(8, seq(num(18), num(23), el(2, "\xff\x7b")))))))
	kerberosGive = el(0x6b, seq(at(0, num(5)), at(1, num(11)), at(3, el(0x1b, "EXAMPLE.COM")), at(4, principal("alice")),
		at(5, el(0x61, seq(at(0, num(5)), at(1, el(0x1b, "EXAMPLE.COM")), at(2, principal("krbtgt", "EXAMPLE.COM")), at(3, seq(at(0, num(23)), at(2, octets("secret"))))))),
		at(6, seq(at(0, num(18)), at(2, octets("secret"))))))
	kerberosRefuse = el(0x7e, seq(at(0, num(5)), at(1, num(30)), at(6, num(25)), at(7, el(0x1b, "CLIENTS")), at(8, principal("alice")), at(9, el(0x1b, "EXAMPLE.COM")), at(10, principal("http", "www"))))

	ldapSimple     = seq(num(1), el(0x60, num(3), octets("cn=bob"), el(0x80, "secret")))
	ldapNoUser     = seq(num(1), el(0x60, num(3), octets(""), el(0x80)))
	ldapSASL       = seq(num(1), el(0x60, num(3), octets(""), el(0xa3, octets("GSS-SPNEGO"), octets("token"))))
	ldapSearchAll  = seq(num(2), el(0x63, octets("dc=net"), el(10, "\x02"), el(10, "\x00"), num(0), num(0), el(1, "\x00"), ldapWanted, seq(octets("cn"))))
	ldapWanted     = el(0xa0, el(0xa3, octets("a"), octets("b*")), el(0xa1, el(0x87, "c"), el(0xa2, el(0xa5, octets("d"), octets("1")))), el(0xa4, octets("e"), seq(el(0x80, "x"), el(0x81, "y"), el(0x82, "z"))), el(0xa9, el(0x81, "1.2"), el(0x82, "f"), el(0x83, "g"), el(0x84, "\xff")), el(0xa4, octets("h"), seq(el(0x81, "i"))))
	ldapSearchDone = seq(num(2), el(0x65, el(10, "\x20"), octets(""), octets("no")))
	ldapWrapped    = ldapToken(4, 0, ldapSearchAll+rep("s", 12))

	sipInvite = "INVITE sip:alice@host SIP/2.0\r\nf: \"Bob <b>\" <sip:bob@host;user=phone>;tag=1\r\nTo: sip:alice@host;tag=2\r\nCall-ID: a84b\r\nUser-Agent: phone/1\r\n" +
		"Proxy-Authorization: Digest realm=\"x\", username=\"bob\", response=\"00\"\r\nContent-Length: 4\r\n\r\nbody"
	sipOK = "SIP/2.0 200 OK\r\nServer: pbx\r\n\r\n"

	nbName = func(s string, service byte) string {
		s = (s + rep(" ", 15))[:15] + string([]byte{service})
		out := "\x20"
		for i := range len(s) {
			out += string([]byte{'A' + s[i]>>4, 'A' + s[i]&15})
		}
		return out + "\x00"
	}
	nbQuery  = x("0001 0110 0001 0000 0000 0000") + nbName("DESK", 0x20) + x("0020 0001")
	nbAnswer = x("0001 8500 0000 0001 0000 0000") + nbName("DESK", 0x20) + x("0020 0001 0000003c 0006 0000 0a000007")
	nbStatus = x("0002 8400 0000 0001 0000 0000") + nbName("*", 0) + x("0021 0001 00000000 0025 02") + "DESK           " + x("20 0400") + "\x01\x02__MSBROWSE__\x02" + x("01 8400")
	nbClaim  = x("0003 2910 0001 0000 0000 0001") + nbName("DESK", 0) + x("0020 0001") + x("c00c 0020 0001 0000003c 0006 0000 0a000007")
	nbDgram  = x("1102 0001 0a000007 008a 0048 0000") + nbName("DESK", 0) + nbName("OFFICE", 0x1d) + "data"
	nbAsks   = x("8100 0044") + nbName("SERVER", 0x20) + nbName("DESK", 0)
)

// ldapToken signs messages as Kerberos does (RFC 4121), with a checksum of 12 bytes.
func ldapToken(flags, rotated byte, rest string) string {
	return length4(string([]byte{5, 4, flags, 0xff, 0, 12, 0, rotated}) + rep("\x00", 8) + rest)
}

// What the services of a network say becomes the metadata.
func TestServices(t *testing.T) {
	f := func(app flow.App, proto uint8, client, server, want string) {
		t.Helper()
		var m flow.Meta
		v := View{Proto: proto, Client: []byte(client), Server: []byte(server)}
		got := ""
		if v.Metadata(app, &m) {
			text, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			got = strings.NewReplacer(`"`, "", ":null", ":", `\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(text))
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if proto == udp && followOne(app, proto, false, []byte(client), &m) {
			t.Errorf("%v: what repeats is told twice", app)
		}
	}
	f(flow.AppDHCP, udp, dhcpDiscover, dhcpOffer, "{Talk:{Commands:[DISCOVER],Results:[OFFER],DHCP:[{MAC:00-00-5E-00-53-01,Host:desk,Requested:10.0.0.9,Assigned:10.0.0.7,Server:10.0.0.1,Vendor:MSFT 5.0,Fingerprint:1,3,6}]}}")
	f(flow.AppDHCP, udp, dhcpOther, dhcpAck, "{Talk:{Commands:[REQUEST],Results:[ACK],DHCP:[{MAC:00-00-5E-00-53-02,Host:pad1.net},{MAC:00-00-5E-00-53-01,Assigned:10.0.0.8,Server:10.0.0.1}]}}")
	f(flow.AppDHCP, udp, dhcpDiscover[:240], "", "{Talk:{Commands:[BOOTREQUEST],DHCP:[{MAC:00-00-5E-00-53-01}]}}")
	f(flow.AppDHCP, udp, dhcpDiscover[:235], "", "")
	f(flow.AppDHCPv6, udp, solicit, reply6, "{Talk:{Commands:[SOLICIT],Results:[REPLY],DHCP:[{MAC:00-00-5E-00-53-01,Host:desk.net,Requested:2001:db8::1,Assigned:2001:db8::2,Vendor:MSFT 5.0,Fingerprint:23,24}]}}")
	f(flow.AppDHCPv6, udp, "\x0c"+rep("\x00", 33)+opt6(9, solicit[:18]), "", "{Talk:{Commands:[RELAY-FORW,SOLICIT],DHCP:[{MAC:00-00-5E-00-53-01}]}}")

	f(flow.AppNTP, udp, ntpClient, ntpServer, "{Talk:{Version:4,Commands:[client],Results:[server],NTP:{Stratum:1,Reference:GPS,Set:1697261200000000000}}}")
	f(flow.AppNTP, udp, "", x("1c 00")+rep("\x00", 10)+"RATE"+rep("\x00", 32), "{Talk:{Version:3,Results:[server],NTP:{Stratum:0,Reference:RATE}}}")
	f(flow.AppNTP, udp, "", x("24 02")+rep("\x00", 10)+"\xc0\x00\x02\x01"+rep("\x00", 32), "{Talk:{Version:4,Results:[server],NTP:{Stratum:2,Reference:192.0.2.1}}}")
	f(flow.AppNTP, udp, x("17 00 03 2a 00000000"), x("97 00 03 2a 00000000"), "{Talk:{Version:2,Commands:[private],Results:[private],Names:[MON_GETLIST_1]}}")
	f(flow.AppNTP, udp, x("16 02 0001 00000000 00000000"), x("16 9d 0001 00000000 00000000"), "{Talk:{Version:2,Commands:[control],Results:[control],Names:[READVAR,control 29]}}")
	f(flow.AppNTP, udp, ntpServer[:47], "", "")

	f(flow.AppSNMP, udp, snmpGet, snmpAnswer, "{Talk:{Version:2c,Commands:[get-request],Results:[noSuchName],Names:[1.3.6.1.2.1.1.5.0,1.3.6.1.4.1.2021],SNMP:{Community:public}}}")
	f(flow.AppSNMP, udp, strings.Replace(snmpGet, "public", "s3cret", 1), "", "{Talk:{Version:2c,Commands:[get-request],Names:[1.3.6.1.2.1.1.5.0,1.3.6.1.4.1.2021]}}")
	f(flow.AppSNMP, udp, "", snmpAnswer, "{Talk:{Version:2c,Results:[noSuchName],Names:[1.3.6.1.2.1.1],SNMP:{Community:public}}}")
	f(flow.AppSNMP, udp, snmpV3, "", "{Talk:{Version:3,Commands:[report],Names:[1.3.6.1.6.3],User:bob,SNMP:{Engine:80001f88}}}")
	f(flow.AppSNMP, udp, seq(num(0), octets("private"), at(4, el(6, x("8837")), el(0x40, none4), num(6), num(1), el(0x43, "\x01"), seq())), "",
		"{Talk:{Version:1,Commands:[trap],Names:[2.999],SNMP:{Community:private}}}")
	f(flow.AppSNMP, udp, snmpGet[:44], "", "{Talk:{Version:2c,Commands:[get-request],Names:[1.3.6.1.2.1.1.5.0],SNMP:{Community:public}}}")
	f(flow.AppSNMP, udp, snmpGet[:4], "", "")

	const asked = "User:alice,Domain:EXAMPLE.COM,Kerberos:{Realm:EXAMPLE.COM,Ciphers:[aes256-cts-hmac-sha1-96,rc4-hmac,-133]"
	f(flow.AppKerberos, udp, kerberosAsk, kerberosGive, "{Talk:{Version:5,Commands:[AS-REQ],Results:[AS-REP],Names:[krbtgt/EXAMPLE.COM],"+asked+",Cipher:aes256-cts-hmac-sha1-96,TicketCipher:rc4-hmac}}}")
	f(flow.AppKerberos, tcp, length4(kerberosAsk), length4(kerberosRefuse), "{Talk:{Version:5,Commands:[AS-REQ],Results:[KDC_ERR_PREAUTH_REQUIRED],Names:[krbtgt/EXAMPLE.COM,http/www],"+asked+"}}}")
	f(flow.AppKerberos, tcp, length4(kerberosAsk)[:76], "", "{Talk:{Version:5,Commands:[AS-REQ],User:alice,Domain:EXAMPLE.COM,Kerberos:{Realm:EXAMPLE.COM}}}")
	f(flow.AppKerberos, tcp, length4(kerberosAsk)[:4], "", "")

	const filter = "(&(a=b\\\\2a)(|(c=*)(!(d>=1)))(e=x*y*z)(f:dn:1.2:=g)(h=*i*))"
	f(flow.AppLDAP, tcp, ldapSimple+ldapSearchAll+seq(num(3), "\x42\x00"), ldapSearchDone, "{Talk:{Version:3,Commands:[bind,search,unbind],Results:[noSuchObject],Names:[dc=net],User:cn=bob,LDAP:{Authentication:simple,Filter:"+filter+"}}}")
	f(flow.AppLDAP, udp, ldapNoUser+seq(num(4), "\x4a\x04cn=x"), "", "{Talk:{Version:3,Commands:[bind,delete],Names:[cn=x],LDAP:{Authentication:anonymous}}}")
	f(flow.AppLDAP, tcp, ldapSASL+ldapWrapped, "", "{Talk:{Version:3,Commands:[bind,search],Names:[dc=net],LDAP:{Authentication:GSS-SPNEGO,Filter:"+filter+"}}}")
	f(flow.AppLDAP, tcp, ldapToken(4, 12, rep("s", 12)+ldapSimple)+ldapSASL, "", "{Talk:{Version:3,Commands:[bind],User:cn=bob,LDAP:{Authentication:simple}}}")
	f(flow.AppLDAP, tcp, ldapSASL+ldapToken(6, 0, rep("e", 80)), "", "{Talk:{Version:3,Commands:[bind],LDAP:{Authentication:GSS-SPNEGO}}}") // encrypted

	f(flow.AppSIP, udp, sipInvite, sipOK, "{Talk:{Version:2.0,Commands:[INVITE],Results:[200],Names:[sip:alice@host],User:bob,Server:pbx,SIP:{From:sip:bob@host;user=phone,To:sip:alice@host,CallID:a84b,UserAgent:phone/1}}}")
	f(flow.AppSIP, tcp, sipInvite+"ACK sip:alice@host SIP/2.0\r\n\r\n", "SIP/2.0 100 Trying\r\n\r\n"+sipOK, "{Talk:{Version:2.0,Commands:[INVITE,ACK],Results:[100,200],Names:[sip:alice@host],User:bob,Server:pbx,SIP:{From:sip:bob@host;user=phone,To:sip:alice@host,CallID:a84b,UserAgent:phone/1}}}")
	f(flow.AppSIP, udp, "\r\n\r\n", "SIP/2.0 20", "")

	f(flow.AppNetBIOS, udp, nbQuery, nbAnswer, "{DNS:{ID:1,Question:desk,Type:NB,Class:IN,Rcode:NOERROR,Answers:[{Name:desk,Type:NB,Data:10.0.0.7,TTL:60}],Opcode:QUERY,Flags:[AA,RD]}}")
	f(flow.AppNetBIOS, udp, "", nbStatus, "{DNS:{ID:2,Question:*,Type:NBSTAT,Class:IN,Rcode:NOERROR,Answers:[{Name:*,Type:NBSTAT,Data:desk<20>,TTL:0},{Name:*,Type:NBSTAT,Data:__msbrowse__<01>,TTL:0}],Opcode:QUERY,Flags:[AA]}}")
	f(flow.AppNetBIOS, udp, nbClaim, "", "{DNS:{ID:3,Question:desk,Type:NB,Class:IN,Rcode:,Answers:[{Name:desk,Type:NB,Data:10.0.0.7,TTL:60}],Opcode:REGISTRATION,Flags:[RD,CD]}}")
	f(flow.AppNetBIOS, udp, nbDgram, "", "{Talk:{Names:[office,desk]}}")
	f(flow.AppNetBIOS, tcp, nbAsks, "", "{Talk:{Names:[server,desk]}}")
	f(flow.AppNetBIOS, tcp, nbAsks[:50], "", "")
}

// Each client of a flow to a broadcast address has a row of its own, and there are not too many.
func TestClients(t *testing.T) {
	var m flow.Meta
	for i := range byte(20) {
		followOne(flow.AppDHCP, udp, false, []byte(dhcpOf(1, none4, macA[:5]+string([]byte{i}), opt(53, "\x01"))), &m)
	}
	if n := len(m.Talk.DHCP); n != maxClients || len(m.Talk.Commands) != 1 {
		t.Errorf("%d clients, %v", n, m.Talk.Commands)
	}
	old := m.Talk
	if !followOne(flow.AppDHCP, udp, true, []byte(dhcpOf(2, "\x0a\x00\x00\x07", macA[:5]+"\x00", opt(53, "\x05"))), &m) || old.DHCP[0].Assigned != (flow.Addr{}) || m.Talk.DHCP[0].Assigned.String() != "10.0.0.7" {
		t.Error("what was told is not kept apart from what is told now")
	}
}

// A message that tells nothing new costs no allocation.
func TestRepeatedServices(t *testing.T) {
	f := func(app flow.App, message string) {
		t.Helper()
		var m flow.Meta
		b := []byte(message)
		followOne(app, udp, false, b, &m)
		if n := testing.AllocsPerRun(100, func() { followOne(app, udp, false, b, &m) }); n != 0 {
			t.Errorf("%v: %v allocations", app, n)
		}
	}
	f(flow.AppNTP, ntpClient)
	f(flow.AppNTP, ntpServer)
	f(flow.AppSNMP, snmpGet)
	f(flow.AppSNMP, snmpV3)
	f(flow.AppLDAP, ldapSearchAll)
	f(flow.AppSIP, sipInvite)
}

func FuzzDHCP(f *testing.F) {
	fuzz(f, flow.AppDHCP, udp, [2]string{dhcpDiscover, dhcpOffer}, [2]string{dhcpOther, dhcpAck})
}

func FuzzDHCPv6(f *testing.F) { fuzz(f, flow.AppDHCPv6, udp, [2]string{solicit, reply6}) }

func FuzzNTP(f *testing.F) { fuzz(f, flow.AppNTP, udp, [2]string{ntpClient, ntpServer}) }

func FuzzSNMP(f *testing.F) {
	fuzz(f, flow.AppSNMP, udp, [2]string{snmpGet, snmpAnswer}, [2]string{snmpV3, ""})
}

func FuzzKerberos(f *testing.F) {
	fuzz(f, flow.AppKerberos, udp, [2]string{kerberosAsk, kerberosGive}, [2]string{kerberosAsk, kerberosRefuse})
}

func FuzzKerberosTCP(f *testing.F) {
	fuzz(f, flow.AppKerberos, tcp, [2]string{length4(kerberosAsk), length4(kerberosGive)})
}

func FuzzLDAP(f *testing.F) {
	fuzz(f, flow.AppLDAP, tcp, [2]string{ldapSimple + ldapSearchAll, ldapSearchDone}, [2]string{ldapSASL + ldapWrapped, ""})
}

func FuzzSIP(f *testing.F) { fuzz(f, flow.AppSIP, tcp, [2]string{sipInvite, sipOK}) }

func FuzzNetBIOS(f *testing.F) {
	fuzz(f, flow.AppNetBIOS, udp, [2]string{nbQuery, nbAnswer}, [2]string{nbClaim, nbStatus}, [2]string{nbDgram, ""})
}
