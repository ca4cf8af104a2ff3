package app

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

const (
	httpMaxValue = 2048 // bytes of a value that are kept
	httpLoneBody = 2048 // bytes of a side without the other after which the other is not waited for
)

// httpEnd ends the header fields. A line end alone is tolerated, as RFC 9112 section 2.2 asks.
func httpEnd(b []byte) bool {
	return bytes.Contains(b, []byte("\r\n\r\n")) || bytes.Contains(b, []byte("\n\n"))
}

// httpWhole waits for the header fields of both sides, and behind CONNECT for the TLS handshake.
func httpWhole(v View) bool {
	c, s := httpEnd(v.Client), httpEnd(v.Server)
	switch {
	case len(v.Client) == 0 || len(v.Server) == 0:
		return (c || s) && len(v.Client)+len(v.Server) > httpLoneBody
	case c && s && httpTunnels(v):
		return httpInner(v, tlsWhole)
	}
	return c && s
}

// httpTunnels says whether the client asked a proxy to connect it and was.
func httpTunnels(v View) bool {
	return bytes.HasPrefix(v.Client, []byte("CONNECT ")) && httpReplies(v.Server) == yes && bytes.Contains(v.Server[:12], []byte(" 2"))
}

// httpInner calls f with what follows the header fields of both sides, if that is TLS.
func httpInner(v View, f func(View) bool) bool {
	in := v
	_, in.Client = httpCut(v.Client)
	_, in.Server = httpCut(v.Server)
	if len(in.Client) == 0 {
		return false
	}
	if tlsAsks(in.Client) == no {
		return true
	}
	return f(in)
}

func httpParse(v View, m *flow.Meta) bool {
	h := &flow.HTTP{}
	httpMessages(v.Client, httpAsks, func(b []byte) { h = httpAsked(h, b) })
	httpMessages(v.Server, httpReplies, func(b []byte) { h = httpAnswered(h, b) })
	if httpTunnels(v) {
		httpInner(v, func(in View) bool { return tlsParse(in, m) })
	}
	if h.Method == "" && h.Status == 0 {
		return m.TLS != nil
	}
	m.HTTP = h
	return true
}

// httpFollow reads a segment that begins with a message.
func httpFollow(server bool, b []byte, m *flow.Meta) bool {
	if h := m.HTTP; h != nil && len(h.More) >= maxMore && (!server || h.More[maxMore-1].Status != 0) {
		return false
	}
	h := m.HTTP
	if h == nil {
		h = &flow.HTTP{}
	}
	if server {
		httpMessages(b, httpReplies, func(b []byte) { h = httpAnswered(h, b) })
	} else {
		httpMessages(b, httpAsks, func(b []byte) { h = httpAsked(h, b) })
	}
	if h.Method == "" && h.Status == 0 || h == m.HTTP {
		return false
	}
	m.HTTP = h
	return true
}

// httpMessages gives each message in b, from its first line on, as long as one follows the other.
func httpMessages(b []byte, begins func([]byte) verdict, each func([]byte)) {
	for n := 0; len(b) > 0 && n <= maxMore && begins(b) >= likely; n++ {
		each(b)
		var head []byte
		if head, b = httpCut(b); b == nil {
			return
		}
		b = b[min(httpBody(head), len(b)):]
	}
}

// httpCut cuts b after the empty line that ends the header fields; rest is nil when there is none.
func httpCut(b []byte) (head, rest []byte) {
	at := 0
	for at < len(b) {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			break
		}
		if line := bytes.TrimRight(b[at:at+i], "\r"); len(line) == 0 && at > 0 {
			return b[:at], b[at+i+1:]
		}
		at += i + 1
	}
	return b, nil
}

// httpBody is how long the body after these header fields is, as far as they say.
func httpBody(head []byte) (n int) {
	_, fields := httpLine(head)
	httpFields(fields, func(name string, value []byte) {
		if name == "content-length" {
			n, _ = strconv.Atoi(string(value[:min(len(value), 10)]))
		}
	})
	return max(n, 0)
}

