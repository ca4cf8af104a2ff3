package shipper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/flowferry/flowferry/mappings"
)

// SetupOptions says what to set up.
type SetupOptions struct {
	DryRun        bool      // look, and tell what would be done
	Namespace     string    // of the data streams; "" is that of the engine's configuration
	KibanaURL     string    // import the dashboards there; "" does not
	DashboardsURL string    // the same for OpenSearch Dashboards
	Overwrite     bool      // replace dashboards that are there, and with them changes made to them
	Out           io.Writer // takes a line per step; nil is none
}

// Outcome is what a step came to.
type Outcome string

// The outcomes. After DryRun created and updated are what would be.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged"
	Kept      Outcome = "kept"    // it is there and differs; it may have been changed on purpose
	Skipped   Outcome = "skipped" // the cluster can not have it, and it is not needed
)

// Step is one thing that was put in place.
type Step struct {
	Kind    string // "component_template", "data_stream", "dashboards", …
	Name    string
	Outcome Outcome
	Detail  string // why, or what to do; ""
}

// Report lists the steps in their order.
type Report struct {
	Steps  []Step
	DryRun bool
}

// Changed says how many steps changed something, or would.
func (r *Report) Changed() (n int) {
	for _, s := range r.Steps {
		if s.Outcome == Created || s.Outcome == Updated {
			n++
		}
	}
	return n
}

// setup is a run of Setup.
type setup struct {
	SetupOptions
	e       *Engine
	report  Report
	missing map[string]bool   // kinds that the cluster has no API for
	stale   map[string][]byte // mappings that were updated, by their component
}

