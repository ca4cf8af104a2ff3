package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowferry/flowferry/hunt"
	"github.com/flowferry/flowferry/mappings"
	"github.com/flowferry/flowferry/shipper"
	"github.com/flowferry/flowferry/store"
)

// span is the time range of a hunt, as flags.
type span struct{ last, from, to string }

func (s *span) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&s.last, "last", "", "only flows that ended in this time until now: 15m, 24h, 7d")
	f.StringVar(&s.from, "from", "", "only flows that ended at or after this time: 2026-11-21, 2026-11-21T08:00:00Z")
	f.StringVar(&s.to, "to", "", "only flows that ended before this time")
	cmd.MarkFlagsMutuallyExclusive("last", "from")
	cmd.MarkFlagsMutuallyExclusive("last", "to")
}

// bounds gives the range in Unix ns; zero is open.
func (s *span) bounds(now time.Time) (from, to int64, err error) {
	if s.last != "" {
		d, err := hunt.ParseLast(s.last)
		if err != nil {
			return 0, 0, usage("--last: %w", err)
		}
		return now.Add(-d).UnixNano(), 0, nil
	}
	for _, b := range []struct {
		flag, text string
		at         *int64
	}{{"--from", s.from, &from}, {"--to", s.to, &to}} {
		if b.text == "" {
			continue
		}
		t, err := hunt.ParseTime(b.text, now)
		if err != nil {
			return 0, 0, usage("%s: %w", b.flag, err)
		}
		*b.at = t.UnixNano()
	}
	return from, to, nil
}

func newTop() *cobra.Command {
	var top hunt.Top
	var when span
	var storeDir, clusterURL, stream string
	var asCSV bool
	cmd := &cobra.Command{
		Use:   "top [QUERY]",
		Short: "The top values of any fields, in the store or a cluster",
		Long: `top groups flows by one or more fields and shows the groups with most flows, or most of what
--sum names, with their share of the whole. The answer is the same from the store and from a
cluster. The query language is in docs/query.md, the fields are in docs/fields.md.`,
		Example: `  flowferry top --by source.ip --sum network.bytes --last 24h
  flowferry top --by destination.port,network.transport 'source.ip:10.0.0.0/8 and not destination.ip:10.0.0.0/8'
  flowferry top --by source.ip --distinct destination.ip --sort destination.ip 'flow.state:attempt'
  flowferry top --by dns.question.name --csv --cluster http://localhost:9200`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := configOf(cmd)
			if err != nil {
				return err
			}
			setOutput(cfg, storeDir, clusterURL)
			if len(top.By) == 0 {
				return usage("--by is missing: name the field to group by, as --by source.ip")
			}
			for _, name := range slices.Concat(top.By, top.Sum, top.Distinct) {
				if _, err := hunt.Field(name); err != nil {
					return usageError{err}
				}
			}
			if top.From, top.To, err = when.bounds(time.Now()); err != nil {
				return err
			}
			q, err := hunt.Parse(strings.Join(args, " "))
			if err != nil {
				return usageError{err}
			}
			if top.Stream = stream; top.Limit == 0 {
				top.Limit = -1
			}
			result, err := runTop(cmd.Context(), cfg, top, q)
			if err != nil {
				return err
			}
			return printTop(cmd.OutOrStdout(), result, asCSV)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&top.By, "by", nil, "fields to group by")
	f.StringSliceVar(&top.Sum, "sum", nil, "number fields to add up, as network.bytes")
	f.StringSliceVar(&top.Distinct, "distinct", nil, "fields whose different values are counted")
	f.StringVar(&top.Sort, "sort", "", "order by this: count, first, last, or a field of --sum or --distinct (default: the first --sum, else count)")
	f.BoolVar(&top.Asc, "bottom", false, "the smallest instead of the largest")
	f.IntVarP(&top.Limit, "limit", "n", 10, "how many rows; 0 is all")
	f.BoolVar(&top.Seen, "seen", false, "show when each group was first and last seen")
	f.BoolVar(&asCSV, "csv", false, "comma-separated values with a header line")
	f.StringVar(&stream, "stream", "flow", "what to look at: flow, session or event")
	when.flags(cmd)
	outputFlags(cmd, &storeDir, &clusterURL)
	return cmd
}

func runTop(ctx context.Context, cfg *Config, top hunt.Top, q *hunt.Query) (*hunt.Result, error) {
	if cfg.Output.Kind == outputCluster {
		c := cfg.Output.Cluster
		e, err := shipper.Connect(ctx, c)
		if err != nil {
			return nil, err
		}
		return top.Cluster(ctx, e, mappings.DataStream(top.Stream, cmp.Or(c.Namespace, "default")), q)
	}
	s, err := existingStore(cfg)
	if err != nil {
		return nil, err
	}
	return top.Store(ctx, s, q)
}

// existingStore opens the configured store; a question never makes one.
func existingStore(cfg *Config) (*store.Store, error) {
	dir := cfg.Output.Store.Dir()
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("open store: %w; name another with --store, or fill one with flowferry import or run", err)
	}
	return store.Open(dir)
}

func printTop(w io.Writer, r *hunt.Result, asCSV bool) error {
	if asCSV {
		return r.WriteCSV(w)
	}
	return r.WriteTable(w)
}
