// Package enrich tells what is known of a flow's two addresses and of its responder's port:
// place and autonomous system (MaxMind DB files), the site's own host groups and with them the
// direction of the flow, bogon ranges, watchlists, and the IANA service name.
//
// Load reads all tables once; they are never changed afterwards and shared by all shards.
// Stage makes the part that one shard owns: it keeps what was found of an address in a bounded
// cache, so that an address that is seen again costs one comparison and no allocation, and what was
// found of a network, so that a new address of it costs a few walks down trees. What a record is
// told goes into the Batch's side table as pointers to shared values.
//
// The order in which the tables are asked stands in order.go. A bad database or
// list file stops Load with an error that names the file; a bad line of a list is counted and
// warned of, and the other lines hold.
//
// The package never changes a record's own fields, never resolves names and never uses the
// network.
package enrich
