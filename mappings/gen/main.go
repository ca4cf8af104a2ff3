// Command gen writes the files of package mappings, and docs/fields.md, from the table of
// package ecs. Run it by go generate ./mappings; a test fails when a file is stale.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flowferry/flowferry/ecs"
	"github.com/flowferry/flowferry/mappings"
	"github.com/flowferry/flowferry/metrics"
)

func main() {
	for name, content := range render() {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			fail(err)
		}
		if err := os.WriteFile(name, content, 0o644); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "gen:", err)
	os.Exit(1)
}

// render gives each file by its path, seen from folder mappings.
func render() map[string][]byte {
	out := map[string][]byte{"../docs/fields.md": document()}
	for _, flavour := range []string{mappings.Elasticsearch, mappings.OpenSearch} {
		put := func(name string, v object) { out[filepath.Join(flavour, name+".json")] = text(v) }
		put("component-mappings", component("Names and types of the fields, generated from Flowferry's table.", object{"mappings": fields(flavour, flowRows())}))
		put("component-mappings-exporter", component("Names and types of the fields of exporters, generated from Flowferry's table.", object{"mappings": fields(flavour, exporterRows())}))
		put("component-settings", component("Settings of Flowferry's indices.", object{"settings": settings(flavour)}))
		for _, stream := range append(slices.Clone(ecs.Streams), mappings.Exporter) {
			put("index-"+stream, indexTemplate(flavour, stream))
		}
		if flavour == mappings.OpenSearch {
			put("ism-policy", ism)
			continue
		}
		put("ilm-policy", ilm)
		put("component-lifecycle", component("Ties Flowferry's indices to the policy.", object{"settings": object{"index.lifecycle.name": "logs-flowferry"}}))
	}
	return out
}

type object map[string]any

// text is v as JSON for people: members in the order of their names, indented.
func text(v object) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic(err) // it holds nothing but strings, numbers, lists and objects
	}
	return buf.Bytes()
}

func about(what string) object { return object{"managed_by": "flowferry", "description": what} }

func component(what string, template object) object {
	return object{"template": template, "_meta": about(what)}
}

// retention is for how long flows are kept. It stands in the policy, where the operator changes it.
const retention = "90d"

// A data stream rolls over weekly or by size, so that deletion frees space in fair pieces.
const (
	rolloverAge  = "7d"
	rolloverSize = "30gb"
)

var ilm = object{"policy": object{
	"_meta": about("Rolls Flowferry's data streams over and deletes what is old."),
	"phases": object{
		"hot":    object{"actions": object{"rollover": object{"max_age": rolloverAge, "max_primary_shard_size": rolloverSize}}},
		"warm":   object{"min_age": "1d", "actions": object{"forcemerge": object{"max_num_segments": 1}}},
		"delete": object{"min_age": retention, "actions": object{"delete": object{}}},
	},
}}

var ism = object{"policy": object{
	"description":   "Rolls Flowferry's data streams over and deletes what is old.",
	"default_state": "hot",
	"ism_template":  []object{{"index_patterns": []string{"logs-flowferry.*", "metrics-flowferry.*"}, "priority": priority}},
	"states": []object{
		{"name": "hot",
			"actions":     []object{{"rollover": object{"min_index_age": rolloverAge, "min_primary_shard_size": rolloverSize}}},
			"transitions": []object{{"state_name": "warm", "conditions": object{"min_rollover_age": "1d"}}}},
		{"name": "warm",
			"actions":     []object{{"force_merge": object{"max_num_segments": 1}}},
			"transitions": []object{{"state_name": "delete", "conditions": object{"min_rollover_age": retention}}}},
		{"name": "delete", "actions": []object{{"delete": object{}}}, "transitions": []object{}},
	},
}}

// priority stands above that of Elastic's own templates for logs-*-* and metrics-*-* (100) and that
// of its integrations (200).
const priority = 250

func indexTemplate(flavour, stream string) object {
	t := object{
		"index_patterns": []string{mappings.DataStream(stream, "*")},
		"priority":       priority,
		"data_stream":    object{},
		"composed_of":    []string{mappings.Mappings(stream), "logs-flowferry@settings"},
		"_meta":          about("Data streams of Flowferry: " + stream + "."),
	}
	if flavour == mappings.Elasticsearch {
		// The policy is missing where the cluster has no ILM; the custom one is the operator's.
		custom := strings.Replace(mappings.Mappings(stream), "@mappings", "@custom", 1)
		maybe := []string{"logs-flowferry@lifecycle", custom}
		t["composed_of"] = append(t["composed_of"].([]string), maybe...)
		t["ignore_missing_component_templates"] = maybe
	}
	return t
}

func settings(flavour string) object {
	s := object{
		"index.number_of_shards":     1,
		"index.auto_expand_replicas": "0-1", // one node is green, two hold a copy
		"index.refresh_interval":     "5s",
	}
	switch flavour {
	case mappings.OpenSearch:
		s["index.codec"] = "best_compression" // a quarter less disk at the same speed
	case mappings.Elasticsearch:
		s["index.mode"] = "standard" // Elasticsearch 9 would choose logsdb by the name, which keeps no _source as sent
	}
	return s
}

// ignoreAbove is the length in characters above which a keyword is kept but not indexed.
const ignoreAbove = 1024

// row is a field as a mapping has it.
type row struct {
	name string
	typ  ecs.Type
	path string // of an alias
}

func flowRows() (rows []row) {
	for i := range ecs.Fields {
		rows = append(rows, row{ecs.Fields[i].Name, ecs.Fields[i].Type, ecs.Fields[i].Path})
	}
	return rows
}

func exporterRows() (rows []row) {
	for i := range metrics.Fields {
		rows = append(rows, row{metrics.Fields[i].Name, metrics.Fields[i].Type, ""})
	}
	return rows
}

// fields is the mapping: the rows of a table as nested objects.
func fields(flavour string, rows []row) object {
	root := object{}
	for _, r := range rows {
		insert(root, r.name, leaf(flavour, r))
	}
	return object{"dynamic": false, "properties": root}
}

func leaf(flavour string, r row) object {
	switch {
	case r.typ == ecs.Alias:
		return object{"type": "alias", "path": r.path}
	case r.typ == ecs.Keyword:
		return object{"type": "keyword", "ignore_above": ignoreAbove}
	case r.typ == ecs.Flattened && flavour == mappings.OpenSearch:
		return object{"type": "flat_object"}
	}
	return object{"type": r.typ.String()}
}

// insert puts a leaf at its dotted name.
func insert(properties object, name string, leaf object) {
	for {
		head, rest, nested := cut(name)
		if !nested {
			properties[name] = leaf
			return
		}
		child, ok := properties[head].(object)
		if !ok {
			child = object{"properties": object{}}
			properties[head] = child
		}
		properties, name = child["properties"].(object), rest
	}
}
