// Package composetest reads docker-compose.yml as Docker Compose does and holds it to its promises: pinned images, no
// port of an engine beyond this machine, an order in which everything starts, and commands that flowferry knows. It is
// a module of its own, so that the product does not depend on Compose.
package composetest

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

const root = "../.."

// flowPort is the only port that may listen on all addresses: exporters are other machines.
const flowPort = 2055

func load(t *testing.T, profiles ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{root + "/docker-compose.yml"}, cli.WithProfiles(profiles))
	if err != nil {
		t.Fatal(err)
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return project
}

func TestProfiles(t *testing.T) {
	stock := []string{"elasticsearch", "flowferry", "kibana", "setup"}
	open := []string{"flowferry-opensearch", "opensearch", "opensearch-dashboards", "setup-opensearch"}
	for _, c := range []struct {
		profiles []string
		want     []string
	}{
		{nil, stock},
		{[]string{"opensearch"}, append(slices.Clone(stock), open...)},
	} {
		got := load(t, c.profiles...).ServiceNames()
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("profiles %v start %v, want %v", c.profiles, got, c.want)
		}
	}
}

// pinned is an image whose tag names one release.
var pinned = regexp.MustCompile(`^[^:@]+:\d+\.\d+\.\d+$`)

func TestServices(t *testing.T) {
	used := map[string]string{}
	for name, s := range load(t, "opensearch").Services {
		t.Run(name, func(t *testing.T) {
			if s.Build == nil && !pinned.MatchString(s.Image) {
				t.Errorf("image %q is not pinned to a release", s.Image)
			}
			if s.MemLimit == 0 {
				t.Error("no memory limit")
			}
			if s.Build == nil && (s.HealthCheck == nil || len(s.HealthCheck.Test) == 0) {
				t.Error("no health check")
			}
			if s.Privileged || s.NetworkMode == "host" {
				t.Error("has more of the machine than it needs")
			}
			for _, p := range s.Ports {
				if other := used[p.Published+p.Protocol]; other != "" {
					t.Errorf("port %s/%s is also %s's", p.Published, p.Protocol, other)
				}
				used[p.Published+p.Protocol] = name
				if p.HostIP != "127.0.0.1" && (p.Protocol != "udp" || p.Target != flowPort) {
					t.Errorf("port %s/%s is published on %q, want 127.0.0.1", p.Published, p.Protocol, p.HostIP)
				}
			}
			for _, v := range s.Volumes {
				if v.Type == types.VolumeTypeBind {
					if _, err := os.Stat(v.Source); err != nil {
						t.Errorf("mounts %v", err)
					}
				}
			}
		})
	}
}

// Engine, dashboards, set-up, flowferry: each waits for the one before it.
func TestOrder(t *testing.T) {
	services := load(t, "opensearch").Services
	for _, c := range []struct{ service, waitsFor, condition string }{
		{"kibana", "elasticsearch", types.ServiceConditionHealthy},
		{"setup", "elasticsearch", types.ServiceConditionHealthy},
		{"setup", "kibana", types.ServiceConditionHealthy},
		{"flowferry", "setup", types.ServiceConditionCompletedSuccessfully},
		{"opensearch-dashboards", "opensearch", types.ServiceConditionHealthy},
		{"setup-opensearch", "opensearch", types.ServiceConditionHealthy},
		{"setup-opensearch", "opensearch-dashboards", types.ServiceConditionHealthy},
		{"flowferry-opensearch", "setup-opensearch", types.ServiceConditionCompletedSuccessfully},
	} {
		if got := services[c.service].DependsOn[c.waitsFor].Condition; got != c.condition {
			t.Errorf("%s waits for %s with condition %q, want %q", c.service, c.waitsFor, got, c.condition)
		}
	}
	for _, name := range []string{"setup", "setup-opensearch"} {
		if r := services[name].Restart; r != types.RestartPolicyNo {
			t.Errorf("%s runs once, but restarts %q", name, r)
		}
	}
}

func TestDockerfile(t *testing.T) {
	for name, s := range load(t, "opensearch").Services {
		if s.Build == nil {
			continue
		}
		file := s.Build.Dockerfile
		if !filepath.IsAbs(file) {
			file = filepath.Join(s.Build.Context, file)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		last := b[bytes.LastIndex(b, []byte("\nFROM ")):] // only the last stage runs
		user := regexp.MustCompile(`(?m)^USER (\S+)$`).FindSubmatch(last)
		if user == nil || strings.HasPrefix(string(user[1]), "0") || strings.HasPrefix(string(user[1]), "root") {
			t.Errorf("%s: %s runs as root", name, file)
		}
	}
}

// What the services run, and the file they run it with, are known to the flowferry of this checkout.
func TestCommands(t *testing.T) {
	flowferry := filepath.Join(t.TempDir(), "flowferry")
	build := exec.Command("go", "build", "-C", root, "-o", flowferry, "./cmd/flowferry")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := exec.Command(flowferry, "test", "config", "-c", root+"/deploy/flowferry.yml").CombinedOutput(); err != nil {
		t.Errorf("deploy/flowferry.yml: %v\n%s", err, out)
	}
	for name, s := range load(t, "opensearch").Services {
		if s.Build == nil {
			continue
		}
		// With --help nothing runs, but the flags before it must be known.
		if out, err := exec.Command(flowferry, append(slices.Clone(s.Command), "--help")...).CombinedOutput(); err != nil {
			t.Errorf("%s: flowferry %s: %v\n%s", name, strings.Join(s.Command, " "), err, out)
		}
	}
}
