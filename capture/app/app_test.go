package app

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// hello makes a TLS record with a ClientHello or ServerHello of the given body after the random.
func hello(typ byte, body string) string {
	msg := "\x03\x03" + strings.Repeat("r", 32) + body
	return record(22, string([]byte{typ, 0, byte(len(msg) >> 8), byte(len(msg))})+msg)
}

func record(typ byte, fragment string) string {
	return string([]byte{typ, 3, 1, byte(len(fragment) >> 8), byte(len(fragment))}) + fragment
}

// In the bodies: session, ciphers, compression, extensions.
var (
	clientHello = hello(1, "\x00"+"\x00\x02\x13\x01"+"\x01\x00"+"\x00\x1f"+
		"\x00\x00\x00\x0d\x00\x0b\x00\x00\x08host.net"+
		"\x00\x10\x00\x05\x00\x03\x02h2"+"\x00\x17\x00\x01\x00")
	serverHello = hello(2, "\x00"+"\x13\x02"+"\x00"+"\x00\x06"+"\x00\x2b\x00\x02\x03\x04")
	oldHello    = hello(2, "\x00"+"\xc0\x2f"+"\x00"+"\x00\x09"+"\x00\x10\x00\x05\x00\x03\x02h2")
)

const (
	dnsQuery = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03WWW\x04host\x03net\x00\x00\x01\x00\x01"
	dnsReply = "\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00\x03www\x04host\x03net\x00\x00\x01\x00\x01" +
		"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x04\x01a\xc0\x10" +
		"\xc0\x2a\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01"
)

// recognise looks at what the client sent, then at the server's, as a meter does.
func recognise(proto uint8, client, server string) (label flow.App, turned bool) {
	for i, b := range []string{client, server} {
		l := Look{Proto: proto, Server: i == 1, B: []byte(b), Peer: []byte([]string{"", client}[i])}
		if f, _ := l.Label(); f.App != flow.AppNone {
			return f.App, f.Turned
		}
	}
	return flow.AppNone, false
}

