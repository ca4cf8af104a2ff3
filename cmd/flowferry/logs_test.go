package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var cloudLogs = filepath.Join(testdata, "cloud")

// Each line of data of each flow log in a directory is one document.
func TestReadLogs(t *testing.T) {
	files, err := os.ReadDir(cloudLogs)
	if err != nil {
		t.Fatal(err)
	}
	var each strings.Builder
	for _, f := range files {
		each.WriteString(must(t, "read", "-o", "ndjson", filepath.Join(cloudLogs, f.Name())))
	}
	all := must(t, "read", "-o", "ndjson", cloudLogs)
	if all != each.String() || strings.Count(all, "\n") < 40 {
		t.Errorf("the directory gives\n%s\nits files\n%s", all, each.String())
	}
	f := func(file, query, fields, want string) {
		t.Helper()
		if got := must(t, "read", "-o", "csv", "--where", query, "--fields", fields, filepath.Join(cloudLogs, file)); got != fields+"\n"+want {
			t.Errorf("%s: %s: got\n%s", file, query, got)
		}
	}
	f("aws-v2.log", "event.type:denied and network.transport:tcp", "source.ip,destination.port,event.outcome,flow.state", "172.31.9.69,3389,failure,rejected\n")
	f("aws-v2.log.gz", "event.action:skip_data", "event.dataset,cloud.provider", "flowferry.event,aws\n")
	f("aws-v3-6.log", "not source.ip:203.0.113.5 and source.nat.ip:*", "source.ip,source.nat.ip", "10.0.0.220,203.0.113.5\n")
	f("azure-nsg-v2.json", "not event.type:denied and flow.end_reason:end_of_flow", "source.bytes,destination.bytes,event.duration", "16978,14008,60000000000\n")
	f("gcp.jsonl", "source.port:51234", "cloud.instance.name,flow.direction", "client,egress\n")
}

// A log in Parquet gives the records that it gives as text.
func TestReadParquet(t *testing.T) {
	for _, name := range []string{"aws-v3-21", "aws-v5-29"} {
		read := func(ext string) string {
			return must(t, "read", "-o", "csv", "--fields", "source.ip,source.port,source.bytes,event.start,flow.source.tcp_flags,cloud.region,cloud.account.id,event.sequence",
				filepath.Join(cloudLogs, name+ext))
		}
		if got, want := read(".parquet"), read(".log"); got != want || strings.Count(got, "\n") < 3 {
			t.Errorf("%s: got\n%swant\n%s", name, got, want)
		}
	}
	store := filepath.Join(t.TempDir(), "store")
	must(t, "import", "--store", store, filepath.Join(cloudLogs, "aws-v2.log"))
	var file string
	err := filepath.WalkDir(store, func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".parquet" {
			file = path
		}
		return err
	})
	if err != nil || file == "" {
		t.Fatalf("no file in the store: %v", err)
	}
	_, stderr, code := flowferry(t, "read", file)
	if code != 1 || !strings.Contains(stderr, "not of an AWS VPC flow log") {
		t.Errorf("a file of the store: exit code %d\n%s", code, stderr)
	}
}

func TestReadStdin(t *testing.T) {
	const log = "aws-v2.log"
	cmd := exec.CommandContext(t.Context(), os.Args[0], "read", "-o", "text", "-")
	cmd.Env = append(os.Environ(), asProgram+"=1")
	text, err := os.ReadFile(filepath.Join(cloudLogs, log))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin = strings.NewReader(string(text))
	out, err := cmd.Output()
	if want := must(t, "read", "-o", "text", filepath.Join(cloudLogs, log)); err != nil || strings.Count(string(out), "\n") != strings.Count(want, "\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// What was imported is what was read, and a second time adds nothing.
func TestImportLogs(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	n := numbers(t, must(t, "import", "--store", store, cloudLogs))
	rows := storeRows(t, store)
	if n["received"] < 40 || n["+ lost"] != 0 {
		t.Errorf("account %v", n)
	}
	if again := numbers(t, must(t, "import", "--store", store, cloudLogs)); again["received"] != n["received"] || storeRows(t, store) != rows {
		t.Errorf("again: %v, %s after %s", again, storeRows(t, store), rows)
	}
}

func TestFilesOf(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b/2", "b/10", "a", ".hidden", ".git/x"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, errs := filesOf([]string{"-", t.TempDir(), dir, "missing"})
	want := []string{"-", filepath.Join(dir, "a"), filepath.Join(dir, "b/10"), filepath.Join(dir, "b/2"), "missing"}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s", got)
	}
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), "there is no file in it") {
		t.Errorf("an empty directory: %v", errs)
	}
}
