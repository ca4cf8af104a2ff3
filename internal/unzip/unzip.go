// Package unzip reads files that may be compressed with gzip.
package unzip

import (
	"bufio"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
)

// Reader undoes gzip where the first bytes say so (RFC 1952 section 2.3.1). So many bytes can be looked
// at in what it gives.
func Reader(in io.Reader, ahead int) (r *bufio.Reader, zipped bool, err error) {
	r = bufio.NewReaderSize(in, ahead)
	head, _ := r.Peek(2)
	if string(head) != "\x1f\x8b" {
		return r, false, nil
	}
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, false, err
	}
	return bufio.NewReaderSize(z, ahead), true, nil
}

// Counted adds to N the bytes that are read of R, as on disk.
type Counted struct {
	R io.Reader
	N *atomic.Int64
}

func (c *Counted) Read(p []byte) (int, error) {
	n, err := c.R.Read(p)
	c.N.Add(int64(n))
	return n, err
}
