package main

import (
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/spf13/cobra"

	"github.com/flowferry/flowferry/enrich"
	"github.com/flowferry/flowferry/hunt"
	"github.com/flowferry/flowferry/shipper"
	"github.com/flowferry/flowferry/store"
)

func newTest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test",
		Short: "Check the configuration or the output before anything runs",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTestConfig(), newTestOutput())
	return cmd
}

func newTestConfig() *cobra.Command {
	var reference bool
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check the configuration, and the databases and lists it names",
		Example: `  flowferry test config -c flowferry.yml
  flowferry test config --reference > flowferry.yml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			if reference {
				return writeReference(w, reflect.TypeFor[Config]())
			}
			cfg, err := configOf(cmd)
			if err != nil {
				return err
			}
			tables, err := enrich.Load(cfg.Enrich)
			if err != nil {
				return err
			}
			p := &printer{w: w}
			for _, warning := range tables.Warnings() {
				p.printf("warning: %s\n", warning)
			}
			p.printf("the configuration is good\n")
			return p.err
		},
	}
	cmd.Flags().BoolVar(&reference, "reference", false, "print every setting with its default and its meaning")
	return cmd
}

func newTestOutput() *cobra.Command {
	var clusterURL, storeDir string
	cmd := &cobra.Command{
		Use:   "output",
		Short: "Check that the output can be reached and is set up",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := configOf(cmd)
			if err != nil {
				return err
			}
			setOutput(cfg, storeDir, clusterURL)
			if cfg.Output.Kind == outputCluster {
				return testCluster(cmd, &cfg.Output.Cluster)
			}
			return testStore(cmd.OutOrStdout(), cfg.Output.Store.Dir())
		},
	}
	outputFlags(cmd, &storeDir, &clusterURL)
	return cmd
}

func testCluster(cmd *cobra.Command, cfg *shipper.Config) error {
	e, err := shipper.Connect(cmd.Context(), *cfg)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	p := &printer{w: w}
	p.printf("%s answers\n", e)
	report, err := shipper.Setup(cmd.Context(), e, shipper.SetupOptions{DryRun: true, Namespace: cfg.Namespace})
	if err != nil {
		return err
	}
	if n := report.Changed(); n > 0 {
		return fmt.Errorf("%d templates or data streams are missing or old; run `flowferry setup` with the same configuration", n)
	}
	p.printf("templates and data streams are in place\n")
	return p.err
}

func testStore(w io.Writer, dir string) error {
	s, err := store.Open(dir)
	if err != nil {
		return err
	}
	info, err := s.Info()
	if err != nil {
		return err
	}
	p := &printer{w: w}
	p.printf("store %s: %s rows in %d files, %s", dir, hunt.Grouped(info.Rows), info.Files, size(info.Bytes))
	if info.Rows > 0 {
		p.printf(", from %s to %s", stamp(info.First), stamp(info.Last))
	}
	p.printf("\n")
	for _, broken := range info.Bad {
		p.printf("warning: %v\n", broken)
	}
	return p.err
}

// stamp writes a time in Unix ns for people, in UTC.
func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format("2006-01-02 15:04:05") }
