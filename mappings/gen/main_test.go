package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed files are what the table gives, and no file is left over from an older table.
func TestFresh(t *testing.T) {
	want := render()
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, content) {
			t.Errorf("%s is stale: run go generate ./mappings", name)
		}
	}
	have, err := filepath.Glob("../*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range have {
		if name, _ := filepath.Rel("..", file); want[name] == nil {
			t.Errorf("%s is not generated any more: remove it", name)
		}
	}
	if len(want) < 13 {
		t.Errorf("only %d files", len(want))
	}
}
