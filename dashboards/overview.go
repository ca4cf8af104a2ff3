package dashboards

var (
	bytesSum     = Metric{Op: "sum", Field: "network.bytes", Label: "Bytes"}
	packetsSum   = Metric{Op: "sum", Field: "network.packets", Label: "Packets"}
	sources      = Metric{Op: "cardinality", Field: "source.ip", Label: "Sources"}
	destinations = Metric{Op: "cardinality", Field: "destination.ip", Label: "Destinations"}
)

// overview is the first page of the day.
var overview = Dashboard{
	ID:    "flowferry-overview",
	Title: "Flowferry: Overview",
	Desc:  "Is today normal? Click a value to filter, an address to see all it did.",
	Panels: []Panel{
		{ID: "numbers", Title: "In numbers", Kind: Numbers, W: 48, H: 6,
			Metrics: []Metric{count, bytesSum, packetsSum, sources, destinations}},

		{ID: "bytes", Title: "Bytes by direction", Kind: Area, W: 24, H: 12,
			Metrics: []Metric{bytesSum}, By: []Bucket{overTime, {Field: "network.direction", Size: 8, Label: "Direction", Missing: true}}},
		{ID: "flows", Title: "Flows by state", Kind: Bars, W: 24, H: 12,
			Metrics: []Metric{count}, By: []Bucket{overTime, {Field: "flow.state", Size: 6, Label: "State", Missing: true}}},

		{ID: "sources", Title: "Top sources", Kind: Table, W: 24, H: 13,
			Metrics: []Metric{bytesSum, count, destinations}, By: []Bucket{{Field: "source.ip", Size: 10, Label: "Source"}}},
		{ID: "destinations", Title: "Top destinations", Kind: Table, W: 24, H: 13,
			Metrics: []Metric{bytesSum, count, sources}, By: []Bucket{{Field: "destination.ip", Size: 10, Label: "Destination"}}},

		{ID: "services", Title: "Top services", Kind: Table, W: 16, H: 13,
			Metrics: []Metric{bytesSum, count}, By: []Bucket{
				{Field: "destination.port", Size: 10, Label: "Port"},
				{Field: "network.transport", Size: 2, Label: "Protocol"}}},
		{ID: "applications", Title: "What the payload speaks", Kind: Donut, W: 16, H: 13,
			Metrics: []Metric{count}, By: []Bucket{{Field: "network.protocol", Size: 10, Label: "Application"}}},
		{ID: "ends", Title: "How flows end", Kind: Donut, W: 16, H: 13,
			Metrics: []Metric{count}, By: []Bucket{{Field: "flow.end_reason", Size: 5, Label: "End"}}},

		{ID: "countries", Title: "Countries of destinations", Kind: Table, W: 24, H: 13,
			Metrics: []Metric{bytesSum, count, destinations}, By: []Bucket{{Field: "destination.geo.country_name", Size: 10, Label: "Country"}}},
		{ID: "names", Title: "DNS names asked for", Kind: Table, W: 24, H: 13,
			Metrics: []Metric{count, sources}, By: []Bucket{{Field: "dns.question.name", Size: 10, Label: "Name"}}},

		{ID: "watchlists", Title: "Watchlist hits", Kind: Table, W: 24, H: 13, Having: "threat.feed.name",
			Metrics: []Metric{count, sources, destinations}, By: []Bucket{
				{Field: "threat.feed.name", Size: 5, Label: "List"},
				{Field: "threat.indicator.name", Size: 10, Label: "Indicator"}}},
		{ID: "exporters", Title: "Exporters", Kind: Table, W: 24, H: 13,
			Metrics: []Metric{count, bytesSum, {Op: "max", Field: "flow.sampling_interval", Label: "Sampling 1 in"}, {Op: "max", Field: timeField, Label: "Last flow"}},
			By:      []Bucket{{Field: "observer.ip", Size: 10, Label: "Exporter"}}},
	},
}
