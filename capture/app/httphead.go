package app

import (
	"bytes"
	"strconv"
)

const httpMaxValue = 2048 // bytes of a value that are kept

// httpHead is the head of a message (RFC 9112 section 2.1): its first line, without its end, and the values of
// the fields that are read, of each the first that is not empty. Both are parts of the message.
type httpHead struct {
	line   []byte
	fields [httpFields][]byte
}

// The fields that are read.
const (
	httpHost = iota
	httpUserAgent
	httpReferer
	httpServer
	httpContentType
	httpContentLength
	httpFields
)

var httpFieldNames = [httpFields]string{"host", "user-agent", "referer", "server", "content-type", "content-length"}

// read reads the head that b begins with and gives what follows its empty line; nil where that has not come.
// A last line without its end is left out: it may be half a value.
func (h *httpHead) read(b []byte) (rest []byte) {
	*h = httpHead{}
	h.line, b, _ = bytes.Cut(b, []byte{'\n'})
	h.line = bytes.TrimRight(h.line, "\r")
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			return nil
		}
		line := b[:end]
		b = b[end+1:]
		for len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		}
		if len(line) == 0 {
			return b
		}
		h.field(line)
	}
}

// field keeps the value of a field's line if it is one of those that are read.
func (h *httpHead) field(line []byte) {
	for i, name := range &httpFieldNames {
		n := len(name)
		if n < len(line) && line[n] == ':' && len(h.fields[i]) == 0 && foldIs(line[:n], name) {
			value := bytes.TrimSpace(line[n+1:])
			h.fields[i] = value[:min(len(value), httpMaxValue)]
			return
		}
	}
}

// length is how long the body after the head is, as far as it says.
func (h *httpHead) length() int {
	value := h.fields[httpContentLength]
	if len(value) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(string(value[:min(len(value), 10)]))
	return max(n, 0)
}
