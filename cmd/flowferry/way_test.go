package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const testdata = "../../testdata"

// underRace says that the race detector runs along. With it the whole corpus takes a quarter of an
// hour: make test runs these tests without it too.
var underRace bool

// notUnderRace leaves a test to the run without the race detector.
func notUnderRace(t *testing.T) {
	t.Helper()
	if underRace {
		t.Skip("runs without the race detector only")
	}
}

// demoCaptures are the captures of testdata; under the race detector every tenth.
func demoCaptures(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(testdata, "pcap", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var captures []string
	for i, path := range onlyCaptures(all) {
		if !underRace || i%10 == 0 {
			captures = append(captures, path)
		}
	}
	if len(captures) < 20 {
		t.Fatalf("only %d captures in testdata", len(captures))
	}
	return captures
}

func TestReadFormats(t *testing.T) {
	file := demoCaptures(t)[0]
	ndjson := strings.Split(strings.TrimSpace(must(t, "read", "-o", "ndjson", file)), "\n")
	for _, line := range ndjson {
		var doc map[string]any
		if err := json.Unmarshal([]byte(line), &doc); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	var docs []map[string]any
	if err := json.Unmarshal([]byte(must(t, "read", "-o", "json", file)), &docs); err != nil {
		t.Fatal(err)
	}
	text := strings.Split(strings.TrimSpace(must(t, "read", "-o", "text", file)), "\n")
	csv := strings.Split(strings.TrimSpace(must(t, "read", "-o", "csv", file)), "\n")
	table := strings.Split(strings.TrimSpace(must(t, "read", file)), "\n")
	n := len(ndjson)
	if n == 0 || len(docs) != n || len(text) != n || len(csv) != n+1 || len(table) != n+1 {
		t.Errorf("records: ndjson %d, json %d, text %d, csv %d+1, table %d+1", n, len(docs), len(text), len(csv)-1, len(table)-1)
	}
	if got := must(t, "read", "-o", "json", "--where", "source.port:1 and source.port:2", file); got != "[]\n" {
		t.Errorf("nothing as JSON is %q", got)
	}
}

// A file that can not be read is named, and the others are read.
func TestBadFileAmongGood(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := demoCaptures(t)[0]
	f := func(args ...string) {
		t.Helper()
		out, err := inProcess(t.Context(), args...)
		if err == nil || !strings.Contains(err.Error(), empty+": the file is empty") {
			t.Errorf("%s: got %v", args[0], err)
		}
		if len(out) < 100 {
			t.Errorf("%s: the good file was not read: %s", args[0], out)
		}
	}
	f("read", empty, good)
	f("import", "--store", t.TempDir(), "does-not-exist", empty, good)
}

// A capture that carries exports is read as the exports, unless asked otherwise.
func TestReadPayloadFiles(t *testing.T) {
	dir := filepath.Join(testdata, "export", "logstash")
	got := must(t, "read", "-o", "csv", "--fields", "source.ip,observer.ip",
		filepath.Join(dir, "netflow9_test_softflowd_tpl_data.dat"))
	if n := strings.Count(got, "\n"); n < 2 {
		t.Errorf("got %d lines:\n%s", n, got)
	}
}

// A file of one sFlow datagram is known by the four bytes of its version.
func TestReadSFlowFile(t *testing.T) {
	got := must(t, "read", "-o", "csv", "--fields", "source.ip,observer.ip", filepath.Join(testdata, "export", "telegraf", "sflow_issue_15918", "message.bin"))
	if n := strings.Count(got, "192.168.227.2\n"); n != 6 {
		t.Errorf("got %d lines:\n%s", n, got)
	}
}

// numbers reads the account that a command printed.
func numbers(t *testing.T, out string) map[string]int64 {
	t.Helper()
	found := map[string]int64{}
	for _, m := range regexp.MustCompile(`(?m)^ +([\d,]+)  (?:records|documents) (received|= kept|\+ lost|given|= done)$`).FindAllStringSubmatch(out, -1) {
		n, err := strconv.ParseInt(strings.ReplaceAll(m[1], ",", ""), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		found[m[2]] = n
	}
	if strings.Contains(out, "not accounted for") || found["received"] != found["= kept"]+found["+ lost"] || found["given"] != found["= done"] {
		t.Errorf("the account does not balance:\n%s", out)
	}
	return found
}

// storeRows is how many rows the store holds.
func storeRows(t *testing.T, dir string) (rows string) {
	t.Helper()
	return must(t, "test", "output", "--store", dir)
}

func TestImportTwiceAddsNothing(t *testing.T) {
	dir := t.TempDir()
	args := append([]string{"import", "--store", dir}, demoCaptures(t)...)
	first := must(t, args...)
	if n := numbers(t, first); n["received"] == 0 {
		t.Fatalf("nothing was imported:\n%s", first)
	}
	before := storeRows(t, dir)
	numbers(t, must(t, args...))
	if after := storeRows(t, dir); after != before {
		t.Errorf("before %s after %s", before, after)
	}
}

// Whatever the input, the account balances and nothing panics: each capture and payload of
// testdata cut off and with bits turned.
func TestAccountOnBrokenInput(t *testing.T) {
	payloads, err := filepath.Glob(filepath.Join(testdata, "export", "logstash", "*.dat"))
	if err != nil || len(payloads) < 90 {
		t.Fatalf("%d payloads, %v", len(payloads), err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	var broken []string
	for i, path := range append(demoCaptures(t), payloads...) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 1<<20 {
			continue
		}
		data = bytes.Clone(data[:rnd.IntN(len(data)+1)])
		for range len(data) / 100 {
			data[4+rnd.IntN(max(len(data)-4, 1))%max(len(data)-4, 1)] ^= 1 << rnd.IntN(8)
		}
		if len(data) < 2 {
			continue
		}
		name := filepath.Join(dir, fmt.Sprintf("%03d-%s", i, filepath.Base(path)))
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if in, err := openInputs([]string{name}, asAuto, &Config{}); err == nil && len(in) == 1 {
			broken = append(broken, name)
		}
	}
	out, err := inProcess(t.Context(), append([]string{"import", "--store", filepath.Join(dir, "store")}, broken...)...)
	t.Logf("%d broken files, %v", len(broken), err)
	numbers(t, out)
}

// The collector, a process of its own, is sent the exports of every vendor over UDP and stopped by
// SIGTERM; then captures are imported and hunts run: the whole demo.
func TestDemo(t *testing.T) {
	notUnderRace(t)
	dir := filepath.Join(t.TempDir(), "demo")
	stdout, stderr, code := flowferry(t, "demo", "--dir", dir, "--testdata", testdata)
	if code != 0 {
		t.Fatalf("exit code %d\n%s\n%s", code, stdout, stderr)
	}
	accounts := strings.Split(stdout, "The account")
	if len(accounts) != 3 {
		t.Fatalf("%d accounts in\n%s", len(accounts)-1, stdout)
	}
	for _, a := range accounts[1:] {
		if n := numbers(t, a); n["received"] < 300 || n["+ lost"] != 0 {
			t.Errorf("received %d, lost %d", n["received"], n["+ lost"])
		}
	}
	for _, want := range []string{"Top talkers", "Top services", "Time line", "Strip plot", "Watchlist", "Try next"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the demo does not show %q", want)
		}
	}
}

// A demo never empties a directory that is not its own.
func TestDemoKeepsOthersFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "precious")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := inProcess(context.Background(), "demo", "--dir", dir, "--testdata", testdata); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
