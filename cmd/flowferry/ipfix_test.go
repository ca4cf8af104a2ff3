package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// viptela is the payloads of one exporter of testdata, template first.
var viptela = []string{"ipfix_test_viptela_tpl257.dat", "ipfix_test_viptela_data257.dat"}

// ipfixFile writes the payloads one behind the other into a file.
func ipfixFile(t *testing.T, compress bool, more []byte) (path string) {
	t.Helper()
	var data bytes.Buffer
	for _, name := range viptela {
		p, err := os.ReadFile(filepath.Join(testdata, "export", "logstash", name))
		if err != nil {
			t.Fatal(err)
		}
		data.Write(p)
	}
	data.Write(more)
	if compress {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		if _, err := w.Write(data.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		data = z
	}
	path = filepath.Join(t.TempDir(), "flows.ipfix")
	if err := os.WriteFile(path, data.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// An IPFIX file, plain or gzipped, gives the flows of its messages as payload files do, and one
// that breaks off gives those before.
func TestReadIPFIXFile(t *testing.T) {
	origin := regexp.MustCompile(` origin=\S+`)
	read := func(files ...string) string {
		return origin.ReplaceAllString(must(t, append([]string{"read", "-o", "text"}, files...)...), "")
	}
	var payloads []string
	for _, name := range viptela {
		payloads = append(payloads, filepath.Join(testdata, "export", "logstash", name))
	}
	want := read(payloads...)
	if !strings.Contains(want, "via=ipfix") {
		t.Fatalf("payloads give %q", want)
	}
	for _, file := range []string{ipfixFile(t, false, nil), ipfixFile(t, true, nil), ipfixFile(t, false, []byte{0, 10, 0, 1})} {
		if got := read(file); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
}

func TestImportIPFIXFileTwice(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store")
	file := ipfixFile(t, true, nil)
	if n := numbers(t, must(t, "import", "--store", store, file)); n["received"] == 0 {
		t.Error("nothing was imported")
	}
	before := storeRows(t, store)
	numbers(t, must(t, "import", "--store", store, file))
	if after := storeRows(t, store); after != before {
		t.Errorf("before %s after %s", before, after)
	}
}

// run takes IPFIX over TCP beside UDP, or alone, and the account balances.
func TestRunTCP(t *testing.T) {
	data, err := os.ReadFile(ipfixFile(t, false, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, udp := range []string{"['127.0.0.1:0']", "[]"} {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := free.Addr().String()
		free.Close()
		config := writeFile(t, "netflow: {listen: "+udp+", listen_tcp: ['"+addr+"']}")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan string)
		go func() {
			out, err := inProcess(ctx, "run", "-c", config, "--store", filepath.Join(t.TempDir(), "store"))
			if err != nil {
				t.Error(err)
			}
			done <- out
		}()
		conn := dialSoon(t, addr)
		if _, err := conn.Write(data); err != nil {
			t.Error(err)
		}
		if err := conn.CloseWrite(); err != nil {
			t.Error(err)
		}
		_, _ = conn.Read(make([]byte, 1)) // it is closed once all was read
		conn.Close()
		cancel()
		out := <-done
		if n := numbers(t, out); n["received"] == 0 || n["+ lost"] != 0 || !strings.Contains(out, "tcp messages 2") {
			t.Errorf("listen %s:\n%s", udp, out)
		}
	}
}

func dialSoon(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			return conn.(*net.TCPConn)
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