// Each protocol is known by its first bytes, its side too, and its metadata are read.
func TestLabels(t *testing.T) {
	f := func(proto uint8, client, server string, want flow.App, turned bool, meta string) {
		t.Helper()
		label, isTurned := recognise(proto, client, server)
		if label != want || isTurned != turned {
			t.Fatalf("got %v, turned %v; want %v, %v", label, isTurned, want, turned)
		}
		if turned {
			client, server = server, client
		}
		v := View{Proto: proto, Client: []byte(client), Server: []byte(server)}
		var m flow.Meta
		got := ""
		if v.Metadata(label, &m) {
			if m.TLS != nil { // fingerprints have tests of their own
				m.TLS.JA3, m.TLS.JA3S, m.TLS.JA4 = "", "", ""
			}
			text, err := json.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			got = strings.NewReplacer(`"`, "", ":null", ":").Replace(string(text))
		}
		if got != meta {
			t.Errorf("got  %s\nwant %s", got, meta)
		}
	}
	get := "GET /a?b=1 HTTP/1.1\r\nHost: host.net\r\nUser-Agent: curl/8\r\nReferer: http://x/\r\n\r\nbody"
	ok := "HTTP/1.1 404 Not Found\r\nserver:  nginx \r\nContent-Type: text/html\r\n\r\n"
	both := "{HTTP:{Method:GET,Host:host.net,Path:/a?b=1,Version:1.1,UserAgent:curl/8,Referrer:http://x/,Server:nginx,ContentType:text/html,Status:404}}"
	f(tcp, get, ok, flow.AppHTTP, false, both)
	f(tcp, ok, get, flow.AppHTTP, true, both)
	f(tcp, "", ok, flow.AppHTTP, false, "{HTTP:{Method:,Host:,Path:,Version:1.1,UserAgent:,Referrer:,Server:nginx,ContentType:text/html,Status:404}}")
	f(tcp, "CONNECT host.net:443 HTTP/1.0\r\n\r\n", "", flow.AppHTTP, false, "{HTTP:{Method:CONNECT,Host:host.net:443,Path:,Version:1.0,UserAgent:,Referrer:,Server:,ContentType:,Status:0}}")
	f(tcp, "GET http://host.net/p HTTP/1.0\nHost: other\n\n", "", flow.AppHTTP, false, "{HTTP:{Method:GET,Host:host.net,Path:/p,Version:1.0,UserAgent:,Referrer:,Server:,ContentType:,Status:0}}")
	f(tcp, "GET /old\r\n", "", flow.AppHTTP, false, "{HTTP:{Method:GET,Host:,Path:/old,Version:,UserAgent:,Referrer:,Server:,ContentType:,Status:0}}")
	f(tcp, "GET / HTTP/1.1\r\nHost: half", "", flow.AppHTTP, false, "{HTTP:{Method:GET,Host:,Path:/,Version:1.1,UserAgent:,Referrer:,Server:,ContentType:,Status:0}}")
	f(tcp, "OPTIONS sip:x SIP/2.0\r\n", "", flow.AppSIP, false, "{Talk:{Version:2.0,Commands:[OPTIONS],Names:[sip:x]}}")
	f(tcp, "GET", "", flow.AppNone, false, "")
	f(tcp, "HTTP/1.1 abc nonsense", "", flow.AppNone, false, "")

	f(tcp, clientHello, serverHello, flow.AppTLS, false, "{TLS:{ServerName:host.net,Version:1.3,Cipher:TLS_AES_256_GCM_SHA384,ALPN:[h2],NextProto:}}")
	f(tcp, serverHello, clientHello, flow.AppTLS, true, "{TLS:{ServerName:host.net,Version:1.3,Cipher:TLS_AES_256_GCM_SHA384,ALPN:[h2],NextProto:}}")
	f(tcp, clientHello, oldHello, flow.AppTLS, false, "{TLS:{ServerName:host.net,Version:1.2,Cipher:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,ALPN:[h2],NextProto:h2}}")
	f(tcp, clientHello, record(21, "\x02\x28"), flow.AppTLS, false, "{TLS:{ServerName:host.net,Version:,Cipher:,ALPN:[h2],NextProto:}}")
	two := clientHello[5:]
	f(tcp, record(22, two[:40])+record(22, two[40:]), "", flow.AppTLS, false, "{TLS:{ServerName:host.net,Version:,Cipher:,ALPN:[h2],NextProto:}}")
	f(tcp, record(23, "abc"), "", flow.AppTLS, false, "")
	f(tcp, record(23, "abc")+"\x17\x03\x03", "", flow.AppNone, false, "")
	f(tcp, record(23, "abc")+"nonsense", "", flow.AppNone, false, "")

	f(tcp, "SSH-2.0-OpenSSH_9.7\r\n", "hi\r\nSSH-2.0-dropbear\n", flow.AppSSH, false, "{SSH:{Client:SSH-2.0-OpenSSH_9.7,Server:SSH-2.0-dropbear}}")
	f(tcp, "", "SSH-1.99-Cisco-1.25\n", flow.AppSSH, false, "{SSH:{Client:,Server:SSH-1.99-Cisco-1.25}}")
	f(tcp, "SSH-9", "", flow.AppNone, false, "")

	answers := "Answers:[{Name:www.host.net,Type:CNAME,Data:a.host.net,TTL:60},{Name:a.host.net,Type:A,Data:10.0.0.1,TTL:60}]"
	f(udp, dnsQuery, dnsReply, flow.AppDNS, false, "{DNS:{ID:4660,Question:www.host.net,Type:A,Class:IN,Rcode:NOERROR,"+answers+",Opcode:QUERY,Flags:[RD,RA]}}")
	f(udp, dnsReply, "", flow.AppDNS, true, "{DNS:{ID:4660,Question:www.host.net,Type:A,Class:IN,Rcode:NOERROR,"+answers+",Opcode:QUERY,Flags:[RD,RA]}}")
	f(udp, dnsQuery, "\x12\x35"+dnsReply[2:], flow.AppDNS, false, "{DNS:{ID:4660,Question:www.host.net,Type:A,Class:IN,Rcode:,Answers:,Opcode:QUERY,Flags:[RD],"+
		"More:[{ID:4661,Question:www.host.net,Type:A,Class:IN,Rcode:NOERROR,"+answers+",Opcode:QUERY,Flags:[RD,RA]}]}}")
	f(tcp, "\x00\x1e"+dnsQuery, "\x00\x3e"+dnsReply, flow.AppDNS, false, "{DNS:{ID:4660,Question:www.host.net,Type:A,Class:IN,Rcode:NOERROR,"+answers+",Opcode:QUERY,Flags:[RD,RA]}}")
	f(udp, dnsQuery[:20], "", flow.AppNone, false, "")
	f(udp, "hello, this is no DNS message", "", flow.AppNone, false, "")
	netbios := "\x00\x01\x01\x10\x00\x01\x00\x00\x00\x00\x00\x00\x20" + strings.Repeat("CA", 16) + "\x00\x00\x20\x00\x01"
	f(udp, netbios, "", flow.AppNetBIOS, false, "{DNS:{ID:1,Question:,Type:NB,Class:IN,Rcode:,Answers:,Opcode:QUERY,Flags:[RD,CD]}}")
}

