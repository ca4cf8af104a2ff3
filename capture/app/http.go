package app

import (
	"bytes"
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