// Setup puts templates, lifecycle policy, data streams and dashboards in place, reading first
// what is there: a second run changes nothing. A policy that differs is kept.
func Setup(ctx context.Context, e *Engine, o SetupOptions) (Report, error) {
	if o.Namespace == "" {
		o.Namespace = e.cfg.Namespace
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	s := &setup{SetupOptions: o, e: e, missing: map[string]bool{}, stale: map[string][]byte{}}
	s.report.DryRun = o.DryRun
	err := s.run(ctx)
	return s.report, err
}

func (s *setup) run(ctx context.Context) error {
	if !namespaces.MatchString(s.Namespace) {
		return fmt.Errorf("set up: namespace %q can not stand in a data stream's name; use lower-case letters, digits, _ and dots", s.Namespace)
	}
	for _, o := range mappings.Objects(s.e.Distribution) {
		step, err := s.object(ctx, o)
		if err != nil {
			return fmt.Errorf("set up %s %s: %w", o.Kind, o.Name, err)
		}
		s.tell(step)
	}
	for _, stream := range streams {
		step, err := s.dataStream(ctx, stream)
		if err != nil {
			return fmt.Errorf("set up data stream %s: %w", step.Name, err)
		}
		s.tell(step)
	}
	return s.dashboards(ctx)
}

// tell notes a step and prints it.
func (s *setup) tell(step Step) {
	s.report.Steps = append(s.report.Steps, step)
	outcome := string(step.Outcome)
	if s.DryRun && (step.Outcome == Created || step.Outcome == Updated) {
		outcome = "would be " + outcome
	}
	line := fmt.Sprintf("%-18s %-28s %s", step.Kind, step.Name, outcome)
	if step.Detail != "" {
		line += ": " + step.Detail
	}
	_, _ = fmt.Fprintln(s.Out, line)
}

// object puts one object, unless it is there as we want it.
func (s *setup) object(ctx context.Context, o mappings.Object) (Step, error) {
	step := Step{Kind: o.Kind, Name: o.Name, Outcome: Created}
	status, answer, err := s.e.Do(ctx, http.MethodGet, o.Path, nil)
	if err != nil {
		return step, err
	}
	isPolicy := o.Kind == "ilm" || o.Kind == "ism"
	switch {
	case status == http.StatusOK && holds(o, answer):
		step.Outcome = Unchanged
		return step, nil
	case status == http.StatusOK && isPolicy:
		step.Outcome, step.Detail = Kept, "it differs from ours, which `flowferry setup --export` shows"
		return step, nil
	case status == http.StatusOK:
		step.Outcome = Updated
	case status != http.StatusNotFound:
		return s.orSkip(step, o, Check(status, answer, needsFor(o.Kind)))
	}
	if o.Kind == "component_template" && o.Optional && s.missing["ilm"] { // it ties indices to the policy
		step.Outcome, step.Detail = Skipped, "without the policy it has no use"
		return step, nil
	}
	if !s.DryRun {
		if err := s.put(ctx, o); err != nil {
			return s.orSkip(step, o, err)
		}
	}
	if step.Outcome == Updated && o.Kind == "component_template" {
		s.noteMappings(o)
	}
	return step, nil
}

func (s *setup) put(ctx context.Context, o mappings.Object) error {
	status, answer, err := s.e.Do(ctx, o.Method, o.Path, o.Body)
	if err != nil {
		return err
	}
	return Check(status, answer, needsFor(o.Kind))
}

// orSkip lets an optional object be missing where the cluster has no place for it. A right that
// is missing is an error even there.
func (s *setup) orSkip(step Step, o mappings.Object, err error) (Step, error) {
	var status *StatusError
	if !o.Optional || !errors.As(err, &status) || status.Status == http.StatusForbidden || status.Status == http.StatusUnauthorized {
		return step, err
	}
	s.missing[o.Kind] = true
	step.Outcome, step.Detail = Skipped, fmt.Sprintf("the cluster does not offer it (%s); nothing else needs it, but it %s", kindName(o.Kind), o.Why)
	return step, nil
}

func kindName(kind string) string {
	switch kind {
	case "ilm":
		return "index lifecycle management"
	case "ism":
		return "the Index State Management plugin"
	}
	return kind
}

// needsFor names the privilege that an object takes.
func needsFor(kind string) string {
	switch kind {
	case "ilm":
		return "cluster privilege manage_ilm"
	case "ism":
		return "action group cluster:admin/opendistro/ism/*"
	}
	return "cluster privilege manage_index_templates"
}

// noteMappings keeps the mappings of a component that was updated, for the streams there are.
func (s *setup) noteMappings(component mappings.Object) {
	var c struct {
		Template struct{ Mappings json.RawMessage }
	}
	if json.Unmarshal(component.Body, &c) == nil && len(c.Template.Mappings) > 0 {
		s.stale[component.Name] = c.Template.Mappings
	}
}

// dataStream makes a data stream that is missing. One that is there gets new mappings now,
// where they only add to the old ones, else at its next rollover.
func (s *setup) dataStream(ctx context.Context, stream string) (Step, error) {
	name := mappings.DataStream(stream, s.Namespace)
	step := Step{Kind: "data_stream", Name: name, Outcome: Created}
	path := "/_data_stream/" + name
	status, answer, err := s.e.Do(ctx, http.MethodGet, path, nil)
	switch {
	case err != nil:
		return step, err
	case status == http.StatusOK:
		return s.renew(ctx, step, s.stale[mappings.Mappings(stream)])
	case status == http.StatusBadRequest || status == http.StatusMethodNotAllowed: // a node without the API
		step.Outcome, step.Detail = Skipped, "the cluster makes it when the first document comes"
		return step, nil
	case status != http.StatusNotFound:
		return step, Check(status, answer, "index privilege manage on "+name)
	case s.DryRun:
		return step, nil
	}
	status, answer, err = s.e.Do(ctx, http.MethodPut, path, nil)
	if err != nil {
		return step, err
	}
	return step, Check(status, answer, "index privilege manage on "+name)
}

func (s *setup) renew(ctx context.Context, step Step, stale []byte) (Step, error) {
	step.Outcome = Unchanged
	if stale == nil {
		return step, nil
	}
	step.Outcome, step.Detail = Updated, "new fields are mapped"
	if s.DryRun {
		return step, nil
	}
	status, answer, err := s.e.Do(ctx, http.MethodPut, "/"+step.Name+"/_mapping", stale)
	if err == nil && Check(status, answer, "") != nil {
		step.Outcome = Kept
		step.Detail = fmt.Sprintf("it takes the new mappings at its next rollover; POST /%s/_rollover does it now", step.Name)
	}
	return step, err
}
