package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/hunt"
	"github.com/flowferry/flowferry/pdns"
	"github.com/flowferry/flowferry/stitch"
)

func newPDNS() *cobra.Command {
	var when span
	var name, address, format, storeDir, as string
	var most int
	cmd := &cobra.Command{
		Use:   "pdns [FILE|DIRECTORY|-…]",
		Short: "Which names and addresses DNS answers paired, when, how often, and who answered",
		Long: `pdns is passive DNS: it shows what was answered to the DNS questions among the flows, of the store, or
of the files that are named, which are read as import reads them. Each pair of a name and an
address, or of two names, is a line, with its type, when it was first and last seen, in how many
flows, and who answered. A name that led to an address by way of CNAMEs is paired with the
address too; such a pair is marked.

-o ndjson writes the Common Output Format of passive DNS (draft-dulaunoy-dnsop-passive-dns-cof),
one object a line. See docs/pdns.md.`,
		Example: `  flowferry pdns --name www.example.com
  flowferry pdns --name '*.example.com' --last 7d
  flowferry pdns --address 192.0.2.0/24 -o csv
  flowferry pdns -o ndjson capture.pcap`,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := configOf(cmd)
			if err != nil {
				return err
			}
			filter, err := pdnsFilter(name, address)
			if err != nil {
				return err
			}
			if most < 1 {
				return usage("--most %d: give a number above zero", most)
			}
			write, err := pdnsWriter(format)
			if err != nil {
				return err
			}
			if len(args) > 0 && when != (span{}) {
				return usage("--last, --from and --to are for the store: leave them out, or name no files")
			}
			from, to, err := when.bounds(time.Now())
			if err != nil {
				return err
			}
			t := pdns.NewTable(filter, most)
			if len(args) > 0 {
				err = pdnsFiles(cmd.Context(), cfg, args, as, t)
			} else {
				setOutput(cfg, storeDir, "")
				err = pdnsStore(cmd.Context(), cfg, from, to, t)
			}
			if n := t.Left(); n > 0 {
				note("%s sightings of further pairs were left out: there are more than %s; narrow the question, or raise --most", hunt.Grouped(int64(n)), hunt.Grouped(int64(most)))
			}
			return errors.Join(write(cmd.OutOrStdout(), t.Pairs()), err)
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "only pairs with this name at either end; *.example.com is all names below")
	f.StringVar(&address, "address", "", "only pairs with this address, or one in this network")
	f.StringVarP(&format, "output", "o", "table", "table, csv or ndjson (Common Output Format)")
	f.StringVar(&storeDir, "store", "", "directory of the embedded store (default "+defaultStore+")")
	f.IntVar(&most, "most", 1_000_000, "how many pairs are held at most, about 300 bytes each")
	when.flags(cmd)
	asFlag(cmd, &as)
	return cmd
}

// pdnsFilter reads the two flags that choose pairs.
func pdnsFilter(name, address string) (f pdns.Filter, err error) {
	f.Name = strings.ToLower(name)
	if f.Name != "." {
		f.Name = strings.TrimSuffix(f.Name, ".")
	}
	if address == "" {
		return f, nil
	}
	if f.Net, err = netip.ParsePrefix(address); err != nil {
		ip, err := netip.ParseAddr(address)
		if err != nil {
			return f, usage("--address %s: write it as 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32", address)
		}
		f.Net = netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen())
	}
	return f, nil
}

// pdnsFiles gathers the answers in files. Flows are de-duplicated as import does it, so that an
// answer that several exporters saw counts once.
func pdnsFiles(ctx context.Context, cfg *Config, paths []string, as string, t *pdns.Table) error {
	inputs, err := openInputs(paths, as, cfg)
	errs := []error{err}
	a := account{}
	for _, in := range distinct(inputs) {
		p := &flow.Pipeline{Stages: func(int) []flow.Stage { return []flow.Stage{stitch.New(cfg.Stitch)} }, Sink: pdnsSink{t}, Block: true}
		if err := p.Run(ctx, in.source); err != nil {
			errs = append(errs, fmt.Errorf("read %s: %w", in.name, err))
		}
		a.add(in.stats())
		in.warn()
	}
	a.rest(&printer{w: os.Stderr})
	return errors.Join(errs...)
}

// pdnsSink is a sink that gathers answers.
type pdnsSink struct{ table *pdns.Table }

func (s pdnsSink) Put(_ context.Context, b *flow.Batch) error {
	s.table.Batch(b)
	b.Free()
	return nil
}

func (s pdnsSink) Close(context.Context) error { return nil }
