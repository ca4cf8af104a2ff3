// Package stitch tells one conversation once. Flow records come in as exporters and meters
// send them: one direction at a time, several times over, cut into pieces. Out come
//
//   - flows: each piece of a conversation once, with both directions where both were reported,
//     turned so that Src is the initiator;
//   - for a conversation that came out in more than one piece, one session record with its
//     totals when it has ended; while it goes on, its totals so far every Interim, as a session
//     that is not complete.
//
// Exactly one record of a conversation has Complete set: its only flow, or its session.
// Sessions never enter sums of flows. Events pass through untouched, and so do flows
// that a firewall refused.
//
// # How long a record waits
//
// Every flow waits for Window since its last direction came, so that the other direction and the other
// exporters' reports can come; Window must cover the difference between the exporters' inactive time-outs. A lone
// direction waits for Half if the other surely exists: the conversation has had one, or its TCP
// flags acknowledge something and its exporter is not known to show one direction only. Then it
// depends on whether it is known to be the end. It is if the exporter says so
// (idle, end of flow, forced), if TCP flags say so (RST, or FIN from each side that was seen),
// or if the exporter kept the flow for less than ShortestActive, by more than Skew, and sent it only
// after it had been silent for Quiet: then only an idle time-out can have sent it. Such a flow leaves after
// Window, complete. A piece that is known or likely to be continued (the exporter says active
// time-out, or it lasts ShortestActive or longer) leaves after Window too, incomplete; the
// session follows. Only a short flow of which nothing tells whether it is the end waits longer:
// for its own duration and Idle, because the exporter would tell of a continuation by then.
// The price of true Complete marks is that wait for such flows; the price of a larger Window is
// latency for all, and some 300 bytes for each flow in it.
//
// # What is one conversation
//
// Records with the same direction-free 5-tuple, sampling rate and kind of ICMP message belong
// together if they overlap or follow each other by less than Idle, and the earlier one has not
// ended. After an end only what overlaps it belongs to it, and for TCP what comes without a SYN:
// within Linger what carries no data (no PSH), late RSTs and ACKs, which are no new session; within
// Skew data that was sent again. Later data is a piece of a connection of which the beginning was
// lost. A SYN on a direction that has already carried more than a SYN begins a new conversation, and
// so does one after data of the other direction, or in the answer after that has had more. What comes without
// a SYN after another conversation has begun on the same ports is not of the one before. Reports with different
// sampling rates are never mixed: they stay records of their own (an unknown rate counts as
// unsampled). Flags that only a duplicate had are known too. A direction in which a biflow counted
// nothing is held for not seen.
//
// # What is a duplicate
//
// Per direction, each stretch of time is counted from one reporter (exporter and domain) only.
// A report by another one of a time that is already covered is a duplicate: it is listed in
// Meta.Seen and its counts go nowhere, so that totals are never more than the truth even if
// exporters cut at different times. One that comes later than Window after what it repeats is listed
// in a session only, so that the list does not depend on how long a flow happened to wait. The list, in
// which the report that is counted stands too, is in the order of the path (see inOrder). Which reporter the first piece is counted from is the policy
// Counts, among those that tell of all of its time while it waits; later pieces stay with it. Where
// its reports leave a hole another one takes over; as long as the first may still report the same
// time, the other's piece waits and gives way if it does. Long reports of two exporters that only
// touch follow each other, unless each is the last of its direction: at such a seam, what is within the
// difference of their clocks may be counted twice. A biflow of which one direction is covered gives its
// other direction only.
// Two records of one reporter are a duplicate only if they are equal, or the same traffic once
// at ingress and once at egress; else they are shares of one flow (such as two ToS values) and
// both count. While a record waits, an equal one is known by it; later the latest of each direction is known
// exactly, and of the older ones that went out a set of 16 bits (total.marks): what comes after a later report
// of its exporter, of a time that was told, and is in the set, is taken for a record that was sent again.
//
// # What is on both sides of a translation
//
// Where an exporter tells addresses and ports after translation (NAT), the report of the same traffic
// from the other side of it has another 5-tuple. The two are linked, not merged: both keep their
// counts and are told as flows, and the one that was not translated by its own exporter names the
// Community ID of the other (Meta.NAT; the other's follows from its own fields). So a link that is
// wrong, or missed, changes no sum. A merge would: the ports of a translation are given to one client
// after another, exporters' times and places on the path differ, and shards can not move a conversation.
// It takes TCP, UDP or SCTP and both ports; the times must overlap within Skew, and no other
// client may have the same 5-tuple at that time as much. What was told of a translation before the flow goes out
// counts, whichever report came first. The pipeline tells the shard of the other 5-tuple (Batch.Told).
//
// # How data passes
//
// A Table belongs to one shard. It keeps its state in slabs without pointers:
//
//	index ──▶ conv ──▶ piece ──▶ piece …   each conversation, and what waits of it
//	(hash)     │         └──▶ template     what many records have in common, kept once
//	           └─────▶ total ──▶ template  the sums of what went out
//
// A conv is what must be known of a conversation to tell what a record is to it, in two cache
// lines (128 bytes). A piece, a flow that waits, has its times and counts by side (136 bytes), a
// total the sums (104 bytes, for conversations of which a piece went out). All else that a record
// holds (exporter, interfaces, routing, labels) is its template, shared by value and counted; what
// few records have (names, what a meter told) stands in slabs of its own. The record is put together
// again when it leaves.
//
// With many conversations most of a record's cost is memory that is not in a cache. So the keys
// of a batch are hashed first, and what the records will need of index, conversations and pieces is
// read in loops whose reads do not wait for each other; so is what a tick of the clock will wake.
//
// Conversations are woken by a timer wheel that runs on the batch's clock, so that an import runs
// on the data's own time. One that goes on has one entry for its end, found to be too early now and
// then, and one for what waits. What has ended waits for Linger in a queue.
//
// A table holds at most MaxFlows conversations; when it is full, what has ended is forgotten first,
// then a conversation that was not heard of for long is written out early (lack_of_resources) and
// counted. A batch marked Last writes out what is held (forced_end), in as many batches as it takes.
//
// # Over a restart
//
// With Config.StateFile the last batch writes out nothing: Shards.Park saves all that is open, what
// waits, totals and what has ended lately, and Open takes it up again, also in another number of
// shards. What timed out in between ends by the clock of the first batch. A record keeps the id of
// the run that it began in. Each run has an account of its own; what went over from one to the
// other is parked in the first and resumed in the second.
//
// The account: stitch.in + stitch.resumed = stitch.flows + stitch.paired + stitch.duplicates +
// stitch.held + stitch.parked.
package stitch
