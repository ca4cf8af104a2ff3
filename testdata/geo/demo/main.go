// Command demo writes demo-city.mmdb and demo-asn.mmdb beside networks.csv: the countries and
// autonomous systems of a few networks that occur in the captures of testdata, so that the demo
// can show them without a database that must not be passed on.
//
//	cd testdata/geo/demo && go run .
package main

import (
	"encoding/csv"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

func main() {
	if err := write("networks.csv", ".."); err != nil {
		log.Fatal(err)
	}
}

var names = map[string]string{"US": "United States", "DE": "Germany", "SG": "Singapore"}

// write makes both databases in the folder dir from a table of networks.
func write(table, dir string) error {
	f, err := os.Open(table)
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return err
	}
	city, err := tree("GeoLite2-City")
	if err != nil {
		return err
	}
	asn, err := tree("GeoLite2-ASN")
	if err != nil {
		return err
	}
	for _, row := range rows[1:] {
		if err := insert(city, asn, row); err != nil {
			return fmt.Errorf("%s: %w", row[0], err)
		}
	}
	if err := save(city, dir+"/demo-city.mmdb"); err != nil {
		return err
	}
	return save(asn, dir+"/demo-asn.mmdb")
}

func tree(databaseType string) (*mmdbwriter.Tree, error) {
	return mmdbwriter.New(mmdbwriter.Options{
		DatabaseType:            databaseType,
		BuildEpoch:              1,
		Languages:               []string{"en"},
		Description:             map[string]string{"en": "a few networks of the captures of Flowferry's testdata"},
		IncludeReservedNetworks: true,
		RecordSize:              24,
	})
}

func insert(city, asn *mmdbwriter.Tree, row []string) error {
	_, network, err := net.ParseCIDR(row[0])
	if err != nil {
		return err
	}
	err = city.Insert(network, mmdbtype.Map{
		"continent": mmdbtype.Map{"code": mmdbtype.String(row[2])},
		"country": mmdbtype.Map{
			"iso_code": mmdbtype.String(row[1]),
			"names":    mmdbtype.Map{"en": mmdbtype.String(names[row[1]])},
		},
	})
	if err != nil || row[3] == "" {
		return err
	}
	number, err := strconv.ParseUint(row[3], 10, 32)
	if err != nil {
		return err
	}
	return asn.Insert(network, mmdbtype.Map{
		"autonomous_system_number":       mmdbtype.Uint32(number),
		"autonomous_system_organization": mmdbtype.String(row[4]),
	})
}

func save(t *mmdbwriter.Tree, path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := t.WriteTo(f); err != nil {
		return err
	}
	return f.Close()
}
