package enrich

import (
	"errors"
	"fmt"
	"math"
	"net/netip"

	"github.com/oschwald/geoip2-golang/v2"
)

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

// openDB opens one database; a nil Reader is none.
func openDB(field, path string, ask func(*geoip2.Reader, netip.Addr) error) (*geoip2.Reader, error) {
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
	return db, nil
}

// geo adds country, region, city, time zone and co-ordinates.
func (t *Tables) geo(a *address) {
	if t.cityDB == nil {
		return
	}
	c, err := t.cityDB.City(a.ip)
	if err != nil {
		t.geoErrors.Add(1)
		return
	}
	p := &a.place
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
}

// onEarth refuses what an engine's geo_point would refuse; NaN is refused too.
func onEarth(lat, lon float64) bool { return math.Abs(lat) <= 90 && math.Abs(lon) <= 180 }
