package main

import (
	"io"

	"github.com/flowferry/flowferry/hunt"
	"github.com/flowferry/flowferry/metrics"
	"github.com/flowferry/flowferry/stitch"
)

// pairView is what is shown of the duplicates of one pair of exporters.
type pairView struct {
	Kept     string `json:"kept"`     // whose counts were kept; "-" is a meter of ours
	Repeated string `json:"repeated"` // who reported the same
	Records  uint64 `json:"records"`
	Packets  uint64 `json:"packets"`
	Bytes    uint64 `json:"bytes"`
}

// others stands for the addresses of the pairs that are counted together.
const others = "others"

func pairViews(pairs []stitch.Pair) []pairView {
	views := make([]pairView, 0, len(pairs))
	for i := range pairs {
		p := &pairs[i]
		v := pairView{exporterName(&p.Kept), exporterName(&p.Repeated), p.Records, p.Packets, p.Bytes}
		if p.Other {
			v.Kept, v.Repeated = others, others
		}
		views = append(views, v)
	}
	return views
}

// pairStored gives what a document of duplicates tells of its interval.
func pairStored(d *metrics.Document) stitch.Pair {
	n := &d.Repeats
	return stitch.Pair{Kept: d.Kept, Repeated: d.Exporter, Other: d.RepeatsOf == metrics.OfOthers,
		Records: uint64(n.Records), Packets: uint64(n.Packets), Bytes: uint64(n.Bytes)}
}

var pairColumns = []column[pairView]{
	{"counted from", func(v *pairView) string { return v.Kept }},
	{"also reported by", func(v *pairView) string { return v.Repeated }},
	{"records", func(v *pairView) string { return hunt.Grouped(int64(v.Records)) }},
	{"packets", func(v *pairView) string { return hunt.Grouped(int64(v.Packets)) }},
	{"bytes", func(v *pairView) string { return hunt.Grouped(int64(v.Bytes)) }},
}

// writeExporters prints exporters and, in a table below, their duplicates; or only these. JSON holds
// one of the two.
func writeExporters(w io.Writer, views []exporterView, pairs []pairView, format string, duplicates bool) error {
	switch {
	case format == "json" && duplicates:
		return writeJSON(w, pairs)
	case format == "json":
		return writeJSON(w, views)
	}
	p := &printer{w: w}
	if !duplicates {
		if err := writeViews(w, views); err != nil {
			return err
		}
		if len(pairs) > 0 {
			p.printf("\nduplicates:\n")
		}
	} else if len(pairs) == 0 {
		p.printf("no duplicates\n")
	}
	if len(pairs) > 0 {
		writeTable(p, pairColumns, pairs)
	}
	return p.err
}
