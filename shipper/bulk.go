package shipper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/flowferry/flowferry/mappings"
)

// verdict is what came back for a whole bulk request, and so what to do next.
type verdict uint8

const (
	answered  verdict = iota // each document has a status of its own
	lost                     // no answer, or half of one: send the same again
	busy                     // 429, 5xx: back off
	tooLarge                 // 413: halve
	malformed                // 400: find the document that is to blame
	refused                  // 401, 403, 404 and what else there is: rights or set-up are missing
)

// answer is what came back for a bulk request.
type answer struct {
	verdict verdict
	items   []item        // one per document. Valid iff answered; nil when all were indexed
	after   time.Duration // from Retry-After; 0 is none
	err     error         // why, for the log; nil when answered
	status  int           // HTTP status; 0 when lost
}

// item is the engine's answer for one document.
type item struct {
	Status       int
	Error        *cause
	FailureStore string `json:"failure_store"` // "used": kept, but not in the data stream
}

// itemFilter leaves of the engine's answer what we read: 26 bytes for a document that went well
// instead of 200.
const itemFilter = "filter_path=errors,items.*.status,items.*.failure_store,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"

// stream is the name of the data stream of a kind.
func (s *Shipper) stream(b *body) string {
	return mappings.DataStream(streamOf(b.kind), s.cfg.Namespace)
}

// packer compresses bodies into buffers from a pool.
type packer struct {
	level int
	gzips sync.Pool // of *gzip.Writer
	bufs  sync.Pool // of *bytes.Buffer
}

// pack gives the request body for some lines.
func (p *packer) pack(lines []byte) (*packed, error) {
	buf, _ := p.bufs.Get().(*bytes.Buffer)
	if buf == nil {
		buf = new(bytes.Buffer)
	}
	buf.Reset()
	if p.level < 0 {
		buf.Write(lines)
		return newPacked(buf, &p.bufs), nil
	}
	w, _ := p.gzips.Get().(*gzip.Writer)
	if w == nil {
		var err error
		if w, err = gzip.NewWriterLevel(buf, p.level); err != nil {
			return nil, err
		}
	} else {
		w.Reset(buf)
	}
	defer p.gzips.Put(w)
	_, err := w.Write(lines)
	if err = errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return newPacked(buf, &p.bufs), nil
}

// packed is a request body that gives its buffer back when it is closed. The HTTP transport may
// read on after it has returned the answer, and closes the body when it has done with it: from
// another goroutine, hence the lock.
type packed struct {
	mu   sync.Mutex
	buf  *bytes.Buffer // nil when closed
	r    bytes.Reader
	pool *sync.Pool
}

func newPacked(buf *bytes.Buffer, pool *sync.Pool) *packed {
	p := &packed{buf: buf, pool: pool}
	p.r.Reset(buf.Bytes())
	return p
}

// Read implements io.Reader.
func (p *packed) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.buf == nil {
		return 0, io.ErrClosedPipe
	}
	return p.r.Read(b)
}

// Close implements io.Closer.
func (p *packed) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.buf != nil {
		p.pool.Put(p.buf)
		p.buf = nil
	}
	return nil
}

// send makes one bulk request of b and judges what comes back.
func (s *Shipper) send(b *body) answer {
	if err := s.ensure(b); err != nil {
		return answer{verdict: verdictOf(err), err: err}
	}
	body, err := s.packer.pack(b.lines)
	if err != nil {
		return answer{verdict: lost, err: fmt.Errorf("compress: %w", err)}
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.Timeout)
	defer cancel()
	size := body.r.Size()
	req, err := s.bulkRequest(ctx, b, body, size)
	if err != nil {
		return answer{verdict: lost, err: err}
	}
	s.stats.requests.Add(1)
	s.stats.bytes.Add(uint64(len(b.lines)))
	s.stats.bytesSent.Add(uint64(size))
	res, err := s.engine.client.Perform(req)
	if err != nil {
		return answer{verdict: lost, err: explain(hostOf(req, s.engine.hosts[0]), err)}
	}
	text, err := readAnswer(res)
	if err != nil {
		return answer{verdict: lost, err: explain(hostOf(req, s.engine.hosts[0]), err)}
	}
	return judge(res, text, b.docs(), "index privilege create_doc on "+s.stream(b))
}

