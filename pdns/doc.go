// Package pdns is passive DNS: it knows names and addresses from the answers that flows carry as
// metadata, and asks nobody.
//
// It serves two ends.
//
// A Table gathers what was answered, for export: each pair of a name and an address, or of two
// names, with its type, when it was first and last seen, how often, and who answered. A name
// that led to an address by way of CNAMEs is paired with the address too (Pair.Chain).
//
// Names gives flows a name: it holds which addresses were answered lately, for which names and
// to whom. One stage of each shard (Learn) puts answers in, another (Name) looks up the
// addresses of flows. Learn stands before the stage that holds flows back for their other
// direction, and Name after it: an answer that an exporter tells of a little later than of the
// flow it explains is still in time. The question for an address is met in another shard than
// the flow to that address, so Names is shared by the shards. Its slots are read and replaced
// with single atomic operations; what a slot points to is never changed.
//
// Memory is bounded: Names is a table of fixed size in which the pair answered longest ago gives
// way, and a Table that is full leaves further pairs out and counts them.
//
// The package reads no packets and keeps nothing on disk.
package pdns
