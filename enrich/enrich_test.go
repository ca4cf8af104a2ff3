package enrich

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

const geoDir = "../testdata/geo/"

// source reads the JSON from which MaxMind makes a test database: prefixes and their data.
func source[T any](t *testing.T, name string) map[netip.Prefix]T {
	t.Helper()
	text, err := os.ReadFile(geoDir + name)
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[netip.Prefix]T
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	all := map[netip.Prefix]T{}
	for _, row := range rows {
		for p, v := range row {
			all[p] = v
		}
	}
	if len(all) < 3 {
		t.Fatalf("%s holds %d rows", name, len(all))
	}
	return all
}

type citySource struct {
	Names   map[string]string
	City    struct{ Names map[string]string }
	Country struct {
		ISO   string `json:"iso_code"`
		Names map[string]string
	}
	Continent    struct{ Code string }
	Subdivisions []struct {
		ISO   string `json:"iso_code"`
		Names map[string]string
	}
	Location struct {
		Latitude, Longitude *float64
		TimeZone            string `json:"time_zone"`
	}
}

func TestCityAgainstSource(t *testing.T) {
	s := mustLoad(t, Config{City: geoDir + "GeoLite2-City-Test.mmdb", PrivateOff: true, BogonsOff: true}).Stage().(*stage)
	for prefix, want := range source[citySource](t, "GeoLite2-City-Test.json") {
		w := flow.Place{CountryISO: want.Country.ISO, Country: want.Country.Names["en"], Continent: want.Continent.Code,
			City: want.City.Names["en"], Timezone: want.Location.TimeZone}
		if len(want.Subdivisions) > 0 {
			w.Region = want.Subdivisions[0].Names["en"]
			w.RegionISO = w.CountryISO + "-" + want.Subdivisions[0].ISO
		}
		if lat, lon := want.Location.Latitude, want.Location.Longitude; lat != nil && lon != nil {
			w.Lat, w.Lon, w.Located = *lat, *lon, true
		}
		a := flow.AddrFrom(prefix.Addr())
		if got := s.address(&a).place; got == nil || *got != w {
			t.Errorf("%s:\n got %+v\nwant %+v", prefix, got, w)
		}
	}
}

func TestASNAgainstSource(t *testing.T) {
	type asSource struct {
		Number uint32 `json:"autonomous_system_number"`
		Org    string `json:"autonomous_system_organization"`
	}
	s := mustLoad(t, Config{ASN: geoDir + "GeoLite2-ASN-Test.mmdb"}).Stage().(*stage)
	for prefix, want := range source[asSource](t, "GeoLite2-ASN-Test.json") {
		a := flow.AddrFrom(prefix.Addr())
		if got := s.address(&a).place; got == nil || got.ASN != want.Number || got.ASOrg != want.Org {
			t.Errorf("%s: got %+v, want %+v", prefix, got, want)
		}
	}
}

func TestSharedByNetwork(t *testing.T) {
	s := mustLoad(t, Config{City: geoDir + "GeoLite2-City-Test.mmdb"}).Stage().(*stage)
	a, b := flow.MustAddr("81.2.69.160"), flow.MustAddr("81.2.69.161")
	if s.address(&a).place != s.address(&b).place {
		t.Error("two addresses of one network have two places")
	}
}

func TestDatabaseErrors(t *testing.T) {
	f := func(cfg Config, want ...string) {
		t.Helper()
		_, err := Load(cfg)
		for _, part := range want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v lacks %q", err, part)
			}
		}
	}
	f(Config{City: "no/such.mmdb"}, "open city database no/such.mmdb", "give a MaxMind DB file")
	f(Config{City: lists + "plain.txt"}, "open city database", "plain.txt")
	f(Config{City: geoDir + "GeoLite2-ASN-Test.mmdb"}, `GeoLite2-ASN-Test.mmdb: it is of type "GeoLite2-ASN": give one of city type`)
	f(Config{ASN: geoDir + "GeoLite2-City-Test.mmdb"}, `it is of type "GeoLite2-City": give one of asn type`)
	f(Config{Cache: -1}, "cache: -1 is out of range: use 0")
	f(Config{Groups: []Group{{}}}, "groups[0]: name: is missing")
	f(Config{Groups: []Group{{Name: "a"}}}, `groups[0]: cidrs: group "a" has none`)
	f(Config{Groups: []Group{{Name: "a", CIDRs: []string{"10.0.0/8"}}}}, `cidrs: group "a": "10.0.0/8" is not a prefix`)
}

