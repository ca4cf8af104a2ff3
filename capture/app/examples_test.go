package app

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// example is the beginning of a conversation: what each end sends first.
type example struct {
	app            flow.App
	proto          uint8
	client, server string
}

// x makes bytes of hexadecimal digits; blanks are for the eye.
func x(digits string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	return string(b)
}

func rep(s string, n int) string { return strings.Repeat(s, n) }

var (
	ip4Packet  = x("45000014 00000000 40110000 0a000001 0a000002")
	ip6Packet  = x("60000000 00003b40") + x("fe80000000000000 0000000000000001") + x("20010000 000000000000000000000002")
	frame      = x("020000000001 020000000002 0800") + ip4Packet
	ikeV2      = x("1122334455667788 0000000000000000 21 20 22 08 00000000 00000030") + rep("k", 20)
	rtpPacket  = x("8000 0001 00000010 0a0b0c0d") + rep("v", 20)
	smb2       = x("00000040 fe534d42 4000 0000 00000000 0000 0100 00000000") + rep("\x00", 40)
	rpcBind    = x("0500 0b03 10000000 4800 0000 01000000") + rep("\x00", 56)
	sunCall    = x("00001234 00000000 00000002 000186a0 00000002 00000003 00000000 00000000 00000000 00000000")
	sunReply   = x("00001234 00000001 00000000 00000000 00000000 00000000 00000801")
	asReq      = x("6a 20 30 1e a1 03 02 01 05 a2 03 02 01 0a") + rep("\x00", 20)
	asRep      = x("6b 20 30 1e a0 03 02 01 05 a1 03 02 01 0b") + rep("\x00", 20)
	ldapBind   = x("30 0c 02 01 01 60 07 02 01 03 04 00 80 00")
	ldapResult = x("30 0c 02 01 01 61 07 0a 01 00 04 00 04 00")
	slp2       = x("02 01 00001a 0000 000000 0001 0002") + "en" + x("0000 0000 0000 0000 0000")
	ldpHello   = x("0001 001e 0a000001 0000 0100 0014 00000001 0400 0004 000f 0000 0401 0004 0a000001")
	openvpnHi  = x("38 1122334455667788 00 00000000")
	openvpnYo  = x("40 8877665544332211 01 00000000 1122334455667788 00000000")
	stunAsk    = x("0001 0000 2112a442 000102030405060708090a0b")
)

// dnpWithSum puts the checksum where the protocol has it.
func dnpWithSum(head string) string {
	crc := dnp3CRC([]byte(head))
	return head + string([]byte{byte(crc), byte(crc >> 8)})
}

