package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flowferry/flowferry/hunt"
	"github.com/flowferry/flowferry/pdns"
)

// pdnsWriter gives what writes pairs in a format.
func pdnsWriter(format string) (func(io.Writer, []*pdns.Pair) error, error) {
	switch format {
	case "table":
		return pdnsTable, nil
	case "csv":
		return pdnsCSV, nil
	case "ndjson":
		return pdnsCOF, nil
	}
	return nil, usage("-o %s: use table, csv or ndjson", format)
}

func pdnsTable(w io.Writer, pairs []*pdns.Pair) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "first seen\tlast seen\tflows\tname\ttype\tdata\tanswered by")
	for _, p := range pairs {
		typ := p.Type
		if p.Chain {
			typ += " by CNAME"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", pdnsTime(p.First, time.DateTime), pdnsTime(p.Last, time.DateTime), hunt.Grouped(int64(p.Count)),
			hunt.Printable(p.Name), typ, hunt.Printable(p.Data), strings.Join(answerers(p), " "))
	}
	return out.Flush()
}

func pdnsCSV(w io.Writer, pairs []*pdns.Pair) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"rrname", "rrtype", "rdata", "time_first", "time_last", "count", "by_cname", "answered_by"}}
	for _, p := range pairs {
		rows = append(rows, []string{p.Name, p.Type, p.Data, pdnsTime(p.First, time.RFC3339), pdnsTime(p.Last, time.RFC3339),
			strconv.FormatUint(p.Count, 10), strconv.FormatBool(p.Chain), strings.Join(answerers(p), ";")})
	}
	return out.WriteAll(rows)
}

// cof is a line of the Common Output Format. The last two members are ours; readers of the format
// pass over members that they do not know.
type cof struct {
	Name  string   `json:"rrname"`
	Type  string   `json:"rrtype"`
	Data  string   `json:"rdata"`
	First int64    `json:"time_first"` // Unix seconds
	Last  int64    `json:"time_last"`
	Count uint64   `json:"count"`
	Chain bool     `json:"by_cname,omitempty"`
	By    []string `json:"answered_by,omitempty"`
}

func pdnsCOF(w io.Writer, pairs []*pdns.Pair) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	for _, p := range pairs {
		if err := out.Encode(cof{p.Name, p.Type, p.Data, seconds(p.First), seconds(p.Last), p.Count, p.Chain, answerers(p)}); err != nil {
			return err
		}
	}
	return nil
}

func pdnsTime(ns int64, layout string) string { return time.Unix(0, ns).UTC().Format(layout) }

func seconds(ns int64) int64 { return time.Unix(0, ns).Unix() }

func answerers(p *pdns.Pair) (all []string) {
	for _, a := range p.By {
		all = append(all, a.String())
	}
	return all
}
