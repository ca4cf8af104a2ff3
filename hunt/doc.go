// Package hunt asks questions of flows: a small query language, a subset of Kibana's KQL, and
// the summaries that hunters live by: top, timeline and strip plot.
//
// A query is parsed once into a tree. The same tree is evaluated on records as they pass
// (Match), on the columns of the embedded store (Select), and given to a cluster as a search
// (DSL); the three agree on every document. Field names and types come from the table in
// package ecs.
//
// The summaries run on the store, where each distinct value is looked at once per file, and
// Top also on a cluster, with the same answer.
package hunt
