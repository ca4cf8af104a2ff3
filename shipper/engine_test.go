package shipper

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/flowferry/flowferry/internal/fuzztest"
	"github.com/flowferry/flowferry/shipper/shippertest"
)

func TestSecret(t *testing.T) {
	c := Config{User: "elastic", APIKey: "hunter2", Password: "hunter2"}
	f := func(text string) {
		t.Helper()
		if strings.Contains(text, "hunter2") || strings.Contains(text, hex.EncodeToString([]byte("hunter2"))) {
			t.Errorf("printed: %s", text)
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		f(fmt.Sprintf(verb, c))
		f(fmt.Sprintf(verb, &c))
		f(fmt.Sprintf(verb, c.Password))
	}
	j, err := json.Marshal(struct{ Password Secret }{c.Password})
	if err != nil {
		t.Error(err)
	}
	f(string(j))
	y, err := yaml.Marshal(struct{ Password Secret }{c.Password})
	if err != nil {
		t.Error(err)
	}
	f(string(y))
	if s := Secret("").String(); s != "" {
		t.Errorf("an empty secret prints %q", s)
	}
}

func TestValidate(t *testing.T) {
	f := func(c Config, want string) {
		t.Helper()
		err := c.Validate()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a secret is printed: %v", err)
		}
	}
	f(Config{}, "")
	f(Config{Hosts: []string{"https://a:9200/es/", "http://[::1]:9200"}, User: "u", Password: "p"}, "")
	f(Config{Hosts: []string{"localhost:9200"}}, "hosts: \"localhost:9200\" is no URL")
	f(Config{Hosts: []string{"https://elastic:hunter2@a:9200"}}, "hosts: https://elastic:xxxxx@a:9200: credentials stand in the URL")
	f(Config{Hosts: []string{"https://elastic:hunter2@a:port"}}, "hosts: a URL can not be parsed")
	f(Config{Hosts: []string{"http://a:9200/?x=1"}}, "hosts: ")
	f(Config{User: "u"}, "password: missing")
	f(Config{Password: "p"}, "user: missing")
	f(Config{APIKey: "hunter2", User: "u", Password: "p"}, "api_key: given together")
	f(Config{APIKey: "hunter2", APIKeyFile: "f"}, "api_key: also given")
	f(Config{User: "u", Password: "hunter2", PasswordFile: "f"}, "password: also given")
	f(Config{CAFingerprint: "abc"}, "ca_fingerprint: ")
	f(Config{Namespace: "A-b"}, "namespace: ")
	f(Config{Compression: 10}, "compression: ")
	f(Config{Workers: -1}, "workers: ")
	f(Config{QueueBytes: -1}, "queue_bytes: ")
	f(Config{Timeout: -1}, "timeout: ")
	f(Config{FlushInterval: 2 * time.Hour}, "flush_interval: ")
}

// The credentials come from value, environment or file, and go out in the header.
func TestCredentials(t *testing.T) {
	var got string
	c := &shippertest.Cluster{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		c.ServeHTTP(w, r)
	}))
	defer s.Close()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(" fromfile\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SHIPPER_TEST_SECRET", "fromenv")
	f := func(c Config, want string) {
		t.Helper()
		c.Hosts = []string{s.URL}
		e, err := Connect(t.Context(), c)
		if err != nil {
			if err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			return
		}
		defer e.Close(t.Context())
		if got != want {
			t.Errorf("probe sent %q, want %q", got, want)
		}
		got = ""
		if _, _, err := e.Do(t.Context(), "GET", "/_data_stream/x", nil); err != nil || got != want {
			t.Errorf("client sent %q, %v, want %q", got, err, want)
		}
	}
	f(Config{}, "")
	f(Config{User: "u", Password: "p"}, "Basic dTpw")
	f(Config{User: "${SHIPPER_TEST_SECRET}", Password: "${SHIPPER_TEST_SECRET}"}, "Basic ZnJvbWVudjpmcm9tZW52")
	f(Config{User: "u", PasswordFile: file}, "Basic dTpmcm9tZmlsZQ==")
	f(Config{APIKey: "id:key"}, "ApiKey aWQ6a2V5")
	f(Config{APIKey: "aWQ6a2V5"}, "ApiKey aWQ6a2V5")
	f(Config{APIKeyFile: file}, "ApiKey fromfile")
	f(Config{APIKey: "${SHIPPER_TEST_NOT_SET}"}, "api_key: environment variable SHIPPER_TEST_NOT_SET is not set")
	f(Config{APIKeyFile: "/nonexistent"}, "api_key_file: open /nonexistent: no such file or directory")
}