// TestBadDatabases opens MaxMind's broken databases and asks them for addresses all over the
// space: an error or a counted failure, never a panic.
func TestBadDatabases(t *testing.T) {
	paths, err := filepath.Glob(geoDir + "bad/*.mmdb")
	if dir := os.Getenv("FLOWFERRY_SHARED_DATA"); dir != "" {
		more, errMore := filepath.Glob(filepath.Join(dir, "geo-maxmind-test", "*", "*", "*.mmdb"))
		if errMore != nil {
			t.Fatal(errMore)
		}
		paths = append(paths, more...)
	}
	if err != nil || len(paths) == 0 {
		t.Fatal("no broken databases found", err)
	}
	for _, path := range paths {
		for _, cfg := range []Config{{City: path}, {ASN: path}} {
			tables, err := Load(cfg)
			if err != nil {
				if !strings.Contains(err.Error(), path) {
					t.Errorf("error does not name %s: %v", path, err)
				}
				continue
			}
			s := tables.Stage().(*stage)
			for i := range uint32(512) {
				a := flow.Addr4(i << 23)
				s.address(&a)
				a = flow.Addr{0: 0x20, 1: byte(i), 2: byte(i >> 4)}
				s.address(&a)
			}
			if err := tables.Close(); err != nil {
				t.Error(path, err)
			}
		}
	}
}

func TestGroupsAndDirection(t *testing.T) {
	s := mustLoad(t, Config{Groups: []Group{
		{Name: "dmz", CIDRs: []string{"198.51.100.0/24", "2001:db8:5::/48"}, Role: "web", Criticality: "high", Internal: true},
		{Name: "printers", CIDRs: []string{"10.9.0.0/16"}, Internal: true},
		{Name: "guests", CIDRs: []string{"10.0.0.0/8"}},
	}}).Stage().(*stage)
	f := func(src, dst, want string) {
		t.Helper()
		r := flow.Record{Src: flow.MustAddr(src), Dst: flow.MustAddr(dst)}
		var e flow.Enr
		s.enrich(&r, &e)
		got := fmt.Sprint(group(e.Src), " ", group(e.Dst), " ", e.Direction)
		if got != want {
			t.Errorf("%s > %s: got %s, want %s", src, dst, got, want)
		}
	}
	f("192.168.1.1", "8.8.8.8", "private - outbound")
	f("8.8.8.8", "192.168.1.1", "- private inbound")
	f("198.51.100.1", "192.168.1.1", "dmz/web/high private internal")
	f("9.9.9.9", "8.8.8.8", "- - external")
	f("10.9.1.1", "10.1.1.1", "printers guests outbound")
	f("2001:db8:5::1", "2606:4700::1", "dmz/web/high - outbound")
	f("192.168.1.1", "224.0.0.251", "private - internal")
	f("192.168.1.1", "255.255.255.255", "private - internal")
	f("fe80::1", "ff02::fb", "private - internal")
	f("8.8.8.8", "224.0.0.251", "- - external")
	f("::", "8.8.8.8", "- - external")
}

func group(p *flow.Place) string {
	if p == nil || p.Group == "" {
		return "-"
	}
	if p.Role+p.Criticality == "" {
		return p.Group
	}
	return p.Group + "/" + p.Role + "/" + p.Criticality
}

