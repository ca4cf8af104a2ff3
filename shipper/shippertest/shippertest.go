// Package shippertest plays the bulk endpoint of a search engine, and its faults, for tests.
//
// A Cluster keeps documents as an engine does: op_type create under an id, 409 when the id is
// there. Its faults are scripted. It serves over the network (ServeHTTP, with httptest) or
// within the process (RoundTrip, as a Config's Transport), where it works in a testing/synctest
// bubble: waiting then costs no time.
package shippertest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Fault is what happens to one bulk request.
type Fault struct {
	Status int               // answer with this status; 0 does what was asked for
	Header map[string]string // of the answer
	Apply  bool              // do what was asked for before the fault
	Reset  bool              // no answer: the connection is reset
	Cut    bool              // half of the answer, then the end
	Delay  time.Duration     // before the answer
	Item   func(i int) *Item // fault of document i; nil, or giving nil, is none
}

// Item is the fault of one document.
type Item struct {
	Status       int    // 429, 400, …
	Type         string // of the error; "" fits the status
	FailureStore bool   // the document goes to the failure store, with a success
}

// Request is what a bulk request held.
type Request struct {
	Path   string // with its query
	Header http.Header
	Stream string
	IDs    []string
	Size   int // bytes of NDJSON
}

// Cluster is the endpoint. The zero value is an OpenSearch without faults.
type Cluster struct {
	Elasticsearch bool                                // else OpenSearch
	MaxBody       int                                 // a longer body is answered with 413; 0 is no bound
	Poison        func(id string) bool                // a body that holds such a document is answered with 400
	Reject        func(id string) bool                // such a document is refused with an item's 400
	Next          func(n int) Fault                   // the fault of bulk request n, from 0; nil is none
	Other         func(r *http.Request) (int, string) // answers all but bulk and the root; nil knows data streams only

	mu       sync.Mutex
	requests []Request
	docs     map[string]string // stream/id → document
	failures map[string]string // likewise, in the failure store
}

// Docs gives the documents by stream/id.
func (c *Cluster) Docs() map[string]string { return c.copyOf(&c.docs) }

// FailureStore gives what went to the failure store, by stream/id.
func (c *Cluster) FailureStore() map[string]string { return c.copyOf(&c.failures) }

func (c *Cluster) copyOf(m *map[string]string) map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]string, len(*m))
	for k, v := range *m {
		out[k] = v
	}
	return out
}

// Requests gives the bulk requests so far.
func (c *Cluster) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Request(nil), c.requests...)
}

// reply is an answer, or the lack of one.
type reply struct {
	status int
	header http.Header
	body   string
	reset  bool
	cut    bool
}

// ServeHTTP serves over the network.
func (c *Cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := c.reply(r)
	if a.reset {
		abort(w)
		return
	}
	for k := range a.header {
		w.Header().Set(k, a.header.Get(k))
	}
	if a.cut {
		w.Header().Set("Content-Length", fmt.Sprint(2*len(a.body)+2))
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
	if a.cut {
		_ = http.NewResponseController(w).Flush()
		abort(w)
	}
}

// abort ends the connection with a reset.
func abort(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0)
	}
	conn.Close()
}

// ErrReset is what RoundTrip gives for a reset.
var ErrReset = errors.New("connection reset by peer")

// RoundTrip serves within the process.
func (c *Cluster) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	a := c.reply(r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if a.reset {
		return nil, ErrReset
	}
	var body io.Reader = strings.NewReader(a.body)
	if a.cut {
		body = io.MultiReader(body, broken{})
	}
	return &http.Response{StatusCode: a.status, Header: a.header, Body: io.NopCloser(body), Request: r}, nil
}

// broken is the place where an answer was cut.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (c *Cluster) reply(r *http.Request) reply {
	switch {
	case r.URL.Path == "/" || r.URL.Path == "":
		return c.json(http.StatusOK, c.root())
	case strings.HasSuffix(r.URL.Path, "/_bulk") && r.Method == http.MethodPost:
		return c.bulk(r)
	case c.Other != nil:
		return c.json(c.Other(r))
	case strings.HasPrefix(r.URL.Path, "/_data_stream/"):
		return c.json(http.StatusOK, `{"data_streams":[]}`)
	}
	return c.json(http.StatusNotFound, `{"error":"no such thing"}`)
}

func (c *Cluster) root() string {
	if c.Elasticsearch {
		return `{"version":{"number":"9.0.0","build_flavor":"default"},"tagline":"You Know, for Search"}`
	}
	return `{"version":{"distribution":"opensearch","number":"2.19.4"}}`
}

func (c *Cluster) json(status int, body string) reply {
	h := http.Header{"Content-Type": {"application/json"}}
	if c.Elasticsearch {
		h.Set("X-Elastic-Product", "Elasticsearch")
	}
	return reply{status: status, header: h, body: body}
}

