package app

import (
	"bytes"
	"strconv"

	"github.com/flowferry/flowferry/flow"
)

// httpMethods are the request methods (IANA http-methods) that begin a connection.
var httpMethods = [...]string{
	"GET", "POST", "HEAD", "PUT", "OPTIONS", "CONNECT", "DELETE", "PATCH", "TRACE",
	"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "PRI",
	"SUBSCRIBE", "UNSUBSCRIBE", "NOTIFY", "M-SEARCH", "CHECKOUT", "MERGE", "MKACTIVITY", "RPC_IN_DATA",
	"RPC_OUT_DATA", "BITS_POST", "CCM_POST", "SEARCH", "ACL", "PURGE", "VERSION-CONTROL",
}

// httpAsks looks for "METHOD target HTTP/…" (RFC 9112 section 3).
func httpAsks(b []byte) verdict {
	v := httpMethod(b)
	if v != yes {
		return v
	}
	l, ended := line(b)
	switch {
	case bytes.Contains(l, []byte(" HTTP/")):
		return yes
	case bytes.HasSuffix(l, []byte("SIP/2.0")) || bytes.HasSuffix(l, []byte("RTSP/1.0")):
		return no
	case ended && bytes.HasPrefix(l, []byte("GET /")):
		return likely // HTTP/0.9 has no version
	case ended:
		return no
	case len(l) >= 256 && printable(l):
		return likely // a target that is longer than what was seen
	}
	return maybe
}

func httpMethod(b []byte) (v verdict) {
	if len(b) == 0 {
		return no
	}
	for _, m := range &httpMethods {
		n := min(len(b), len(m))
		switch {
		case b[0] != m[0] || string(b[:n]) != m[:n]:
		case len(b) <= n:
			v = maybe
		case b[n] == ' ':
			return yes
		}
	}
	return v
}

// httpReplies looks for "HTTP/1.1 200" (RFC 9112 section 4).
func httpReplies(b []byte) verdict {
	if v := hasPrefix(b, "HTTP/"); v != yes || len(b) < 12 {
		return min(v, maybe)
	}
	_, rest, ok := bytes.Cut(b[:12], []byte{' '})
	if !ok || len(rest) < 3 || !digit(rest[0]) || !digit(rest[1]) || !digit(rest[2]) {
		return no
	}
	return yes
}

// ssdp knows the simple discovery of UPnP: HTTP's lines in datagrams (UPnP Device Architecture
// section 1).
func ssdp(s side) verdict {
	l, _ := line(s.b)
	switch {
	case string(l) == "M-SEARCH * HTTP/1.1" || string(l) == "NOTIFY * HTTP/1.1":
		return yes
	case httpReplies(l) == yes && (foldContains(s.b, "\nST:") || foldContains(s.b, "\nUSN:")):
		return yes
	}
	return no
}

// httpEnd ends the header fields. A line end alone is tolerated, as RFC 9112 section 2.2 asks.
func httpEnd(b []byte) bool {
	return bytes.Contains(b, []byte("\r\n\r\n")) || bytes.Contains(b, []byte("\n\n"))
}

func httpWhole(client, server []byte) bool { return httpEnd(client) && httpEnd(server) }

func httpParse(client, server []byte, m *flow.Meta) bool {
	h := &flow.HTTP{}
	if httpAsks(client) >= likely {
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
