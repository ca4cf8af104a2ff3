package app

import (
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// View is what was seen of a conversation: for TCP the first bytes of each side in order, for
// UDP the first datagram of each side.
type View struct {
	Proto          uint8 // flow.ProtoTCP or flow.ProtoUDP
	Client, Server []byte
}

// verdict is what a recogniser says of the first bytes of one side.
type verdict uint8

const (
	no    verdict = iota // it is not this protocol
	maybe                // more bytes are needed
	yes
)

// label is one protocol that can be recognised.
type label struct {
	file  string // where it is written
	app   flow.App
	proto uint8
	asks  func(b []byte) verdict                              // does a client begin like this?
	reply func(b []byte) verdict                              // does a server begin like this?
	whole func(client, server []byte) bool                    // is all there that parse can use?
	parse func(client, server []byte, m *flow.Meta) (ok bool) // reads the metadata
}

// labels are asked in this order; the first to say yes wins. To add a protocol: a file in this
// package, an App in package flow, and a row here.
var labels = [...]label{
	{"tls.go", flow.AppTLS, flow.ProtoTCP, tlsAsks, tlsReplies, tlsWhole, tlsParse},
	{"http.go", flow.AppHTTP, flow.ProtoTCP, httpAsks, httpReplies, httpWhole, httpParse},
	{"ssh.go", flow.AppSSH, flow.ProtoTCP, sshBegins, sshBegins, sshWhole, sshParse},
	{"dns.go", flow.AppDNS, flow.ProtoUDP, dnsAsks, dnsReplies, dnsWhole, dnsParse},
	{"dns.go", flow.AppDNS, flow.ProtoTCP, dnsTCPAsks, dnsTCPReplies, dnsTCPWhole, dnsTCPParse},
}

// Label says what the conversation speaks. turned says that it is the other way round: the bytes
// of Server are a client's. hopeless says that nothing is known that begins like what was seen.
func (v *View) Label() (app flow.App, turned, hopeless bool) {
	best := no
	for i := range labels {
		l := &labels[i]
		if l.proto != v.Proto {
			continue
		}
		straight := max(ask(l.asks, v.Client), ask(l.reply, v.Server))
		if straight == yes {
			return l.app, false, false
		}
		crossed := max(ask(l.asks, v.Server), ask(l.reply, v.Client))
		if crossed == yes {
			return l.app, true, false
		}
		best = max(best, straight, crossed)
	}
	return flow.AppNone, false, best == no
}

// ask asks a recogniser; nothing seen decides nothing.
func ask(f func([]byte) verdict, b []byte) verdict {
	if len(b) == 0 {
		return no
	}
	return f(b)
}

// find gives the row of a label.
func (v *View) find(app flow.App) *label {
	for i := range labels {
		if l := &labels[i]; l.app == app && l.proto == v.Proto {
			return l
		}
	}
	return nil
}

// Whole says whether Metadata would gain nothing from more bytes.
func (v *View) Whole(app flow.App) bool {
	l := v.find(app)
	return l == nil || l.whole(v.Client, v.Server)
}

// Metadata reads names and the like into m; false when there are none.
func (v *View) Metadata(app flow.App, m *flow.Meta) bool {
	l := v.find(app)
	return l != nil && l.parse(v.Client, v.Server, m)
}

// hasPrefix says whether b begins with prefix, maybe when b is too short to tell.
func hasPrefix(b []byte, prefix string) verdict {
	n := min(len(b), len(prefix))
	switch {
	case string(b[:n]) != prefix[:n]:
		return no
	case n < len(prefix):
		return maybe
	}
	return yes
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
