package app

import "github.com/flowferry/flowferry/flow"

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
	asks  func(b []byte) verdict // does a client begin like this?
	reply func(b []byte) verdict // does a server begin like this?
}

// labels are asked in this order; the first to say yes wins. To add a protocol: a file in this
// package, an App in package flow, and a row here.
var labels = [...]label{
	{"tls.go", flow.AppTLS, flow.ProtoTCP, tlsAsks, tlsReplies},
	{"http.go", flow.AppHTTP, flow.ProtoTCP, httpAsks, httpReplies},
	{"ssh.go", flow.AppSSH, flow.ProtoTCP, sshBegins, sshBegins},
	{"dns.go", flow.AppDNS, flow.ProtoUDP, dnsAsks, dnsReplies},
	{"dns.go", flow.AppDNS, flow.ProtoTCP, dnsTCPAsks, dnsTCPReplies},
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
