package capture

import (
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/tools/txtar"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/golden"
)

func TestMain(m *testing.M) {
	flow.Poison = true
	goleak.VerifyTestMain(m)
}

// The golden file lists captures by name, each with the records that it gives.
func TestGolden(t *testing.T) {
	golden.Check(t, "../testdata/golden/capture.txtar", func(f txtar.File) (text []byte) {
		b, _ := meterFile(t, "../testdata/pcap/"+f.Name, Config{})
		for i := range b.Recs {
			text = append(flow.AppendText(text, b, &b.Recs[i]), '\n')
		}
		return text
	})
}
