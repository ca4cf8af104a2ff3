package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every command in docs/questions.md has an answer in a store of the captures of testdata.
func TestQuestions(t *testing.T) {
	notUnderRace(t)
	dir := t.TempDir()
	must(t, append([]string{"import", "--store", dir}, demoCaptures(t)...)...)
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
