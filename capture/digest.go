package capture

import (
	"sync"

	"github.com/flowferry/flowferry/flow"
)

// digest is the Origin of a file's records, the XXH64 digest of it as it is on disk. It
// is computed in a goroutine of its own, beside the metering: both read the file, the second to
// come finds it in the page cache.
type digest struct {
	path   string
	once   sync.Once
	done   chan struct{} // closed when origin and err are set
	origin uint64
	err    error
}

func newDigest(path string) *digest { return &digest{path: path, done: make(chan struct{})} }

// start begins to compute, once.
func (d *digest) start() {
	d.once.Do(func() {
		go func() {
			d.origin, _, d.err = flow.FileOrigin(d.path)
			close(d.done)
		}()
	})
}

// wait gives the digest when it is there.
func (d *digest) wait() (uint64, error) {
	d.start()
	<-d.done
	return d.origin, d.err
}

// ready says whether wait would return at once.
func (d *digest) ready() bool {
	select {
	case <-d.done:
		return true
	default:
		return false
	}
}

// maxStamped is how many batches wait for the digest, about 130 KB each, before the metering does.
const maxStamped = 128

// stamper holds batches back until the digest is known, gives their records their Origin and
// hands them on in order.
type stamper struct {
	digest *digest
	emit   func(*flow.Batch)
	wait   []*flow.Batch
}

func (s *stamper) batch(b *flow.Batch) {
	s.wait = append(s.wait, b)
	if len(s.wait) >= maxStamped || s.digest.ready() {
		s.flush()
	}
}

// flush hands on what waits. When the digest can not be computed the records are dropped: the
// error is Run's.
func (s *stamper) flush() {
	origin, err := s.digest.wait()
	for _, b := range s.wait {
		if err != nil {
			b.Free()
			continue
		}
		for i := range b.Recs {
			b.Recs[i].Origin = origin
		}
		s.emit(b)
	}
	clear(s.wait)
	s.wait = s.wait[:0]
}
