package capture

import (
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
)

// Each record of an interface has its number and name, also one with metadata; records without
// share one Meta.
func TestLiveNames(t *testing.T) {
	var got *flow.Batch
	w := newWorker(nil, "eth7", 7)
	w.emit = func(b *flow.Batch) { got = b }
	b := flow.NewBatch()
	for i := range 5 {
		if r := b.Next(); i == 1 {
			b.SetMeta(r, flow.Meta{User: "me"})
		}
	}
	w.send(b)
	for i := range got.Recs {
		r := &got.Recs[i]
		text := string(flow.AppendText(nil, got, r))
		m := got.Metadata(r)
		if !r.Has.Has(flow.HasInIf) || r.InIf != 7 || m == nil || !m.Names.Of(r) || m.Names.InIf != "eth7" || (m.User == "me") != (i == 1) {
			t.Errorf("record %d: %s", i, strings.TrimSpace(text))
		}
	}
	if len(got.Meta) != 2 {
		t.Errorf("%d Metas, want 2", len(got.Meta))
	}
	if n := testing.AllocsPerRun(100, func() {
		b.Free()
		b = flow.NewBatch()
		b.Next()
		w.send(b)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