// TestConnect looks at what an Engine knows of what answers, and at the words for what does not.
func TestConnect(t *testing.T) {
	f := func(status int, product, body, want string) {
		t.Helper()
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if product != "" {
				w.Header().Set("X-Elastic-Product", product)
			}
			if strings.HasPrefix(r.URL.Path, "/_nodes") {
				fmt.Fprint(w, `{"nodes":{"abc":{"version":"9.5.3"}}}`)
				return
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}))
		defer s.Close()
		e, err := Connect(t.Context(), Config{Hosts: []string{s.URL + "/"}})
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			defer e.Close(t.Context())
			got = e.String()
		}
		got = strings.ReplaceAll(got, s.URL, "URL")
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	const es = "Elasticsearch"
	f(200, "", `{"version":{"distribution":"opensearch","number":"2.19.4"}}`, "opensearch 2.19.4 at URL")
	f(200, es, `{"version":{"number":"8.17.1","build_flavor":"default"}}`, "elasticsearch 8.17.1 at URL")
	f(200, es, `{"version":{"number":"8.11.0","build_flavor":"serverless"}}`, "elasticsearch 8.11.0 at URL")
	f(405, es, `{"error":"Incorrect HTTP method for uri [/] and method [GET], allowed: [DELETE]","status":405}`, "elasticsearch 9.5.3 at URL")
	f(200, es, `{"version":{"number":"7.17.9"}}`, "connect to URL: Elasticsearch 7.17.9 is too old; use 8.0 or later, or OpenSearch")
	f(200, "", `<html>`, "connect to URL: a web server answers that is neither Elasticsearch 8 or later nor OpenSearch; check hosts")
	f(405, "", ``, "connect to URL: 405 Method Not Allowed")
	f(401, es, `{"error":{"root_cause":[{"type":"security_exception","reason":"unable to authenticate user [x]"}]},"status":401}`,
		"connect to URL: 401 Unauthorized: the cluster does not accept the credentials; check api_key or user and password: security_exception: unable to authenticate user [x]")
	f(403, es, `{"error":{"type":"security_exception","reason":"action [cluster:monitor/main] is unauthorized"}}`,
		"connect to URL: 403 Forbidden: a privilege is missing: cluster privilege monitor (`flowferry setup --print-roles` shows the writer's role): security_exception: action [cluster:monitor/main] is unauthorized")
	f(502, "", "Bad Gateway\nnginx", "connect to URL: 502 Bad Gateway: Bad Gateway")
}

func TestRequiresDataStream(t *testing.T) {
	f := func(e Engine, want bool) {
		t.Helper()
		if got := e.requiresDataStream(); got != want {
			t.Errorf("%s: %v, want %v", e.String(), got, want)
		}
	}
	f(Engine{Distribution: Elasticsearch, Version: "8.12.2"}, false)
	f(Engine{Distribution: Elasticsearch, Version: "8.13.0"}, true)
	f(Engine{Distribution: Elasticsearch, Version: "9.0.0"}, true)
	f(Engine{Distribution: Elasticsearch, Version: "8.11.0", Serverless: true}, true)
	f(Engine{Distribution: Elasticsearch}, true)
	f(Engine{Distribution: OpenSearch, Version: "2.19.4"}, false)
	f(Engine{Distribution: OpenSearch, Version: "9.0.0"}, false)
}

