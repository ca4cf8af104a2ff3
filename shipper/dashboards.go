package shipper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/flowferry/flowferry/dashboards"
)

// front is a Kibana or an OpenSearch Dashboards to import saved objects into.
type front struct {
	name    string
	url     string
	flavour string
	xsrf    string // header without which it refuses a POST
}

// dashboards imports the saved objects where a URL is given.
func (s *setup) dashboards(ctx context.Context) error {
	for _, f := range []front{
		{"Kibana", s.KibanaURL, dashboards.Elasticsearch, "kbn-xsrf"},
		{"OpenSearch Dashboards", s.DashboardsURL, dashboards.OpenSearch, "osd-xsrf"},
	} {
		if f.url == "" {
			continue
		}
		step, err := s.importInto(ctx, f)
		if err != nil {
			return fmt.Errorf("import dashboards into %s: %w", f.name, err)
		}
		s.tell(step)
	}
	return nil
}

// imported is the answer to an import: what was written, and what was not.
type imported struct {
	SuccessCount int
	Errors       []struct {
		Type, ID string
		Error    struct{ Type string }
	}
}

// importInto writes the objects that are missing, or with Overwrite all.
func (s *setup) importInto(ctx context.Context, f front) (Step, error) {
	step := Step{Kind: "dashboards", Name: f.name, Outcome: Created}
	objects, err := dashboards.Export(f.flavour)
	if err != nil {
		return step, err
	}
	if _, err := parseHost(f.url); err != nil {
		return step, err
	}
	total := bytes.Count(objects, []byte{'\n'})
	if s.DryRun {
		step.Detail = fmt.Sprintf("%d saved objects to %s, but for those that are there", total, f.url)
		return step, nil
	}
	var a imported
	if err := s.post(ctx, f, objects, &a); err != nil {
		return step, err
	}
	there := 0
	for _, e := range a.Errors {
		if e.Error.Type != "conflict" {
			return step, fmt.Errorf("%s %s is refused: %s", e.Type, e.ID, e.Error.Type)
		}
		there++
	}
	step.Detail = fmt.Sprintf("%d saved objects written", a.SuccessCount)
	if there > 0 {
		step.Detail = fmt.Sprintf("%d saved objects written, %d are there and stay as they are; --overwrite replaces them", a.SuccessCount, there)
	}
	switch {
	case a.SuccessCount == 0:
		step.Outcome = Unchanged
	case there > 0 || s.Overwrite:
		step.Outcome = Updated
	}
	return step, nil
}

// post sends the objects as the file of a form.
func (s *setup) post(ctx context.Context, f front, objects []byte, into *imported) error {
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "flowferry.ndjson")
	if err != nil {
		return err
	}
	_, err = part.Write(objects)
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, s.e.cfg.Timeout)
	defer cancel()
	url := strings.TrimRight(f.url, "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/api/saved_objects/_import?overwrite=%t", url, s.Overwrite), io.NopCloser(&form))
	if err != nil {
		return err
	}
	req.ContentLength = int64(form.Len())
	req.Header = s.e.header.Clone()
	req.Header.Set("Content-Type", w.FormDataContentType())
	req.Header.Set(f.xsrf, "true")
	res, err := s.e.transport.RoundTrip(req)
	if err != nil {
		return explain(url, err)
	}
	answer, err := readAnswer(res)
	if err != nil {
		return explain(url, err)
	}
	if err := Check(res.StatusCode, answer, "the right to manage saved objects"); err != nil {
		return fmt.Errorf("%s: %w", url, err)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s: its answer is not one of %s; check the URL", url, f.name)
	}
	return nil
}
