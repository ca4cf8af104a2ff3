// Package flowfiles reads the flow files of other tools: Zeek's conn.log (TSV and JSON),
// Suricata's eve.json (flow and netflow events), Argus' ra as CSV (binetflow) and nfdump's
// nfcapd files (layouts 1 and 2). They are files of other tools and no exports: no datagram, no
// template, no sequence number. What each gives, and what it does not, is in docs/flow-files.md.
//
// The format is found by content, never by name. Open gives a Source, which reads the file to
// its end. A line or record that is not understood is counted and costs nothing but itself; a
// file that is broken gives what stands before. Every row of a file ends in exactly one counter:
//
//	flowfiles.rows = flowfiles.records + flowfiles.events + flowfiles.other + flowfiles.bad
//
// A Set bit of flow.Record says that the tool gave the field. Where a format writes zero both
// for "none" and for "not given" (nfcapd: interfaces, masks, AS, VLAN, next hop, class of
// service), zero is taken as not given.
//
// The package never trusts a length it reads, never panics on input, and holds at most one line
// (1 MiB) or one block (16 MiB) of a file.
package flowfiles
