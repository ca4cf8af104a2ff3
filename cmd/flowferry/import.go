package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"github.com/flowferry/flowferry/flow"
)

func newImport() *cobra.Command {
	var as, filter, clusterURL, storeDir string
	cmd := &cobra.Command{
		Use:   "import FILE|DIRECTORY|-…",
		Short: "Write the flows of captures, export files, flow logs and flow files to the store or a cluster",
		Long: `import reads captures (pcap, pcapng), IPFIX files (RFC 5655), flow logs of AWS, Azure and GCP,
flow files of other tools (Zeek, Suricata, Argus, nfcapd) and raw export payloads, one datagram a
file, and writes their flows to the embedded store or to a cluster. All but the payloads may be
gzipped. Of a directory it reads every file in and below it, in the order of their names; "-" is
standard input: a flow log, or a capture as it is written.

Importing the same file again adds nothing: the documents' ids come from the file's content.
In a cluster that holds as long as the data stream has not rolled over in between, because a
cluster refuses a second document of one id only within one backing index.`,
		Example: `  flowferry import capture.pcap.gz
  flowferry import --cluster http://localhost:9200 *.pcapng
  flowferry import template.dat data.dat          one exporter's datagrams, in this order
  flowferry import AWSLogs/                       a directory of VPC flow logs
  flowferry import conn.log.gz nfcapd.202603011000`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := configOf(cmd)
			if err != nil {
				return err
			}
			if err := setFilter(cfg, filter); err != nil {
				return err
			}
			setOutput(cfg, storeDir, clusterURL)
			return importFiles(cmd.Context(), cmd.OutOrStdout(), cfg, args, as)
		},
	}
	asFlag(cmd, &as)
	filterFlag(cmd, &filter)
	outputFlags(cmd, &storeDir, &clusterURL)
	return cmd
}

func asFlag(cmd *cobra.Command, as *string) {
	cmd.Flags().StringVar(as, "as", asAuto, "how to read captures: auto, packets, or exports (the exports they carry)")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		switch *as {
		case asAuto, asPackets, asExports:
			return nil
		}
		return usage("--as %s: use auto, packets or exports", *as)
	}
}

// importFiles carries the files into the output, as many at once as there are cores, and prints
// the account.
func importFiles(ctx context.Context, w io.Writer, cfg *Config, paths []string, as string) error {
	inputs, unread := openInputs(paths, as, cfg)
	if len(inputs) == 0 {
		return unread
	}
	inputs = distinct(inputs)
	stages, err := newStages(cfg, true)
	if err != nil {
		return err
	}
	out, err := openOutput(ctx, cfg, true)
	if err != nil {
		return err
	}
	job := newImportJob(out, stages)
	if cfg.Output.ExporterInterval != 0 {
		job.reports = &reports{out: out}
	}
	stop := showProgress(os.Stderr, "import", func() (done, total int64, flows uint64) {
		done, total = totalProgress(inputs)
		return done, total, job.flows()
	})
	err = job.all(ctx, inputs, cfg.shards())
	stop()
	shared, closeErr := out.close(ctx)
	job.account.add(shared)
	job.account.add(stages.tables.Stats())
	if job.reports != nil {
		job.account.add(job.reports.Stats())
	}
	if err := job.account.write(w); err != nil {
		return err
	}
	return errors.Join(unread, firstOf(err, closeErr, ctx.Err()))
}

// distinct drops files of equal content, which would write the same documents twice. Only files
// of equal length are read for it.
func distinct(inputs []input) (kept []input) {
	sizes := map[int64]int{}
	for _, in := range inputs {
		_, size := in.progress()
		sizes[size]++
	}
	seen := map[uint64]string{}
	for _, in := range inputs {
		if _, size := in.progress(); sizes[size] > 1 {
			origin := in.origin()
			if first, ok := seen[origin]; ok {
				note("%s has the same content as %s; it is read once", in.name, first)
				continue
			}
			seen[origin] = in.name
		}
		kept = append(kept, in)
	}
	return kept
}

