package enrich

import (
	"errors"
	"fmt"
	"math"
	"net/netip"

	"github.com/flowferry/flowferry/flow"
	"github.com/oschwald/geoip2-golang/v2"
	"github.com/oschwald/maxminddb-golang/v2"
)

// database is a MaxMind DB file, opened twice: geoip2 knows kinds of databases and what a record
// holds, and maxminddb tells cheaply which record an address has.
type database struct {
	*geoip2.Reader
	tree *maxminddb.Reader
}

// damaged stands for a record that can not be found.
const damaged = math.MaxUint - 1

// record gives a number of the record that the address has, which none has too.
func (db *database) record(ip netip.Addr) uintptr {
	if db == nil {
		return 0
	}
	found := db.tree.Lookup(ip)
	if found.Err() != nil {
		return damaged
	}
	return found.Offset()
}

func (db *database) close() error {
	if db == nil {
		return nil
	}
	return errors.Join(db.Reader.Close(), db.tree.Close())
}

// openGeo opens the databases that are configured and asks each one question, so that a file
// of the wrong kind stops the start and not the first flow.
func (t *Tables) openGeo(cfg *Config) error {
	var errCity, errASN error
	t.cityDB, errCity = openDB("city", cfg.City, func(db *geoip2.Reader, ip netip.Addr) error {
		_, err := db.City(ip)
		return err
	})
	t.asnDB, errASN = openDB("asn", cfg.ASN, func(db *geoip2.Reader, ip netip.Addr) error {
		_, err := db.ASN(ip)
		return err
	})
	return errors.Join(errCity, errASN)
}

// openDB opens one database; nil is none.
func openDB(field, path string, ask func(*geoip2.Reader, netip.Addr) error) (*database, error) {
	if path == "" {
		return nil, nil
	}
	db, err := geoip2.Open(path)
	if err != nil {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
		return nil, fmt.Errorf("open %s database %s: %w: give a MaxMind DB file of that kind", field, path, err)
	}
	var wrongKind geoip2.InvalidMethodError
	if err := ask(db, netip.IPv4Unspecified()); errors.As(err, &wrongKind) {
		kind := db.Metadata().DatabaseType
		return nil, errors.Join(fmt.Errorf("open %s database %s: it is of type %q: give one of %s type", field, path, kind, field), db.Close())
	}
	tree, err := maxminddb.Open(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open %s database %s: %w", field, path, err), db.Close())
	}
	return &database{db, tree}, nil
}

// geo adds country, region, city, time zone and co-ordinates.
func (t *Tables) geo(ip netip.Addr, p *flow.Place) (ok bool) {
	if t.cityDB == nil {
		return true
	}
	c, err := t.cityDB.City(ip)
	if err != nil {
		t.geoErrors.Add(1)
		return false
	}
	p.CountryISO, p.Country, p.Continent = c.Country.ISOCode, c.Country.Names.English, c.Continent.Code
	p.City, p.Timezone = c.City.Names.English, c.Location.TimeZone
	if len(c.Subdivisions) > 0 {
		s := &c.Subdivisions[0]
		p.Region = s.Names.English
		if s.ISOCode != "" && p.CountryISO != "" {
			p.RegionISO = p.CountryISO + "-" + s.ISOCode
		}
	}
	if lat, lon := c.Location.Latitude, c.Location.Longitude; lat != nil && lon != nil && onEarth(*lat, *lon) {
		p.Lat, p.Lon, p.Located = *lat, *lon, true
	}
	return true
}

// onEarth refuses what an engine's geo_point would refuse; NaN is refused too.
func onEarth(lat, lon float64) bool { return math.Abs(lat) <= 90 && math.Abs(lon) <= 180 }
