package app

import (
	"bytes"
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// httpMethods are the request methods (IANA http-methods) that begin a connection.
var httpMethods = [...]string{
	"GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE",
	"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "PRI",
	"SUBSCRIBE", "UNSUBSCRIBE", "NOTIFY", "M-SEARCH",
}

// httpLongest is how long a request line may be before it is believed without its end.
const httpLongest = 2048

// httpAsks looks for "METHOD target HTTP/…" (RFC 9112 section 3).
func httpAsks(b []byte) verdict {
	v := no
	for _, m := range httpMethods {
		if v = max(v, hasPrefix(b, m+" ")); v == yes {
			break
		}
	}
	if v != yes {
		return v
	}
	line, _, ended := bytes.Cut(b, []byte{'\n'})
	switch {
	case bytes.Contains(line, []byte(" HTTP/")):
		return yes
	case ended && bytes.HasPrefix(line, []byte("GET /")):
		return yes // HTTP/0.9 has no version
	case ended:
		return no
	case len(line) >= httpLongest:
		return yes
	}
	return maybe
}

// httpReplies looks for "HTTP/1.1 200" (RFC 9112 section 4).
func httpReplies(b []byte) verdict {
	if v := hasPrefix(b, "HTTP/"); v != yes || len(b) < 12 {
		return min(v, maybe)
	}
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	_, rest, ok := bytes.Cut(b[:12], []byte{' '})
	if !ok || len(rest) < 3 || !digit(rest[0]) || !digit(rest[1]) || !digit(rest[2]) {
		return no
	}
	return yes
}

// httpEnd ends the header fields. A line end alone is tolerated, as RFC 9112 section 2.2 asks.
func httpEnd(b []byte) bool {
	return bytes.Contains(b, []byte("\r\n\r\n")) || bytes.Contains(b, []byte("\n\n"))
}

func httpWhole(client, server []byte) bool { return httpEnd(client) && httpEnd(server) }

func httpParse(client, server []byte, m *flow.Meta) bool {
	h := &flow.HTTP{}
	if httpAsks(client) == yes {
		httpRequest(client, h)
	}
	if httpReplies(server) == yes {
		httpResponse(server, h)
	}
	m.HTTP = h
	return h.Method != "" || h.Status != 0
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
	h.Host, h.Path = httpTarget(h.Method, bytes.TrimSpace(target))
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
			field(string(bytes.ToLower(name)), bytes.TrimSpace(value))
		}
	}
}
