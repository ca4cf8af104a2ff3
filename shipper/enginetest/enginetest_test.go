package enginetest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestOpenSearchStarts(t *testing.T)    { writesAndReads(t, OpenSearch) }
func TestElasticsearchStarts(t *testing.T) { writesAndReads(t, Elasticsearch) }

func writesAndReads(t *testing.T, name string) {
	url := Start(t, name)
	if again := Start(t, name); again != url {
		t.Errorf("a second Start gave %s, want the shared %s", again, url)
	}
	index := url + "/enginetest"
	call(t, "PUT", index+"/_doc/1?refresh=true", `{"ip":"192.0.2.1","bytes":1500}`)
	defer call(t, "DELETE", index, "")

	var doc struct {
		Source struct {
			IP    string
			Bytes int
		} `json:"_source"`
	}
	read(t, index+"/_doc/1", &doc)
	if doc.Source.IP != "192.0.2.1" || doc.Source.Bytes != 1500 {
		t.Errorf("read back %+v", doc.Source)
	}
	if n := count(t, index); n != 1 {
		t.Errorf("%d documents, want 1", n)
	}
}

func TestRestartKeepsPortAndData(t *testing.T) {
	i := StartInstance(t, OpenSearch)
	url := i.URL
	call(t, "PUT", url+"/enginetest/_doc/1", `{"a":1}`)

	i.Kill()
	if _, err := http.Get(url); err == nil {
		t.Fatal("a killed engine answers")
	}
	i.Restart(t)
	if i.URL != url {
		t.Errorf("restarted at %s, was at %s", i.URL, url)
	}
	call(t, "POST", url+"/enginetest/_refresh", "")
	if n := count(t, url+"/enginetest"); n != 1 {
		t.Errorf("%d documents after the restart, want 1", n)
	}

	dir := i.dir
	i.Stop()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}

// A test binary that is killed takes its engine and the engine's data with it.
func TestEngineDiesWithItsStarter(t *testing.T) {
	if os.Getenv("ENGINETEST_STARTER") != "" {
		i := StartInstance(t, OpenSearch)
		fmt.Printf("engine %d %s\n", i.cmd.Process.Pid, i.dir)
		time.Sleep(time.Minute) // the parent kills us before
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestEngineDiesWithItsStarter$")
	cmd.Env = append(os.Environ(), "ENGINETEST_STARTER=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var dir string
	if _, err := fmt.Fscanf(out, "engine %d %s\n", &pid, &dir); err != nil {
		rest, _ := io.ReadAll(out)
		_ = cmd.Wait()
		t.Skipf("no engine to test with: %s", rest)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for range 100 {
		_, statErr := os.Stat(dir)
		if !running(pid) && os.IsNotExist(statErr) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("5 s after its starter: running %v, data in %s", running(pid), dir)
}

// running reports whether a process exists and is not merely unreaped.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

func TestMissingToolSkipsWithOneLine(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip(err)
	}
	// A PATH with what the script itself calls, and no Java.
	dir := t.TempDir()
	for _, tool := range []string{"bash", "dirname", "cat", "sha256sum", "cut"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(path, dir+"/"+tool); err != nil {
			t.Fatal(err)
		}
	}
	script, err := findScript()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bash, script, "run", OpenSearch)
	cmd.Env = []string{"PATH=" + dir, "HOME=" + dir}
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != noTool {
		t.Errorf("%v, want exit status %d", err, noTool)
	}
	if got, want := string(out), "engine: opensearch-2.19.4 needs 'java' (Debian: default-jdk-headless)\n"; got != want {
		t.Errorf("said %q, want %q", got, want)
	}
}

func count(t *testing.T, index string) int {
	t.Helper()
	var answer struct{ Count int }
	read(t, index+"/_count", &answer)
	return answer.Count
}

func read(t *testing.T, url string, into any) {
	t.Helper()
	if err := json.Unmarshal(call(t, "GET", url, ""), into); err != nil {
		t.Fatal(err)
	}
}

func call(t *testing.T, method, url, body string) []byte {
	t.Helper()
	return Must(t, method, url, []byte(body))
}
