package main

import (
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/hunt"
)

// account is the sum of what every part counted, by name.
type account map[string]uint64

func (a account) add(stats []flow.Stat) {
	for _, s := range stats {
		a[s.Name] += s.Value
	}
}

// line is one number of the account of records, with the words a person reads.
type line struct {
	name  string // of the Stat
	words string
}

// The account of records: the sum of received equals the sum of kept and lost.
var (
	received = []line{
		{"netflow.records", "flow records from exporters"},
		{"netflow.events", "firewall and NAT events from exporters"},
		{"capture.records", "flow records metered from packets"},
		{"flowfiles.records", "flow records from flow files"},
		{"flowfiles.events", "firewall and NAT events from flow files"},
		{"stitch.resumed", "flows that the last run left waiting"},
	}
	kept = []line{
		{"stitch.flows", "flows kept"},
		{"stitch.events", "events kept"},
		{"stitch.paired", "paired into a biflow with their other direction"},
		{"stitch.duplicates", "duplicates merged into the flow they repeat"},
		{"stitch.parked", "left waiting for the next run, in stitch.state_file"},
	}
	lost = []line{
		{"pipeline.queue_drops", "lost: a shard's queue was full"},
		{"pipeline.abandoned", "lost: after the output had failed"},
		{"import.unfinished", "lost: of files that were not read to their end"},
	}
)

// The account of documents, of which every flow, event and session is one, and what is told of exporters
// (metrics.shipped): the sum of what a
// cluster was given equals the sum of what became of it.
var (
	given   = []line{{"shipper.documents_in", "for the cluster"}}
	written = []line{
		{"shipper.indexed", "indexed"},
		{"shipper.already_there", "already there, from an earlier shipment"},
		{"shipper.failure_store", "kept in the failure store"},
		{"shipper.dead_letters", "refused, kept in the dead letter file"},
		{"shipper.queue_drops", "lost: the queue was full"},
		{"shipper.turned_away", "lost: documents of exporters, for which rights or set-up are missing"},
		{"shipper.unsent", "lost: not sent when the time was up"},
	}
)

func (a account) sum(lines []line) (n uint64) {
	for _, l := range lines {
		n += a[l.name]
	}
	return n
}

// balance is what was received and is neither kept nor named as lost, and what the cluster was
// given and nothing is said of: zero, or there is a bug.
func (a account) balance() (records, documents int64) {
	return int64(a.sum(received)) - int64(a.sum(kept)) - int64(a.sum(lost)), int64(a.sum(given)) - int64(a.sum(written))
}

// write prints the account: what came in, what became of each record, and what never came in.
func (a account) write(w io.Writer) error {
	p := &printer{w: w}
	p.printf("The account\n")
	a.lines(p, "records received", received)
	a.lines(p, "records = kept", kept)
	a.lines(p, "records + lost", lost)
	p.printf("  %12s  complete conversations of several pieces besides\n", hunt.Grouped(int64(a["stitch.sessions"])))
	if a.sum(given) > 0 {
		a.lines(p, "documents given", given)
		a.lines(p, "documents = done", written)
	}
	records, documents := a.balance()
	if records != 0 || documents != 0 {
		p.printf("  %12s  records and %s documents are not accounted for: please report this\n", hunt.Grouped(records), hunt.Grouped(documents))
	}
	a.rest(p)
	return p.err
}

func (a account) lines(p *printer, title string, lines []line) {
	p.printf("  %12s  %s\n", hunt.Grouped(int64(a.sum(lines))), title)
	for _, l := range lines {
		if n := a[l.name]; n > 0 {
			p.printf("  %12s    %s\n", hunt.Grouped(int64(n)), l.words)
		}
	}
}

// rest prints every other number that is not zero, package by package.
func (a account) rest(p *printer) {
	told := map[string]bool{"stitch.sessions": true, "stitch.in": true, "pipeline.records": true}
	for _, lines := range [][]line{received, kept, lost, given, written} {
		for _, l := range lines {
			told[l.name] = true
		}
	}
	byPackage := map[string][]string{}
	for name, n := range a {
		if n > 0 && !told[name] {
			pkg, what, _ := strings.Cut(name, ".")
			byPackage[pkg] = append(byPackage[pkg], fmt.Sprintf("%s %s", strings.ReplaceAll(what, "_", " "), hunt.Grouped(int64(n))))
		}
	}
	for _, pkg := range sorted(byPackage) {
		sort.Strings(byPackage[pkg])
		for i, text := range wrap(strings.Join(byPackage[pkg], ", "), 84) {
			if i > 0 {
				pkg = ""
			}
			p.printf("  %12s  %s\n", pkg, text)
		}
	}
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
