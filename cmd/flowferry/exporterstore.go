package main

import (
	"bufio"
	"bytes"
	"cmp"
	"io"
	"slices"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/mappings"
	"github.com/flowferry/flowferry/metrics"
	"github.com/flowferry/flowferry/stitch"
	"github.com/flowferry/flowferry/store"
)

// storedExporters shows what the documents of exporters in the configured store tell.
func storedExporters(w io.Writer, cfg *Config, when span, format string, duplicates bool) error {
	from, _, err := when.bounds(time.Now())
	if err != nil {
		return err
	}
	s, err := existingStore(cfg)
	if err != nil {
		return err
	}
	switch format {
	case "ndjson":
		return printStored(w, s, from)
	case "table", "json":
	default:
		return usage("-o %s: use table, json or ndjson", format)
	}
	views, pairs, err := viewStored(s, from)
	if err != nil {
		return err
	}
	return writeExporters(w, views, pairs, format, duplicates)
}

// stored reads the documents of exporters from a time on, Unix ns. What can not be read is told of.
func stored(s *store.Store, from int64, fn func(text []byte, d *metrics.Document) error) error {
	bad, err := s.ReadyDocuments(mappings.Exporter, from, 0, func(text []byte) error {
		d, err := metrics.Parse(text)
		if err != nil {
			note("store: %v", err)
			return nil
		}
		if d.Time < from {
			return nil
		}
		return fn(text, d)
	})
	for _, b := range bad {
		note("%v; what stands before was read", b)
	}
	return err
}

// printStored prints the documents, one a line.
func printStored(w io.Writer, s *store.Store, from int64) error {
	out := bufio.NewWriter(w)
	err := stored(s, from, func(text []byte, _ *metrics.Document) error {
		_, err := out.Write(append(bytes.Clone(text), '\n'))
		return err
	})
	return firstOf(err, out.Flush())
}

// viewStored gives the last account of each exporter, and all duplicates by pair.
func viewStored(s *store.Store, from int64) (views []exporterView, pairs []pairView, err error) {
	type key struct {
		exporter, agent flow.Addr
		domain          int64
		via, transport  string
	}
	last := map[key]*metrics.Document{}
	var repeats []stitch.Pair
	err = stored(s, from, func(_ []byte, d *metrics.Document) error {
		switch d.Action {
		case metrics.Report:
			k := key{d.Exporter, d.Agent, d.Domain, d.Via, d.Transport}
			if old := last[k]; old == nil || d.Time >= old.Time {
				last[k] = d
			}
		case metrics.Duplicates:
			repeats = append(repeats, pairStored(d))
		}
		return nil
	})
	docs := make([]*metrics.Document, 0, len(last))
	for _, d := range last {
		docs = append(docs, d)
	}
	slices.SortFunc(docs, func(a, b *metrics.Document) int {
		return cmp.Or(a.Exporter.Compare(&b.Exporter), cmp.Compare(a.Via, b.Via), cmp.Compare(a.Domain, b.Domain), a.Agent.Compare(&b.Agent),
			cmp.Compare(a.Transport, b.Transport))
	})
	for _, d := range docs {
		views = append(views, viewStoredOne(d))
	}
	return views, pairViews(stitch.AddPairs(repeats)), err
}

func viewStoredOne(d *metrics.Document) exporterView {
	t := &d.Total
	return exporterView{
		Exporter: exporterName(&d.Exporter), Port: uint16(d.Port), Domain: uint32(d.Domain), Version: d.Via,
		Datagrams: uint64(t.Datagrams), Faulty: uint64(t.Faulty), Records: uint64(t.Records), Events: uint64(t.Events), OptionsRecords: uint64(t.Options),
		NoTemplate: uint64(t.NoTemplate), Waiting: int(d.Waiting), Lost: t.Lost, LostUnit: d.LostUnit, Reordered: t.Reordered,
		Duplicates: t.Duplicates, Restarts: t.Restarts, Templates: int(d.Templates), TemplateChanges: uint64(t.TemplateChanges),
		Withdrawals: uint64(t.Withdrawals), Names: int(d.Names), Sampling: samplingOf(d.Rate, int(d.Samplers), int(d.SampledIfs)),
		First: instant(d.First), Last: instant(d.Last), Boot: instant(d.Boot),
		ClockSkewSeconds: float64(d.Skew) / 1e3, Skewed: uint64(t.Skewed),
	}
}