func totalProgress(inputs []input) (done, total int64) {
	for _, in := range inputs {
		d, t := in.progress()
		done, total = done+d, total+t
	}
	return done, total
}

// importJob is one call of import.
type importJob struct {
	out     *output
	stages  *stages
	reports *reports     // nil writes none
	still   func() error // asked when an input has been read; an error makes it one that was not; may be nil

	mu      sync.Mutex
	account account
	running map[*flow.Pipeline]bool
	errs    []error
}

func newImportJob(out *output, stages *stages) *importJob {
	return &importJob{out: out, stages: stages, account: account{}, running: map[*flow.Pipeline]bool{}}
}

// all imports the inputs, at most n at once, and returns what went wrong with any of them.
func (j *importJob) all(ctx context.Context, inputs []input, n int) error {
	slots := make(chan struct{}, n)
	var wg sync.WaitGroup
	for _, in := range inputs {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := j.one(ctx, in); err != nil && err != ctx.Err() {
				j.mu.Lock()
				j.errs = append(j.errs, fmt.Errorf("import %s: %w", in.name, err))
				j.mu.Unlock()
			}
		})
	}
	wg.Wait()
	return errors.Join(j.errs...)
}

// one imports one input through a pipeline of its own, so that the result never depends on what
// else is imported at the same time. An *outputError is no fault of the input; when ctx ends before
// all is read, no more is written, and the error is that of ctx.
func (j *importJob) one(ctx context.Context, in input) error {
	sink, done := j.out.lateSink(in.origin)
	stages := j.stages.forPipeline()
	p := &flow.Pipeline{Stages: stages.forShard, Sink: gate{ctx, sink}, Block: true}
	j.mu.Lock()
	j.running[p] = true
	j.mu.Unlock()
	runErr := p.Run(ctx, in.source)
	if runErr == nil && j.still != nil {
		runErr = j.still()
	}
	stopped := ctx.Err()
	if stopped != nil {
		runErr = stopped
	}
	stats, closeErr := done(ctx, runErr == nil)
	if j.reports != nil && runErr == nil && closeErr == nil {
		closeErr = j.reports.file(ctx, &in, stages.pairs())
	}
	closeErr = ofOutput(closeErr)
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.running, p)
	in.warn()
	j.account.add(stats)
	j.account.add(in.stats())
	err := firstOf(runErr, closeErr)
	if stopped != nil || j.out.store != nil && err != nil {
		j.account.unfinished(p)
		return err
	}
	j.account.add(p.Stats())
	stages.addTo(j.account)
	return err
}

// unfinished counts the records of an input of which an output has kept nothing, or what another
// import of it finds again.
func (a account) unfinished(p *flow.Pipeline) {
	n := p.Stats()[0]
	a.add([]flow.Stat{n, {Name: "import.unfinished", Value: n.Value}})
}

// outputError is what an output could not do.
type outputError struct {
	error
	opening bool // nothing was written: another import of the same file may be under way
}

func (e *outputError) Unwrap() error { return e.error }

// ofOutput makes err, which may be nil, an *outputError.
func ofOutput(err error) error {
	if err == nil || errors.As(err, new(*outputError)) {
		return err
	}
	return &outputError{err, false}
}

// gate lets nothing into a sink when ctx has ended. A source that is stopped gives out flows as
// far as it has read them; in a cluster these would stand in the way of the whole ones, which have
// the same ids.
type gate struct {
	ctx context.Context
	flow.Sink
}

// Put waits for the sink no longer than to the end of ctx.
func (g gate) Put(_ context.Context, b *flow.Batch) error {
	if err := g.ctx.Err(); err != nil {
		b.Free()
		return err
	}
	return ofOutput(g.Sink.Put(g.ctx, b))
}

// flows is how many records have been read so far.
func (j *importJob) flows() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := j.account["pipeline.records"]
	for p := range j.running {
		n += p.Stats()[0].Value
	}
	return n
}
