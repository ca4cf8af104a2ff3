package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/flowferry/flowferry/shipper"
)

func newSetup() *cobra.Command {
	var o shipper.SetupOptions
	var clusterURL, export, flavour string
	var roles bool
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Put templates, data streams, life cycle and dashboards into a cluster",
		Long: `setup puts component and index templates, data streams, the life cycle (ILM in Elasticsearch,
ISM in OpenSearch) and, where their URL is given, the dashboards into place. Run again, it
changes only what is missing or old.`,
		Example: `  flowferry setup --cluster http://localhost:9200 --kibana http://localhost:5601
  flowferry setup --cluster https://os:9200 --opensearch-dashboards http://osd:5601
  flowferry setup --dry-run --cluster http://localhost:9200
  flowferry setup --export ./setup --flavour opensearch    files to apply by other means`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flavour != flavourElasticsearch && flavour != flavourOpenSearch {
				return usage("--flavour %s: use elasticsearch or opensearch", flavour)
			}
			if export != "" {
				return shipper.Export(export, flavour)
			}
			if roles {
				text, err := shipper.Roles(flavour)
				if err == nil {
					_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", text)
				}
				return err
			}
			return setup(cmd, clusterURL, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&clusterURL, "cluster", "", "URL of the cluster (default: output.cluster.hosts of the configuration, else http://localhost:9200)")
	f.StringVar(&o.KibanaURL, "kibana", "", "URL of the Kibana that gets the dashboards")
	f.StringVar(&o.DashboardsURL, "opensearch-dashboards", "", "URL of the OpenSearch Dashboards that gets the dashboards")
	f.BoolVar(&o.DryRun, "dry-run", false, "say what would change and change nothing")
	f.BoolVar(&o.Overwrite, "overwrite", false, "replace dashboards that are there, and with them changes made to them")
	f.StringVar(&export, "export", "", "write everything as files into this directory instead")
	f.BoolVar(&roles, "print-roles", false, "print the role a writer needs, and no more, as JSON")
	f.StringVar(&flavour, "flavour", flavourElasticsearch, "of --export and --print-roles: elasticsearch or opensearch")
	return cmd
}

const (
	flavourElasticsearch = "elasticsearch"
	flavourOpenSearch    = "opensearch"
)

func setup(cmd *cobra.Command, clusterURL string, o shipper.SetupOptions) error {
	cfg, err := configOf(cmd)
	if err != nil {
		return err
	}
	setOutput(cfg, "", clusterURL)
	c := cfg.Output.Cluster
	e, err := shipper.Connect(cmd.Context(), c)
	if err != nil {
		return err
	}
	o.Namespace = c.Namespace
	o.Out = cmd.OutOrStdout()
	_, err = shipper.Setup(cmd.Context(), e, o)
	return err
}
