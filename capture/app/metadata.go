package app

import (
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// View is what was seen of a conversation whose label is known: for TCP the first bytes of each
// side in order, for UDP the first datagrams of each side and where each ends.
type View struct {
	Proto                  uint8 // flow.ProtoTCP or flow.ProtoUDP
	Client, Server         []byte
	ClientEnds, ServerEnds []uint16 // of the datagrams; empty is one datagram
}

// parser takes names and the like out of one protocol.
type parser struct {
	file  string // where it is written
	app   flow.App
	proto uint8
	whole func(v View) bool                    // is all there that parse can use?
	parse func(v View, m *flow.Meta) (ok bool) // reads the metadata
}

// parsers has a row for each label that has metadata. To add one: a file in this package and a
// row here; and a row in Follow, when later messages tell more.
var parsers = [...]parser{
	{"tlsread.go", flow.AppTLS, flow.ProtoTCP, tlsWhole, tlsParse},
	{"httpread.go", flow.AppHTTP, flow.ProtoTCP, httpWhole, httpParse},
	{"sshread.go", flow.AppSSH, flow.ProtoTCP, sshWhole, sshParse},
	{"dnsread.go", flow.AppDNS, flow.ProtoUDP, dnsWhole, dnsParse},
	{"dnsread.go", flow.AppDNS, flow.ProtoTCP, dnsTCPWhole, dnsParse},
	{"dnsread.go", flow.AppMDNS, flow.ProtoUDP, dnsWhole, dnsParse},
	{"dnsread.go", flow.AppLLMNR, flow.ProtoUDP, dnsWhole, dnsParse},
	{"quicread.go", flow.AppQUIC, flow.ProtoUDP, quicWhole, quicParse},
	{"mailread.go", flow.AppSMTP, flow.ProtoTCP, mailWhole, mailParse},
	{"sessions.go", flow.AppIMAP, flow.ProtoTCP, imapWhole, imapParse},
	{"sessions.go", flow.AppPOP3, flow.ProtoTCP, popWhole, popParse},
	{"sessions.go", flow.AppFTP, flow.ProtoTCP, ftpWhole, ftpParse},
	{"desktop.go", flow.AppRDP, flow.ProtoTCP, rdpWhole, rdpParse},
	{"starttls.go", flow.AppIRC, flow.ProtoTCP, startOnly, startParse},
	{"starttls.go", flow.AppLDAP, flow.ProtoTCP, startOnly, startParse},
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

// find gives the parser of a label.
func (v View) find(app flow.App) *parser {
	for i := range parsers {
		if p := &parsers[i]; p.app == app && p.proto == v.Proto {
			return p
		}
	}
	return nil
}

// Whole says whether Metadata would gain nothing from more bytes.
func (v View) Whole(app flow.App) bool {
	p := v.find(app)
	return p == nil || p.whole(v)
}

// Metadata reads names and the like into m; false when there are none.
func (v View) Metadata(app flow.App, m *flow.Meta) bool {
	p := v.find(app)
	return p != nil && p.parse(v, m)
}

// Follows says whether conversations with this label tell more after the first messages.
func Follows(app flow.App) bool {
	switch app {
	case flow.AppHTTP, flow.AppDNS, flow.AppMDNS, flow.AppLLMNR,
		flow.AppSMB, flow.AppNetBIOS, flow.AppModbus, flow.AppDNP3:
		return true
	}
	return false
}

// Follow reads a payload that comes after what Metadata has read. Parts of m that change are made
// anew, so that who holds the old ones may read them on. It says whether there was something.
func Follow(app flow.App, proto uint8, server bool, b []byte, m *flow.Meta) bool {
	switch app {
	case flow.AppHTTP:
		return httpFollow(server, b, m)
	case flow.AppDNS, flow.AppMDNS, flow.AppLLMNR:
		return dnsFollow(proto, b, m)
	case flow.AppSMB, flow.AppNetBIOS: // a session of NetBIOS carries SMB
		return proto == flow.ProtoTCP && smbFollow(b, m)
	case flow.AppModbus:
		return modbusFollow(server, b, m)
	case flow.AppDNP3:
		return dnp3Follow(server, b, m)
	}
	return false
}

// maxMore is how many messages after the first are kept.
const maxMore = 7

// text makes a string of bytes from the wire: valid UTF-8 without control characters.
func text(b []byte) string {
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			s := strings.ToValidUTF8(string(b), "\ufffd")
			return strings.Map(func(r rune) rune {
				if r < ' ' || r == 0x7f {
					return '\ufffd'
				}
				return r
			}, s)
		}
	}
	return string(b)
}
