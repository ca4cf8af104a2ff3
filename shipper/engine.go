package shipper

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/elastic/go-elasticsearch/v8"
)

// The distributions.
const (
	Elasticsearch = "elasticsearch"
	OpenSearch    = "opensearch"
)

// maxAnswer bounds what is read of one answer, in bytes.
const maxAnswer = 256 << 20

// Engine is a cluster one can talk to. It may be used by several goroutines.
type Engine struct {
	Distribution string // Elasticsearch or OpenSearch
	Version      string // "9.5.3"; "" when the node does not tell
	Serverless   bool   // Elastic's service without nodes: no ILM, always the newest version

	cfg       Config
	hosts     []string
	header    http.Header // credentials and our name, for every request
	transport http.RoundTripper
	client    *elasticsearch.BaseClient
}

// Connect asks the hosts in turn what they are and gives the Engine once one has answered.
// The error names the host and the remedy.
func Connect(ctx context.Context, cfg Config) (*Engine, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	e := &Engine{cfg: cfg.withDefaults()}
	for _, h := range e.cfg.Hosts {
		e.hosts = append(e.hosts, strings.TrimRight(h, "/"))
	}
	if err := errors.Join(e.setHeader(), e.setTransport()); err != nil {
		return nil, err
	}
	if err := e.probe(ctx); err != nil {
		e.closeIdle()
		return nil, err
	}
	return e, e.setClient()
}

