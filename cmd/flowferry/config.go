package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"

	"github.com/flowferry/flowferry/capture"
	"github.com/flowferry/flowferry/enrich"
	"github.com/flowferry/flowferry/netflow"
	"github.com/flowferry/flowferry/pdns"
	"github.com/flowferry/flowferry/shipper"
	"github.com/flowferry/flowferry/stitch"
	"github.com/flowferry/flowferry/store"
	"github.com/flowferry/flowferry/watch"
)

// Config is the whole configuration: one section per package.
type Config struct {
	NetFlow netflow.Config `yaml:"netflow" help:"Flow exports: over UDP NetFlow v1, v5 to v9, IPFIX and sFlow, told apart by their version; IPFIX over TCP and TLS too."`
	Capture capture.Config `yaml:"capture" help:"How packets are metered into flows."`
	Watch   watch.Config   `yaml:"watch" help:"Directories whose new files are read, of any kind that import reads."`
	Stitch  stitch.Config  `yaml:"stitch" help:"De-duplication, biflows and complete flows."`
	Enrich  enrich.Config  `yaml:"enrich" help:"What is added to each flow."`
	PDNS    pdns.Config    `yaml:"pdns" help:"Names for addresses, from the DNS answers among the flows."`
	Output  Output         `yaml:"output" help:"Where flows go."`
	Admin   Admin          `yaml:"admin" help:"What a running collector tells of itself."`
	Shards  int            `yaml:"shards" default:"0" help:"Goroutines that stitch, enrich and encode; 0 is one per core."`
}

// Output says where flows go.
type Output struct {
	Kind    string         `yaml:"kind" default:"store" help:"store: the embedded store, no server needed; cluster: Elasticsearch or OpenSearch."`
	Store   Store          `yaml:"store" help:"The embedded store: hourly Parquet files in a directory."`
	Cluster shipper.Config `yaml:"cluster" help:"Elasticsearch or OpenSearch; which of them it is, flowferry finds out."`

	ExporterInterval time.Duration `yaml:"exporter_interval" default:"60s" help:"How often a collector writes documents of the health and losses of exporters beside their flows; import writes them once for each file; 0 is off."`
}

// Store says where the embedded store is.
type Store struct {
	Path               string `yaml:"path" default:"flowferry-store" help:"Directory of the store."`
	store.WriterConfig `yaml:",squash"`
}

// exporterInterval is the default of Output.ExporterInterval.
const exporterInterval = time.Minute

const (
	outputStore   = "store"
	outputCluster = "cluster"
	defaultStore  = "flowferry-store"
)

// Dir is the store's directory.
func (s *Store) Dir() string {
	if s.Path == "" {
		return defaultStore
	}
	return s.Path
}

// Validate checks the whole configuration; the error names the section, the setting and the remedy.
func (c *Config) Validate() error {
	if c.Shards < 0 || c.Shards > 1024 {
		return fmt.Errorf("shards: %d is out of range; use 0 for one per core, or 1 to 1024", c.Shards)
	}
	sections := []struct {
		name     string
		validate func() error
	}{
		{"netflow", c.NetFlow.Validate},
		{"capture", c.Capture.Validate},
		{"watch", c.Watch.Validate},
		{"stitch", c.Stitch.Validate},
		{"enrich", c.Enrich.Validate},
		{"pdns", c.PDNS.Validate},
		{"output", c.Output.validate},
		{"admin", c.Admin.validate},
	}
	for _, s := range sections {
		if err := s.validate(); err != nil {
			return fmt.Errorf("%s.%w", s.name, err)
		}
	}
	return nil
}

func (o *Output) validate() error {
	if i := o.ExporterInterval; i != 0 && (i < time.Second || i > 24*time.Hour) {
		return fmt.Errorf("exporter_interval: %s is out of range; use 1s to 24h, or 0 for off", i)
	}
	switch o.Kind {
	case "", outputStore:
		if err := o.Store.Validate(); err != nil {
			return fmt.Errorf("store.%w", err)
		}
		return nil
	case outputCluster:
		if err := o.Cluster.Validate(); err != nil {
			return fmt.Errorf("cluster.%w", err)
		}
		return nil
	}
	return fmt.Errorf("kind: %q is not known; use store or cluster", o.Kind)
}

// keySep separates the keys of a path inside viper: no key can hold it, an IPv6 address can hold "." and ":".
const keySep = "\x00"

// loadConfig reads the file, if path is not empty, and the environment over it.
func loadConfig(path string) (*Config, error) {
	v := viper.NewWithOptions(viper.KeyDelimiter(keySep))
	for _, l := range leaves(reflect.TypeFor[Config]()) {
		if err := v.BindEnv(strings.Join(l.path, keySep), l.env()); err != nil {
			return nil, fmt.Errorf("bind environment variable %s: %w", l.env(), err)
		}
	}
	if path != "" {
		if err := checkMode(path); err != nil {
			return nil, err
		}
		v.SetConfigFile(path)
		v.SetConfigType("yaml")
		if err := v.ReadInConfig(); err != nil {
			return nil, readError(path, err)
		}
	}
	c := &Config{Output: Output{ExporterInterval: exporterInterval}} // 0 is a value of its own
	err := v.UnmarshalExact(c, func(d *mapstructure.DecoderConfig) { d.TagName = "yaml" })
	if err == nil {
		err = c.Validate()
	} else {
		err = plainError(err)
	}
	if err != nil {
		if path == "" {
			path = "environment"
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func readError(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read configuration %s: no such file; `flowferry test config --reference` prints one to start from", path)
	}
	return fmt.Errorf("read configuration %s: %w", path, err)
}

// secret finds a setting that holds a literal secret.
var secret = regexp.MustCompile(`(?m)^\s*(api_key|password):\s*["']?[^\s"'$#]`)

// checkMode refuses a file that others may read while a secret stands in it.
func checkMode(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o004 == 0 {
		return nil // a missing file is reported when it is read
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil // likewise
	}
	if m := secret.FindSubmatch(text); m != nil {
		return fmt.Errorf("%s: %s: a secret stands in a file that everyone may read; chmod 600 it, or use %[2]s_file or the environment", path, m[1])
	}
	return nil
}

// plainError turns mapstructure's report into one line per fault that names the key.
func plainError(err error) error {
	var lines []string
	for _, line := range strings.Split(err.Error(), "\n") {
		line = strings.TrimSpace(strings.TrimLeft(line, "* "))
		if m := invalidKeys.FindStringSubmatch(line); m != nil {
			lines = append(lines, unknownKeys(m[1], m[2]))
		} else if line != "" && !strings.HasSuffix(line, "error(s) decoding:") && !strings.HasPrefix(line, "decoding failed") {
			lines = append(lines, line)
		}
	}
	return errors.New(strings.Join(lines, "; "))
}

var invalidKeys = regexp.MustCompile(`^'(.*)' has invalid keys: (.*)$`)

func unknownKeys(section, keys string) string {
	var out []string
	for _, k := range strings.Split(keys, ", ") {
		if section != "" {
			k = section + "." + k
		}
		out = append(out, k)
	}
	return fmt.Sprintf("unknown setting %s; `flowferry test config --reference` lists all", strings.Join(out, ", "))
}
