package flow

import (
	"fmt"
	"io"
	"os"

	"github.com/cespare/xxhash/v2"
)

// originBuffer is how much of a file is read at once, bytes.
const originBuffer = 256 << 10

// FileOrigin gives the Origin of the records of a file, the XXH64 digest of it as it is on disk
// (xxhsum -H1), and its size in bytes. It tells files apart, and does not withstand one who makes
// two files alike on purpose; it costs a tenth of a cryptographic digest, which takes longer than
// metering a capture of long packets does. Where it can, it hashes the file's pages without a copy; a
// file that becomes shorter meanwhile is read anew. Errors name the file.
func FileOrigin(path string) (origin uint64, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	h := xxhash.New()
	if size, err = hashFile(h, f); err != nil {
		return 0, 0, fmt.Errorf("read %s: %w", path, err)
	}
	return h.Sum64(), size, nil
}

// hashFile hashes a file from its begin, where f stands, to its end, also one that grows meanwhile, and says how many bytes it has.
func hashFile(h *xxhash.Digest, f *os.File) (size int64, err error) {
	size = hashMapped(h, f)
	if size > 0 {
		if _, err := f.Seek(size, io.SeekStart); err != nil {
			return 0, err
		}
	}
	rest, err := io.CopyBuffer(h, onlyReader{f}, make([]byte, originBuffer))
	return size + rest, err
}

// onlyReader hides all but Read, so that io.CopyBuffer uses its buffer.
type onlyReader struct{ io.Reader }
