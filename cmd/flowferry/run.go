package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowferry/flowferry/flow"
)

func newRun() *cobra.Command {
	var listen, filter, clusterURL, storeDir string
	var interfaces, directories []string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Collect flow exports, meter interfaces and read new files until told to stop",
		Long: `run listens for flow exports over UDP and writes the flows to the embedded store or to a
cluster. NetFlow v1, v5, v6, v7, v8 (all 14 aggregation schemes), v9, IPFIX and sFlow may come to
the same port. IPFIX is also taken over TCP and TLS where netflow.listen_tcp and
netflow.listen_tls name addresses.

With --interface it meters the packets of network interfaces instead (Linux; see docs/capture.md);
give --listen too for both. In the configuration, capture.live.interfaces stands beside
netflow.listen, and both are done.

With --watch it reads each new file of a directory, of any kind that import reads, once, when it
is complete; give --listen too for exports. In the configuration watch.directories stands beside
the others. What was read is remembered over a restart (see docs/capture.md).

SIGTERM or Ctrl-C stops it: sockets are drained, all tables flushed, everything written, and
the account of what was received, kept and lost is printed.`,
		Example: `  flowferry run
  flowferry run -c flowferry.yml
  flowferry run --listen :9995 --cluster http://localhost:9200
  flowferry run --interface eth0 --filter 'not port 22'
  flowferry run --watch /var/captures`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := configOf(cmd)
			if err != nil {
				return err
			}
			if listen != "" {
				cfg.NetFlow.Listen = []string{listen}
			}
			if len(interfaces) > 0 {
				cfg.Capture.Live.Interfaces = interfaces
			}
			if len(directories) > 0 {
				cfg.Watch.Directories = directories
				if err := cfg.Watch.Validate(); err != nil {
					return usageError{fmt.Errorf("watch.%w", err)}
				}
			}
			if err := setFilter(cfg, filter); err != nil {
				return err
			}
			setOutput(cfg, storeDir, clusterURL)
			exports := listen != "" || len(interfaces)+len(directories) == 0
			return collect(cmd.Context(), cmd.OutOrStdout(), cfg, exports)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "", "UDP address to listen on instead of the configured ones, as :2055")
	cmd.Flags().StringSliceVarP(&interfaces, "interface", "i", nil, "network interface to meter, such as eth0; several with commas")
	cmd.Flags().StringSliceVar(&directories, "watch", nil, "directory whose new files are read; several with commas")
	filterFlag(cmd, &filter)
	outputFlags(cmd, &storeDir, &clusterURL)
	return cmd
}

// filterFlag adds the flag that names a filter in place of the configured one.
func filterFlag(cmd *cobra.Command, filter *string) {
	cmd.Flags().StringVar(filter, "filter", "", "meter only packets that this selects, in the language of tcpdump: 'tcp port 443'")
}

func setFilter(cfg *Config, filter string) error {
	if filter == "" {
		return nil
	}
	cfg.Capture.Filter = filter
	if err := cfg.Capture.Validate(); err != nil {
		return usageError{fmt.Errorf("--%w", err)}
	}
	return nil
}

// outputFlags adds the flags that name an output in place of the configured one.
func outputFlags(cmd *cobra.Command, storeDir, clusterURL *string) {
	cmd.Flags().StringVar(storeDir, "store", "", "directory of the embedded store (default "+defaultStore+")")
	cmd.Flags().StringVar(clusterURL, "cluster", "", "URL of an Elasticsearch or OpenSearch to use instead of the store")
	cmd.MarkFlagsMutuallyExclusive("store", "cluster")
}

func setOutput(cfg *Config, storeDir, clusterURL string) {
	switch {
	case clusterURL != "":
		cfg.Output.Kind = outputCluster
		cfg.Output.Cluster.Hosts = []string{clusterURL}
	case storeDir != "":
		cfg.Output.Kind = outputStore
		cfg.Output.Store.Path = storeDir
	}
}

// tell is how often a running collector says what it does.
const tell = time.Minute

// collect runs the collector until ctx is cancelled. exports says that flow exports are listened
// for; interfaces are metered and directories watched where there are some.
func collect(ctx context.Context, w io.Writer, cfg *Config, exports bool) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	epoch := uint64(time.Now().UnixNano())
	cfg.NetFlow.Origin = epoch
	stages, err := newStages(cfg, true)
	if err != nil {
		return err
	}
	warn(log, stages.tables.Warnings())
	live, err := openLive(cfg, exports, epoch)
	if err != nil {
		return err
	}
	defer live.close()
	warn(log, live.warnings())
	files, err := openWatched(cfg, stages, log)
	if err != nil {
		return err
	}
	defer files.close()
	admin, err := listenAdmin(cfg.Admin)
	if err != nil {
		return err
	}
	defer admin.close()
	out, err := openOutput(ctx, cfg, false)
	if err != nil {
		return err
	}
	sink, done, err := out.sink(epoch, false)
	if err != nil {
		return err
	}
	live.announce(log, out.words)

	p := &flow.Pipeline{Shards: cfg.shards(), Stages: stages.forShard, Sink: sink, Seed: rand.Uint64()}
	if err := stages.resume(p, log); err != nil {
		return err
	}
	reports := &reports{out: out}
	numbers := func() account {
		a := account{}
		a.add(reports.Stats())
		a.add(live.stats())
		files.addTo(a)
		a.add(p.Stats())
		stages.addTo(a)
		a.add(stages.tables.Stats())
		return a
	}
	admin.serve(ctx, func() account {
		a := numbers()
		if s, ok := sink.(statSink); ok {
			a.add(s.Stats())
		}
		return a
	}, live.exporters, stages.pairs)
	stopTelling := every(tell, func() { tellNumbers(log, numbers()) })
	stopReports := reports.live(epoch, cfg.Output.ExporterInterval, live.exporters, stages.pairs, log)
	runErr := p.Run(ctx, append(live.sources(), files.sources(out)...))
	stopTelling()
	stopReports()
	parkErr := stages.park(p)

	a := numbers()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	stats, closeErr := done(closing, true)
	a.add(stats)
	shared, err := out.close(closing)
	a.add(shared)
	if err := a.write(w); err != nil {
		return err
	}
	return firstOf(runErr, closeErr, parkErr, err)
}

func warn(log *slog.Logger, warnings []string) {
	for _, w := range warnings {
		log.Warn(w)
	}
}

// tellNumbers logs one line of what the collector has done since it started.
func tellNumbers(log *slog.Logger, a account) {
	log.Info("so far", "datagrams", a["netflow.datagrams"], "packets", a["capture.packets"], "records", a.sum(received), "flows", a["stitch.flows"], "files", a["watch.files"],
		"duplicates", a["stitch.duplicates"], "kernel_drops", a["netflow.kernel_drops"]+a["capture.kernel_drops"],
		"sequence_lost", a["netflow.sequence_lost"], "queue_drops", a["pipeline.queue_drops"])
}

// every calls fn at each interval until the returned function is called.
func every(interval time.Duration, fn func()) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	t := time.NewTicker(interval)
	go func() {
		defer close(ended)
		for {
			select {
			case <-t.C:
				fn()
			case <-quit:
				return
			}
		}
	}()
	return func() { t.Stop(); close(quit); <-ended }
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
