package shipper

import (
	"bytes"
	"slices"
	"time"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/mappings"
)

// Each document is two lines of a body: an action with its id, and the document (NDJSON).
//
//	{"create":{"_id":"<id>"}}
//	{"@timestamp":…}
const (
	actionHead = `{"create":{"_id":"`
	actionTail = "\"}}\n"
)

// kindExporter stands beside the kinds of records: documents of exporters, which are no records.
const kindExporter = flow.KindEvent + 1

// kinds is how many streams there are: one per kind.
const kinds = int(kindExporter) + 1

// streams are all that a cluster is to have.
var streams = append(slices.Clone(ecs.Streams), mappings.Exporter)

// streamOf names the stream of a kind.
func streamOf(k flow.Kind) string {
	if k == kindExporter {
		return mappings.Exporter
	}
	return ecs.Stream(k)
}

// body is a bulk request in the making: documents of one stream.
type body struct {
	kind   flow.Kind
	lines  []byte    // NDJSON
	ends   []int     // where in lines each document ends, behind its line feed
	opened time.Time // when the first document was appended
	target int       // length at which it is to be sent, in bytes
	size   int       // bytes by which the queue has it on its account
	unsure bool      // it was sent, and the answer lost: some of it may be there
}

// add appends a document.
func (b *body) add(batch *flow.Batch, r *flow.Record) {
	b.lines = append(b.lines, actionHead...)
	b.lines = ecs.AppendID(b.lines, r)
	b.lines = append(b.lines, actionTail...)
	b.lines = ecs.AppendDocument(b.lines, batch, r)
	b.lines = append(b.lines, '\n')
	b.ends = append(b.ends, len(b.lines))
}

// addReady appends a document that is ready.
func (b *body) addReady(d *ecs.Document) {
	b.lines = append(b.lines, actionHead...)
	b.lines = append(b.lines, d.ID...)
	b.lines = append(b.lines, actionTail...)
	b.lines = append(b.lines, d.Text...)
	b.lines = append(b.lines, '\n')
	b.ends = append(b.ends, len(b.lines))
}

// docs is the number of documents.
func (b *body) docs() int { return len(b.ends) }

// pair gives the two lines of document i.
func (b *body) pair(i int) []byte {
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return b.lines[start:b.ends[i]]
}

// doc gives id and text of document i.
func (b *body) doc(i int) (id, text []byte) {
	action, text, _ := bytes.Cut(b.pair(i), []byte{'\n'})
	return action[len(actionHead) : len(action)-len(actionTail)+1], text[:len(text)-1]
}

// keep drops all documents but those whose numbers, in rising order, are given. It may write
// ends[i] before it has read all: pair(w) needs ends[w-1], and w-1 is written to only when
// nothing before it was dropped, with the value it had.
func (b *body) keep(which []int) {
	n := 0
	for i, w := range which {
		n += copy(b.lines[n:], b.pair(w))
		b.ends[i] = n
	}
	b.lines, b.ends = b.lines[:n], b.ends[:len(which)]
}

// cut moves the second half of the documents to the empty body rest. Valid iff docs() > 1.
func (b *body) cut(rest *body) {
	half := b.docs() / 2
	at := b.ends[half-1]
	rest.kind, rest.unsure, rest.opened = b.kind, b.unsure, b.opened
	rest.lines = append(rest.lines, b.lines[at:]...)
	for _, e := range b.ends[half:] {
		rest.ends = append(rest.ends, e-at)
	}
	b.lines, b.ends = b.lines[:at], b.ends[:half]
}

func (b *body) reset() { *b = body{lines: b.lines[:0], ends: b.ends[:0]} }