// A wrong scheme, a dead port, a name that is none: the error says so.
func TestNoAnswer(t *testing.T) {
	plain := httptest.NewServer(&shippertest.Cluster{})
	defer plain.Close()
	closing := listen(t, func(c net.Conn) { c.Close() })
	alert := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 1000))
		_, _ = c.Write([]byte("\x15\x03\x03\x00\x02\x02\x46"))
		c.Close()
	})
	silent := listen(t, func(c net.Conn) {
		_, _ = io.Copy(io.Discard, c)
		c.Close()
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	f := func(host, want string) {
		t.Helper()
		e, err := Connect(t.Context(), Config{Hosts: []string{host}, Timeout: 300 * time.Millisecond})
		if err == nil {
			e.Close(t.Context())
		}
		if err == nil || !strings.HasPrefix(err.Error(), "connect to "+host+": "+want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	f(strings.Replace(plain.URL, "http", "https", 1), "it speaks plain HTTP; write http:// in hosts")
	f("http://"+l.Addr().String(), "nothing listens there; is the cluster up")
	f("http://"+closing, "it closed the connection without an answer; if it speaks TLS, write https://")
	f("http://"+alert, "it speaks TLS; write https:// in hosts")
	f("http://"+silent, "no answer in time")
	f("http://nonexistent.invalid:9200", "its name can not be resolved")
}

func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// A dead host is passed over, by the probe and by the client.
func TestDeadHost(t *testing.T) {
	s := httptest.NewServer(&shippertest.Cluster{})
	defer s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	e, err := Connect(t.Context(), Config{Hosts: []string{"http://" + l.Addr().String(), s.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close(t.Context())
	failed := 0
	for range 10 {
		if _, _, err := e.Do(t.Context(), "GET", "/_data_stream/x", nil); err != nil {
			failed++
			if !strings.Contains(err.Error(), "connect to http://"+l.Addr().String()) {
				t.Error(err)
			}
		}
	}
	if failed > 1 {
		t.Errorf("%d of 10 requests went to the dead host", failed)
	}
}

func TestSearch(t *testing.T) {
	var path, body, accept, contentType string
	status := 200
	c := &shippertest.Cluster{Other: func(r *http.Request) (int, string) {
		b, _ := io.ReadAll(r.Body)
		path, body, accept, contentType = r.URL.Path, string(b), r.Header.Get("Accept"), r.Header.Get("Content-Type")
		return status, `{"hits":{}}`
	}}
	const vendor = "application/vnd.elasticsearch+json;compatible-with=8"
	for _, media := range []string{"application/json", vendor} {
		c.Elasticsearch = media == vendor
		e, err := Connect(t.Context(), Config{Transport: c})
		if err != nil {
			t.Fatal(err)
		}
		answer, err := e.Search(t.Context(), "logs-flowferry.*", []byte(`{"size":0}`))
		if err != nil || string(answer) != `{"hits":{}}` {
			t.Errorf("%s %v", answer, err)
		}
		if path != "/logs-flowferry.*/_search" || body != `{"size":0}` || accept != media || contentType != media {
			t.Errorf("asked %s %s with %s, %s", path, body, accept, contentType)
		}
		status = 403
		if _, err := e.Search(t.Context(), "x", []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "search x: 403 Forbidden: a privilege is missing: index privilege read on x") {
			t.Error(err)
		}
		status = 200
	}
}

func TestWarnings(t *testing.T) {
	f := func(want int, hosts ...string) {
		t.Helper()
		e := Engine{hosts: hosts, header: http.Header{"Authorization": {"x"}}}
		if got := e.Warnings(); len(got) != want {
			t.Errorf("%v: %v", hosts, got)
		}
	}
	f(0, "https://a:9200", "http://localhost:9200", "http://127.0.0.1:9200", "http://[::1]:9200")
	f(1, "https://a:9200", "http://a:9200")
}

// A packed body can be closed while it is read, and read after: the HTTP transport does both.
func TestPackedClose(t *testing.T) {
	p := packer{level: -1}
	for range 100 {
		b, err := p.pack(bytes.Repeat([]byte("x"), 100_000))
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(io.Discard, b)
		}()
		b.Close()
		b.Close()
		<-done
		if n, err := b.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("read %d after close, %v", n, err)
		}
	}
}

func TestReadItems(t *testing.T) {
	f := func(text string, docs int, ok bool, items int) {
		t.Helper()
		got, gotOK := readItems([]byte(text), docs)
		if gotOK != ok || len(got) != items {
			t.Errorf("%s: %v %v", text, got, gotOK)
		}
	}
	const one, bad = `{"create":{"status":201}}`, `{"create":{"status":409,"error":{"type":"x","reason":"y"}}}`
	f(`{"errors":false,"items":[`+one+`,`+one+`]}`, 2, true, 0)
	f(`{"errors":false,"items":[`+one+`,`+one+`]}`, 3, false, 0)
	f(`{"errors":false,"items":[`+one+`,`+one, 2, true, 0)
	f(`{"errors":true,"items":[`+one+`,`+bad+`]}`, 2, true, 2)
	f(`{"errors":true,"items":[`+one+`,`+bad+`]}`, 1, false, 0)
	f(`{"errors":true,"items":[`+one+`,`+bad, 2, false, 0)
	f(`{"errors":true,"items":[{"index":{"status":200}}]}`, 1, false, 0)
	f(`{"items":[`+one+`]}`, 1, false, 0)
	f(`{"errors":false,"items":[{"create":{"status":201,"failure_store":"used"}}]}`, 1, true, 1)
	f(`<html>`, 0, false, 0)
	f(``, 1, false, 0)
}

func FuzzReadItems(f *testing.F) {
	f.Add([]byte(`{"errors":true,"items":[{"create":{"status":201}},{"create":{"status":409,"error":{"type":"x","reason":"y","caused_by":{"reason":"z"}}}}]}`), 2)
	f.Add([]byte(`{"errors":false,"items":[{"create":{"status":201}}]}`), 1)
	f.Fuzz(func(t *testing.T, text []byte, docs int) {
		defer fuzztest.Guard()()
		items, ok := readItems(text, docs)
		if !ok && items != nil {
			t.Error("items of an answer that is not whole")
		}
		if items != nil && len(items) != docs {
			t.Errorf("%d items for %d documents", len(items), docs)
		}
		for i := range items {
			_ = items[i].end()
		}
		_ = reason(text)
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	f := func(v string, want time.Duration) {
		t.Helper()
		if got := retryAfter(v, now); got != want {
			t.Errorf("%q: %s, want %s", v, got, want)
		}
	}
	f("", 0)
	f("7", 7*time.Second)
	f("-7", 0)
	f("99999999999", longestAfter)
	f("Thu, 01 Jan 2026 00:01:00 GMT", time.Minute)
	f("Thu, 01 Jan 2025 00:01:00 GMT", 0)
	f("soon", 0)
}

// The limit halves when the cluster pushes back and comes back slowly.
func TestLimiter(t *testing.T) {
	l := newLimiter(8)
	take := func(want int) {
		t.Helper()
		for range want {
			if !l.acquire(t.Context()) {
				t.Fatal("no leave")
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if l.acquire(ctx) {
			t.Errorf("more than %d", want)
		}
	}
	take(8)
	l.release(true)
	l.release(true)
	l.release(true)
	l.release(true) // limit 1, 4 held
	for range 3 {
		l.release(false) // 2, 2.5, 2.9
	}
	take(1)
	for range 60 {
		l.release(false)
		if !l.acquire(t.Context()) {
			t.Fatal("no leave")
		}
	}
	take(6)
}
