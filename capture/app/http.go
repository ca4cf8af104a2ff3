package app

import (
	"bytes"
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
func ssdp(s *Look) verdict {
	l, _ := line(s.B)
	switch {
	case string(l) == "M-SEARCH * HTTP/1.1" || string(l) == "NOTIFY * HTTP/1.1":
		return yes
	case httpReplies(l) == yes && (foldContains(s.B, "\nST:") || foldContains(s.B, "\nUSN:")):
		return yes
	}
	return no
}
