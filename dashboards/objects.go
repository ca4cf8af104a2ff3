package dashboards

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/flowferry/flowferry/ecs"
)

// This file writes saved objects. Each attribute that ends in JSON, and visState, is a string
// that holds JSON: that is the format.

// The newest versions of the formats that both importers take as they are.
const (
	patternVersion       = "7.6.0"
	searchVersion        = "7.9.3"
	visualizationVersion = "7.10.0"
	dashboardVersion     = "7.9.3"
)

const (
	flowStreams = "logs-flowferry.flow-*"
	patternID   = "flowferry-flow"
	searchID    = "flowferry-flows"
)

type object map[string]any

// jsonOf is v as JSON. It holds nothing but strings, numbers, booleans, lists and objects.
func jsonOf(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

func jsonText(v any) string { return string(jsonOf(v)) }

// saved is a saved object of any type.
func saved(kind, id, version string, attributes object, references []object) object {
	if references == nil {
		references = []object{}
	}
	return object{"type": kind, "id": id, "attributes": attributes, "references": references, "migrationVersion": object{kind: version}}
}

// sourceRef is the name under which searches and visualizations refer to the index pattern.
const sourceRef = "kibanaSavedObjectMeta.searchSourceJSON.index"

var patternReference = []object{{"name": sourceRef, "type": "index-pattern", "id": patternID}}

// source is where a search or visualization reads, and what it filters by.
func source(kql string) object {
	return object{"searchSourceJSON": jsonText(object{"indexRefName": sourceRef, "filter": []any{}, "query": object{"language": "kuery", "query": kql}})}
}

// indexPattern names the flows, their fields and how values are shown.
func indexPattern() object {
	return saved("index-pattern", patternID, patternVersion, object{
		"title":          flowStreams,
		"timeFieldName":  timeField,
		"fields":         jsonText(patternFields()),
		"fieldFormatMap": jsonText(formats()),
	}, nil)
}

// patternFields is the list of fields as OpenSearch Dashboards keeps it; Kibana asks the cluster.
func patternFields() []object {
	rows := []object{}
	for i := range ecs.Fields {
		f := ecs.Lookup(ecs.Fields[i].Name)
		searchable := f.Type != ecs.Flattened
		rows = append(rows, object{"name": ecs.Fields[i].Name, "type": patternType(f.Type), "esTypes": []string{f.Type.String()}, "count": 0,
			"scripted": false, "searchable": true, "aggregatable": searchable, "readFromDocValues": searchable})
	}
	return rows
}

func patternType(t ecs.Type) string {
	switch t {
	case ecs.Long, ecs.Float:
		return "number"
	case ecs.Keyword, ecs.Flattened:
		return "string"
	}
	return t.String() // ip, date, boolean, geo_point
}

// formats says how the values of some fields are shown: sizes, durations, and links from a value
// to all flows that have it.
func formats() object {
	m := object{"event.duration": object{"id": "duration", "params": object{"inputFormat": "nanoseconds", "outputFormat": "asSeconds", "outputPrecision": 3}}}
	for _, name := range []string{"network.bytes", "source.bytes", "destination.bytes", "client.bytes", "server.bytes", "flow.sampled.bytes",
		"flow.source.payload_bytes", "flow.destination.payload_bytes"} {
		m[name] = object{"id": "bytes", "params": object{"pattern": "0,0.[0]b"}}
	}
	for _, name := range []string{"source.port", "destination.port", "client.port", "server.port", "source.as.number", "destination.as.number", "flow.mpls_label",
		"flow.observation_domain", "event.sequence"} {
		m[name] = object{"id": "number", "params": object{"pattern": "0"}} // no thousands separators in what is a name
	}
	for field, asked := range pivots {
		m[field] = object{"id": "url", "params": object{"type": "a", "openLinkInCurrentTab": true, "labelTemplate": "{{value}}", "urlTemplate": pivot(asked)}}
	}
	return m
}

// pivots leads from the value of a field to the flows that have the same value in another.
var pivots = map[string]string{
	"source.ip":             "related.ip",
	"destination.ip":        "related.ip",
	"client.ip":             "related.ip",
	"server.ip":             "related.ip",
	"related.ip":            "related.ip",
	"observer.ip":           "observer.ip",
	"network.community_id":  "network.community_id",
	"dns.question.name":     "dns.question.name",
	"destination.domain":    "destination.domain",
	"destination.subnet":    "destination.subnet",
	"threat.feed.name":      "threat.feed.name",
	"threat.indicator.name": "threat.indicator.name",
}

// pivot is a link to Discover with all flows of a value, whenever they were: imported captures
// may be years old.
func pivot(field string) string {
	const all = "(time:(from:'1970-01-01T00:00:00.000Z',to:now))"
	return fmt.Sprintf(`../app/discover#/?_g=%s&_a=(index:%s,query:(language:kuery,query:'%s:"{{value}}"'))`, all, patternID, field)
}

// flowSearch is the list of flows.
func flowSearch() object {
	return saved("search", searchID, searchVersion, object{
		"title":       "Flowferry: flows",
		"description": "Flow by flow, the last first.",
		"hits":        0,
		"version":     1,
		"columns": []string{"source.ip", "source.port", "destination.ip", "destination.port", "network.transport", "network.protocol", "source.bytes",
			"destination.bytes", "network.packets", "event.duration", "flow.state", "network.community_id"},
		"sort":                  [][]string{{timeField, "desc"}},
		"kibanaSavedObjectMeta": source(""),
	}, patternReference)
}

// objects is the dashboard and its panels.
func (d *Dashboard) objects() []object {
	var out, places, references []object
	x, y := 0, 0
	for i := range d.Panels {
		p := &d.Panels[i]
		if x+p.W > pageWidth {
			x, y = 0, y+d.Panels[i-1].H
		}
		id, index, ref := d.ID+"-"+p.ID, strconv.Itoa(i+1), "panel_"+strconv.Itoa(i)
		out = append(out, p.object(id))
		places = append(places, object{"version": "7.10.0", "panelIndex": index, "panelRefName": ref, "embeddableConfig": object{},
			"gridData": object{"x": x, "y": y, "w": p.W, "h": p.H, "i": index}})
		references = append(references, object{"name": ref, "type": "visualization", "id": id})
		x += p.W
	}
	return append(out, saved("dashboard", d.ID, dashboardVersion, object{
		"title":                 d.Title,
		"description":           d.Desc,
		"hits":                  0,
		"version":               1,
		"panelsJSON":            jsonText(places),
		"optionsJSON":           jsonText(object{"useMargins": true, "hidePanelTitles": false}),
		"timeRestore":           true,
		"timeFrom":              "now-24h",
		"timeTo":                "now",
		"refreshInterval":       object{"pause": true, "value": 0},
		"kibanaSavedObjectMeta": object{"searchSourceJSON": jsonText(object{"filter": []any{}, "query": object{"language": "kuery", "query": ""}})},
	}, references))
}

const pageWidth = 48

// object is the panel as a visualization.
func (p *Panel) object(id string) object {
	kql := ""
	if p.Having != "" {
		kql = p.Having + ":*"
	}
	return saved("visualization", id, visualizationVersion, object{
		"title":                 p.Title,
		"description":           "",
		"version":               1,
		"uiStateJSON":           "{}",
		"visState":              jsonText(object{"title": p.Title, "type": string(p.Kind), "aggs": p.aggs(), "params": p.params()}),
		"kibanaSavedObjectMeta": source(kql),
	}, patternReference)
}
