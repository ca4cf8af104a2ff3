package main

import (
	"bytes"
	"os"
	"testing"
)

// The databases beside the table are made from it.
func TestUpToDate(t *testing.T) {
	dir := t.TempDir()
	if err := write("networks.csv", dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"demo-city.mmdb", "demo-asn.mmdb"} {
		fresh, err := os.ReadFile(dir + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := os.ReadFile("../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(fresh, kept) {
			t.Errorf("%s is stale: run go run . in testdata/geo/demo", name)
		}
	}
}
