package ecs

import "github.com/flowferry/flowferry/flow"

// Document is a document that is ready to be written: one that is of no flow.
type Document struct {
	Time int64  // its @timestamp, Unix ns
	ID   string // as AppendID makes them; unique within its stream
	Text []byte // one JSON object, without a line end
}

// ID gives the id of a document by its place in what an origin tells; see AppendID.
func ID(origin, ord uint64) string {
	return string(AppendID(nil, &flow.Record{Origin: origin, Ord: ord}))
}
