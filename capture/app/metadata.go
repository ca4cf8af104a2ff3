package app

import (
	"encoding/binary"
	"slices"
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// View is what was seen of a conversation whose label is known: for TCP the first bytes of each
// side in order, for UDP the first datagrams of each side and where each ends. One View serves one
// conversation after another: it also has the room that metadata are given.
type View struct {
	Proto                  uint8 // flow.ProtoTCP or flow.ProtoUDP
	Client, Server         []byte
	ClientEnds, ServerEnds []uint16 // of the datagrams; empty is one datagram
	Latest                 []byte   // the payload that came last; empty where that is not known
	Asked                  int      // so many bytes of Client were there when Whole was asked last

	messages slab[flow.DNS]
	answers  slab[flow.Answer]
	texts    texts
	quic     quicRoom
	hellos   quicHandshake // of the conversation that quicWhole has said to be whole
}

// fresh gives the bytes of the client from at on in which a text of n bytes may stand that was not there
// when Whole was asked last.
func (v *View) fresh(at, n int) []byte { return v.Client[min(max(at, v.Asked-n+1), len(v.Client)):] }

// parser takes names and the like out of one protocol.
type parser struct {
	file  string // where it is written
	app   flow.App
	proto uint8
	whole func(v *View) bool                    // is all there that parse can use?
	parse func(v *View, m *flow.Meta) (ok bool) // reads the metadata
}

// parsers has a row for each label that has metadata. To add one: a file in this package and a
// row here; and a row in Follow, when later messages tell more.
var parsers = [...]parser{
	{"tlsread.go", flow.AppTLS, flow.ProtoTCP, tlsWhole, tlsParse},
	{"httpread.go", flow.AppHTTP, flow.ProtoTCP, httpWhole, httpParse},
	{"sshread.go", flow.AppSSH, flow.ProtoTCP, sshWhole, sshParse},
	{"dnsread.go", flow.AppDNS, flow.ProtoUDP, oneWhole, dnsParse},
	{"dnsread.go", flow.AppDNS, flow.ProtoTCP, dnsTCPWhole, dnsParse},
	{"dnsread.go", flow.AppMDNS, flow.ProtoUDP, oneWhole, dnsParse},
	{"dnsread.go", flow.AppLLMNR, flow.ProtoUDP, oneWhole, dnsParse},
	{"quicread.go", flow.AppQUIC, flow.ProtoUDP, quicWhole, quicParse},
	{"mailread.go", flow.AppSMTP, flow.ProtoTCP, mailWhole, mailParse},
	{"sessions.go", flow.AppIMAP, flow.ProtoTCP, imapWhole, imapParse},
	{"sessions.go", flow.AppPOP3, flow.ProtoTCP, popWhole, popParse},
	{"sessions.go", flow.AppFTP, flow.ProtoTCP, ftpWhole, ftpParse},
	{"desktop.go", flow.AppRDP, flow.ProtoTCP, rdpWhole, rdpParse},
	{"starttls.go", flow.AppIRC, flow.ProtoTCP, startOnly, startParse},
	{"ldapread.go", flow.AppLDAP, flow.ProtoTCP, startOnly, ldapParse},
	{"ldapread.go", flow.AppLDAP, flow.ProtoUDP, oneWhole, ldapParse},
	{"dhcpread.go", flow.AppDHCP, flow.ProtoUDP, oneWhole, dhcpParse},
	{"dhcp6read.go", flow.AppDHCPv6, flow.ProtoUDP, oneWhole, dhcp6Parse},
	{"ntpread.go", flow.AppNTP, flow.ProtoUDP, oneWhole, ntpParse},
	{"snmpread.go", flow.AppSNMP, flow.ProtoUDP, oneWhole, snmpParse},
	{"kerberosread.go", flow.AppKerberos, flow.ProtoUDP, oneWhole, kerberosParse},
	{"kerberosread.go", flow.AppKerberos, flow.ProtoTCP, kerberosTCPWhole, kerberosTCPParse},
	{"sipread.go", flow.AppSIP, flow.ProtoUDP, oneWhole, sipParse},
	{"sipread.go", flow.AppSIP, flow.ProtoTCP, sipWhole, sipParse},
	{"netbiosread.go", flow.AppNetBIOS, flow.ProtoUDP, oneWhole, netbiosParse},
	{"netbiosread.go", flow.AppNetBIOS, flow.ProtoTCP, netbiosTCPWhole, netbiosTCPParse},
	{"starttls.go", flow.AppXMPP, flow.ProtoTCP, startOnly, startParse},
	{"starttls.go", flow.AppNNTP, flow.ProtoTCP, startOnly, startParse},
	{"postgresread.go", flow.AppPostgreSQL, flow.ProtoTCP, pgWhole, pgParse},
	{"mysqlread.go", flow.AppMySQL, flow.ProtoTCP, mysqlWhole, mysqlParse},
	{"smbread.go", flow.AppSMB, flow.ProtoTCP, neverWhole, smbParse},
	{"mqttread.go", flow.AppMQTT, flow.ProtoTCP, neverWhole, mqttParse},
	{"modbusread.go", flow.AppModbus, flow.ProtoTCP, atOnceWhole, modbusParse},
	{"dnp3read.go", flow.AppDNP3, flow.ProtoTCP, atOnceWhole, dnp3Parse},
	{"dnp3read.go", flow.AppDNP3, flow.ProtoUDP, atOnceWhole, dnp3Parse},
}

// parserOf finds the parser of a label, for TCP and UDP.
var parserOf = func() (of [2][256]*parser) {
	for i := range parsers {
		p := &parsers[i]
		of[transport(p.proto)][p.app] = p
	}
	return of
}()

// find gives the parser of a label; nil is none.
func (v *View) find(app flow.App) *parser { return parserOf[transport(v.Proto)][app] }

// Whole says whether Metadata would gain nothing from more bytes. When it says yes, Metadata of the same
// conversation is what v must be asked for next.
func (v *View) Whole(app flow.App) bool {
	p := v.find(app)
	return p == nil || p.whole(v)
}

// Metadata reads names and the like into m; false when there are none.
func (v *View) Metadata(app flow.App, m *flow.Meta) bool {
	p := v.find(app)
	return p != nil && p.parse(v, m)
}

// Follows says whether conversations with this label tell more after the first messages.
func Follows(app flow.App, proto uint8) bool {
	switch app {
	case flow.AppHTTP, flow.AppDNS, flow.AppMDNS, flow.AppLLMNR, flow.AppSIP,
		flow.AppSMB, flow.AppNetBIOS, flow.AppModbus, flow.AppDNP3:
		return true
	case flow.AppDHCP, flow.AppDHCPv6, flow.AppNTP, flow.AppSNMP, flow.AppKerberos, flow.AppLDAP:
		return proto == flow.ProtoUDP
	}
	return false
}

// Follow reads a payload of a conversation over v.Proto that comes after what Metadata has read; nothing
// else of v is looked at. What Snapshot copies is changed in place, other parts of m that change are made
// anew. It says whether there was something.
func (v *View) Follow(app flow.App, server bool, b []byte, m *flow.Meta) bool {
	switch app {
	case flow.AppHTTP:
		return httpFollow(server, b, m)
	case flow.AppDNS, flow.AppMDNS, flow.AppLLMNR:
		return v.dnsFollow(b, m)
	case flow.AppSMB:
		return v.Proto == flow.ProtoTCP && smbFollow(b, m)
	case flow.AppModbus:
		return modbusFollow(server, b, m)
	case flow.AppDNP3:
		return dnp3Follow(server, b, m)
	case flow.AppDHCP:
		return dhcpFollow(b, m)
	case flow.AppDHCPv6:
		return dhcp6Follow(b, m)
	case flow.AppNTP:
		return ntpFollow(b, m)
	case flow.AppSNMP:
		return snmpFollow(b, m)
	case flow.AppKerberos:
		return kerberosFollow(b, m)
	case flow.AppLDAP:
		return ldapFollow(b, m)
	case flow.AppSIP:
		return sipFollow(v.Proto, b, m)
	case flow.AppNetBIOS:
		if v.Proto == flow.ProtoTCP {
			return smbFollow(b, m) // which a session carries
		}
		return netbiosFollow(b, m)
	}
	return false
}

// Snapshot gives a copy of m: when Follow goes on with one of the two, the other stays as it is. Unlike m
// the copy is in no block with what other conversations tell, so it may live long.
func Snapshot(m *flow.Meta) (c flow.Meta) {
	c = *m
	if m.DNS != nil {
		d := *m.DNS
		d.Answers, d.More = slices.Clone(d.Answers), slices.Clone(d.More)
		for i := range d.More {
			d.More[i].Answers = slices.Clone(d.More[i].Answers)
		}
		c.DNS = &d
	}
	if m.HTTP != nil {
		h := *m.HTTP
		h.More = slices.Clone(h.More)
		c.HTTP = &h
	}
	return c
}

// maxMore is how many messages after the first are kept.
const maxMore = 7

// sharedText is text for what comes often: hosts, programs.
func sharedText(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if plain(b) {
		return share(b)
	}
	return text(b)
}

// plain says whether b is printable ASCII.
func plain(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		// Of each byte: below ' ', above '~', or beyond ASCII; a borrow comes only from one that is.
		v := binary.LittleEndian.Uint64(b)
		if (v|(v-0x2020202020202020)|(v+0x0101010101010101))&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// text makes a string of bytes from the wire: valid UTF-8 without control characters.
func text(b []byte) string {
	if plain(b) {
		return string(b)
	}
	s := strings.ToValidUTF8(string(b), "\ufffd")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '\ufffd'
		}
		return r
	}, s)
}