// examples has at least one conversation for each row of labels.
var examples = []example{
	{flow.AppTLS, tcp, clientHello, serverHello},
	{flow.AppTLS, tcp, x("802e 01 0002 0015 0000 0010") + rep("c", 37), ""},
	{flow.AppHTTP, tcp, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"},
	{flow.AppSSDP, udp, "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n", "HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\n\r\n"},
	{flow.AppQUIC, udp, x("c3 00000001 08 0102030405060708 00 00 449e") + rep("q", 60), x("c1 00000001 00 08 1112131415161718") + rep("q", 60)},
	{flow.AppQUIC, udp, x("0d 0102030405060708") + "Q039" + rep("q", 40), ""},
	{flow.AppQUIC, udp, "", x("80 00000000 00 08 0102030405060708 00000001 ff00001d")},
	{flow.AppDTLS, udp, x("16 feff 0000 000000000000 000c 01 000000 0000 000000 000000"), ""},
	{flow.AppDNS, udp, dnsQuery, dnsReply},
	{flow.AppDNS, tcp, "\x00\x1e" + dnsQuery, "\x00\x3e" + dnsReply},
	{flow.AppDHCP, udp, x("01010600") + rep("\x00", 232) + dhcpCookie + x("350101ff"), x("02010600") + rep("\x00", 232) + dhcpCookie},
	{flow.AppDHCPv6, udp, x("01 123456 0001 000a") + rep("d", 10), x("02 123456 0001 000a") + rep("d", 10)},
	{flow.AppNTP, udp, x("23") + rep("\x00", 47), x("24 02 06 e9 00000100 00000200 0a000001") + x("e0000000") + rep("\x00", 20) + x("e0000001 00000000")},
	{flow.AppSNMP, udp, x("30 13 020101 0406") + "public" + x("a006 020101 020100"), x("30 13 020101 0406") + "public" + x("a206 020101 020100")},
	{flow.AppSNMP, udp, x("30 20 020103 300e 020101 020300ffe3 040104 020103"), ""},
	{flow.AppSyslog, udp, "<34>Oct 11 22:14:15 host su: failed", ""},
	{flow.AppSyslog, udp, "<34>1 2026-10-11T22:14:15Z host su - - - failed", ""},
	{flow.AppSyslog, tcp, "44 <34>1 2026-10-11T22:14:15Z host su - - - failed", ""},
	{flow.AppRADIUS, udp, x("01 07 001a") + rep("a", 16) + x("0106") + "user", x("02 07 001a") + rep("a", 16) + x("0106") + "user"},
	{flow.AppSLP, udp, slp2, ""},
	{flow.AppSLP, tcp, slp2, ""},
	{flow.AppBGP, tcp, bgpMarker + x("001d 01 04 fde8 00b4 0a000001 00"), bgpMarker + x("0013 04")},
	{flow.AppLDP, udp, ldpHello, ""},
	{flow.AppLDP, tcp, ldpHello, ""},
	{flow.AppSMB, tcp, smb2, smb2[:20] + "\x01" + smb2[21:]},
	{flow.AppNetBIOS, tcp, x("81 00 0044 20") + rep("CA", 16) + x("00 20") + rep("CA", 16) + x("00"), ""},
	{flow.AppNetBIOS, udp, x("0001 0110 0001 0000 0000 0000 20") + rep("CA", 16) + x("00 0020 0001"), ""},
	{flow.AppNetBIOS, udp, x("11 02 0001 0a000001 008a 0022 0000 20") + rep("CA", 16) + "\x00", ""},
	{flow.AppDCERPC, tcp, rpcBind, rpcBind[:2] + "\x0c" + rpcBind[3:]},
	{flow.AppDCERPC, udp, x("04 00 08 00 10 00 00 00") + rep("\x00", 66) + x("0000 0000 00 00"), ""},
	{flow.AppSunRPC, udp, sunCall, sunReply},
	{flow.AppSunRPC, tcp, x("80000028") + sunCall, x("8000001c") + sunReply},
	{flow.AppKerberos, udp, asReq, asRep},
	{flow.AppKerberos, tcp, x("00000022") + asReq, x("00000022") + asRep},
	{flow.AppLDAP, tcp, ldapBind, ldapResult},
	{flow.AppLDAP, udp, x("30 0d 02 01 01 63 08 04 00 0a 01 00 0a 01 00"), ldapResult},
	{flow.AppSSH, tcp, "SSH-2.0-a\r\n", "SSH-2.0-b\r\n"},
	{flow.AppTelnet, tcp, x("fffd03 fffb18 fffb1f"), x("fffb03 fffd18")},
	{flow.AppVNC, tcp, "RFB 003.008\n", "RFB 003.008\n"},
	{flow.AppRDP, tcp, x("0300 0013 0e e0 0000 0000 00 01 00 0800 03000000"), x("0300 0013 0e d0 0000 1234 00 02 00 0800 02000000")},
	{flow.AppRDPUDP, udp, x("ffffffff 0040 0001 00000001 04d0 04d0") + rep("\x00", 1216), ""},
	{flow.AppTFTP, udp, x("0001") + "file\x00octet\x00", ""},
	{flow.AppRSYNC, tcp, "@RSYNCD: 31.0\n", "@RSYNCD: 31.0\n"},
	{flow.AppSMTP, tcp, "EHLO host\r\n", "220 host ESMTP\r\n"},
	{flow.AppFTP, tcp, "", "220 (vsFTPd 3.0.3)\r\n"},
	{flow.AppPOP3, tcp, "CAPA\r\n", "+OK POP3 ready\r\n"},
	{flow.AppIMAP, tcp, "a1 CAPABILITY\r\n", "* OK IMAP4rev1 ready\r\n"},
	{flow.AppNNTP, tcp, "MODE READER\r\n", "200 host InterNetNews NNRP server INN 2.5 ready (posting ok)\r\n"},
	{flow.AppIRC, tcp, "NICK a\r\nUSER a 0 * :a\r\n", ":irc.host 001 a :Welcome\r\n"},
	{flow.AppXMPP, tcp, "<?xml version='1.0'?><stream:stream to='host' xmlns='jabber:client'>", ""},
	{flow.AppSIP, udp, "REGISTER sip:host SIP/2.0\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n"},
	{flow.AppSIP, tcp, "OPTIONS sip:host SIP/2.0\r\n\r\n", ""},
	{flow.AppRTSP, tcp, "OPTIONS rtsp://host/a RTSP/1.0\r\nCSeq: 1\r\n\r\n", "RTSP/1.0 200 OK\r\n\r\n"},
	{flow.AppMGCP, udp, "AUEP 1200 aaln/1@host MGCP 1.0\r\n", "200 1200 OK\r\n"},
	{flow.AppMegaco, udp, "MEGACO/1 [10.0.0.1]:2944\r\n", "!/1 [10.0.0.2]:2944 T=1{}"},
	{flow.AppSTUN, udp, stunAsk, "\x01" + stunAsk[:1] + stunAsk[2:]},
	{flow.AppSTUN, tcp, stunAsk + stunAsk, ""},
	{flow.AppRTCP, udp, x("80c9 0001 0a0b0c0d 81ca 0001 0a0b0c0d"), ""},
	{flow.AppRTP, udp, rtpPacket, rtpPacket},
	{flow.AppIKE, udp, ikeV2, "\x00\x00\x00\x00" + ikeV2},
	{flow.AppWireGuard, udp, x("01000000 11223344") + rep("w", 140), x("02000000 55667788 11223344") + rep("w", 80)},
	{flow.AppOpenVPN, udp, openvpnHi, openvpnYo},
	{flow.AppOpenVPN, tcp, x("000e") + openvpnHi, x("001a") + openvpnYo},
	{flow.AppPPTP, tcp, x("009c 0001 1a2b3c4d 0001 0000") + rep("\x00", 144), x("009c 0001 1a2b3c4d 0002 0000") + rep("\x00", 144)},
	{flow.AppL2TP, udp, x("c802 0014 0000 0000 0000 0000 8008 0000 0000 0001"), ""},
	{flow.AppSOCKS, tcp, x("05 02 00 02"), x("05 00")},
	{flow.AppSOCKS, tcp, x("04 01 0050 c0000201") + "user\x00", x("00 5a 0050 c0000201")},
	{flow.AppTeredo, udp, ip6Packet, x("0000 f227 bfffffff") + ip6Packet},
	{flow.AppVXLAN, udp, x("08000000 00007b00") + frame, ""},
	{flow.AppGeneve, udp, x("0000 6558 00007b00") + frame, ""},
	{flow.AppGTP, udp, x("30 ff 0014 00000001") + ip4Packet, x("32 ff 0018 00000001 0001 00 00") + ip4Packet},
	{flow.AppAYIYA, udp, x("41 52 11 29 5f000000") + rep("i", 36) + ip6Packet, ""},
	{flow.AppMySQL, tcp, x("240000 01 85a60300 00000001 21") + rep("\x00", 23) + "r\x00\x00\x00", x("2a0000 00 0a") + "5.7.1\x00" + x("01000000") + "saltsalt" + x("00") + rep("m", 18)},
	{flow.AppPostgreSQL, tcp, x("00000008 04d2162f"), "S"},
	{flow.AppPostgreSQL, tcp, x("00000012 00030000") + "user\x00me\x00\x00", x("52 0000000c 00000005 01020304")},
	{flow.AppMSSQL, tcp, x("12 01 000e 0000 00 00 00 0006 0000 ff"), x("04 01 0010 0033 01 00 fd 0000 0000000000")},
	{flow.AppOracle, tcp, x("0040 0000 01 00 0000 0136 012c") + rep("\x00", 20) + "(DESCRIPTION=(CONNECT_DATA=))", ""},
	{flow.AppRedis, tcp, "*2\r\n$3\r\nGET\r\n$1\r\na\r\n", "$-1\r\n"},
	{flow.AppMongoDB, tcp, x("1f000000 01000000 00000000 dd070000 00000000 00 0a000000") + rep("\x00", 6), ""},
	{flow.AppMQTT, tcp, x("10 0f 0004") + "MQTT" + x("04 02 003c 0003") + "abc", x("20 02 00 00")},
	{flow.AppAMQP, tcp, "AMQP\x00\x00\x09\x01", x("01 0000 00000004 000a000a ce")},
	{flow.AppCoAP, udp, x("40 01 1234 b8") + "resource", x("60 45 1234 ff") + "body"},
	{flow.AppModbus, tcp, x("0001 0000 0006 01 03 0000 000a"), x("0001 0000 0005 01 03 02 0001")},
	{flow.AppDNP3, tcp, dnpWithSum(x("0564 05c9 0400 0300")), ""},
	{flow.AppDNP3, udp, dnpWithSum(x("0564 05c9 0400 0300")), ""},
	{flow.AppEtherNetIP, tcp, x("6500 0400 00000000 00000000 0000000000000000 00000000 0100 0000"), x("6500 0400 01000000 00000000 0000000000000000 00000000 0100 0000")},
	{flow.AppEtherNetIP, udp, "", x("6300 0800 00000000 00000000 0000000000000000 00000000 0100 0c00 01000000")},
	{flow.AppBACnet, udp, x("81 0b 000c 0120ffff00ff 1008"), ""},
	{flow.AppIEC104, tcp, x("68 04 07 00 00 00"), x("68 04 0b 00 00 00")},
	{flow.AppS7, tcp, x("0300 0019 02f080 32 01 0000 0000 0008 0000 f000000100 0101e0"), x("0300 001b 02f080 32 03 0000 0000 0008 0000 0000 f000000100 0100f0")},
	{flow.AppBitTorrent, tcp, "\x13BitTorrent protocol" + rep("\x00", 8), ""},
	{flow.AppBitTorrent, udp, "d1:ad2:id20:" + rep("i", 20) + "e1:q4:ping1:t2:aa1:y1:qe", ""},
	{flow.AppBitTorrent, udp, x("0000041727101980 00000000 12345678"), ""},
	{flow.AppBitTorrent, udp, x("4100 1234 00000001 00000000 00100000 0001 0000"), ""},
	{flow.AppGnutella, tcp, "GNUTELLA CONNECT/0.6\r\n", "GNUTELLA/0.6 200 OK\r\n"},
	{flow.AppGnutella, udp, rep("g", 16) + x("00 01 00 00000000"), ""},
	{flow.AppGh0st, tcp, "Gh0st" + x("20000000 30000000 789c") + rep("z", 17), ""},
	{flow.AppPoisonIvy, tcp, rep("\x91\x03\xfe\x80", 64), rep("\x17\xa2\x00\xc4", 64) + x("d0150000")},
}

// look looks at an example as a meter does: the client's bytes, then the server's.
func (e *example) look(each func(l *Look)) {
	l := Look{Proto: e.proto, B: []byte(e.client), From: 40000, To: 40001}
	each(&l)
	each(&Look{Proto: e.proto, Server: true, B: []byte(e.server), Peer: l.B, From: 40001, To: 40000, Weak: l.Weak})
}

// Each conversation is known on ports that say nothing, and every row has one.
func TestExamples(t *testing.T) {
	type row struct {
		app   flow.App
		proto uint8
	}
	covered := map[row]bool{{flow.AppMDNS, udp}: true, {flow.AppLLMNR, udp}: true, {flow.AppESP, udp}: true} // see TestPorts
	for i := range examples {
		e := &examples[i]
		covered[row{e.app, e.proto}] = true
		var best Found
		e.look(func(l *Look) {
			f, _ := l.Label()
			if f.Confidence > best.Confidence {
				best = f
			}
			if f.App != e.app && f.App != flow.AppNone {
				t.Errorf("%v, proto %d: one end is taken for %v", e.app, e.proto, f.App)
			}
		})
		if best.App != e.app || best.Confidence < flow.ConfidenceMedium || best.Reason == flow.ReasonNone {
			t.Errorf("%v, proto %d: got %v, %v, %v", e.app, e.proto, best.App, best.Confidence, best.Reason)
		}
	}
	for i := range labels {
		if r := &labels[i]; !covered[row{r.app, r.proto}] {
			t.Errorf("%v, proto %d: no example", r.app, r.proto)
		}
	}
}

// A label never comes of the port alone, and what looks the same on all ports is told apart by it.
func TestPorts(t *testing.T) {
	f := func(proto uint8, from, to uint16, b string, want flow.App, sure flow.Confidence) {
		t.Helper()
		l := Look{Proto: proto, B: []byte(b), From: from, To: to}
		if got, _ := l.Label(); got.App != want || got.Confidence != sure {
			t.Errorf("got %v, %v", got.App, got.Confidence)
		}
	}
	f(udp, 5353, 5353, dnsQuery, flow.AppMDNS, flow.ConfidenceHigh)
	f(udp, 40000, 5355, dnsQuery, flow.AppLLMNR, flow.ConfidenceHigh)
	f(udp, 40000, 5353, "no message", flow.AppNone, flow.ConfidenceNone)
	f(udp, 4500, 4500, x("00001001 00000001")+rep("e", 64), flow.AppESP, flow.ConfidenceLow)
	f(udp, 4500, 4500, rep("e", 64), flow.AppNone, flow.ConfidenceNone)
	f(udp, 40000, 69, x("0004 0001"), flow.AppTFTP, flow.ConfidenceLow)
	f(udp, 40000, 40001, x("0004 0001"), flow.AppNone, flow.ConfidenceNone)
	f(tcp, 40000, 6379, "PING\r\n", flow.AppRedis, flow.ConfidenceLow)
	for i := range labels {
		r := &labels[i]
		for p := 0; p+1 < len(r.ports); p += 2 {
			port := uint16(r.ports[p])<<8 | uint16(r.ports[p+1])
			f(r.proto, 40000, port, "\x9e\x9e never seen", flow.AppNone, flow.ConfidenceNone)
			if Hint(r.proto, 40000, port) == flow.AppNone {
				t.Errorf("%v: port %d hints at nothing", r.app, port)
			}
		}
	}
	if a := Hint(tcp, 40000, 40001); a != flow.AppNone {
		t.Errorf("hint of no port: %v", a)
	}
}

// What looks weakly like something counts when a second packet does too.
func TestTwice(t *testing.T) {
	control := []byte(x("16 02 0001 0000 0000 0000 0000"))
	l := Look{Proto: udp, B: control, From: 40000, To: 40001}
	if f, _ := l.Label(); f.App != flow.AppNone {
		t.Fatalf("the first is taken for %v", f.App)
	}
	l.First = control
	if f, _ := l.Label(); f.App != flow.AppNTP || f.Confidence != flow.ConfidenceLow || f.Reason != flow.ReasonTwice {
		t.Errorf("the second: %v, %v, %v", f.App, f.Confidence, f.Reason)
	}
}

// RTP is known by a second packet that follows the first.
func TestSequence(t *testing.T) {
	f := func(proto uint8, first, next string, want flow.App) {
		t.Helper()
		l := Look{Proto: proto, B: []byte(next), First: []byte(first), From: 40000, To: 40001}
		if got, _ := l.Label(); got.App != want {
			t.Errorf("got %v", got.App)
		}
	}
	next := x("8000 0002 000000b0 0a0b0c0d") + rep("v", 20)
	f(udp, rtpPacket, next, flow.AppRTP)
	f(udp, rtpPacket, rtpPacket, flow.AppNone)
	f(udp, rtpPacket, next[:8]+"ssrc"+next[12:], flow.AppNone)
	utp := x("0100 1234 00000001 00000000 00100000 0001 0000") + "data"
	f(udp, utp, x("0100 1234 00000009 00000000 00100000 0002 0000")+"data", flow.AppBitTorrent)
	f(udp, utp, x("0100 9999 00000009 00000000 00100000 0002 0000")+"data", flow.AppNone)
}

// What only resembles a protocol has no label.
func TestResemblance(t *testing.T) {
	f := func(proto uint8, b string) {
		t.Helper()
		l := Look{Proto: proto, B: []byte(b), From: 40000, To: 40001}
		if got, _ := l.Label(); got.App != flow.AppNone {
			t.Errorf("%.20q is taken for %v, %v", b, got.App, got.Confidence)
		}
	}
	f(tcp, "220 come in\r\n")
	f(tcp, "200 ok\r\n")
	f(tcp, "USER me\r\n")
	f(tcp, "+OK\r\n")
	f(tcp, x("0564 05c9 0400 0300 0000"))
	f(tcp, x("fffffffffffffffffffffffffffffffe 0013 04"))
	f(tcp, x("0300 0016 11 e0 0000 0001 00 c0010a c1020100 c2020102"))
	f(tcp, x("0001 0000 0006 01 03 0000 ffff"))
	f(tcp, "Gh0st"+x("20000000 30000000 0000")+rep("z", 17))
	f(tcp, rep("\x00", 64))
	f(udp, rep("\x00", 64))
	f(udp, rep("\xff", 64))
	f(udp, "<999>not a priority")
	f(udp, x("4017 1234"))
	f(udp, x("0001 0004 2112a442 000102030405060708090a0b"))
	f(udp, x("c3 00000063 08 0102030405060708 00 00")+rep("q", 60))
	f(udp, x("81 0b 0099 01"))
}

// What one conversation announces of another.
func TestAnnouncement(t *testing.T) {
	f := func(app flow.App, b, addr string, port uint16, want flow.App) {
		t.Helper()
		a, _, ok := Announcement(app, []byte(b), 40000)
		if ok != (want != flow.AppNone) || ok && (a.App != want || a.Port != port || a.Addr != (flow.Addr{}) && a.Addr.String() != addr || a.Addr == (flow.Addr{}) && addr != "") {
			t.Errorf("%q: %v, %v", b, a, ok)
		}
	}
	f(flow.AppFTP, "227 Entering Passive Mode (192,0,2,1,4,1).\r\n", "192.0.2.1", 1025, flow.AppFTPData)
	f(flow.AppFTP, "227 =192,0,2,1,4,1\r\n", "192.0.2.1", 1025, flow.AppFTPData)
	f(flow.AppFTP, "227 none\r\n", "", 0, flow.AppNone)
	f(flow.AppFTP, "PORT 192,0,2,1,256,1\r\n", "", 0, flow.AppNone)
	f(flow.AppFTP, "PORT 192,0,2,1,0,20\r\n", "192.0.2.1", 20, flow.AppFTPData)
	f(flow.AppFTP, "229 Entering Extended Passive Mode (|||5282|)\r\n", "", 5282, flow.AppFTPData)
	f(flow.AppFTP, "EPRT |2|2001:db8::1|5282|\r\n", "2001:db8::1", 5282, flow.AppFTPData)
	f(flow.AppFTP, "EPRT |2|2001:db8::1|99999|\r\n", "", 0, flow.AppNone)
	f(flow.AppFTP, "EPRT |x|", "", 0, flow.AppNone)
	f(flow.AppIRC, "PRIVMSG b :\x01DCC SEND f 3221225985 1025 99\x01\r\n", "192.0.2.1", 1025, flow.AppIRCData)
	f(flow.AppIRC, "PRIVMSG b :\x01DCC SEND f host 1025\x01\r\n", "", 0, flow.AppNone)
	f(flow.AppTFTP, "\x00\x01f\x00octet\x00", "", 40000, flow.AppTFTP)
	f(flow.AppHTTP, "227 Entering Passive Mode (192,0,2,1,4,1).\r\n", "", 0, flow.AppNone)
}

// A look allocates nothing.
func TestLabelAllocs(t *testing.T) {
	for i := range examples {
		e := &examples[i]
		e.look(func(l *Look) {
			if n := testing.AllocsPerRun(10, func() { l.Label() }); n != 0 {
				t.Errorf("%v: %v allocations", e.app, n)
			}
		})
	}
}

// Any bytes on either side: no panic, and a label with all that belongs to it or none.
func FuzzLabel(f *testing.F) {
	for i := range examples {
		e := &examples[i]
		f.Add(e.proto == udp, []byte(e.client), []byte(e.server), uint16(40000), uint16(53))
	}
	f.Fuzz(func(t *testing.T, isUDP bool, b, other []byte, from, to uint16) {
		defer fuzztest.Guard()()
		l := Look{Proto: tcp, B: b, Peer: other, From: from, To: to}
		if isUDP {
			l.Proto, l.First = udp, other
		}
		for range 2 {
			found, hopeless := l.Label()
			if (found.App == flow.AppNone) != (found.Confidence == flow.ConfidenceNone) || hopeless && found.App != flow.AppNone {
				t.Fatalf("%+v, hopeless %v", found, hopeless)
			}
			if l.Server = !l.Server; found.App != flow.AppNone {
				if a, _, ok := Announcement(found.App, b, from); ok && (a.Port == 0) != (a.App == flow.AppNone) {
					t.Fatalf("%+v", a)
				}
			}
		}
		ftpAnnounces(b)
		ircAnnounces(b)
	})
}

// A look at the first packet of each example, and at bytes that are none of them.
func BenchmarkLabel(b *testing.B) {
	run := func(name string, l Look) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				l.Label()
			}
		})
	}
	run("tls", Look{Proto: tcp, B: []byte(clientHello), From: 40000, To: 443})
	run("dns", Look{Proto: udp, B: []byte(dnsQuery), From: 40000, To: 53})
	run("quic", Look{Proto: udp, B: []byte(examples[4].client), From: 40000, To: 443})
	run("unknown-tcp", Look{Proto: tcp, B: []byte(rep("\x9e", 100)), From: 40000, To: 40001})
	run("unknown-udp", Look{Proto: udp, B: []byte(rep("\x9e", 100)), From: 40000, To: 40001})
	run("unknown-text", Look{Proto: tcp, B: []byte(rep("Some text. ", 20)), From: 40000, To: 40001})
}
