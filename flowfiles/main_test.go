package flowfiles

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

// The golden file lists files of testdata/flowfiles, each with its account and its records.
func TestGolden(t *testing.T) {
	golden.Check(t, "../testdata/golden/flowfiles.txtar", func(f txtar.File) []byte {
		_, records, s := readText(t, corpus+f.Name)
		return append(golden.Account(s.Stats()), origin.ReplaceAll(records, nil)...)
	})
}
