package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/hunt"
	"github.com/flowferry/flowferry/netflow"
)

func newExporters() *cobra.Command {
	var addr, format, dir, last string
	var duplicates bool
	cmd := &cobra.Command{
		Use:   "exporters [FILE…]",
		Short: "Show who exports, and what was lost on the way",
		Long: `exporters shows each exporter and observation domain: what came, what its sequence numbers say
was lost, reordered or sent twice, its templates, its sampling, and how far its clock is off.

With files it reads captures that carry exports and raw export payloads; nothing is written.
With --store it shows what the store holds of each: the last account that a collector wrote, or that
of an import; -o ndjson prints all documents of exporters, those of interfaces and options too.
With neither it asks the running collector at admin.listen of the configuration, or at --admin.

A running collector, and a store, also tell of duplicates: whose counts were kept where two exporters, or one
at ingress and egress, reported the same traffic. --duplicates shows these alone.`,
		Example: `  flowferry exporters capture.pcap
  flowferry exporters --admin 127.0.0.1:6060
  flowferry exporters --store flowferry-store --last 24h
  flowferry exporters -o json -c flowferry.yml`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := configOf(cmd)
			switch {
			case err != nil:
				return err
			case dir != "" && len(args) > 0:
				return usage("--store and files: name one of them")
			case dir != "":
				setOutput(cfg, dir, "")
				return storedExporters(cmd.OutOrStdout(), cfg, span{last: last}, format, duplicates)
			case last != "":
				return usage("--last is for --store")
			case duplicates && len(args) > 0:
				return usage("--duplicates: files are not stitched here; import them and use --store")
			case format != "table" && format != "json":
				return usage("-o %s: use table or json; ndjson is for --store", format)
			}
			at := cmp.Or(addr, cfg.Admin.Listen)
			views, err := viewsOf(cmd.Context(), cfg, args, at)
			if err != nil && len(views) == 0 {
				return err
			}
			var pairs []pairView
			if len(args) == 0 {
				if err := ask(cmd.Context(), at, "/duplicates", &pairs); err != nil {
					return err
				}
			}
			return firstOf(writeExporters(cmd.OutOrStdout(), views, pairs, format, duplicates), err)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table or json; of a store also ndjson")
	cmd.Flags().StringVar(&dir, "store", "", "directory of an embedded store to read")
	cmd.Flags().BoolVar(&duplicates, "duplicates", false, "show only which exporters reported what was counted from another")
	cmd.Flags().StringVar(&last, "last", "", "of a store only what was written for this time until now: 15m, 24h, 7d")
	cmd.Flags().StringVar(&addr, "admin", "", "admin endpoint of a running collector (default: admin.listen)")
	cmd.MarkFlagsMutuallyExclusive("store", "admin")
	return cmd
}

// exporterView is what is shown of one exporter and domain.
type exporterView struct {
	File             string     `json:"file,omitempty"`
	Exporter         string     `json:"exporter"`
	Port             uint16     `json:"port"` // source port of the last datagram
	Domain           uint32     `json:"domain"`
	Version          string     `json:"version"`
	Datagrams        uint64     `json:"datagrams"`
	Faulty           uint64     `json:"faulty"`
	Records          uint64     `json:"records"`
	Events           uint64     `json:"events"`
	OptionsRecords   uint64     `json:"options_records"`
	NoTemplate       uint64     `json:"no_template"`
	Waiting          int        `json:"waiting"`
	Lost             int64      `json:"lost"`
	LostUnit         string     `json:"lost_unit"`
	Reordered        int64      `json:"reordered"`
	Duplicates       int64      `json:"duplicates"`
	Restarts         int64      `json:"restarts"`
	Templates        int        `json:"templates"`
	TemplateChanges  uint64     `json:"template_changes"`
	Withdrawals      uint64     `json:"withdrawals"`
	Names            int        `json:"names"`
	Sampling         string     `json:"sampling"` // "1:1000", "by sampler", "by interface" or "unknown"
	First            *time.Time `json:"first_seen,omitempty"`
	Last             *time.Time `json:"last_seen,omitempty"`
	Boot             *time.Time `json:"started,omitempty"`
	ClockSkewSeconds float64    `json:"clock_skew_seconds"` // receive time less export time
	Skewed           uint64     `json:"skewed"`
}

func viewOf(file string, s *netflow.ExporterStats) exporterView {
	return exporterView{
		File: file, Exporter: senderName(s), Port: s.Port, Domain: s.Domain, Version: s.Via.String(),
		Datagrams: s.Datagrams, Faulty: s.Faulty, Records: s.Records, Events: s.Events, OptionsRecords: s.Options,
		NoTemplate: s.NoTemplate, Waiting: s.Waiting, Lost: s.Lost, LostUnit: s.LostUnit, Reordered: s.Reordered,
		Duplicates: s.Duplicate, Restarts: s.Restarts, Templates: s.Templates, TemplateChanges: s.TemplateChanges,
		Withdrawals: s.Withdrawals, Names: s.Names, Sampling: samplingOf(int64(s.Rate), s.Samplers, s.SampledInterfaces), First: instant(s.First), Last: instant(s.Last),
		Boot: instant(s.Boot), ClockSkewSeconds: time.Duration(s.Skew).Seconds(), Skewed: s.Skewed,
	}
}

// exporterName is "-" for a payload file, which does not tell who sent it.
func exporterName(a *flow.Addr) string {
	if a.IsZero() {
		return "-"
	}
	return a.String()
}

// senderName is that with the port for one of several exporters behind an address.
func senderName(s *netflow.ExporterStats) string {
	if s.ByPort {
		return net.JoinHostPort(s.Addr.String(), strconv.Itoa(int(s.Port)))
	}
	return exporterName(&s.Addr)
}

func samplingOf(rate int64, samplers, interfaces int) string {
	switch {
	case rate != 0:
		return fmt.Sprintf("1:%d", rate)
	case samplers > 0:
		return "by sampler"
	case interfaces > 0:
		return "by interface"
	}
	return "unknown"
}

func instant(ns int64) *time.Time {
	if ns == 0 {
		return nil
	}
	t := time.Unix(0, ns).UTC()
	return &t
}

// viewsOf reads the files or, where there are none, asks the collector at addr. What was seen
// before an error is given with it.
func viewsOf(ctx context.Context, cfg *Config, files []string, addr string) ([]exporterView, error) {
	if len(files) > 0 {
		return viewFiles(ctx, cfg, files)
	}
	if addr == "" {
		return nil, usage("name files to read, or set admin.listen or --admin to ask a running collector")
	}
	return askViews(ctx, addr)
}

func viewFiles(ctx context.Context, cfg *Config, files []string) (views []exporterView, err error) {
	inputs, err := openInputs(files, asExports, cfg)
	if err != nil {
		return nil, err
	}
	a := account{}
	var errs []error
	for _, in := range inputs {
		if err := in.source.Run(ctx, func(b *flow.Batch) { b.Free() }); err != nil {
			errs = append(errs, fmt.Errorf("read %s: %w", in.name, err))
		}
		file := ""
		if len(inputs) > 1 {
			file = in.name
		}
		for _, s := range exportersOf(&in) {
			views = append(views, viewOf(file, &s))
		}
		a.add(in.stats())
	}
	a.rest(&printer{w: os.Stderr})
	return views, errors.Join(errs...)
}

// exportersOf gives the exporters of an input that has been read; none where it is no export.
func exportersOf(in *input) []netflow.ExporterStats {
	if s, ok := in.source.(interface {
		Exporters() []netflow.ExporterStats
	}); ok {
		return s.Exporters()
	}
	return nil
}

// askTime is how long a running collector may take to answer.
const askTime = 10 * time.Second

// askViews asks a running collector.
func askViews(ctx context.Context, addr string) (views []exporterView, err error) {
	return views, ask(ctx, addr, "/exporters", &views)
}

// ask has a running collector answer, in JSON, into v.
func ask(ctx context.Context, addr, path string, v any) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return usage("admin endpoint %s: want address:port, such as 127.0.0.1:6060", addr)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask the collector: %w; is it running, with admin.listen set to %s?", err, addr)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask the collector at %s: %s", addr, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		return fmt.Errorf("read the answer of %s: %w", addr, err)
	}
	return nil
}

