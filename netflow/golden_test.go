package netflow

import (
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/golden"
)

const goldenEach = 4 // records of each group

// The first records of each vendor group, in the text form.
func TestGolden(t *testing.T) {
	var got []txtar.File
	for _, g := range vendorGroups(t) {
		d, b := decodeGroup(t, g)
		out := golden.Account(d.Stats(), "netflow.bytes")
		for i := range b.Recs[:min(len(b.Recs), goldenEach)] {
			out = append(flow.AppendText(out, b, &b.Recs[i]), '\n')
		}
		got = append(got, txtar.File{Name: g.name, Data: out})
	}
	golden.Compare(t, "../testdata/golden/netflow.txtar", got)
}
