// Package flow holds what every other package speaks of: the flow record, the batch that
// carries records from a source to a sink, and the pipeline between them.
//
// A Source decodes or meters and fills Batches; the Pipeline splits them over shards by a
// direction-free hash of the 5-tuple, so that both directions of a conversation always meet
// the same Stages; the Stages edit a Batch in place; the Sink keeps it. A Record holds no
// pointer and knows no wire protocol; it knows neither JSON nor ECS.
//
// The package never does I/O, logs or reads the clock.
package flow
