package enrich

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/flowferry/flowferry/flow"
	"github.com/gaissmai/bart"
)

// Tables is all that was loaded. It is read by all shards at once and never changed.
type Tables struct {
	cache     int // entries of a shard's cache, a power of two
	cityDB    *database
	asnDB     *database
	groups    bart.Table[*flow.Place] // Group, Role, Criticality, Internal
	bogons    bart.Table[string]      // name of the range
	lists     []*list
	services  *services
	warnings  []string
	stats     stats
	geoErrors atomic.Uint64 // look-ups that a damaged database could not answer
	badLines  uint64        // lines of watchlists that are no indicator
}

type stats struct {
	records atomic.Uint64 // flows and events seen
	lookups atomic.Uint64 // addresses that were not in a cache
	hits    atomic.Uint64 // watchlist hits
}

// Load reads the databases and lists of cfg.
func Load(cfg Config) (*Tables, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("check configuration of enrich: %w", err)
	}
	t := &Tables{cache: cacheSize(cfg.Cache), services: loadServices()}
	t.loadGroups(&cfg)
	if !cfg.BogonsOff {
		t.loadBogons()
	}
	err := errors.Join(t.openGeo(&cfg), t.loadLists(cfg.Watchlists))
	if err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func cacheSize(want int) int {
	if want == 0 {
		want = defaultCache
	}
	size := 1
	for size < want {
		size *= 2
	}
	return size
}

// Close lets the databases go. No Stage may be in use afterwards.
func (t *Tables) Close() error {
	err := errors.Join(t.cityDB.close(), t.asnDB.close())
	t.cityDB, t.asnDB = nil, nil
	return err
}

// Warnings tells what was wrong in the lists, one sentence each.
func (t *Tables) Warnings() []string { return t.warnings }

// Stats gives the counts over all shards.
func (t *Tables) Stats() []flow.Stat {
	return []flow.Stat{
		{Name: "enrich.records", Value: t.stats.records.Load()},
		{Name: "enrich.lookups", Value: t.stats.lookups.Load()},
		{Name: "enrich.watchlist_hits", Value: t.stats.hits.Load()},
		{Name: "enrich.geo_errors", Value: t.geoErrors.Load()},
		{Name: "enrich.bad_lines", Value: t.badLines},
	}
}
