package netflow

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// feedLog reads text as a log and checks what must hold for any input.
func feedLog(t *testing.T, text string, cfg Config) {
	t.Helper()
	l := logOf(t, text, cfg)
	all, line := &flow.Batch{}, uint64(0)
	err := l.Run(t.Context(), func(b *flow.Batch) {
		for i := range b.Recs {
			r := &b.Recs[i]
			if r.Ord <= line || r.End < r.Start || r.Received == 0 {
				t.Errorf("line %d after %d, from %d to %d, received %d", r.Ord, line, r.Start, r.End, r.Received)
			}
			line = r.Ord
			m := b.Metadata(r)
			if m == nil || m.Cloud == nil || len(m.Extra) > maxPairs {
				t.Fatalf("line %d: %+v", r.Ord, m)
			}
			names := map[string]bool{}
			for _, p := range m.Extra {
				if names[p.Name] || len(p.Value) > 3*maxPairValue || p.Value == "" {
					t.Errorf("line %d: %q: %q", r.Ord, p.Name, p.Value)
				}
				names[p.Name] = true
			}
			all.Copy(b, r)
		}
		b.Free()
	})
	if err == nil {
		logBalance(t, l, all)
	} else if len(all.Recs) > 0 {
		t.Error(err)
	}
}

func logSeeds(f *testing.F, pattern string) {
	files, err := filepath.Glob(filepath.Join(cloudDir, pattern))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		f.Add(string(payloadOf(f, filepath.Base(file))))
	}
}

func FuzzAWS(f *testing.F) {
	logSeeds(f, "aws-*.log")
	f.Add("srcaddr dstaddr type type-2 type\n1.1.1.1 ::1 EFA a b\n")
	f.Fuzz(func(t *testing.T, text string) {
		defer fuzztest.Guard()()
		feedLog(t, text, Config{})
		if format, rest, ok := strings.Cut(text, "\n"); ok {
			if cfg := (Config{LogFormat: format}); cfg.Validate() == nil {
				feedLog(t, rest, cfg)
			}
		}
	})
}

func FuzzAzure(f *testing.F) {
	logSeeds(f, "azure-*.json")
	f.Fuzz(func(t *testing.T, text string) {
		defer fuzztest.Guard()()
		feedLog(t, text, Config{})
	})
}

func FuzzGCP(f *testing.F) {
	logSeeds(f, "gcp*")
	f.Add(`{"connection":{"src_ip":"1.1.1.1","dest_ip":"1.1.1.2","src_port":"0","port":"0"}}`)
	f.Add(`{"connection":{"src_ip":"1.1.1.1","dest_ip":"1.1.1.2","src_port":1,"dest_port":70000},"connection.src_port":2}`)
	f.Fuzz(func(t *testing.T, text string) {
		defer fuzztest.Guard()()
		feedLog(t, text, Config{})
	})
}
