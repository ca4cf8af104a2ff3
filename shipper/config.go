package shipper

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"
)

// Config says where the cluster is, how to be let in, and how to write. The zero value writes to
// http://localhost:9200 without credentials.
type Config struct {
	Hosts         []string `yaml:"hosts" default:"[\"http://localhost:9200\"]" help:"URLs of the cluster's nodes; requests go to them in turn and round a dead one."`
	APIKey        Secret   `yaml:"api_key" help:"Elasticsearch API key, as id:key or in its encoded form; ${NAME} is taken from the environment."`
	APIKeyFile    string   `yaml:"api_key_file" help:"File that holds the API key."`
	User          string   `yaml:"user" help:"User name for basic authentication; ${NAME} is taken from the environment."`
	Password      Secret   `yaml:"password" help:"Password of the user; ${NAME} is taken from the environment."`
	PasswordFile  string   `yaml:"password_file" help:"File that holds the password."`
	CAFile        string   `yaml:"ca_file" help:"PEM file with the certificate authorities to trust instead of the system's."`
	CAFingerprint string   `yaml:"ca_fingerprint" help:"SHA-256 fingerprint, in hex, of the authority's or the server's certificate to trust."`
	Namespace     string   `yaml:"namespace" default:"default" help:"Last part of the data streams' names: logs-flowferry.flow-<namespace>, metrics-flowferry.exporter-<namespace>."`

	Timeout       time.Duration `yaml:"timeout" default:"60s" help:"How long one request may take; a bulk request that takes longer is sent again."`
	Compression   int           `yaml:"compression" default:"1" help:"Gzip level of bulk requests, 1 (fast) to 9 (small); -1 sends them plain."`
	BatchBytes    int           `yaml:"batch_bytes" default:"4194304" help:"Size in bytes, before compression, at which a bulk request is sent; up to twice that while senders are busy."`
	FlushInterval time.Duration `yaml:"flush_interval" default:"1s" help:"How long a document may wait for its bulk request to fill."`
	Workers       int           `yaml:"workers" default:"4" help:"Most bulk requests under way at once; fewer while the cluster pushes back."`
	QueueBytes    int           `yaml:"queue_bytes" default:"134217728" help:"Memory in bytes for documents that wait to be written."`

	DeadLetter      string `yaml:"dead_letter" default:"flowferry-dead-letters.ndjson" help:"File for documents that the cluster refuses, with the reason, one JSON object per line."`
	DeadLetterBytes int    `yaml:"dead_letter_bytes" default:"104857600" help:"Size in bytes up to which the dead letter file may grow; what comes later is counted only."`

	// Block makes Put wait for room in the queue, which holds a file source back; else what does
	// not fit is dropped and counted.
	Block bool `yaml:"-"`
	// Log takes a line for the operator, a few per minute at most. It may be nil.
	Log func(format string, args ...any) `yaml:"-"`
	// Transport replaces the network in tests.
	Transport http.RoundTripper `yaml:"-"`
}

// Secret is a string that prints as stars in whatever way it is printed.
type Secret string

const stars = "********"

// Format prints stars, whatever the verb. It implements fmt.Formatter.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// String gives stars, or nothing for an empty secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return stars
}

// MarshalText keeps the secret out of JSON, YAML and structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	if len(c.Hosts) == 0 {
		c.Hosts = []string{"http://localhost:9200"}
	}
	set(&c.Namespace, "default")
	set(&c.Timeout, 60*time.Second)
	set(&c.Compression, 1)
	set(&c.BatchBytes, 4<<20)
	set(&c.FlushInterval, time.Second)
	set(&c.Workers, 4)
	set(&c.QueueBytes, 128<<20)
	set(&c.DeadLetter, "flowferry-dead-letters.ndjson")
	set(&c.DeadLetterBytes, 100<<20)
	if c.Log == nil {
		c.Log = func(string, ...any) {}
	}
	return c
}

func set[T comparable](at *T, value T) {
	var zero T
	if *at == zero {
		*at = value
	}
}

// namespaces are those that a data stream's name can end in.
var namespaces = regexp.MustCompile(`^[a-z0-9_.][a-z0-9_.]{0,99}$`)

