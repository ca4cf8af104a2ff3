// Package enginetest gives tests a real search engine: OpenSearch, or a core Elasticsearch, started on a loopback port
// by testdata/engine/engine.sh.
//
// The engine lives as long as a pipe to its standard input is open. So it ends, and its data goes, with the test
// process, in whatever way that ends; nobody has to remember to stop it.
package enginetest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// The engines there are.
const (
	OpenSearch    = "opensearch-2.19.4"
	Elasticsearch = "elasticsearch-9.5.3"
)

// Names lists the engines, for tests that must hold on each.
var Names = []string{OpenSearch, Elasticsearch}

const (
	startTimeout = 8 * time.Minute // the first start on a machine fetches some 100 MB
	stopTimeout  = 10 * time.Second
	noTool       = 3 // engine.sh's exit status when the machine lacks a tool
)

// errNoTool is the one start-up failure that is the machine's and not ours.
type errNoTool string

func (e errNoTool) Error() string { return string(e) }

var shared struct {
	sync.Mutex
	engines map[string]*Instance
	failed  map[string]error
}

// Start returns the URL of an engine that all tests of this process share. It runs until the process ends, so a test
// must write to indices of its own. Where the machine has no Java the test is skipped; with CI=true it fails.
func Start(t testing.TB, name string) (url string) {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if err := shared.failed[name]; err != nil {
		giveUp(t, err)
	}
	if i := shared.engines[name]; i != nil {
		return i.URL
	}
	i, err := start(name)
	if err != nil {
		if shared.failed == nil {
			shared.failed = map[string]error{}
		}
		shared.failed[name] = err
		giveUp(t, err)
	}
	if shared.engines == nil {
		shared.engines = map[string]*Instance{}
	}
	shared.engines[name] = i
	return i.URL
}

// An Instance is an engine of one test's own, with its own port and data.
type Instance struct {
	Name string
	URL  string

	dir   string // data and log; the engine removes it when it ends by Stop or with this process
	cmd   *exec.Cmd
	stdin *os.File // open while the engine shall live
}

// StartInstance starts an engine for this test alone and stops it when the test ends. It skips as Start does.
func StartInstance(t testing.TB, name string) *Instance {
	t.Helper()
	i, err := start(name)
	if err != nil {
		giveUp(t, err)
	}
	t.Cleanup(i.Stop)
	return i
}

// Kill ends the engine as kill -9 does. Port and data stay for Restart.
func (i *Instance) Kill() {
	if i.cmd == nil {
		return
	}
	_ = i.cmd.Process.Kill()
	i.wait()
}

// Restart kills the engine if it still runs, and starts it again on the same port and the same data. It returns when
// the indices found there can be searched.
func (i *Instance) Restart(t testing.TB) {
	t.Helper()
	i.Kill()
	if err := i.run(i.URL[strings.LastIndexByte(i.URL, ':')+1:]); err != nil {
		t.Fatal(err)
	}
}

// Stop ends the engine and removes its data.
func (i *Instance) Stop() {
	if i.cmd != nil {
		i.stdin.Close()
		late := time.AfterFunc(stopTimeout, func() { _ = i.cmd.Process.Kill() })
		_ = i.cmd.Wait()
		late.Stop()
		i.cmd = nil
	}
	os.RemoveAll(i.dir)
}

func start(name string) (*Instance, error) {
	dir, err := os.MkdirTemp("", "flowferry-engine-")
	if err != nil {
		return nil, err
	}
	i := &Instance{Name: name, dir: dir}
	if err := i.run("0"); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	return i, nil
}

// run starts the engine and waits for its URL. Every stream of the process is a file, and the wait is a read: no
// goroutine stays behind to alarm a test that counts them.
func (i *Instance) run(port string) error {
	script, err := findScript()
	if err != nil {
		return err
	}
	stdin, hold, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	out, stdout, err := os.Pipe()
	if err != nil {
		hold.Close()
		return err
	}
	defer out.Close()
	defer stdout.Close()
	messages, err := os.Create(filepath.Join(i.dir, "messages"))
	if err != nil {
		hold.Close()
		return err
	}
	defer messages.Close()

	cmd := exec.Command(script, "run", i.Name, port)
	cmd.Env = append(os.Environ(), "INSTANCE="+i.dir, "FRESH=")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, messages
	if err := cmd.Start(); err != nil {
		hold.Close()
		return fmt.Errorf("start %s: %w", i.Name, err)
	}
	i.cmd, i.stdin = cmd, hold
	stdout.Close()
	if err := out.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		i.Kill()
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		i.URL = strings.TrimSpace(line)
		return nil
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		_ = cmd.Process.Kill()
	}
	i.wait()
	said := strings.TrimSpace(i.tail("messages"))
	if cmd.ProcessState.ExitCode() == noTool {
		return errNoTool(said)
	}
	return fmt.Errorf("start %s: %s\n%s\n%s%s", i.Name, cmd.ProcessState, said, i.tail("stderr"), i.tail("log"))
}

// wait reaps the process and lets go of its pipe.
func (i *Instance) wait() {
	_ = i.cmd.Wait()
	i.stdin.Close()
	i.cmd = nil
}

// tail returns the end of a file of the instance, for an error message.
func (i *Instance) tail(name string) string {
	b, _ := os.ReadFile(filepath.Join(i.dir, name))
	return string(b[max(0, len(b)-2000):])
}

// findScript looks for the script in the folders above the test's, so that tests of the repository's other modules
// find it too.
func findScript() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		script := filepath.Join(dir, "testdata", "engine", "engine.sh")
		if _, err := os.Stat(script); err == nil {
			return script, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("find testdata/engine/engine.sh: in none of the folders above the test")
		}
		dir = up
	}
}

func giveUp(t testing.TB, err error) {
	t.Helper()
	var missing errNoTool
	if errors.As(err, &missing) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	t.Fatal(err)
}
