package app

import (
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// View is what was seen of a conversation whose label is known: for TCP the first bytes of each
// side in order, for UDP the first datagram of each side.
type View struct {
	Proto          uint8 // flow.ProtoTCP or flow.ProtoUDP
	Client, Server []byte
}

// parser takes names and the like out of one protocol.
type parser struct {
	file  string // where it is written
	app   flow.App
	proto uint8
	whole func(client, server []byte) bool                    // is all there that parse can use?
	parse func(client, server []byte, m *flow.Meta) (ok bool) // reads the metadata
}

// parsers has a row for each label that has metadata.
var parsers = [...]parser{
	{"tls.go", flow.AppTLS, flow.ProtoTCP, tlsWhole, tlsParse},
	{"http.go", flow.AppHTTP, flow.ProtoTCP, httpWhole, httpParse},
	{"ssh.go", flow.AppSSH, flow.ProtoTCP, sshWhole, sshParse},
	{"dns.go", flow.AppDNS, flow.ProtoUDP, dnsWhole, dnsParse},
	{"dns.go", flow.AppMDNS, flow.ProtoUDP, dnsWhole, dnsParse},
	{"dns.go", flow.AppLLMNR, flow.ProtoUDP, dnsWhole, dnsParse},
	{"dns.go", flow.AppDNS, flow.ProtoTCP, dnsTCPWhole, dnsTCPParse},
}

// find gives the parser of a label.
func (v *View) find(app flow.App) *parser {
	for i := range parsers {
		if p := &parsers[i]; p.app == app && p.proto == v.Proto {
			return p
		}
	}
	return nil
}

// Whole says whether Metadata would gain nothing from more bytes.
func (v *View) Whole(app flow.App) bool {
	p := v.find(app)
	return p == nil || p.whole(v.Client, v.Server)
}

// Metadata reads names and the like into m; false when there are none.
func (v *View) Metadata(app flow.App, m *flow.Meta) bool {
	p := v.find(app)
	return p != nil && p.parse(v.Client, v.Server, m)
}

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