// httpAsked adds a request to a copy of h: the first is h itself, the others are further ones.
func httpAsked(h *flow.HTTP, b []byte) *flow.HTTP {
	var one flow.HTTP
	httpRequest(b, &one)
	if h.Method == "" && h.Status == 0 {
		return &one
	}
	if len(h.More) >= maxMore {
		return h
	}
	more := flow.Exchange{Method: one.Method, Host: one.Host, Path: one.Path, UserAgent: one.UserAgent, Referrer: one.Referrer}
	next := *h
	next.More = append(slices.Clip(h.More), more)
	return &next
}

// httpAnswered adds a response to a copy of h: to the first request that has none yet. An interim
// response (RFC 9110 section 15.2) is none, but 101 ends HTTP.
func httpAnswered(h *flow.HTTP, b []byte) *flow.HTTP {
	next := *h
	one := flow.HTTP{Version: h.Version}
	httpResponse(b, &one)
	if one.Status < 200 && one.Status != 101 {
		return h
	}
	if h.Status == 0 {
		next.Status, next.Version, next.Server, next.ContentType = one.Status, one.Version, one.Server, one.ContentType
		return &next
	}
	next.More = slices.Clone(h.More)
	for i := range next.More {
		if x := &next.More[i]; x.Status == 0 {
			x.Status, x.ContentType = one.Status, one.ContentType
			return &next
		}
	}
	if len(next.More) >= maxMore {
		return h
	}
	next.More = append(next.More, flow.Exchange{Status: one.Status, ContentType: one.ContentType})
	return &next
}

func httpRequest(b []byte, h *flow.HTTP) {
	line, rest := httpLine(b)
	method, line, _ := bytes.Cut(line, []byte{' '})
	h.Method = text(method)
	target := line
	if i := bytes.LastIndex(line, []byte(" HTTP/")); i >= 0 {
		target = line[:i]
		h.Version = text(line[i+len(" HTTP/"):])
	}
	target = bytes.TrimSpace(target)
	h.Host, h.Path = httpTarget(h.Method, target[:min(len(target), httpMaxValue)])
	httpFields(rest, func(name string, value []byte) {
		switch {
		case name == "host" && h.Host == "":
			h.Host = text(value)
		case name == "user-agent" && h.UserAgent == "":
			h.UserAgent = text(value)
		case name == "referer" && h.Referrer == "":
			h.Referrer = text(value)
		}
	})
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

func httpResponse(b []byte, h *flow.HTTP) {
	line, rest := httpLine(b)
	version, line, _ := bytes.Cut(line, []byte{' '})
	if h.Version == "" {
		h.Version = text(bytes.TrimPrefix(version, []byte("HTTP/")))
	}
	h.Status, _ = strconv.Atoi(string(line[:min(3, len(line))]))
	httpFields(rest, func(name string, value []byte) {
		switch {
		case name == "server" && h.Server == "":
			h.Server = text(value)
		case name == "content-type" && h.ContentType == "":
			h.ContentType = text(value)
		}
	})
}

// httpLine takes one line off; the line comes without its end.
func httpLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte{'\n'})
	return bytes.TrimRight(line, "\r"), rest
}

// httpFields gives each header field, its name in lower case, up to the empty line. A last line
// without its end is left out: it may be half a value.
func httpFields(b []byte, field func(name string, value []byte)) {
	for bytes.IndexByte(b, '\n') >= 0 {
		var line []byte
		if line, b = httpLine(b); len(line) == 0 {
			return
		}
		name, value, ok := bytes.Cut(line, []byte{':'})
		if ok && len(name) <= 32 {
			value = bytes.TrimSpace(value)
			field(string(bytes.ToLower(name)), value[:min(len(value), httpMaxValue)])
		}
	}
}
