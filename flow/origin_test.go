package flow

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The digest of "abc" is that of xxhsum -H1.
func TestFileOrigin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "abc")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if origin, size, err := FileOrigin(path); origin != 0x44bc2cf5ad770999 || size != 3 || err != nil {
		t.Errorf("%x, %d bytes, %v", origin, size, err)
	}
	if _, _, err := FileOrigin(path + "-none"); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("a missing file: %v", err)
	}
}
