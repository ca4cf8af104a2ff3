package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/flowferry/flowferry/enrich"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/pdns"
	"github.com/flowferry/flowferry/shipper"
	"github.com/flowferry/flowferry/stitch"
	"github.com/flowferry/flowferry/store"
)

// closeTime is how long a collector that is told to stop may take to write out what it holds.
const closeTime = 60 * time.Second

// output is where flows go: the embedded store, with a writer for each input, or a cluster, with
// one shipper for all.
type output struct {
	words   string // for people: "store flowferry-store"
	store   *store.Store
	writer  store.WriterConfig
	cluster shipper.Config
	engine  *shipper.Engine
	shipper *shipper.Shipper
}

func openOutput(ctx context.Context, cfg *Config, block bool) (*output, error) {
	if cfg.Output.Kind == outputCluster {
		c := cfg.Output.Cluster
		c.Block, c.Log = block, note
		engine, err := shipper.Connect(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, line := range engine.Warnings() {
			note("%s", line)
		}
		return &output{words: engine.String(), cluster: c, engine: engine, shipper: shipper.New(engine, c)}, nil
	}
	dir := cfg.Output.Store.Dir()
	s, err := store.Open(dir)
	if err != nil {
		return nil, err
	}
	return &output{words: "store " + dir, store: s, writer: cfg.Output.Store.WriterConfig}, nil
}

// sink gives the sink for one input, and what to do with it at the end: whole is false when the
// input was not read to its end, and then an import into the store leaves nothing. origin names a
// file; replace says that an earlier import of the same file is written over.
func (o *output) sink(origin uint64, replace bool) (s flow.Sink, done func(ctx context.Context, whole bool) ([]flow.Stat, error), err error) {
	if o.shipper != nil {
		return o.shipper, func(context.Context, bool) ([]flow.Stat, error) { return nil, nil }, nil
	}
	cfg := o.writer
	cfg.Name, cfg.Replace = originName(origin), replace
	w, err := o.store.Writer(cfg)
	if err != nil {
		return nil, nil, err
	}
	for _, line := range w.Warnings() {
		note("%s", line)
	}
	return w, func(ctx context.Context, whole bool) ([]flow.Stat, error) {
		if !whole {
			return w.Stats(), w.Abort()
		}
		return closeSink(ctx, w)
	}, nil
}

// lateSink is sink for a file whose origin is known only when its first flows are there: until
// then nothing is made. An earlier import of the same file is written over.
func (o *output) lateSink(origin func() uint64) (flow.Sink, func(ctx context.Context, whole bool) ([]flow.Stat, error)) {
	l := &lateSink{open: sync.OnceValues(func() (made, error) {
		s, done, err := o.sink(origin(), true)
		if err != nil {
			err = &outputError{err, true}
		}
		return made{s, done}, err
	})}
	return l, l.done
}

type lateSink struct {
	open func() (made, error) // makes the sink, once
}

// made is what sink gave.
type made struct {
	flow.Sink
	done func(ctx context.Context, whole bool) ([]flow.Stat, error)
}

// Put passes a batch on.
func (l *lateSink) Put(ctx context.Context, b *flow.Batch) error {
	s, err := l.open()
	if err != nil {
		b.Free()
		return err
	}
	return s.Put(ctx, b)
}

// Close does nothing: done closes.
func (l *lateSink) Close(context.Context) error { return nil }

func (l *lateSink) done(ctx context.Context, whole bool) ([]flow.Stat, error) {
	s, err := l.open()
	if err != nil {
		return nil, err
	}
	return s.done(ctx, whole)
}

// close ends what all inputs share. It waits for a cluster that does not answer until ctx ends.
func (o *output) close(ctx context.Context) ([]flow.Stat, error) {
	if o.shipper == nil {
		return nil, nil
	}
	stats, err := o.finish(ctx)
	return stats, firstOf(err, o.engine.Close(ctx))
}

// forFile gives the same output for a file that is read while live input is written: it holds the
// file back where that loses, and finish tells when all of the file is written.
func (o *output) forFile() *output {
	if o.shipper == nil {
		return o
	}
	file := *o
	file.cluster.Block = true
	file.shipper = shipper.New(o.engine, file.cluster)
	return &file
}

// finish waits until what inputs share is written, or ctx ends.
func (o *output) finish(ctx context.Context) ([]flow.Stat, error) {
	if o.shipper == nil {
		return nil, nil
	}
	return closeSink(ctx, o.shipper)
}

// note tells the operator of something that does not stop the work.
func note(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "flowferry: "+format+"\n", args...)
}

// statSink is a sink that counts.
type statSink interface {
	flow.Sink
	Stats() []flow.Stat
}

func closeSink(ctx context.Context, s statSink) ([]flow.Stat, error) {
	err := s.Close(ctx)
	return s.Stats(), err
}

// stages makes the stages of one pipeline's shards and remembers them for their counts.
type stages struct {
	cfg    *Config
	tables *enrich.Tables
	names  *pdns.Names
	join   bool           // stitch
	open   *stitch.Shards // of a live pipeline, see resume; else nil

	mu   sync.Mutex
	tabs []*stitch.Table
}

func newStages(cfg *Config, withStitch bool) (*stages, error) {
	t, err := enrich.Load(cfg.Enrich)
	if err != nil {
		return nil, err
	}
	return &stages{cfg: cfg, tables: t, names: pdns.NewNames(cfg.PDNS), join: withStitch}, nil
}

func (s *stages) forShard(shard int) (list []flow.Stage) {
	list = append(list, s.names.Learn())
	if s.join {
		t := s.table(shard)
		s.mu.Lock()
		s.tabs = append(s.tabs, t)
		s.mu.Unlock()
		list = append(list, t)
	}
	return append(list, s.afterStitch()...)
}

func (s *stages) afterStitch() []flow.Stage { return []flow.Stage{s.tables.Stage(), s.names.Name()} }

func (s *stages) table(shard int) *stitch.Table {
	if s.open != nil {
		return s.open.Table(shard)
	}
	return stitch.New(s.cfg.Stitch)
}

// forPipeline gives the stages of one more pipeline, with the same tables. What DNS answered is
// its own, so that what comes out does not depend on the other pipelines.
func (s *stages) forPipeline() *stages {
	return &stages{cfg: s.cfg, tables: s.tables, names: pdns.NewNames(s.cfg.PDNS), join: s.join}
}

// addTo adds what this pipeline's stages counted. The tables count for all pipelines together.
func (s *stages) addTo(a account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.tabs {
		a.add(t.Stats())
	}
	a.add(s.names.Stats())
}

// pairs gives the duplicates of this pipeline by pair of exporters.
func (s *stages) pairs() []stitch.Pair {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lists [][]stitch.Pair
	for _, t := range s.tabs {
		lists = append(lists, t.Pairs())
	}
	return stitch.AddPairs(lists...)
}

// shards is how many goroutines run stages for live input.
func (c *Config) shards() int {
	if c.Shards > 0 {
		return c.Shards
	}
	return runtime.GOMAXPROCS(0)
}
