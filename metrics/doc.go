// Package metrics makes the documents that tell of exporters, not of flows: what came from each and
// what was lost on the way, what the interfaces of an sFlow agent have counted, what an exporter
// has told of itself by options, and what it reported that was counted from another.
//
// A Reporter is asked now and then, with the accounts of package netflow. It remembers the last
// ones and so knows what belongs to the interval in between. Fields is the one list of the names:
// documents, mappings and docs/fields.md come from it, and Parse reads a document by it.
//
// The package writes nothing anywhere: documents go to a cluster by package shipper, and into the
// embedded store by package store.
package metrics