// What begins like nothing we know is told from what is too short to tell.
func TestHopeless(t *testing.T) {
	f := func(proto uint8, b string, want bool) {
		t.Helper()
		l := Look{Proto: proto, B: []byte(b)}
		if _, got := l.Label(); got != want {
			t.Errorf("hopeless is %v", got)
		}
	}
	f(flow.ProtoTCP, "\x99zzzzzzzzzzzzzz", true)
	f(flow.ProtoTCP, "zzzzzzzzzzzzzz", true)
	f(flow.ProtoTCP, "GE", false)
	f(flow.ProtoUDP, "zzzzzzzzzzzzzz", true)
}

// Each row of the tables names the file it is written in, and a label with a name.
func TestTables(t *testing.T) {
	exists := func(file string, app flow.App) {
		t.Helper()
		if _, err := os.Stat(file); err != nil || app.String() == "" {
			t.Errorf("%v: %v", app, err)
		}
	}
	for i := range labels {
		l := &labels[i]
		exists(l.file, l.app)
		if (l.both == nil) == (l.asks == nil) || (l.asks == nil) != (l.reply == nil) || len(l.ports)%2 != 0 || len(l.first)%2 != 0 {
			t.Errorf("%v: a row has asks and reply, or both; ports and first come in pairs", l.app)
		}
	}
	for _, p := range parsers {
		exists(p.file, p.app)
	}
	if n := len(labels); n > len(set{})*64 {
		t.Errorf("%d rows do not fit a set", n)
	}
}

