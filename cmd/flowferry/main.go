// Command flowferry carries network flows into Elasticsearch, OpenSearch or an embedded store.
//
// Configuration and flags are read here and nowhere else; the packages get plain structs. Errors
// come up to main, which prints one line and exits with 1, or with 2 when the command line was
// wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/flowferry/flowferry/internal/lategc"
)

// version is set by the Makefile; a build by `go install` takes it from the module.
var version = ""

// Exit codes.
const (
	exitOK = iota
	exitError
	exitUsage
)

// usageError is a fault of the command line.
type usageError struct{ error }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func main() {
	lategc.Start()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(os.Stderr, "flowferry: %v\n", err)
	var u usageError
	if errors.As(err, &u) {
		fmt.Fprintf(os.Stderr, "Run '%s --help' for the way to use it.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitError
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "flowferry",
		Short: "Carry network flows into Elasticsearch, OpenSearch or an embedded store",
		Long: `flowferry receives flow exports (NetFlow v1, v5 to v9, IPFIX), meters packet captures into
flows, de-duplicates them, joins both directions and all pieces of a conversation, enriches
them, and writes them as ECS documents to Elasticsearch or OpenSearch, or to an embedded
store that needs no server. Then it lets you hunt in them.`,
		Example: `  flowferry run                                   collect on UDP 2055 into ./flowferry-store
  flowferry import capture.pcap                   the flows of a capture into the store
  flowferry top --by source.ip --sum network.bytes --last 24h
  flowferry setup --cluster http://localhost:9200 templates and dashboards for a cluster`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringP("config", "c", "", "configuration file (YAML); without it the defaults and the environment count")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(newRun(), newRead(), newImport(), newPcap(), newTop(), newPDNS(), newExporters(), newSetup(), newTest(), newDemo(), newVersion())
	for _, c := range root.Commands() {
		asUsage(c)
	}
	return root
}

// asUsage makes a wrong number of arguments a fault of the command line, not of the run.
func asUsage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return usageError{err}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		asUsage(sub)
	}
}

// configOf loads the configuration that the command line names.
func configOf(cmd *cobra.Command) (*Config, error) {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil, err
	}
	return loadConfig(path)
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "flowferry %s\n", buildVersion())
			return err
		},
	}
}

func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
