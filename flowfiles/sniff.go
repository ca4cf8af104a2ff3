package flowfiles

import (
	"bytes"
	"encoding/binary"
	"io"

	"github.com/flowferry/flowferry/internal/unzip"
)

// Format is a kind of flow file.
type Format uint8

const (
	Unknown  Format = iota
	ZeekTSV         // conn.log with #fields
	ZeekJSON        // conn.log, one JSON object a line
	Suricata        // eve.json with flow or netflow events
	Argus           // ra -c, with a line of column names; binetflow
	Nfcapd          // nfdump layout 1 (1.6) and 2 (1.7)
)

var formats = [...]string{"unknown", "Zeek conn.log", "Zeek conn.log (JSON)", "Suricata eve.json", "Argus CSV", "nfcapd"}

func (f Format) String() string {
	if int(f) < len(formats) {
		return formats[f]
	}
	return formats[Unknown]
}

// sniffed is how many bytes Sniff looks at, and readers may.
const sniffed = 64 << 10

// Sniff finds the format of a file by its first bytes, after gzip. A file that is none of
// ours is Unknown.
func Sniff(head []byte) Format {
	r, _, err := unzip.Reader(bytes.NewReader(head), sniffed)
	if err != nil {
		return Unknown // not gzip after all, or broken
	}
	text := make([]byte, sniffed)
	n, _ := io.ReadFull(r, text) // what is cut off is not ours to tell
	return detect(text[:n])
}

// detect finds the format of a file by its first bytes.
func detect(head []byte) Format {
	if len(head) >= 4 && binary.LittleEndian.Uint16(head) == nfMagic {
		return Nfcapd
	}
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	for line := range bytes.Lines(head) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
			continue
		case line[0] == '#':
			if bytes.HasPrefix(line, []byte("#separator")) || bytes.HasPrefix(line, []byte("#fields")) {
				return ZeekTSV
			}
		case line[0] == '{':
			if f := detectJSON(line); f != Unknown {
				return f
			}
		default:
			if isArgusHeader(string(line)) {
				return Argus
			}
			return Unknown
		}
	}
	return Unknown
}

// detectJSON tells by the keys of an object, which may be cut at its end.
func detectJSON(line []byte) Format {
	has := func(key string) bool { return bytes.Contains(line, []byte(`"`+key+`"`)) }
	switch {
	case has("event_type") && has("timestamp"):
		return Suricata
	case has("id.orig_h") && has("id.resp_h") && has("conn_state"):
		return ZeekJSON
	}
	return Unknown
}
