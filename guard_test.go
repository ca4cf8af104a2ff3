package flowferry

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	fuzzBody  = regexp.MustCompile(`f\.Fuzz\(func\(.*\) \{`)
	fuzzGuard = regexp.MustCompile(`f\.Fuzz\(func\(.*\) \{\n\t+defer fuzztest\.Guard\(\)\(\)\n`)
)

// Every fuzz target fails on an input that hangs.
func TestFuzzGuards(t *testing.T) {
	targets := 0
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		n := len(fuzzBody.FindAll(text, -1))
		if n != len(fuzzGuard.FindAll(text, -1)) {
			t.Errorf("%s: a fuzz target does not begin with defer fuzztest.Guard()()", path)
		}
		targets += n
		return err
	})
	if err != nil || targets < 25 {
		t.Errorf("%d targets: %v", targets, err)
	}
}
