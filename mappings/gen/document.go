package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/metrics"
)

const preface = `# Fields

<!-- Generated from the table of package ecs by go generate ./mappings. Do not edit. -->

One document is one flow (` + "`logs-flowferry.flow-*`" + `), one complete conversation that was exported in several
pieces (` + "`logs-flowferry.session-*`" + `), or one firewall or NAT event (` + "`logs-flowferry.event-*`" + `). Names and types
are those of the Elastic Common Schema ` + ecs.Version + ` wherever it has one (ECS below); the rest is ours, under ` + "`flow.*`" + ` but for a
few that belong beside their ECS neighbours.

- A value that the source did not give is absent, never zero.
- ` + "`source`" + ` is the initiator (client) and ` + "`destination`" + ` the responder (server) where ` + "`flow.initiator_by`" + ` says what
  decided it; else ` + "`source`" + ` is the sender.
- ` + "`source.*`" + ` and ` + "`destination.*`" + ` counts are as reported; ` + "`network.bytes`" + ` and ` + "`network.packets`" + ` are both directions,
  scaled by the sampling rate. When they were scaled, ` + "`flow.sampled.*`" + ` holds what they were scaled from.
- Sum flows, never flows and sessions: a session repeats what its pieces say.
- The document's id is made of ` + "`flow.origin`" + ` and ` + "`event.sequence`" + `: 24 letters that grow with the sequence.
- A time is written with 3, 6 or 9 digits of the second, as many as it has. The index searches and sorts by
  milliseconds; the document keeps all digits.
- [] marks a field that may hold several values.
- No field is mapped dynamically.
`

const exporterPreface = `
## Documents of exporters

The data stream ` + "`metrics-flowferry.exporter-*`" + ` and, in the embedded store, ` + "`exporter/`" + ` hold other documents: what came from
each exporter and what was lost (` + "`event.action: exporter_report`" + `), what its interfaces have counted (` + "`interface_counters`" + `,
sFlow), and what it has told by options (` + "`options_learned`" + `). docs/operation.md tells when they are written.

- Sum what stands under ` + "`interval`" + ` over time; ` + "`total`" + ` is what has been counted since the exporter was first heard.
- A loss may be negative: what comes late was not lost.

| field | type | of | meaning |
|---|---|---|---|
`

// document is docs/fields.md.
func document() []byte {
	var buf bytes.Buffer
	buf.WriteString(preface)
	section := ""
	for i := range ecs.Fields {
		f := &ecs.Fields[i]
		if f.Type == ecs.Alias {
			continue
		}
		head, _, nested := cut(f.Name)
		if !nested {
			head = "base"
		}
		if head != section {
			section = head
			fmt.Fprintf(&buf, "\n## %s\n\n| field | type | of | meaning |\n|---|---|---|---|\n", section)
		}
		writeRow(&buf, f.Name, f.Type, f.Multi, f.Of, f.Desc)
	}
	buf.WriteString("\n## Aliases\n\nA query may use these names too; documents do not hold them. Those of Elastic are what its own NetFlow dashboards ask for.\n\n| name | of | stands for |\n|---|---|---|\n")
	for i := range ecs.Fields {
		if f := &ecs.Fields[i]; f.Type == ecs.Alias {
			fmt.Fprintf(&buf, "| `%s` | %s | `%s` |\n", f.Name, f.Of, f.Path)
		}
	}
	buf.WriteString(exporterPreface)
	for i := range metrics.Fields {
		f := &metrics.Fields[i]
		writeRow(&buf, f.Name, f.Type, f.Multi, f.Of, f.Desc)
	}
	return buf.Bytes()
}

func writeRow(buf *bytes.Buffer, name string, typ ecs.Type, multi bool, of, desc string) {
	many := ""
	if multi {
		many = " []"
	}
	fmt.Fprintf(buf, "| `%s` | %s%s | %s | %s |\n", name, typ, many, of, strings.ReplaceAll(desc, "|", "&#124;"))
}

// cut splits a dotted name after its first part.
func cut(name string) (head, rest string, nested bool) { return strings.Cut(name, ".") }
