// Package netflow decodes what exporters send: NetFlow v1, v5 to v9, IPFIX
// and sFlow v5.
//
// A datagram goes through Decoder.Datagram: the version chooses a decoder, the exporter's state
// (templates, names, sampling rates, sequence numbers; one per version, address and domain) is
// locked for the one datagram, and the records are appended to the caller's batch. Live and
// Payloads are the sources around it.
//
// IPFIX also comes as a stream, over TCP and TLS (Live) or in a file (IPFIXFile): a framer cuts it
// into messages, which are decoded as datagrams are. Templates belong to the exporter over UDP,
// to the connection over TCP, to the file in a file. Over UDP a datagram is one message, and what
// stands behind it is counted, not decoded. Live runs all listeners of a Config over one Decoder.
//
// A template is checked once, when it arrives, and compiled to a plan: a list of steps, each
// with the place of its bytes and the operation that puts them into the Record. Data records
// then run through the plan without allocation and cannot fail but by a set that ends early. They
// do so up to 32 at a time: a step that needs nothing but the record is done on all of them before
// the next one (columns.go), the others record by record (exec.go).
// The versions before v9 have no templates; layouts.go writes their forms, and those of the
// aggregation schemes of v8, as if they had, and they run through plans as well. v5 alone,
// which is everywhere, has a loop of its own.
// ie.go is the one place where an information element is given its meaning. An element without
// a meaning is kept as it came (Meta.Unknown, with its name) and never costs the record.
// ie_info.go is the same for names and texts, which go into the record's Meta; lists.go walks
// the lists of RFC 6313, in which YAF puts what it finds in payloads (dpi.go).
//
// Firewall and NAT events are records of their own kind; event.go says whose counts count.
//
// Log is the source of flow logs of AWS, Azure and GCP, which are texts (files cloud*.go): a
// format is known by its first bytes (logKinds), a line of data is a record. Texts without a field
// in the Record are kept as pairs (Meta.Extra), made once for all lines that have the same.
//
// # The use of github.com/calmh/ipfix
//
// IPFIX template records are parsed by one calmh/ipfix Session per exporter and domain (file
// session.go), never data. What it is not given, and why:
//
//   - data sets: it allocates for each field, panics when a template is redefined, and drops
//     the rest of a message after a set without a template;
//   - options template sets: it skips them;
//   - the templates that are kept over a restart (state.go): its ExportTemplateRecords knows none
//     of options and of v9, and LoadTemplateRecords checks nothing. Template records are kept as
//     they came, and are loaded by the way of those that arrive, through it where it has part;
//   - withdrawals of all templates: it knows only single ones, so the session is made anew;
//   - NetFlow v9: it has no such version, and would take the field types from 32768 on, which
//     Cisco, Palo Alto and nProbe use, for enterprise numbers;
//   - names of elements: its dictionary ends at the registry of 2015; ours (ie_names.go) has
//     those of today, and a test holds the two against each other.
//
// Before it sees a template record, its field count has been checked against the bytes that
// are there. In tests it is the oracle for record boundaries and raw values.
//
// # What the package never does
//
// It never panics or loops on input (published_test.go has what broke others), never sends, never
// resolves names, and writes nothing to a disk but the state file, if one is configured. Memory is
// bounded by Config, which says how: exporters, templates, names and held data have a common budget;
// lines, JSON values and remembered texts of flow logs have bounds of their own.
package netflow
