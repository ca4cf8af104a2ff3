package dashboards

import "strconv"

// This file writes what a visualization is made of: its aggregations, and how it looks.

// aggs is the metrics, then the buckets; the first metric has the id "1", by which buckets are
// ordered.
func (p *Panel) aggs() []object {
	out := []object{}
	add := func(op, schema string, params object) {
		out = append(out, object{"id": strconv.Itoa(len(out) + 1), "enabled": true, "type": op, "schema": schema, "params": params})
	}
	for _, m := range p.Metrics {
		params := object{"customLabel": m.Label}
		if m.Field != "" {
			params["field"] = m.Field
		}
		add(m.Op, "metric", params)
	}
	for i, b := range p.By {
		if b.Field == timeField {
			add("date_histogram", "segment", object{"field": b.Field, "customLabel": b.Label, "interval": "auto", "min_doc_count": 1,
				"useNormalizedEsInterval": true, "drop_partials": false, "scaleMetricValues": false, "extended_bounds": object{}})
			continue
		}
		add("terms", p.schema(i), object{"field": b.Field, "customLabel": b.Label, "size": b.Size, "order": "desc", "orderBy": "1",
			"otherBucket": false, "otherBucketLabel": "Other", "missingBucket": b.Missing, "missingBucketLabel": "unknown"})
	}
	return out
}

// schema is the part a bucket plays: over time the second bucket splits the series, in a table
// each is a column, in a donut each is a ring.
func (p *Panel) schema(i int) string {
	switch {
	case p.Kind == Table:
		return "bucket"
	case i > 0 && p.Kind != Donut:
		return "group"
	}
	return "segment"
}

func (p *Panel) params() object {
	switch p.Kind {
	case Numbers:
		return object{"type": "metric", "addTooltip": true, "addLegend": false, "metric": object{"percentageMode": false, "useRanges": false,
			"colorSchema": "Green to Red", "metricColorMode": "None", "colorsRange": []object{{"from": 0, "to": 10000}}, "labels": object{"show": true},
			"invertColors": false, "style": object{"bgFill": "#000", "bgColor": false, "labelColor": false, "subText": "", "fontSize": 32}}}
	case Table:
		return object{"perPage": maxTerms, "showPartialRows": false, "showMetricsAtAllLevels": false, "showTotal": false, "totalFunc": "sum",
			"percentageCol": "", "sort": object{"columnIndex": nil, "direction": nil}}
	case Donut:
		return object{"type": "pie", "addTooltip": true, "addLegend": true, "legendPosition": "right", "isDonut": true,
			"labels": object{"show": false, "values": true, "last_level": true, "truncate": 100}}
	}
	return p.axes()
}

// axes is how a chart over time looks.
func (p *Panel) axes() object {
	label := p.Metrics[0].Label
	series := object{"show": true, "type": string(p.Kind), "mode": "stacked", "data": object{"id": "1", "label": label}, "valueAxis": "ValueAxis-1",
		"drawLinesBetweenPoints": true, "lineWidth": 2, "showCircles": false, "interpolate": "linear"}
	return object{
		"type": string(p.Kind), "grid": object{"categoryLines": false}, "addTooltip": true, "addLegend": true, "legendPosition": "right",
		"times": []any{}, "addTimeMarker": false, "labels": object{}, "seriesParams": []object{series},
		"thresholdLine": object{"show": false, "value": 10, "width": 1, "style": "full", "color": "#E7664C"},
		"categoryAxes": []object{{"id": "CategoryAxis-1", "type": "category", "position": "bottom", "show": true, "style": object{},
			"scale": object{"type": "linear"}, "labels": object{"show": true, "filter": true, "truncate": 100}, "title": object{}}},
		"valueAxes": []object{{"id": "ValueAxis-1", "name": "LeftAxis-1", "type": "value", "position": "left", "show": true, "style": object{},
			"scale": object{"type": "linear", "mode": "normal"}, "labels": object{"show": true, "rotate": 0, "filter": false, "truncate": 100},
			"title": object{"text": label}}},
	}
}
