package app

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// kex makes an SSH packet of a KEXINIT message with these lists.
func kex(lists ...string) string {
	msg := "\x14" + strings.Repeat("c", 16)
	for _, l := range lists {
		msg += string(binary.BigEndian.AppendUint32(nil, uint32(len(l)))) + l
	}
	msg += "\x00\x00\x00\x00\x00"
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(msg)+1+4))) + "\x04" + msg + "pppp"
}

var kexInit = kex("kex", "hostkey", "enc1", "enc2", "mac1", "mac2", "zip1", "zip2", "", "")

// What both sides of a conversation say becomes the metadata.
func TestParse(t *testing.T) {
	f := func(app flow.App, client, server, want string) {
		t.Helper()
		v := View{Proto: flow.ProtoTCP, Client: []byte(client), Server: []byte(server)}
		var m flow.Meta
		got := ""
		if v.Metadata(app, &m) {
			if m.TLS != nil {
				m.TLS = &flow.TLS{ServerName: m.TLS.ServerName, Version: m.TLS.Version, Cipher: m.TLS.Cipher}
			}
			text, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			got = strings.NewReplacer(`"`, "", ":null", ":").Replace(string(text))
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	const inTLS = "TLS:{ServerName:host.net,Version:1.3,Cipher:TLS_AES_256_GCM_SHA384,ALPN:,NextProto:}"

	f(flow.AppSSH, "SSH-2.0-a\r\n"+kexInit, "hello\r\nSSH-2.0-b\r\n"+kexInit,
		"{SSH:{Client:SSH-2.0-a,Server:SSH-2.0-b,HASSH:77e17913cd3523926c0c79d49ff5b4c7,HASSHServer:c656fc867b8355dd2c27128c0293cf56}}")
	f(flow.AppSMTP, "EHLO me\r\nMAIL FROM:<a@x.net> SIZE=9\r\nRCPT TO:<b@x.net>\r\nrcpt to: <c@x.net>\r\nDATA\r\nFrom: A\r\nSubject: =?utf-8?q?Gr=C3=BCsse?=\r\n and more\r\n\r\nSubject: body\r\n.\r\n",
		"220 mx ready\r\n250-mx\r\n250 OK\r\n354 go\r\n",
		"{Mail:{Helo:me,From:a@x.net,To:[b@x.net,c@x.net],Subject:Grüsse and more},Talk:{Commands:[EHLO,MAIL,RCPT,DATA],Results:[220,250,354],Server:mx ready}}")
	f(flow.AppSMTP, "EHLO me\r\nSTARTTLS\r\n"+clientHello, "220 mx\r\n250 STARTTLS\r\n220 go\r\n"+serverHello,
		"{"+inTLS+",Mail:{Helo:me},Talk:{Commands:[EHLO,STARTTLS],Results:[220,250],Server:mx}}")
	f(flow.AppFTP, "USER bob\r\nPASS secret\r\nTYPE I\r\nPASV\r\nRETR a.txt\r\nPASV\r\nRETR b.txt\r\n", "220-hi\r\n220 there\r\n331 pass\r\n230 in\r\n",
		"{Talk:{Commands:[USER,PASS,TYPE,PASV,RETR],Results:[220,331,230],Names:[a.txt,b.txt],User:bob,Server:hi}}")
	f(flow.AppPOP3, "USER bob\r\nPASS x\r\nSTAT\r\nnonsense\r\n", "+OK ready\r\n-ERR no\r\n",
		"{Talk:{Commands:[USER,PASS,STAT],Results:[+OK,-ERR],User:bob,Server:ready}}")
	f(flow.AppIMAP, "a1 LOGIN \"bob\" secret\r\na2 SELECT INBOX\r\na3 zzz\r\n", "* OK dovecot\r\na1 OK in\r\na2 NO such\r\n",
		"{Talk:{Commands:[LOGIN,SELECT],Results:[OK,NO],Names:[INBOX],User:bob,Server:dovecot}}")
	f(flow.AppRDP, "\x03\x00\x00\x2fCookie: mstshash=alice\r\n"+clientHello, "\x03\x00\x00\x13"+serverHello, "{"+inTLS+",Talk:{User:alice}}")
	f(flow.AppRDP, "\x03\x00\x00\x2fCookie: mstshash=cut", "", "")
	f(flow.AppIRC, "STARTTLS\r\n"+clientHello, ":x 670\r\n"+serverHello, "{"+inTLS+"}")
	f(flow.AppLDAP, clientHello, serverHello, "{"+inTLS+"}")
	f(flow.AppIRC, "NICK me\r\n", "", "")

	f(flow.AppHTTP, "CONNECT host.net:443 HTTP/1.1\r\n\r\n"+clientHello, "HTTP/1.1 200 OK\r\n\r\n"+serverHello,
		"{HTTP:{Method:CONNECT,Host:host.net:443,Path:,Version:1.1,UserAgent:,Referrer:,Server:,ContentType:,Status:200},"+inTLS+"}")
	f(flow.AppHTTP, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbodyGET /b HTTP/1.1\r\nHost: h\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 404 No\r\n\r\n",
		"{HTTP:{Method:POST,Host:h,Path:/a,Version:1.1,UserAgent:,Referrer:,Server:,ContentType:,Status:200,More:[{Method:GET,Host:h,Path:/b,Status:404}]}}")
}

func TestTLSParse(t *testing.T) {
	cert := newCert(t)
	n := len(cert)
	list := string([]byte{11, 0, byte((n + 6) >> 8), byte(n + 6), 0, byte((n + 3) >> 8), byte(n + 3), 0, byte(n >> 8), byte(n)}) + string(cert)
	done := record(22, "\x0e\x00\x00\x00")
	f := func(client, server string, subject, own string, resumed bool) {
		t.Helper()
		v := View{Proto: flow.ProtoTCP, Client: []byte(client), Server: []byte(server)}
		var m flow.Meta
		if !v.Metadata(flow.AppTLS, &m) {
			t.Fatal("nothing")
		}
		got := ""
		if m.TLS.Client != nil {
			got = m.TLS.Client.CommonName
		}
		if m.TLS.CommonName != subject || got != own || m.TLS.Resumed != resumed {
			t.Errorf("%+v", m.TLS)
		}
	}
	f(clientHello, oldHello+record(22, list)+done, "www.host.net", "", false)
	f(clientHello, oldHello+record(22, list[:100])+record(22, list[100:]), "www.host.net", "", false) // over two records
	f(clientHello, oldHello+record(22, list)[:300], "", "", false)                                    // cut
	f(clientHello+record(22, list), oldHello+record(22, list)+record(22, "\x0d\x00\x00\x00")+done, "www.host.net", "www.host.net", false)
	f(clientHello, record(21, "\x01\x70")+oldHello+record(22, list), "www.host.net", "", false) // after a warning
	f(clientHello, oldHello+record(20, "\x01"), "", "", true)
	f(clientHello, serverHello+record(20, "\x01"), "", "", false) // 1.3 ends in the clear here
	f("", oldHello+record(22, list), "www.host.net", "", false)
}

// The example of the JA4 description.
func TestJA4(t *testing.T) {
	list := func(all ...uint16) (b []byte) {
		for _, v := range all {
			b = binary.BigEndian.AppendUint16(b, v)
		}
		return b
	}
	extensions := func(types ...uint16) (b []byte) { // empty ones
		for _, v := range types {
			b = binary.BigEndian.AppendUint32(b, uint32(v)<<16)
		}
		return b
	}
	h := offer{version: 0x303, versions: list(0x0a0a, 0x304, 0x303), alpn: []byte("\x00\x03\x02h2"),
		ciphers:    list(0x5a5a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035),
		extensions: extensions(0x7a7a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015),
		signatures: list(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601)}
	f := func(want string) {
		t.Helper()
		if got := h.ja4('t'); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	f("t13d1516h2_8daaf6152771_e5627efa2ab1")
	h.alpn = []byte("\x00\x03\x02\xabz")
	f("t13d1516aa_8daaf6152771_e5627efa2ab1")
	h = offer{version: 0x300}
	f("ts3i000000_000000000000_000000000000")
}

func TestDNSRecords(t *testing.T) {
	f := func(typ uint16, data, want string) {
		t.Helper()
		m := dnsMessage{b: []byte("\x04name\x00" + data), at: 6, texts: new(texts)}
		if got := m.data(typ, len(data)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(6, "\xc0\x00\x02me\xc0\x00"+x("00000001 00000002 00000003 00000004 00000005"), "name me.name 1 2 3 4 5")
	f(65, "\x00\x01\x00"+x("0001 0006")+"\x02h2\x02h3"+x("0003 0002 01bb 0004 0004 c0000201 0002 0000 ff00 0001 07"), "1 . alpn=h2,h3 port=443 ipv4hint=192.0.2.1 no-default-alpn key65280=Bw==")
	f(64, "\x00\x00\xc0\x00", "0 name")
	f(65, "\x00\x01\x00"+x("0001 00ff"), "1 .")
	f(257, "\x00\x05issueca.net", "0 issue ca.net")
	f(257, "\x00\xffissue", "7 bytes")
	f(43, x("0001 05 02 abcd"), "1 5 2 ABCD")
	f(48, x("0101 03 05 aabb"), "257 3 5 (2 bytes)")
	f(46, x("0030 05 02 00000e10 5e0be100 5de26000 1234")+"\xc0\x00sig", "DNSKEY 5 2 3600 20200101000000 20191130122640 4660 name")
	f(46, x("0030 05"), "3 bytes")
	f(47, "\xc0\x00\x00\x01\x40", "name")
	f(44, x("01 02 ff"), "1 2 FF")
	f(52, x("03 01 01 ff"), "3 1 1 FF")
	f(13, "\x03x86\x05linux", "x86 linux")
}

// Questions and answers of a flow come together whatever their order; what is repeated counts once.
func TestDNSFollow(t *testing.T) {
	ask := func(id byte, typ byte) string {
		return "\x00" + string([]byte{id}) + "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01n\x00\x00" + string([]byte{typ}) + "\x00\x01"
	}
	answer := func(id byte, typ byte) string {
		return "\x00" + string([]byte{id}) + "\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00\x01n\x00\x00" + string([]byte{typ}) + "\x00\x01"
	}
	f := func(proto uint8, want string, messages ...string) {
		t.Helper()
		var m flow.Meta
		for _, msg := range messages {
			if proto == flow.ProtoTCP {
				msg = "\x00" + string(rune(len(msg))) + msg
			}
			followOne(flow.AppDNS, proto, false, []byte(msg), &m)
		}
		got := ""
		for i := -1; m.DNS != nil && i < len(m.DNS.More); i++ {
			d := m.DNS
			if i >= 0 {
				d = &m.DNS.More[i]
			}
			got += strings.TrimSpace(d.Type+" "+d.Rcode) + ";"
		}
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for _, proto := range []uint8{flow.ProtoUDP, flow.ProtoTCP} {
		f(proto, "A NXDOMAIN;AAAA NXDOMAIN;", ask(1, 1), ask(2, 28), answer(2, 28), answer(1, 1))
		f(proto, "A NXDOMAIN;", ask(1, 1), ask(1, 1), answer(1, 1), answer(1, 1))
		f(proto, "A NXDOMAIN;A;", answer(1, 1), ask(2, 1))
		f(proto, "", "nonsense")
		f(proto, "A;A;A;A;A;A;A;A;", ask(1, 1), ask(2, 1), ask(3, 1), ask(4, 1), ask(5, 1), ask(6, 1), ask(7, 1), ask(8, 1), ask(9, 1))
	}
}

func FuzzSMTP(f *testing.F) {
	fuzz(f, flow.AppSMTP, flow.ProtoTCP, [2]string{"EHLO me\r\nMAIL FROM:<a@x>\r\nDATA\r\nSubject: =?utf-8?q?a?=\r\n b\r\n\r\n", "220 mx\r\n"}, [2]string{"STARTTLS\r\n" + clientHello, serverHello})
}

func FuzzFTP(f *testing.F) {
	fuzz(f, flow.AppFTP, flow.ProtoTCP, [2]string{"USER bob\r\nRETR a\r\n", "220 hi\r\n"})
}

func FuzzIMAP(f *testing.F) {
	fuzz(f, flow.AppIMAP, flow.ProtoTCP, [2]string{"a LOGIN \"b\" c\r\n", "* OK hi\r\n"})
}

func FuzzPOP3(f *testing.F) {
	fuzz(f, flow.AppPOP3, flow.ProtoTCP, [2]string{"USER b\r\n", "+OK hi\r\n"})
}

func FuzzRDP(f *testing.F) {
	fuzz(f, flow.AppRDP, flow.ProtoTCP, [2]string{"\x03\x00\x00\x2fCookie: mstshash=alice\r\n", "\x03"})
}

// What follows the first messages is read without harm, and is bounded.
func FuzzFollow(f *testing.F) {
	f.Add(false, []byte("GET / HTTP/1.1\r\n\r\n"), []byte(dnsQuery))
	f.Add(true, []byte("HTTP/1.1 200 OK\r\n\r\n"), []byte(dnsReply))
	f.Add(false, []byte(dhcpDiscover), []byte(snmpGet))
	f.Add(true, []byte(ldapSearchDone), []byte(ntpServer))
	f.Fuzz(func(t *testing.T, server bool, one, two []byte) {
		defer fuzztest.Guard()()
		for _, app := range []flow.App{flow.AppHTTP, flow.AppDNS, flow.AppDHCP, flow.AppDHCPv6, flow.AppNTP, flow.AppSNMP, flow.AppKerberos, flow.AppLDAP, flow.AppSIP, flow.AppNetBIOS} {
			var m flow.Meta
			for range 10 {
				for _, b := range [][]byte{one, two} {
					followOne(app, flow.ProtoTCP, server, b, &m)
					followOne(app, flow.ProtoUDP, server, b, &m)
				}
			}
			if m.HTTP != nil && len(m.HTTP.More) > maxMore || m.DNS != nil && len(m.DNS.More) > maxMore {
				t.Error("too many")
			}
			if x := m.Talk; x != nil && (len(x.Commands) > maxList || len(x.Results) > maxList || len(x.Names) > maxList || len(x.DHCP) > maxClients) {
				t.Error("too many")
			}
		}
	})
}