func TestBogons(t *testing.T) {
	s := mustLoad(t, Config{}).Stage().(*stage)
	f := func(ip, want string) {
		t.Helper()
		a := flow.MustAddr(ip)
		got := ""
		if p := s.address(&a).place; p != nil {
			got = p.Bogon
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", ip, got, want)
		}
	}
	f("8.8.8.8", "")
	f("10.1.2.3", "private use")
	f("100.127.255.255", "shared address space")
	f("100.128.0.0", "")
	f("192.0.0.8", "IETF protocol assignments")
	f("192.0.0.9", "")
	f("203.0.113.1", "documentation")
	f("239.1.1.1", "multicast")
	f("250.0.0.1", "reserved")
	f("255.255.255.255", "limited broadcast")
	f("2606:4700::1", "")
	f("2001:0:1::1", "")
	f("2001:db8::1", "documentation")
	f("3fff:fff::1", "documentation")
	f("4000::1", "unallocated")
	f("::1", "loopback")
	f("64:ff9b::1", "")
	f("64:ff9b:1::1", "private translation")
	f("fe80::1", "link local")
	f("ff02::1", "multicast")
	f("fd00::1", "unique local")
}

func TestService(t *testing.T) {
	s := mustLoad(t, Config{}).Stage().(*stage)
	f := func(line, want string) {
		t.Helper()
		b := flow.NewBatch()
		r, err := flow.ParseText(b, line)
		if err != nil {
			t.Fatal(err)
		}
		var e flow.Enr
		if s.enrich(r, &e); e.Service != want {
			t.Errorf("%s: got %q, want %q", line, e.Service, want)
		}
	}
	f("src=10.0.0.1:40000 dst=10.0.0.2:80 proto=6", "http")
	f("src=10.0.0.1:40000 dst=10.0.0.2:514 proto=6", "shell")
	f("src=10.0.0.1:40000 dst=10.0.0.2:514 proto=17", "syslog")
	f("src=10.0.0.1:40000 dst=10.0.0.2:6010 proto=6", "x11")
	f("src=10.0.0.1:40000 dst=10.0.0.2:50000 proto=6", "")
	f("src=10.0.0.1:80 dst=10.0.0.2:60000 proto=6", "http")
	f("src=10.0.0.1:80 dst=10.0.0.2:60000 proto=6 initiator=syn", "")
	f("src=10.0.0.1 dst=10.0.0.2 proto=1", "")
	f("src=10.0.0.1:1 dst=10.0.0.2:80", "")
}

// sample is a batch of flows over n addresses.
func sample(n int) *flow.Batch {
	b := flow.NewBatch()
	for i := range flow.BatchSize {
		r := b.Next()
		r.Src, r.Dst = flow.Addr4(0x0a000000+uint32(i%n)), flow.Addr4(0x5102_45a0+uint32(i*7%n))
		r.SrcPort, r.DstPort, r.Proto = 40000, 443, flow.ProtoTCP
		r.Has = flow.HasPorts | flow.HasProto
	}
	return b
}

func all() Config {
	return Config{City: geoDir + "GeoLite2-City-Test.mmdb", ASN: geoDir + "GeoLite2-ASN-Test.mmdb",
		Watchlists: []Watchlist{{Path: lists + "plain.txt"}}}
}

func TestCachedIsFreeOfAllocation(t *testing.T) {
	s := mustLoad(t, all()).Stage()
	b := sample(64)
	s.Do(b)
	if n := testing.AllocsPerRun(100, func() {
		b.Enr = b.Enr[:0]
		s.Do(b)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEnrich(b *testing.B) {
	for _, addresses := range []int{64, 100_000} {
		b.Run(fmt.Sprint(addresses), func(b *testing.B) {
			s := mustLoad(b, all()).Stage()
			batches := make([]*flow.Batch, max(1, addresses/flow.BatchSize))
			for i := range batches {
				batches[i] = sample(min(addresses, flow.BatchSize))
				for j := range batches[i].Recs {
					batches[i].Recs[j].Src[13] += byte(i >> 8)
					batches[i].Recs[j].Src[14] += byte(i)
				}
				s.Do(batches[i])
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				x := batches[i%len(batches)]
				x.Enr = x.Enr[:0]
				s.Do(x)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*flow.BatchSize), "ns/record")
		})
	}
}
