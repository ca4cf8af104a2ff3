package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/flowferry/flowferry/capture"
	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/hunt"
)

func newPcap() *cobra.Command {
	var which, out string
	cmd := &cobra.Command{
		Use:   "pcap --flow ID|QUERY -w OUT FILE…",
		Short: "Cut the packets of flows out of captures",
		Long: `pcap writes the packets of flows into a capture of their own: exactly those that the flow's
counts tell of, with late fragments and what came through a tunnel. The flow is named by the id
of its document, or by a query (see docs/query.md) on what the meter tells of it; flow.pcap.file
of a document is the name of the file to give. The time-outs and the tunnel policy must be those
of the import, so name the same configuration.`,
		Example: `  flowferry pcap --flow AAAAbcdABCDEFGHAAAAAAAAB -w flow.pcap capture.pcap.gz
  flowferry pcap --flow 'destination.port:443 and flow.state:rejected' -w out.pcap *.pcap
  flowferry pcap --flow source.ip:10.0.0.7 -w - capture.pcap | tshark -r -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := configOf(cmd)
			if err != nil {
				return err
			}
			if which == "" || out == "" {
				return usage("pcap: name the flows with --flow and the file to write with -w")
			}
			want, err := wanted(which)
			if err != nil {
				return usageError{err}
			}
			return cutFlows(cmd.Context(), cfg.Capture, args, out, want)
		},
	}
	cmd.Flags().StringVar(&which, "flow", "", "id of a flow's document, or a query")
	cmd.Flags().StringVarP(&out, "write", "w", "", `pcap file to write; "-" is standard output`)
	return cmd
}

// wanted makes of an id or a query what says whether a record is meant.
func wanted(which string) (func(*flow.Batch, *flow.Record) bool, error) {
	if ecs.IsID(which) {
		var id []byte
		return func(_ *flow.Batch, r *flow.Record) bool {
			id = ecs.AppendID(id[:0], r)
			return string(id) == which
		}, nil
	}
	q, err := hunt.Parse(which)
	if err != nil {
		return nil, err
	}
	return q.Match, nil
}

// cutFlows writes the packets of the wanted flows of all files into out.
func cutFlows(ctx context.Context, cfg capture.Config, paths []string, out string, want func(*flow.Batch, *flow.Record) bool) (err error) {
	paths, errs := filesOf(paths)
	for _, p := range paths {
		if same(p, out) {
			return usage("-w %s: is one of the files to read; write to another", out)
		}
	}
	w := os.Stdout
	if out != "-" {
		if w, err = os.Create(out); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.Close()) }()
	}
	c := capture.NewCutter(w, cfg, want)
	for _, p := range paths {
		warnings, err := c.Cut(ctx, p)
		for _, line := range warnings {
			note("%s", line)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cut %s: %w", p, err))
		}
	}
	errs = append(errs, c.Flush())
	note("%d packets written", c.Packets())
	return errors.Join(errs...)
}

// same says whether two names are of one file.
func same(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}
