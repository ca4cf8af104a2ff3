//go:build !linux

package flow

import (
	"os"

	"github.com/cespare/xxhash/v2"
)

// hashMapped hashes nothing: files are mapped on Linux only.
func hashMapped(*xxhash.Digest, *os.File) int64 { return 0 }
