package main

import (
	"fmt"

	"github.com/flowferry/flowferry/bench/gen"
	"github.com/flowferry/flowferry/enrich"
	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/netflow"
	"github.com/flowferry/flowferry/stitch"
)

// Where the test databases of MaxMind are, seen from this folder.
const (
	cityDB = "../testdata/geo/GeoLite2-City-Test.mmdb"
	asnDB  = "../testdata/geo/GeoLite2-ASN-Test.mmdb"
)

// stages are what records go through in the product: stitching, then enrichment with geo and
// AS databases, private ranges, bogons and service names.
func stages() ([]flow.Stage, error) {
	tables, err := enrich.Load(enrich.Config{City: cityDB, ASN: asnDB})
	if err != nil {
		return nil, fmt.Errorf("%w (run this in the folder bench)", err)
	}
	return []flow.Stage{stitch.New(stitch.Config{}), tables.Stage()}, nil
}

// records decodes a stream, sends its batches through the stages and keeps them.
func records(s *gen.Stream, through []flow.Stage) (batches []*flow.Batch, err error) {
	err = eachBatch(s, through, func(b *flow.Batch) error {
		batches = append(batches, b)
		return nil
	})
	return batches, err
}

// eachBatch decodes a stream, sends its batches through the stages, at last empty ones marked as such
// until nothing is held, and hands them on.
func eachBatch(s *gen.Stream, through []flow.Stage, do func(*flow.Batch) error) error {
	carry := func(b *flow.Batch) (more bool, err error) {
		for _, st := range through {
			st.Do(b)
		}
		return b.More, do(b)
	}
	d, b := netflow.NewDecoder(netflow.Config{Origin: 1}), flow.NewBatch()
	addr := flow.AddrFrom(exporter.Addr())
	for i, p := range s.Datagrams {
		b.Now = s.Times[i]
		if err := d.Datagram(addr, exporter.Port(), p, b.Now, b); err != nil {
			return err
		}
		if b.Full() {
			if _, err := carry(b); err != nil {
				return err
			}
			b = flow.NewBatch()
		}
	}
	b.Now = s.Times[len(s.Times)-1]
	if _, err := carry(b); err != nil {
		return err
	}
	for more := true; more; {
		last := flow.NewBatch()
		last.Now, last.Last = s.Times[len(s.Times)-1], true
		var err error
		if more, err = carry(last); err != nil {
			return err
		}
	}
	return nil
}
