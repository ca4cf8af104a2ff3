package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/hunt"
)

func newRead() *cobra.Command {
	var as, filter, format, where string
	var stitched bool
	var fields []string
	cmd := &cobra.Command{
		Use:   "read FILE|DIRECTORY|-…",
		Short: "Print the flows of captures, export files, flow logs and flow files",
		Long: `read prints the flows of captures (pcap, pcapng), of captures that carry flow exports, of IPFIX
files (RFC 5655), of flow logs of AWS, Azure and GCP, one record for each line of data, and of flow
files of other tools: Zeek's conn.log, Suricata's eve.json, Argus' ra as CSV, and nfcapd files (see
docs/flow-files.md); all of these also gzipped. Raw export payloads, one datagram a file, are one
exporter's datagrams in the order of the command line. "-" is standard input: a flow log, or
a capture as it is written. Of a directory every file in and below it is read, in the order of their names.

What is printed is what the file holds: records as they were exported or metered. --stitch
prints them as import would keep them: without duplicates, both directions in one, and with
the complete conversations (event.dataset flowferry.session) besides their pieces.`,
		Example: `  flowferry read capture.pcap
  flowferry read -o ndjson template.dat data.dat
  flowferry read yaf-20260101.ipfix.gz
  flowferry read -o csv --fields source.ip,destination.ip,network.bytes capture.pcapng.gz
  zcat vpc.log.gz | flowferry read -
  flowferry read --where 'destination.port:443 and source.bytes > 1000' capture.pcap
  flowferry read --filter 'host 192.0.2.7 and not port 22' capture.pcap
  tcpdump -i eth0 -w - | flowferry read -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := configOf(cmd)
			if err != nil {
				return err
			}
			if err := setFilter(cfg, filter); err != nil {
				return err
			}
			pr, err := newRecordPrinter(cmd.OutOrStdout(), format, fields)
			if err != nil {
				return err
			}
			if where != "" {
				if pr.where, err = hunt.Parse(where); err != nil {
					return usageError{err}
				}
			}
			return readFiles(cmd.Context(), cfg, args, as, stitched, pr)
		},
	}
	cmd.Flags().StringVarP(&format, "output", "o", "table", "table, text (one line a record, exact), ndjson, json or csv")
	cmd.Flags().StringVar(&where, "where", "", "print only what matches this query (see docs/query.md)")
	cmd.Flags().BoolVar(&stitched, "stitch", false, "de-duplicate and join as import does")
	cmd.Flags().StringSliceVar(&fields, "fields", nil, "columns of -o csv (default: the table's)")
	asFlag(cmd, &as)
	filterFlag(cmd, &filter)
	return cmd
}

// readFiles prints the flows of the files, one after the other, and tells on standard error what
// could not be read.
func readFiles(ctx context.Context, cfg *Config, paths []string, as string, stitched bool, pr *recordPrinter) error {
	stages, err := newStages(cfg, stitched)
	if err != nil {
		return err
	}
	a := account{}
	inputs, err := openInputs(paths, as, cfg)
	errs := []error{err}
	for _, in := range inputs {
		p := &flow.Pipeline{Stages: stages.forPipeline().forShard, Sink: pr, Block: true}
		if err := p.Run(ctx, in.source); err != nil {
			errs = append(errs, fmt.Errorf("read %s: %w", in.name, err))
		}
		a.add(in.stats())
		in.warn()
	}
	errs = append(errs, pr.Close(ctx))
	notes := &printer{w: os.Stderr}
	a.rest(notes)
	return errors.Join(errs...)
}

// recordPrinter is a sink that prints records.
type recordPrinter struct {
	w      *bufio.Writer
	print  func(b *flow.Batch, r *flow.Record) error
	finish func() error
	where  *hunt.Query
	buf    []byte
	n      int
}

func newRecordPrinter(w io.Writer, format string, fields []string) (*recordPrinter, error) {
	p := &recordPrinter{w: bufio.NewWriterSize(w, 1<<16), finish: func() error { return nil }}
	switch format {
	case "table":
		p.print = p.row
	case "text":
		p.print = func(b *flow.Batch, r *flow.Record) error { return p.line(flow.AppendText(p.buf[:0], b, r)) }
	case "ndjson":
		p.print = func(b *flow.Batch, r *flow.Record) error { return p.line(ecs.AppendDocument(p.buf[:0], b, r)) }
	case "json":
		p.print, p.finish = p.element, p.endArray
	case "csv":
		return p, p.csv(fields)
	default:
		return nil, usage("-o %s: use table, text, ndjson, json or csv", format)
	}
	return p, nil
}

// Put prints the records of b that match.
func (p *recordPrinter) Put(_ context.Context, b *flow.Batch) error {
	defer b.Free()
	for i := range b.Recs {
		r := &b.Recs[i]
		if p.where != nil && !p.where.Match(b, r) {
			continue
		}
		if err := p.print(b, r); err != nil {
			return err
		}
		p.n++
	}
	return nil
}

// Close writes what is buffered.
func (p *recordPrinter) Close(context.Context) error {
	return firstOf(p.finish(), p.w.Flush())
}

func (p *recordPrinter) line(buf []byte) error {
	p.buf = append(buf, '\n')
	_, err := p.w.Write(p.buf)
	return err
}

func (p *recordPrinter) element(b *flow.Batch, r *flow.Record) error {
	open := byte('[')
	if p.n > 0 {
		open = ','
	}
	return p.line(ecs.AppendDocument(append(p.buf[:0], open, '\n'), b, r))
}

func (p *recordPrinter) endArray() error {
	end := "]\n"
	if p.n == 0 {
		end = "[]\n"
	}
	_, err := p.w.WriteString(end)
	return err
}

// row prints a record as a line of the table.
func (p *recordPrinter) row(b *flow.Batch, r *flow.Record) error {
	if p.n == 0 {
		fmt.Fprintf(p.w, "%-23s %10s %-6s %-28s    %-28s %9s %11s %-9s %-8s %s\n", "start", "duration", "proto",
			"source", "destination", "packets", "bytes", "flags", "label", "state")
	}
	arrow := "->"
	if r.Has.Has(flow.HasRev) && r.Rev.Packets > 0 {
		arrow = "<->"
	}
	flags := ""
	if r.Has.Has(flow.HasFlags) && r.Proto == flow.ProtoTCP {
		flags = string(flow.AppendTCPFlags(nil, r.Fwd.Flags|r.Rev.Flags))
	}
	_, err := fmt.Fprintf(p.w, "%-23s %10.3f %-6s %-28s %-3s%-28s %9d %11d %-9s %-8s %s\n",
		time.Unix(0, r.Start).UTC().Format("2006-01-02 15:04:05.000"), float64(r.End-r.Start)/1e9, protocol(r.Proto),
		endpoint(r, &r.Src, r.SrcPort), arrow, endpoint(r, &r.Dst, r.DstPort),
		r.Fwd.Packets+r.Rev.Packets, r.Fwd.Bytes+r.Rev.Bytes, flags, r.App, what(r))
	return err
}

// what tells the state of a flow, or which event or session a record is.
func what(r *flow.Record) string {
	switch r.Kind {
	case flow.KindEvent:
		return "event " + r.Event.String()
	case flow.KindSession:
		return fmt.Sprintf("%s, session of %d", r.State, r.Segments)
	}
	return r.State.String()
}

func protocol(p uint8) string {
	switch p {
	case flow.ProtoICMP:
		return "icmp"
	case flow.ProtoTCP:
		return "tcp"
	case flow.ProtoUDP:
		return "udp"
	case flow.ProtoICMPv6:
		return "icmp6"
	case flow.ProtoSCTP:
		return "sctp"
	}
	return fmt.Sprint(p)
}

func endpoint(r *flow.Record, a *flow.Addr, port uint16) string {
	switch {
	case !r.Has.Has(flow.HasPorts):
		return a.String()
	case a.Is4():
		return fmt.Sprintf("%s:%d", a, port)
	}
	return fmt.Sprintf("[%s]:%d", a, port)
}

// csvFields are the columns of -o csv.
var csvFields = []string{"event.start", "event.end", "network.transport", "source.ip", "source.port", "destination.ip",
	"destination.port", "source.packets", "source.bytes", "destination.packets", "destination.bytes", "network.protocol",
	"flow.state", "flow.end_reason"}

func (p *recordPrinter) csv(names []string) error {
	if len(names) == 0 {
		names = csvFields
	}
	columns := make([]*ecs.Field, len(names))
	for i, name := range names {
		if columns[i] = ecs.Lookup(name); columns[i] == nil {
			return usage("--fields: no field %q; docs/fields.md lists them", name)
		}
	}
	w := csv.NewWriter(p.w)
	row := make([]string, len(columns))
	p.print = func(b *flow.Batch, r *flow.Record) error {
		for i, c := range columns {
			row[i] = strings.Join(c.AppendValues(nil, b, r), ";")
		}
		return w.Write(row)
	}
	p.finish = func() error { w.Flush(); return w.Error() }
	return w.Write(names)
}