func (c *Cluster) refusal(status int, typ string) reply {
	return c.json(status, fmt.Sprintf(`{"error":{"root_cause":[{"type":%q,"reason":"scripted"}],"type":%[1]q,"reason":"scripted"},"status":%d}`, typ, status))
}

// doc is one document of a bulk request.
type doc struct{ id, text string }

func (c *Cluster) bulk(r *http.Request) reply {
	lines, err := readBody(r)
	if err != nil {
		return reply{reset: true}
	}
	stream := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")[0]
	docs, err := parse(lines)
	if err != nil {
		return c.refusal(http.StatusBadRequest, err.Error())
	}
	fault := c.enter(r, stream, docs, len(lines))
	if fault.Delay > 0 {
		select {
		case <-time.After(fault.Delay):
		case <-r.Context().Done():
		}
	}
	if bad := c.wholly(docs, len(lines)); bad != nil {
		return *bad
	}
	a := c.json(http.StatusOK, "")
	if fault.Status == 0 && !fault.Reset || fault.Apply {
		a.body = c.apply(stream, docs, fault)
	}
	if fault.Status != 0 {
		a = c.refusal(fault.Status, "scripted_exception")
	}
	a.reset = fault.Reset
	if a.cut = fault.Cut; a.cut {
		a.body = a.body[:len(a.body)/2]
	}
	for k, v := range fault.Header {
		a.header.Set(k, v)
	}
	return a
}

// enter writes the request down and gives its fault.
func (c *Cluster) enter(r *http.Request, stream string, docs []doc, size int) Fault {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := Request{Path: r.URL.RequestURI(), Header: r.Header.Clone(), Stream: stream, Size: size}
	for _, d := range docs {
		q.IDs = append(q.IDs, d.id)
	}
	n := len(c.requests)
	c.requests = append(c.requests, q)
	if c.Next == nil {
		return Fault{}
	}
	return c.Next(n)
}

// wholly gives the answer to a body that is refused for what it is.
func (c *Cluster) wholly(docs []doc, size int) *reply {
	if c.MaxBody > 0 && size > c.MaxBody {
		a := c.refusal(http.StatusRequestEntityTooLarge, "too_large")
		return &a
	}
	for _, d := range docs {
		if c.Poison != nil && c.Poison(d.id) {
			a := c.refusal(http.StatusBadRequest, "json_parse_exception")
			return &a
		}
	}
	return nil
}

// apply writes documents and gives the engine's answer.
func (c *Cluster) apply(stream string, docs []doc, fault Fault) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.docs == nil {
		c.docs, c.failures = map[string]string{}, map[string]string{}
	}
	failed := false
	var items []string
	for i, d := range docs {
		var it *Item
		if fault.Item != nil {
			it = fault.Item(i)
		}
		if it == nil && c.Reject != nil && c.Reject(d.id) {
			it = &Item{Status: http.StatusBadRequest, Type: "mapper_parsing_exception"}
		}
		text, ok := c.create(stream+"/"+d.id, d.text, it)
		items = append(items, text)
		failed = failed || !ok
	}
	return fmt.Sprintf(`{"errors":%t,"items":[%s]}`, failed, strings.Join(items, ","))
}

func (c *Cluster) create(key, text string, it *Item) (item string, ok bool) {
	switch _, there := c.docs[key]; {
	case it != nil && it.FailureStore:
		c.failures[key] = text
		return `{"create":{"status":201,"failure_store":"used"}}`, true
	case it != nil:
		typ := it.Type
		if typ == "" {
			typ = map[int]string{429: "es_rejected_execution_exception", 403: "security_exception", 404: "index_not_found_exception"}[it.Status]
		}
		return fmt.Sprintf(`{"create":{"status":%d,"error":{"type":%q,"reason":"scripted"}}}`, it.Status, typ), false
	case there:
		return `{"create":{"status":409,"error":{"type":"version_conflict_engine_exception","reason":"document already exists"}}}`, false
	}
	c.docs[key] = text
	return `{"create":{"status":201}}`, true
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return io.ReadAll(r.Body)
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// parse reads NDJSON: it is as strict as an engine.
func parse(lines []byte) (docs []doc, err error) {
	for len(lines) > 0 {
		var action struct {
			Create *struct {
				ID string `json:"_id"`
			}
		}
		line, rest, _ := bytes.Cut(lines, []byte{'\n'})
		if err := json.Unmarshal(line, &action); err != nil || action.Create == nil || action.Create.ID == "" {
			return nil, fmt.Errorf("malformed action: %s", line)
		}
		text, rest, ok := bytes.Cut(rest, []byte{'\n'})
		if !ok {
			return nil, errors.New("the last line does not end")
		}
		docs = append(docs, doc{action.Create.ID, string(text)})
		lines = rest
	}
	return docs, nil
}
