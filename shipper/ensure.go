package shipper

import (
	"errors"
	"fmt"
	"net/http"
)

// errNoSetup says that the templates are not there.
func errNoSetup(namespace string) error {
	if namespace == "default" {
		return errors.New("the data stream's template is missing: run `flowferry setup`")
	}
	return fmt.Errorf("the data stream's template is missing: run `flowferry setup --namespace %s`", namespace)
}

// ensure sees to it, once per stream, that we do not write into an index that the engine makes up
// by itself, with mappings that it guesses. Where bulk has require_data_stream there is nothing
// to do.
func (s *Shipper) ensure(b *body) error {
	if s.engine.requiresDataStream() || s.ensured[b.kind].Load() {
		return nil
	}
	path := "/_data_stream/" + s.stream(b)
	status, answer, err := s.engine.Do(s.ctx, http.MethodGet, path, nil)
	switch {
	case err != nil:
		return err
	case status == http.StatusForbidden: // a writer need not have the right to look
	case status == http.StatusNotFound:
		if err := s.create(path); err != nil {
			return err
		}
	case status != http.StatusOK:
		return fmt.Errorf("look for %s: %w", s.stream(b), Check(status, answer, "index privilege view_index_metadata"))
	}
	s.ensured[b.kind].Store(true)
	return nil
}

// create makes a data stream. That fails when there is no template for it.
func (s *Shipper) create(path string) error {
	status, answer, err := s.engine.Do(s.ctx, http.MethodPut, path, nil)
	if err != nil {
		return err
	}
	if status == http.StatusBadRequest {
		typ, _ := refusal(answer)
		if typ == "resource_already_exists_exception" {
			return nil
		}
		return fmt.Errorf("create data stream: %w; %w", &StatusError{Status: http.StatusNotFound, Reason: reason(answer)}, errNoSetup(s.cfg.Namespace))
	}
	return Check(status, answer, "index privilege auto_configure")
}