func writeJSON[T any](w io.Writer, views []T) error {
	if views == nil {
		views = []T{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(views)
}

// viewColumns are the columns of the table.
var viewColumns = []column[exporterView]{
	{"exporter", func(v *exporterView) string { return v.Exporter }},
	{"domain", func(v *exporterView) string { return fmt.Sprint(v.Domain) }},
	{"version", func(v *exporterView) string { return v.Version }},
	{"datagrams", func(v *exporterView) string { return hunt.Grouped(int64(v.Datagrams)) }},
	{"records", func(v *exporterView) string { return hunt.Grouped(int64(v.Records + v.Events)) }},
	{"lost", func(v *exporterView) string { return lostText(v) }},
	{"reordered", func(v *exporterView) string { return hunt.Grouped(v.Reordered) }},
	{"duplicates", func(v *exporterView) string { return hunt.Grouped(v.Duplicates) }},
	{"restarts", func(v *exporterView) string { return hunt.Grouped(v.Restarts) }},
	{"templates", func(v *exporterView) string { return hunt.Grouped(int64(v.Templates)) }},
	{"sampling", func(v *exporterView) string { return v.Sampling }},
	{"last seen", func(v *exporterView) string { return lastText(v) }},
	{"clock skew", func(v *exporterView) string { return skewText(v) }},
}

// lostText is what is lost, with what is counted.
func lostText(v *exporterView) string {
	if v.Lost == 0 {
		return "0"
	}
	return hunt.Grouped(v.Lost) + " " + v.LostUnit
}

func lastText(v *exporterView) string {
	if v.Last == nil {
		return "-"
	}
	return v.Last.Format("2006-01-02 15:04:05")
}

// skewText marks an exporter whose clock was ever more than 5 minutes off.
func skewText(v *exporterView) string {
	d := time.Duration(v.ClockSkewSeconds * 1e9).Round(100 * time.Millisecond)
	if v.Skewed > 0 {
		return d.String() + " !"
	}
	return d.String()
}

// writeViews prints the table, one for each file where there are several.
func writeViews(w io.Writer, views []exporterView) error {
	p := &printer{w: w}
	if len(views) == 0 {
		p.printf("no exporters\n")
	}
	for len(views) > 0 {
		n := 1
		for n < len(views) && views[n].File == views[0].File {
			n++
		}
		if views[0].File != "" {
			p.printf("%s:\n", views[0].File)
		}
		writeTable(p, viewColumns, views[:n])
		views = views[n:]
	}
	return p.err
}

// column is one column of a table of views.
type column[T any] struct {
	title string
	text  func(v *T) string
}

func writeTable[T any](p *printer, columns []column[T], views []T) {
	rows := make([][]string, 1+len(views))
	widths := make([]int, len(columns))
	for c, col := range columns {
		rows[0] = append(rows[0], col.title)
		for i := range views {
			rows[1+i] = append(rows[1+i], col.text(&views[i]))
		}
		for _, row := range rows {
			widths[c] = max(widths[c], utf8.RuneCountInString(row[c]))
		}
	}
	for _, row := range rows {
		for c, text := range row {
			pad := strings.Repeat(" ", widths[c]-utf8.RuneCountInString(text))
			if c == 0 {
				p.printf("%s%s", text, pad)
			} else {
				p.printf("  %s%s", pad, text)
			}
		}
		p.printf("\n")
	}
}