// setHeader reads the credentials and makes the header of every request.
func (e *Engine) setHeader() error {
	e.header = http.Header{"User-Agent": {"flowferry"}}
	key, err := credential("api_key", e.cfg.APIKey, e.cfg.APIKeyFile)
	if err != nil {
		return err
	}
	user, err := expand("user", e.cfg.User)
	if err != nil {
		return err
	}
	password, err := credential("password", e.cfg.Password, e.cfg.PasswordFile)
	if err != nil {
		return err
	}
	switch {
	case key != "":
		if strings.Contains(key, ":") { // id:key; the encoded form has no colon
			key = base64.StdEncoding.EncodeToString([]byte(key))
		}
		e.header.Set("Authorization", "ApiKey "+key)
	case user != "":
		e.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
	return nil
}

func (e *Engine) setClient() (err error) {
	transport := e.transport
	if e.Distribution == OpenSearch {
		transport = shim{transport}
	}
	e.client, err = elasticsearch.NewBaseClient(elasticsearch.Config{
		Addresses: e.hosts, Header: e.header, Transport: transport,
		DisableRetry: true, DisableMetaHeader: true, EnableCompatibilityMode: true,
	})
	return err
}

// root is what GET / tells of a node.
type root struct {
	Version struct {
		Distribution string
		Number       string
		BuildFlavor  string `json:"build_flavor"`
	}
}

// probe asks host by host for the root document.
func (e *Engine) probe(ctx context.Context) (err error) {
	for _, host := range e.hosts {
		if err = e.probeHost(ctx, host); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (e *Engine) probeHost(ctx context.Context, host string) error {
	status, header, answer, err := e.ask(ctx, host, "/")
	if err != nil {
		return explainFirst(host, err)
	}
	isElastic := header.Get("X-Elastic-Product") == "Elasticsearch"
	var r root
	switch {
	case status == http.StatusOK:
		if json.Unmarshal(answer, &r) != nil || (r.Version.Distribution != OpenSearch && !isElastic) {
			return fmt.Errorf("connect to %s: a web server answers that is neither Elasticsearch 8 or later nor OpenSearch; check hosts", host)
		}
	case status == http.StatusMethodNotAllowed && isElastic:
		// A node without the main REST module does not tell its version at the root.
		r = e.askNode(ctx, host)
	case status == http.StatusBadRequest && strings.Contains(string(answer), "HTTPS"):
		return fmt.Errorf("connect to %s: it speaks TLS; write https:// in hosts", host) // Go's and nginx's words
	default:
		return fmt.Errorf("connect to %s: %w", host, &StatusError{Status: status, Reason: reason(answer), Needs: "cluster privilege monitor"})
	}
	return e.identify(host, &r)
}

// askNode gets the version from the node's own entry among the nodes.
func (e *Engine) askNode(ctx context.Context, host string) (r root) {
	status, _, answer, err := e.ask(ctx, host, "/_nodes/_local/none?filter_path=nodes.*.version")
	var list struct {
		Nodes map[string]struct{ Version string }
	}
	if err != nil || status != http.StatusOK || json.Unmarshal(answer, &list) != nil {
		return r
	}
	for _, n := range list.Nodes {
		r.Version.Number = n.Version
	}
	return r
}

func (e *Engine) identify(host string, r *root) error {
	e.Version, e.Distribution = r.Version.Number, Elasticsearch
	e.Serverless = r.Version.BuildFlavor == "serverless"
	if r.Version.Distribution == OpenSearch {
		e.Distribution = OpenSearch
	} else if e.Version != "" && !e.atLeast(8, 0) {
		return fmt.Errorf("connect to %s: Elasticsearch %s is too old; use 8.0 or later, or OpenSearch", host, e.Version)
	}
	return nil
}

// ask is a GET of one host, past the client: before it is known what the host is.
func (e *Engine) ask(ctx context.Context, host, path string) (status int, header http.Header, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, min(e.cfg.Timeout, probeTimeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, host+path, nil)
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header = e.header.Clone()
	req.Header.Set("Accept", "application/json")
	res, err := e.transport.RoundTrip(req)
	if err != nil {
		return 0, nil, nil, err
	}
	answer, err = readAnswer(res)
	return res.StatusCode, res.Header, answer, err
}

// atLeast compares the version.
func (e *Engine) atLeast(major, minor int) bool {
	if e.Serverless {
		return true
	}
	parts := strings.SplitN(e.Version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	ma, _ := strconv.Atoi(parts[0])
	mi, _ := strconv.Atoi(parts[1])
	return ma > major || ma == major && mi >= minor
}

// requiresDataStream says whether bulk knows require_data_stream: Elasticsearch since 8.13;
// OpenSearch (seen with 2.19) refuses the parameter. A node that hides its version is a new one.
func (e *Engine) requiresDataStream() bool {
	return e.Distribution == Elasticsearch && (e.Version == "" || e.atLeast(8, 13))
}

// Do sends one request to one of the hosts and gives its answer. err is not nil only when there
// was no answer; an answer of any status is not an error: see Check.
func (e *Engine) Do(ctx context.Context, method, path string, body []byte) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, path, nil)
	if err != nil {
		return 0, nil, err
	}
	if body != nil {
		setBody(req, body)
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := e.client.Perform(req)
	if err != nil {
		return 0, nil, explain(hostOf(req, e.hosts[0]), err)
	}
	answer, err = readAnswer(res)
	if err != nil {
		return 0, nil, explain(hostOf(req, e.hosts[0]), err)
	}
	return res.StatusCode, answer, nil
}

// Search runs a search request in an index, a data stream or a pattern of them.
func (e *Engine) Search(ctx context.Context, index string, body []byte) ([]byte, error) {
	status, answer, err := e.Do(ctx, http.MethodPost, "/"+index+"/_search", body)
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", index, err)
	}
	if err := Check(status, answer, "index privilege read on "+index); err != nil {
		return nil, fmt.Errorf("search %s: %w", index, err)
	}
	return answer, nil
}

// String names the cluster, without its credentials: "opensearch 2.19.4 at http://localhost:9200".
func (e *Engine) String() string {
	return strings.Join(strings.Fields(e.Distribution+" "+e.Version), " ") + " at " + strings.Join(e.hosts, ", ")
}

// Warnings tells what works but should not stay so.
func (e *Engine) Warnings() (list []string) {
	if e.header.Get("Authorization") == "" {
		return nil
	}
	for _, h := range e.hosts {
		if u, err := parseHost(h); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
			list = append(list, fmt.Sprintf("credentials go to %s in the clear; use https", h))
		}
	}
	return list
}

// Close lets go of the connections.
func (e *Engine) Close(ctx context.Context) error {
	err := e.client.Close(ctx)
	e.closeIdle()
	return err
}

func (e *Engine) closeIdle() {
	if t, ok := e.transport.(*http.Transport); ok {
		t.CloseIdleConnections()
	}
}

func setBody(req *http.Request, body []byte) {
	req.Body = io.NopCloser(bytes.NewReader(body))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	req.ContentLength = int64(len(body))
}

// hostOf is the node that the client chose for a request.
func hostOf(req *http.Request, otherwise string) string {
	if req.URL.Host == "" {
		return otherwise
	}
	return req.URL.Scheme + "://" + req.URL.Host
}

func readAnswer(res *http.Response) ([]byte, error) {
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = fmt.Errorf("answer is larger than %d MB", maxAnswer>>20)
	}
	return b, err
}
