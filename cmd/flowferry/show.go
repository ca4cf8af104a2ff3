package main

import (
	"context"
	"fmt"
	"sort"
	"time"

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
	{"Where to", "destination.geo.country_name:*", hunt.Top{By: []string{"destination.geo.country_name", "destination.as.organization.name"}, Sum: []string{"network.bytes"}, Limit: 6}},
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
	return d.plots(ctx, s)
}

// plots shows the day on which the store's flows spread over most hours, as a time line and as
// a strip plot. Only flows that had an answer are looked at: many of the captures are broken on
// purpose, and what their bytes seem to say is no traffic.
func (d *demo) plots(ctx context.Context, s *store.Store) error {
	answered, err := hunt.Parse("flow.state:established")
	if err != nil {
		return err
	}
	from, to, err := fullestDay(ctx, s, answered)
	if err != nil {
		return err
	}
	line, err := hunt.Timeline{By: "network.transport", From: from, To: to}.Store(ctx, s, answered)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.w, "Time line of the fullest day, answered flows")
	if err := line.WriteText(d.w, 100); err != nil {
		return err
	}
	strips, err := hunt.Strip{By: []string{"source.ip", "destination.ip"}, From: from, To: to, Limit: 10}.Store(ctx, s, answered)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.w, "\nStrip plot of the same hours: when each pair began its flows")
	if err := strips.WriteText(d.w, 140); err != nil {
		return err
	}
	fmt.Fprintln(d.w)
	return nil
}

const day = 24 * time.Hour

// fullestDay finds, among the days with most flows, one that has flows in many of its hours, and
// gives those hours.
func fullestDay(ctx context.Context, s *store.Store, answered *hunt.Query) (from, to int64, err error) {
	days, err := perStep(ctx, s, answered, day, 0, 0)
	if err != nil {
		return 0, 0, err
	}
	sort.Slice(days, func(i, j int) bool { return days[i].flows > days[j].flows })
	most := 0.0
	for _, d := range days[:min(len(days), 10)] {
		hours, err := perStep(ctx, s, answered, time.Hour, d.at, d.at+int64(day))
		if err != nil {
			return 0, 0, err
		}
		if score := d.flows * float64(len(hours)*len(hours)); score > most {
			most, from, to = score, hours[0].at, hours[len(hours)-1].at+int64(time.Hour)
		}
	}
	return from, to, nil
}

// step is one step of a time line that has flows.
type step struct {
	at    int64 // Unix ns
	flows float64
}

func perStep(ctx context.Context, s *store.Store, answered *hunt.Query, interval time.Duration, from, to int64) (steps []step, err error) {
	series, err := hunt.Timeline{Interval: interval, From: from, To: to}.Store(ctx, s, answered)
	if err != nil {
		return nil, err
	}
	for _, line := range series.Lines {
		for i, n := range line.Values {
			if n > 0 {
				steps = append(steps, step{series.Start + int64(i)*int64(interval), n})
			}
		}
	}
	return steps, nil
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
