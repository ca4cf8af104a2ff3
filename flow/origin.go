package flow

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// originBuffer is how much of a file is hashed at once, bytes.
const originBuffer = 256 << 10

// FileOrigin gives the Origin of the records of a file, the first 8 bytes of its SHA-256 as it is
// on disk, and its size in bytes. Errors name the file.
func FileOrigin(path string) (origin uint64, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	h := sha256.New()
	if size, err = io.CopyBuffer(h, onlyReader{f}, make([]byte, originBuffer)); err != nil {
		return 0, 0, fmt.Errorf("read %s: %w", path, err)
	}
	return binary.BigEndian.Uint64(h.Sum(nil)), size, nil
}

// onlyReader hides all but Read, so that io.CopyBuffer uses its buffer.
type onlyReader struct{ io.Reader }
