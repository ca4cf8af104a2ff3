// Package mappings holds what Flowferry puts into a cluster before the first document: component
// and index templates, and the policy by which old data goes. The files are generated from the
// table of package ecs, one folder per flavour of engine, and can be read and sent by hand as
// they are. Nothing is mapped dynamically: what is not in the table is kept, but not indexed.
//
// The package never speaks to a cluster.
package mappings

import (
	"embed"
	"net/http"
	"path"
	"strings"
)

//go:generate go run ./gen

//go:embed elasticsearch opensearch
var files embed.FS

// The flavours.
const (
	Elasticsearch = "elasticsearch"
	OpenSearch    = "opensearch"
)

// Object is one thing to put into a cluster.
type Object struct {
	Kind     string // "ilm", "ism", "component_template", "index_template"
	Name     string // as the cluster knows it
	Method   string // of the request that puts it
	Path     string // of the request that puts it
	Body     []byte // JSON
	Optional bool   // the cluster may be without what it needs; then go on and say Why it was wanted
	Why      string // what it is for, half a sentence
}

// paths are the places of the kinds in each engine.
var paths = map[string]string{
	"ilm":                "/_ilm/policy/",
	"ism":                "/_plugins/_ism/policies/",
	"component_template": "/_component_template/",
	"index_template":     "/_index_template/",
}

// Names of the objects. Policy and settings are those of all data streams, of metrics too.
const (
	policy    = "logs-flowferry"
	fields    = "logs-flowferry@mappings"
	exporters = "metrics-flowferry@mappings"
	settings  = "logs-flowferry@settings"
	lifecycle = "logs-flowferry@lifecycle"
)

// Exporter is the stream of documents that tell of exporters, not of flows: a data stream of
// metrics with fields of its own.
const Exporter = "exporter"

// Mappings names the component template that has the fields of a stream.
func Mappings(stream string) string {
	if stream == Exporter {
		return exporters
	}
	return fields
}

// Objects gives all that a cluster of the flavour needs, in the order it has to be put. It is
// nil for a flavour that is not one.
//
// To put a policy of OpenSearch that is there already is a conflict (409) unless its sequence
// number is given: that is no failure.
func Objects(flavour string) []Object {
	switch flavour {
	case Elasticsearch:
		return append([]Object{
			object(flavour, "ilm", policy, "ilm-policy.json", "rolls data streams over and deletes what is old").optional(),
			object(flavour, "component_template", fields, "component-mappings.json", "names and types of the fields"),
			object(flavour, "component_template", exporters, "component-mappings-exporter.json", "names and types of the fields of exporters"),
			object(flavour, "component_template", settings, "component-settings.json", "settings of the indices"),
			object(flavour, "component_template", lifecycle, "component-lifecycle.json", "ties the indices to the policy").optional(),
		}, indexTemplates(flavour)...)
	case OpenSearch:
		return append([]Object{
			object(flavour, "ism", policy, "ism-policy.json", "rolls data streams over and deletes what is old").optional(),
			object(flavour, "component_template", fields, "component-mappings.json", "names and types of the fields"),
			object(flavour, "component_template", exporters, "component-mappings-exporter.json", "names and types of the fields of exporters"),
			object(flavour, "component_template", settings, "component-settings.json", "settings of the indices"),
		}, indexTemplates(flavour)...)
	}
	return nil
}

func indexTemplates(flavour string) []Object {
	return []Object{
		object(flavour, "index_template", "logs-flowferry.flow", "index-flow.json", "data streams of flows"),
		object(flavour, "index_template", "logs-flowferry.session", "index-session.json", "data streams of complete conversations"),
		object(flavour, "index_template", "logs-flowferry.event", "index-event.json", "data streams of firewall and NAT events"),
		object(flavour, "index_template", "metrics-flowferry.exporter", "index-exporter.json", "data streams of the accounts of exporters"),
	}
}

func object(flavour, kind, name, file, why string) Object {
	body, err := files.ReadFile(path.Join(flavour, file))
	if err != nil {
		panic(err) // an embedded file that is not there: no build passes its tests
	}
	return Object{Kind: kind, Name: name, Method: http.MethodPut, Path: paths[kind] + name, Body: body, Why: why}
}

func (o Object) optional() Object {
	o.Optional = true
	return o
}

// DataStream gives the name of the data stream for one of ecs.Streams, or Exporter, in a namespace.
func DataStream(stream, namespace string) string {
	prefix := "logs-flowferry."
	if stream == Exporter {
		prefix = "metrics-flowferry."
	}
	return strings.Join([]string{prefix, stream, "-", namespace}, "")
}
