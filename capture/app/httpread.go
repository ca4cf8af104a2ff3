package app

import (
	"bytes"
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

const httpLoneBody = 2048 // bytes of a side without the other after which the other is not waited for

// httpEnd ends the header fields. A line end alone is tolerated, as RFC 9112 section 2.2 asks.
func httpEnd(b []byte) bool {
	return bytes.Contains(b, []byte("\r\n\r\n")) || bytes.Contains(b, []byte("\n\n"))
}

// httpWhole waits for the header fields of both sides, and behind CONNECT for the TLS handshake.
func httpWhole(v *View) bool {
	c, s := httpEnd(v.Client), httpEnd(v.Server)
	switch {
	case len(v.Client) == 0 || len(v.Server) == 0:
		return (c || s) && len(v.Client)+len(v.Server) > httpLoneBody
	case c && s && httpTunnels(v):
		in := httpInner(v)
		return len(in.Client) > 0 && (tlsAsks(in.Client) == no || tlsWhole(&in))
	}
	return c && s
}

// httpTunnels says whether the client asked a proxy to connect it and was.
func httpTunnels(v *View) bool {
	return bytes.HasPrefix(v.Client, []byte("CONNECT ")) && httpReplies(v.Server) == yes && bytes.Contains(v.Server[:12], []byte(" 2"))
}

// httpInner gives what follows the header fields of both sides.
func httpInner(v *View) (in View) {
	in.Proto = v.Proto
	var head httpHead
	in.Client, in.Server = head.read(v.Client), head.read(v.Server)
	return in
}

func httpParse(v *View, m *flow.Meta) bool {
	var h flow.HTTP
	httpMessages(v.Client, false, &h)
	httpMessages(v.Server, true, &h)
	if httpTunnels(v) {
		if in := httpInner(v); len(in.Client) > 0 && tlsAsks(in.Client) != no {
			tlsParse(&in, m)
		}
	}
	if h.Method == "" && h.Status == 0 {
		return m.TLS != nil
	}
	m.HTTP = new(flow.HTTP)
	*m.HTTP = h
	return true
}

// httpFollow reads a segment that begins with a message.
func httpFollow(server bool, b []byte, m *flow.Meta) bool {
	if len(b) == 0 || server && b[0] != 'H' || !server && (b[0] < 'A' || b[0] > 'Z') {
		return false
	}
	if h := m.HTTP; h != nil && len(h.More) >= maxMore && (!server || h.More[maxMore-1].Status != 0) {
		return false
	}
	if m.HTTP != nil {
		return httpMessages(b, server, m.HTTP)
	}
	var h flow.HTTP
	if httpMessages(b, server, &h); h.Method == "" && h.Status == 0 {
		return false
	}
	m.HTTP = new(flow.HTTP)
	*m.HTTP = h
	return true
}

// httpMessages adds each message in b to h, as long as one follows the other. It says whether it
// added something.
func httpMessages(b []byte, server bool, h *flow.HTTP) (added bool) {
	var head httpHead
	for n := 0; len(b) > 0 && n <= maxMore; n++ {
		switch {
		case server && httpReplies(b) >= likely:
			b = head.read(b)
			added = httpAnswered(h, &head) || added
		case !server && httpAsks(b) >= likely:
			b = head.read(b)
			added = httpAsked(h, &head) || added
		default:
			return added
		}
		b = b[min(head.length(), len(b)):]
	}
	return added
}

// httpAsked adds a request to h: the first is h itself, the others are further ones.
func httpAsked(h *flow.HTTP, head *httpHead) (added bool) {
	if h.Method == "" && h.Status == 0 {
		*h = flow.HTTP{}
		httpRequest(head, h)
		return true
	}
	if len(h.More) >= maxMore {
		return false
	}
	var one flow.HTTP
	httpRequest(head, &one)
	h.More = append(h.More, flow.Exchange{Method: one.Method, Host: one.Host, Path: one.Path, UserAgent: one.UserAgent, Referrer: one.Referrer})
	return true
}

// httpAnswered adds a response to h: to the first request that has none yet. An interim response
// (RFC 9110 section 15.2) is none, but 101 ends HTTP.
func httpAnswered(h *flow.HTTP, head *httpHead) (added bool) {
	one := flow.HTTP{Version: h.Version}
	httpResponse(head, &one)
	if one.Status < 200 && one.Status != 101 {
		return false
	}
	if h.Status == 0 {
		h.Status, h.Version, h.Server, h.ContentType = one.Status, one.Version, one.Server, one.ContentType
		return true
	}
	for i := range h.More {
		if x := &h.More[i]; x.Status == 0 {
			x.Status, x.ContentType = one.Status, one.ContentType
			return true
		}
	}
	if len(h.More) >= maxMore {
		return false
	}
	h.More = append(h.More, flow.Exchange{Status: one.Status, ContentType: one.ContentType})
	return true
}

func httpRequest(head *httpHead, h *flow.HTTP) {
	method, line, _ := bytes.Cut(head.line, []byte{' '})
	h.Method = sharedText(method)
	target := line
	if i := bytes.LastIndex(line, []byte(" HTTP/")); i >= 0 {
		target = line[:i]
		h.Version = sharedText(line[i+len(" HTTP/"):])
	}
	target = bytes.TrimSpace(target)
	h.Host, h.Path = httpTarget(h.Method, target[:min(len(target), httpMaxValue)])
	if h.Host == "" {
		h.Host = sharedText(head.fields[httpHost])
	}
	h.UserAgent, h.Referrer = sharedText(head.fields[httpUserAgent]), sharedText(head.fields[httpReferer])
}

// httpTarget splits the request target (RFC 9112 section 3.2): a path, a whole URL for a proxy,
// or host and port for CONNECT.
func httpTarget(method string, t []byte) (host, path string) {
	if method == "CONNECT" {
		return text(t), ""
	}
	if i := bytes.Index(t, []byte("://")); i > 0 && t[0] != '/' {
		rest := t[i+3:]
		if j := bytes.IndexByte(rest, '/'); j >= 0 {
			return text(rest[:j]), text(rest[j:])
		}
		return text(rest), "/"
	}
	return "", text(t)
}

func httpResponse(head *httpHead, h *flow.HTTP) {
	version, line, _ := bytes.Cut(head.line, []byte{' '})
	if h.Version == "" {
		h.Version = sharedText(bytes.TrimPrefix(version, []byte("HTTP/")))
	}
	h.Status, _ = strconv.Atoi(string(line[:min(3, len(line))]))
	h.Server, h.ContentType = sharedText(head.fields[httpServer]), sharedText(head.fields[httpContentType])
}
