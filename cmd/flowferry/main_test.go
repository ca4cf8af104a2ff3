package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// asProgram makes the test binary behave as flowferry itself, for tests that need a process.
const asProgram = "FLOWFERRY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// flowferry runs the command as a process of its own and gives its output and exit code.
func flowferry(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// must runs the command in this process and fails the test on an error.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := inProcess(t.Context(), args...)
	if err != nil {
		t.Fatalf("flowferry %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func inProcess(ctx context.Context, args ...string) (string, error) {
	root := newRoot()
	var out bytes.Buffer
	root.SetOut(&out)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	return out.String(), err
}

func TestExitCodes(t *testing.T) {
	f := func(want int, says string, args ...string) {
		t.Helper()
		_, stderr, code := flowferry(t, args...)
		if code != want || !strings.Contains(stderr, says) {
			t.Errorf("flowferry %s: exit code %d, want %d, with %q in\n%s", strings.Join(args, " "), code, want, says, stderr)
		}
	}
	f(0, "", "version")
	f(0, "", "--help")
	f(2, "unknown flag: --nonsense", "run", "--nonsense")
	f(2, "requires at least 1 arg", "read")
	f(2, "use table, text, ndjson, json or csv", "read", "-o", "xml", "x.pcap")
	f(2, "--by is missing", "top")
	f(2, "use auto, packets or exports", "read", "--as", "music", "x.pcap")
	f(2, `did you mean "source.ip"?`, "top", "--by", "source.ipp")
	f(2, `"(" is never closed`, "top", "--by", "source.ip", "(destination.port:443")
	f(1, "fill one with flowferry import", "top", "--by", "source.ip", "--store", "does-not-exist")
	f(1, "no such file", "read", "does-not-exist.pcap")
	f(1, "neither a capture", "read", "main_test.go")
	f(1, "no such file", "run", "-c", "does-not-exist.yml")
}

// Every setting stands in the reference, and the reference is a good configuration.
func TestReferenceRoundTrip(t *testing.T) {
	var text bytes.Buffer
	if err := writeReference(&text, reflect.TypeFor[Config]()); err != nil {
		t.Fatal(err)
	}
	committed, err := os.ReadFile("../../flowferry.reference.yml")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(committed, text.Bytes()) {
		t.Error("flowferry.reference.yml is stale: run go generate ./cmd/flowferry")
	}
	if _, err := loadConfig(writeFile(t, text.String())); err != nil {
		t.Error(err)
	}
	for _, l := range leaves(reflect.TypeFor[Config]()) {
		if l.field.Tag.Get("help") == "" {
			t.Errorf("%s has no help", l.key())
		}
		if !strings.Contains(text.String(), l.path[len(l.path)-1]+":") {
			t.Errorf("%s is not in the reference", l.key())
		}
	}
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flowferry.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigErrors(t *testing.T) {
	f := func(text, want string) {
		t.Helper()
		path := writeFile(t, text)
		_, err := loadConfig(path)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), " "+want) {
			t.Errorf("%q: got %v, want the file's name and %q", text, err, want)
		}
	}
	f("colour: red", "unknown setting colour")
	f("netflow: {lissten: [':1']}", "unknown setting netflow.lissten")
	f("output: {cluster: {hots: []}}", "unknown setting output.cluster.hots")
	f("output: {kind: papyrus}", `output.kind: "papyrus" is not known; use store or cluster`)
	f("output: {kind: cluster, cluster: {hosts: ['ftp://x']}}", "output.cluster.hosts:")
	f("output: {store: {flush_rows: -1}}", "output.store.flush_rows")
	f("capture: {idle_timeout: soon}", "'capture.idle_timeout'")
	f("capture: {idle_timeout: -1s}", "capture.idle_timeout is -1s")
	f("netflow: {listen: ['nowhere']}", `netflow.listen: "nowhere"`)
	f("netflow: {unknown: some}", `netflow.unknown: "some"`)
	f("netflow: {allow_by_listen: {':6343': [10.0.0.0/8]}}", `netflow.allow_by_listen: ":6343": is none of listen`)
	f("netflow: {listen_tcp: ['nowhere']}", `netflow.listen_tcp: "nowhere"`)
	f("netflow: {log_format: nothing}", "netflow.log_format:")
	f("netflow: [1,2", "yaml")
	f("shards: -1", "shards: -1 is out of range")
}

// Addresses and prefixes are keys and values as they stand in docs/operation.md.
func TestConfigExporterRules(t *testing.T) {
	cfg, err := loadConfig(writeFile(t, `
netflow:
  listen: [":2055", ":6343", "[FE80::1]:2055"]
  listen_tcp: [":4739"]
  allow: [10.0.0.0/8]
  allow_by_listen:
    ":6343": [10.20.0.0/16, 2001:db8::/32]
    ":4739": [192.0.2.7]
    "[FE80::1]:2055": [fe80::/10]
  by_port: [203.0.113.9]
  template_timeout: 90m
`))
	if err != nil {
		t.Fatal(err)
	}
	r := cfg.NetFlow.Rules
	if len(r.AllowByListen) != 3 || len(r.AllowByListen[":6343"]) != 2 || len(r.ByPort) != 1 || r.TemplateTimeout != 90*time.Minute {
		t.Errorf("got %+v", r)
	}
}

func TestConfigEnvironment(t *testing.T) {
	t.Setenv("FLOWFERRY_OUTPUT_KIND", "cluster")
	t.Setenv("FLOWFERRY_OUTPUT_CLUSTER_HOSTS", "http://a:9200,http://b:9200")
	t.Setenv("FLOWFERRY_OUTPUT_CLUSTER_PASSWORD", "not-printed")
	t.Setenv("FLOWFERRY_OUTPUT_CLUSTER_USER", "me")
	cfg, err := loadConfig(writeFile(t, "output: {kind: store}"))
	if err != nil {
		t.Fatal(err)
	}
	if c := cfg.Output.Cluster; cfg.Output.Kind != "cluster" || len(c.Hosts) != 2 || c.Password != "not-printed" {
		t.Errorf("got %q with %d hosts", cfg.Output.Kind, len(c.Hosts))
	}
}

// A secret in a file that everyone may read is refused.
func TestConfigSecretMode(t *testing.T) {
	path := writeFile(t, "output:\n  cluster:\n    hosts: ['http://a:9200']\n    api_key: c2VjcmV0\n")
	if _, err := loadConfig(path); err != nil {
		t.Errorf("mode 600: %v", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := loadConfig(path)
	if err == nil || !strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), "c2VjcmV0") {
		t.Errorf("mode 644: got %v", err)
	}
}