func (s *Shipper) bulkRequest(ctx context.Context, b *body, lines io.ReadCloser, size int64) (*http.Request, error) {
	path := "/" + s.stream(b) + "/_bulk?" + itemFilter
	if s.engine.requiresDataStream() {
		path += "&require_data_stream=true"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, path, nil)
	if err != nil {
		return nil, err
	}
	req.Body, req.ContentLength = lines, size
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Accept-Encoding", "identity") // short as it is, compressing it is not worth the cluster's time
	if s.packer.level >= 0 {
		req.Header.Set("Content-Encoding", "gzip")
	}
	return req, nil
}

// judge reads an answer to a request of docs documents.
func judge(res *http.Response, text []byte, docs int, needs string) answer {
	a := answer{status: res.StatusCode, after: retryAfter(res.Header.Get("Retry-After"), time.Now())}
	if res.StatusCode == http.StatusOK {
		var ok bool
		if a.items, ok = readItems(text, docs); !ok {
			a.verdict, a.err = lost, errors.New("bulk: an answer of 200 that is cut off, or not of a bulk request")
		}
		return a
	}
	a.verdict = statusVerdict(res.StatusCode)
	if a.verdict == malformed && bytes.Contains(text, []byte("unrecognized parameter")) {
		a.verdict = refused // it is not the documents
	}
	e := &StatusError{Status: res.StatusCode, Needs: needs}
	if a.verdict != malformed { // there the reason may quote a document
		e.Reason = reason(text)
	}
	a.err = fmt.Errorf("bulk: %w", e)
	return a
}

func statusVerdict(status int) verdict {
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return tooLarge
	case status == http.StatusBadRequest:
		return malformed
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout, status >= 500:
		return busy
	}
	return refused
}

// verdictOf judges an error of ensure.
func verdictOf(err error) verdict {
	var e *StatusError
	if !errors.As(err, &e) {
		return lost
	}
	if v := statusVerdict(e.Status); v == busy {
		return busy
	}
	return refused
}

// readItems reads the answer to a bulk request of docs documents. When all is well it only
// counts; ok is false when the answer is not whole.
func readItems(text []byte, docs int) (items []item, ok bool) {
	if bytes.Contains(text, []byte(`"errors":false`)) && !bytes.Contains(text, []byte(`"failure_store"`)) {
		return nil, bytes.Count(text, []byte(`"status":`)) == docs && bytes.HasSuffix(bytes.TrimSpace(text), []byte("}"))
	}
	var a struct {
		Errors *bool
		Items  []struct{ Create item }
	}
	if err := json.Unmarshal(text, &a); err != nil || a.Errors == nil || len(a.Items) != docs {
		return nil, false
	}
	items = make([]item, docs)
	for i := range a.Items {
		if a.Items[i].Create.Status == 0 {
			return nil, false
		}
		items[i] = a.Items[i].Create
	}
	return items, true
}

// longestAfter bounds what we believe of a Retry-After.
const longestAfter = 10 * time.Minute

// retryAfter reads the header: seconds, or a date (RFC 9110 section 10.2.3).
func retryAfter(v string, now time.Time) time.Duration {
	if v == "" {
		return 0
	}
	if n, err := strconv.Atoi(v); err == nil {
		return min(max(time.Duration(n), 0)*time.Second, longestAfter)
	}
	if t, err := http.ParseTime(v); err == nil {
		return min(max(t.Sub(now), 0), longestAfter)
	}
	return 0
}

// end is what becomes of one document.
type end uint8

const (
	indexed end = iota
	alreadyThere
	failureStore
	again      // the engine is busy: send it again
	blocked    // rights or set-up are missing: send it again later
	turnedAway // blocked, of exporters: flows must not wait behind them
	rejected   // never to be taken: dead letter
)

// end judges an item. A cluster block (a full disk, a read-only index) comes as 403 or 429 and
// passes; a 404 comes when the data stream is missing.
func (i *item) end() end {
	switch {
	case i.FailureStore == "used":
		return failureStore
	case i.Status >= 200 && i.Status < 300:
		return indexed
	case i.Status == http.StatusConflict:
		return alreadyThere
	case i.Status == http.StatusTooManyRequests, i.Status >= 500, i.Error != nil && i.Error.Type == "cluster_block_exception":
		return again
	case i.Status == http.StatusUnauthorized, i.Status == http.StatusForbidden, i.Status == http.StatusNotFound:
		return blocked
	}
	return rejected
}