// Validate checks all that can be checked without the cluster.
func (c *Config) Validate() error {
	for _, h := range c.Hosts {
		if _, err := parseHost(h); err != nil {
			return fmt.Errorf("hosts: %w", err)
		}
	}
	if c.Namespace != "" && !namespaces.MatchString(c.Namespace) {
		return fmt.Errorf("namespace: %q can not stand in a data stream's name; use lower-case letters, digits, _ and dots", c.Namespace)
	}
	if c.Compression < -1 || c.Compression > 9 {
		return fmt.Errorf("compression: %d is no gzip level; use 1 to 9, or -1 for none", c.Compression)
	}
	if c.CAFingerprint != "" {
		if _, err := parseFingerprint(c.CAFingerprint); err != nil {
			return err
		}
	}
	if err := c.validateCredentials(); err != nil {
		return err
	}
	return c.validateSizes()
}

func (c *Config) validateCredentials() error {
	key, password := c.APIKey != "" || c.APIKeyFile != "", c.Password != "" || c.PasswordFile != ""
	switch {
	case c.APIKey != "" && c.APIKeyFile != "":
		return errors.New("api_key: also given by api_key_file; give one of them")
	case c.Password != "" && c.PasswordFile != "":
		return errors.New("password: also given by password_file; give one of them")
	case key && (c.User != "" || password):
		return errors.New("api_key: given together with a user; give one of them")
	case c.User != "" && !password:
		return errors.New("password: missing for the user; give password or password_file")
	case c.User == "" && password:
		return errors.New("user: missing for the password; give user")
	}
	return nil
}

func (c *Config) validateSizes() error {
	for _, f := range []struct {
		name       string
		value, max int64
	}{
		{"batch_bytes", int64(c.BatchBytes), 64 << 20},
		{"workers", int64(c.Workers), 256},
		{"queue_bytes", int64(c.QueueBytes), 1 << 40},
		{"dead_letter_bytes", int64(c.DeadLetterBytes), 1 << 50},
	} {
		if f.value < 0 || f.value > f.max {
			return fmt.Errorf("%s: %d is out of range; use 1 to %d, or 0 for the default", f.name, f.value, f.max)
		}
	}
	if c.Timeout < 0 || c.Timeout > time.Hour {
		return fmt.Errorf("timeout: %s is out of range; use up to 1h, or 0 for the default", c.Timeout)
	}
	if c.FlushInterval < 0 || c.FlushInterval > time.Hour {
		return fmt.Errorf("flush_interval: %s is out of range; use up to 1h, or 0 for the default", c.FlushInterval)
	}
	return nil
}

// parseHost checks the URL of a node. Credentials must not stand in it: URLs are printed.
func parseHost(host string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(host, "/"))
	if err != nil {
		return nil, errors.New("a URL can not be parsed; write it as https://host:9200") // the error would print it
	}
	switch {
	case u.User != nil:
		return nil, fmt.Errorf("%s: credentials stand in the URL; give them as user and password_file", u.Redacted())
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return nil, fmt.Errorf("%q is no URL of a node; write it as https://host:9200", host)
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%q has a query; write it as https://host:9200", host)
	}
	return u, nil
}

func parseFingerprint(s string) ([]byte, error) {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.TrimSpace(s), ":", ""))
	if err != nil || len(b) != 32 {
		return nil, errors.New("ca_fingerprint: is no SHA-256 in hex; `openssl x509 -fingerprint -sha256 -in ca.crt` prints it")
	}
	return b, nil
}

// credential gives a secret from its value, in which ${NAME} is expanded, or from its file.
func credential(field string, value Secret, file string) (string, error) {
	if file == "" {
		return expand(field, string(value))
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("%s_file: %w", field, err)
	}
	text := strings.TrimSpace(string(b))
	if text == "" {
		return "", fmt.Errorf("%s_file: %s is empty", field, file)
	}
	return text, nil
}

var variable = regexp.MustCompile(`^\$\{(\w+)\}$`)

// expand replaces a value that is wholly ${NAME} by the environment variable NAME.
func expand(field, value string) (string, error) {
	m := variable.FindStringSubmatch(value)
	if m == nil {
		return value, nil
	}
	text := os.Getenv(m[1])
	if text == "" {
		return "", fmt.Errorf("%s: environment variable %s is not set", field, m[1])
	}
	return text, nil
}
