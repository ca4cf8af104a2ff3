package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/mappings"
	"github.com/flowferry/flowferry/metrics"
	"github.com/flowferry/flowferry/netflow"
	"github.com/flowferry/flowferry/stitch"
)

// reports writes documents of exporters to the output of their flows. Those that are shipped are
// in the account of the cluster's documents from there on:
//
//	metrics.documents = metrics.shipped + metrics.stored + metrics.not_stored
type reports struct {
	out                                *output
	documents, shipped, stored, failed atomic.Uint64
}

// live writes every interval until the returned function is called, which writes for the last
// time. Without an interval it never does.
func (r *reports) live(origin uint64, interval time.Duration, exporters func() []netflow.ExporterStats, pairs func() []stitch.Pair, log *slog.Logger) (stop func()) {
	if interval == 0 {
		return func() {}
	}
	m := metrics.NewReporter(origin, time.Now().UnixNano())
	write := func() {
		now, stats := time.Now().UnixNano(), exporters()
		docs := append(m.Report(now, stats), m.Repeats(now, pairs(), stats)...)
		if err := r.write(context.Background(), originName(origin), false, docs); err != nil {
			log.Warn(err.Error())
		}
	}
	stopTicking := every(interval, write)
	return func() { stopTicking(); write() }
}

// file writes what an input that has been read tells, and which reports in it were duplicates, in the
// place of what an earlier import of it wrote.
func (r *reports) file(ctx context.Context, in *input, pairs []stitch.Pair) error {
	m, stats := metrics.NewReporter(in.origin(), 0), exportersOf(in)
	docs := m.Report(0, stats)
	if len(docs) > 0 {
		docs = append(docs, m.Repeats(0, pairs, stats)...)
	}
	if len(docs) == 0 {
		return nil
	}
	return r.write(ctx, originName(in.origin()), true, docs)
}

func (r *reports) write(ctx context.Context, name string, replace bool, docs []ecs.Document) error {
	r.documents.Add(uint64(len(docs)))
	if r.out.shipper != nil {
		r.shipped.Add(uint64(len(docs)))
		return r.out.shipper.Ship(ctx, docs)
	}
	write := r.out.store.AppendDocuments
	if replace {
		write = r.out.store.ReplaceDocuments
	}
	n, err := write(mappings.Exporter, name, docs)
	r.stored.Add(uint64(n))
	r.failed.Add(uint64(len(docs) - n))
	if err != nil {
		return fmt.Errorf("write documents of exporters: %w", err)
	}
	return nil
}

// Stats gives what became of the documents.
func (r *reports) Stats() []flow.Stat {
	return []flow.Stat{
		{Name: "metrics.documents", Value: r.documents.Load()},
		{Name: "metrics.shipped", Value: r.shipped.Load()},
		{Name: "metrics.stored", Value: r.stored.Load()},
		{Name: "metrics.not_stored", Value: r.failed.Load()},
	}
}

// originName is what the files of an origin are called in the store.
func originName(origin uint64) string { return fmt.Sprintf("%016x", origin) }
