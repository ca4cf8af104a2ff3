// Package netflow decodes what exporters send: NetFlow v1, v5, v7, v9 and IPFIX.
//
// A datagram goes through Decoder.Datagram: the version chooses a decoder, the exporter's state
// (templates, sampling rates, sequence numbers; one per version, address and domain) is locked
// for the one datagram, and the records are appended to the caller's batch. UDP and Payloads
// are the sources around it.
//
// IPFIX also comes as a stream, over TCP and TLS (TCP) or in a file (IPFIXFile): a framer cuts it
// into messages, which are decoded as datagrams are. Templates belong to the exporter over UDP,
// to the connection over TCP, to the file in a file. Over UDP a datagram is one message, and what
// stands behind it is counted, not decoded. Live runs all listeners of a Config over one Decoder.
//
// A template is checked once, when it arrives, and compiled to a plan: a list of steps, each
// with the place of its bytes and the operation that puts them into the Record. Data records
// then run through the plan without allocation and cannot fail but by a set that ends early.
// ie.go is the one place where an information element is given its meaning. An element without
// a meaning is kept as it came (Meta.Unknown) and never costs the record.
//
// # The use of github.com/calmh/ipfix
//
// IPFIX template records are parsed by one calmh/ipfix Session per exporter and domain (file
// session.go), never data. What it is not given, and why:
//
//   - data sets: it allocates for each field, panics when a template is redefined, and drops
//     the rest of a message after a set without a template;
//   - options template sets: it skips them;
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
// It never panics or loops on input, never sends, never resolves names, and never writes to a
// disk. Memory is bounded by Config: exporters, templates and held data have a common budget.
package netflow
