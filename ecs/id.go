package ecs

import (
	"strings"

	"github.com/flowferry/flowferry/flow"
)

// streams and datasets are named by Kind.
var (
	streams  = [...]string{flow.KindFlow: "flow", flow.KindSession: "session", flow.KindEvent: "event"}
	datasets = [...]string{flow.KindFlow: "flowferry.flow", flow.KindSession: "flowferry.session", flow.KindEvent: "flowferry.event"}
)

// Streams lists the names that Stream gives.
var Streams = streams[:]

// Stream gives the stream that records of a kind belong to: the data stream is
// logs-flowferry.<stream>-<namespace>.
func Stream(k flow.Kind) string { return streams[min(int(k), len(streams)-1)] }

func dataset(k flow.Kind) string { return datasets[min(int(k), len(datasets)-1)] }

// idLetters are 32 letters in the order of ASCII that are in the order of the base64 alphabet
// too: the engines store an id of 4n such letters as its 3n base64 bytes, so that ids sort the
// same as text and as terms of the index.
const idLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef"

// Letters of an id: 13 of 5 bits hold Origin, 11 hold Ord up to 2^55, more than a million
// records a second for a thousand years.
const (
	originLetters = 13
	ordLetters    = 11
)

// AppendID appends the id of r's document: 24 letters, safe in URLs and JSON, that grow with
// Ord within an Origin. It is unique within a stream.
func AppendID(dst []byte, r *flow.Record) []byte {
	return appendLetters(appendLetters(dst, r.Origin, originLetters), r.Ord, ordLetters)
}

// IsID says whether s has the form of AppendID's.
func IsID(s string) bool {
	return len(s) == originLetters+ordLetters && strings.Trim(s, idLetters) == ""
}

func appendLetters(dst []byte, v uint64, n int) []byte {
	for shift := 5 * (n - 1); shift >= 0; shift -= 5 {
		dst = append(dst, idLetters[v>>shift&31])
	}
	return dst
}
