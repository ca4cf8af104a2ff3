package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/store"
)

// addCertificate puts a flow into a store of which the exporter told the server's certificate.
func addCertificate(t *testing.T, dir string) {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Writer(store.WriterConfig{Name: "certificate"})
	if err != nil {
		t.Fatal(err)
	}
	b := flow.NewBatch()
	r := b.Next()
	r.End = time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC).UnixNano()
	r.Src, r.Dst, r.Via = flow.MustAddr("192.0.2.1"), flow.MustAddr("192.0.2.2"), flow.ViaIPFIX
	b.SetMeta(r, flow.Meta{TLS: &flow.TLS{Subject: "CN=www.example.com", Issuer: "CN=Example CA"}})
	if err := firstOf(w.Put(t.Context(), b), w.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
}

// Every command in docs/questions.md has an answer in a store of the captures of testdata.
func TestQuestions(t *testing.T) {
	dir := t.TempDir()
	must(t, append([]string{"import", "--store", dir}, demoCaptures(t)...)...)
	addCertificate(t, dir)
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "questions.md"))
	if err != nil {
		t.Fatal(err)
	}
	run := 0
	for _, block := range blocks(string(page), "sh") {
		for line := range strings.Lines(block) {
			args := words(strings.TrimSpace(line))
			if len(args) == 0 {
				t.Errorf("%s is no command of ours", line)
				continue
			}
			got := must(t, append(args, "--store", dir)...)
			run++
			if strings.Count(got, "\n") < 2 || strings.Contains(got, "\n0 of 0 groups") {
				t.Errorf("%sgives nothing:\n%s", line, got)
			}
		}
	}
	if run < 45 {
		t.Errorf("only %d commands in the page", run)
	}
}
