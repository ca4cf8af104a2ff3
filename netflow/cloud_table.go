package netflow

import (
	"fmt"
	"io"
	"iter"
	"slices"
)

// NewTableLog makes the Log of an AWS VPC flow log that came as a table, such as a Parquet file:
// columns are the names of its columns and rows their cells, nil where there is no value. The
// file of that path is read once for its digest.
//
// Source: Amazon VPC user guide, "Flow log files", Parquet.
func NewTableLog(path string, cfg Config, columns []string, rows iter.Seq2[[][]byte, error]) (*Log, error) {
	var tokens [][]byte
	for _, c := range columns {
		tokens = append(tokens, []byte(c))
	}
	layout := newLayout(tokens[:min(len(tokens), maxPairs)])
	if !slices.Contains(layout.columns, awsSrcAddr) || !slices.Contains(layout.columns, awsDstAddr) || len(tokens) > maxPairs {
		return nil, fmt.Errorf("read %s: a table, but not of an AWS VPC flow log: it has no columns srcaddr and dstaddr, or more than %d", path, maxPairs)
	}
	l, err := NewLog(path, cfg)
	if err != nil {
		return nil, err
	}
	l.layout, l.rows = layout, rows
	return l, nil
}

// readTable reads all rows.
func readTable(x *logRun) error {
	a := &aws{x: x, layout: x.log.layout}
	for cells, err := range x.log.rows {
		if err == nil {
			err = x.poll()
		}
		if err == nil {
			err = a.row(cells)
		}
		if err != nil {
			return err
		}
	}
	x.log.done.Store(x.log.size)
	return io.EOF
}

// absent is how a line writes that there is no value.
var absent = []byte{'-'}

// row takes one row of a table.
func (a *aws) row(cells [][]byte) error {
	tokens := a.tokens[:0]
	for _, c := range cells {
		if len(c) == 0 {
			c = absent
		}
		tokens = append(tokens, c)
	}
	return a.take(tokens)
}
