//go:build !amd64

package netflow

// fixedChunk decodes n records of v5, 1 to chunk.
func (x *work) fixedChunk(p []byte, n int, ord uint64) { x.portableChunk(p, n, ord) }
