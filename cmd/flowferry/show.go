package main

import (
	"context"
	"fmt"

	"github.com/flowferry/flowferry/hunt"
	"github.com/flowferry/flowferry/store"
)

// question is one thing the demo asks of the store.
type question struct {
	title string
	query string
	top   hunt.Top
}

var questions = []question{
	{"Top talkers, by bytes", "", hunt.Top{By: []string{"source.ip"}, Sum: []string{"network.bytes"}, Distinct: []string{"destination.ip"}, Limit: 8}},
	{"Top services, by flows", "", hunt.Top{By: []string{"network.transport", "destination.port"}, Sum: []string{"network.bytes"}, Sort: "count", Limit: 8}},
	{"What was spoken, whatever the port", "network.protocol:*", hunt.Top{By: []string{"network.protocol"}, Sum: []string{"network.bytes"}, Sort: "count", Limit: 8}},
	{"Watchlist hits", "threat.feed.name:*", hunt.Top{By: []string{"threat.feed.name", "threat.indicator.name"}, Sort: "count", Seen: true, Limit: 8}},
}

// hunt shows what the store holds.
func (d *demo) hunt(ctx context.Context, cfg *Config) error {
	d.title("3. The hunt")
	s, err := store.Open(cfg.Output.Store.Dir())
	if err != nil {
		return err
	}
	for _, q := range questions {
		query, err := hunt.Parse(q.query)
		if err != nil {
			return err
		}
		r, err := q.top.Store(ctx, s, query)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.w, "%s\n", q.title)
		if err := r.WriteTable(d.w); err != nil {
			return err
		}
		fmt.Fprintln(d.w)
	}
	return nil
}

// next tells where all is and what to do with it.
func (d *demo) next() error {
	_, err := fmt.Fprintf(d.w, `The store is %[1]s: Parquet files by date and hour. Try next:

  ./flowferry top --store %[1]s --by source.ip --distinct destination.ip 'flow.state:attempt'
  ./flowferry top --store %[1]s --by tls.client.server_name --sum network.bytes --csv
  ./flowferry read -o ndjson %[2]s/pcap/*/*.pcap | head
`, d.store(), d.testdata)
	return err
}
