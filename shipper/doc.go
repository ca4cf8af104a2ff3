// Package shipper carries flow documents into Elasticsearch or OpenSearch.
//
// Connect finds out which of the two engines a host is and gives an Engine: one client for both,
// for the shipper, for set-up and for queries. A Shipper is a flow.Sink. Put appends each record
// as two lines of NDJSON to an open bulk body; a body that is full, or old enough, is taken by a
// sender, compressed and sent until each of its documents has come to one of its ends:
//
//	documents_in = indexed + already_there + failure_store + dead_letters + queue_drops + turned_away + unsent
//
// Ship does the same with documents that are ready, those of exporters. Where the cluster has no
// place for these they are given up (turned_away): flows do not wait behind them.
//
// Documents are written with op_type create under ids that belong to the flow, so that a resend
// can not double anything: what is there already answers 409 and is done.
//
// Setup puts the templates, data streams, lifecycle and dashboards in place; Export writes the
// same as files. The package never logs a document or a secret.
package shipper