func TestWhole(t *testing.T) {
	f := func(app flow.App, proto uint8, client, server string, want bool) {
		t.Helper()
		v := View{Proto: proto, Client: []byte(client), Server: []byte(server)}
		if got := v.Whole(app); got != want {
			t.Errorf("%v: %v", app, got)
		}
	}
	f(flow.AppTLS, flow.ProtoTCP, clientHello, serverHello, false) // certificates may come
	f(flow.AppTLS, flow.ProtoTCP, clientHello, serverHello+record(20, "\x01"), true)
	f(flow.AppTLS, flow.ProtoTCP, clientHello, serverHello+record(22, "\x0e\x00\x00\x00"), true)
	f(flow.AppTLS, flow.ProtoTCP, clientHello, serverHello+record(22, "\x0d\x00\x00\x00\x0e\x00\x00\x00"), false) // nor is the client's own there
	f(flow.AppTLS, flow.ProtoTCP, clientHello[:60], serverHello, false)
	f(flow.AppTLS, flow.ProtoTCP, clientHello, "", false)
	f(flow.AppHTTP, flow.ProtoTCP, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", true)
	f(flow.AppHTTP, flow.ProtoTCP, "GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n\r\n", false)
	f(flow.AppSSH, flow.ProtoTCP, "SSH-2.0-a\n", "SSH-2.0-b", false)
	f(flow.AppSSH, flow.ProtoTCP, "SSH-2.0-a\n", "SSH-2.0-b\n", false)
	f(flow.AppSSH, flow.ProtoTCP, "SSH-2.0-a\n"+kexInit, "SSH-2.0-b\n"+kexInit, true)
	f(flow.AppSSH, flow.ProtoTCP, "SSH-1.5-a\n", "SSH-2.0-b\nno packet", true)
	f(flow.AppDNS, flow.ProtoUDP, dnsQuery, "", true)
	f(flow.AppDNS, flow.ProtoTCP, "\x00\x1e"+dnsQuery, "\x00\x3e"+dnsReply[:9], false)
}

// A label that is read 8 bytes at a time agrees with one that is read byte by byte, wherever a byte stands,
// whatever follows and however little room there is.
func TestDNSLabel(t *testing.T) {
	for n := 1; n <= 17; n++ {
		for at := range n {
			for c := range 256 {
				b := []byte(strings.Repeat("aZ-", 6)[:n] + ".\xff\x00.....")
				b[at] = byte(c)
				want := string(dnsEscape([]byte("x."), b[:n]))
				for _, b := range [][]byte{b, b[:n]} {
					for _, room := range []int{2, 10, 32} {
						dst := append(make([]byte, 0, room), "x."...)
						if got := string(dnsLabel(dst, b, n)); got != want {
							t.Fatalf("got %q, want %q", got, want)
						}
					}
				}
			}
		}
	}
}

func TestDNSData(t *testing.T) {
	f := func(typ uint16, data, want string) {
		t.Helper()
		m := dnsMessage{b: []byte("\x04name\x00" + data), at: 6, texts: new(texts)}
		if got := m.data(typ, len(data)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f(1, "\x0a\x00\x00\x01", "10.0.0.1")
	f(1, "\x0a\x00\x00", "3 bytes")
	f(28, "\x20\x01\x0d\xb8"+strings.Repeat("\x00", 11)+"\x01", "2001:db8::1")
	f(15, "\x00\x0a\xc0\x00", "10 name")
	f(33, "\x00\x01\x00\x02\x01\xbb\xc0\x00", "1 2 443 name")
	f(16, "\x03one\x03two", "one two")
	f(16, "\x09cut", "cut")
	f(5, "\xc0\x06", "") // a pointer to itself
	f(12, "\x02a.\x03\x00\xff\x20\x00", `a\..\000\255\032`)
	f(6, "12345", "5 bytes")
	f(2, "\x00", ".")
}

// following is what followOne gives metadata room in.
var following View

func followOne(app flow.App, proto uint8, server bool, b []byte, m *flow.Meta) bool {
	following.Proto = proto
	return following.Follow(app, server, b, m)
}

// Any bytes: no panic, no endless loop, and text that is valid and bounded, the same whatever was read before.
func fuzz(f *testing.F, app flow.App, proto uint8, seeds ...[2]string) {
	var used View
	for _, s := range seeds {
		f.Add([]byte(s[0]), []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, client, server []byte) {
		defer fuzztest.Guard()()
		v := View{Proto: proto, Client: client, Server: server}
		v.Whole(app)
		var m flow.Meta
		v.Metadata(app, &m)
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if limit := 1<<17 + 64*(len(client)+len(server)); len(text) > limit {
			t.Fatalf("%d bytes of metadata from %d", len(text), len(client)+len(server))
		}
		used.Proto, used.Client, used.Server = proto, client, server
		used.Whole(app)
		var again flow.Meta
		used.Metadata(app, &again)
		if other, err := json.Marshal(again); string(other) != string(text) {
			t.Fatalf("after others %s, %v, want %s", other, err, text)
		}
	})
}

func FuzzTLS(f *testing.F) {
	fuzz(f, flow.AppTLS, flow.ProtoTCP, [2]string{clientHello, serverHello}, [2]string{record(22, "\x01"), oldHello})
}

func FuzzHTTP(f *testing.F) {
	fuzz(f, flow.AppHTTP, flow.ProtoTCP, [2]string{"GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\nServer: s\r\n\r\n"})
}

func FuzzSSH(f *testing.F) {
	fuzz(f, flow.AppSSH, flow.ProtoTCP, [2]string{"SSH-2.0-a\r\n", "banner\nSSH-2.0-b\n"})
}

func FuzzDNS(f *testing.F) { fuzz(f, flow.AppDNS, flow.ProtoUDP, [2]string{dnsQuery, dnsReply}) }

func FuzzDNSTCP(f *testing.F) {
	fuzz(f, flow.AppDNS, flow.ProtoTCP, [2]string{"\x00\x1e" + dnsQuery, "\x00\x3e" + dnsReply})
}
