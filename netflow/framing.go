package netflow

import (
	"encoding/binary"
	"errors"
	"io"
)

// Why a stream of IPFIX messages cannot be followed further. A stream has no marks but the
// lengths in its message headers: after a bad one nothing tells where the next message begins.
var (
	ErrFrameVersion = errors.New("version of a message in a stream is not 10")
	ErrFrameLength  = errors.New("length of a message in a stream is below its own header")
)

// Sizes of a framer's buffer, bytes. It grows as bytes come, not by what a header promises.
const (
	frameLeast = 8 << 10
	frameMost  = 64 << 10 // holds the longest message, of 65535 bytes
)

// framer cuts a stream of bytes into IPFIX messages by the length in their headers (RFC 7011
// sections 3.1 and 10.4.3, RFC 5655 section 7.1):
//
//	│ 10 │ length │ … to length │ 10 │ length │ …
type framer struct {
	buf        []byte
	start, end int // of what is read and not yet given
}

// room gives where to put the next bytes of the stream, at least one; the caller tells by put
// how many it was. Messages given before are no longer good.
func (f *framer) room() []byte {
	if f.start == f.end {
		f.start, f.end = 0, 0
	}
	if f.end == len(f.buf) {
		old := f.buf[f.start:f.end]
		if f.start == 0 && len(f.buf) < frameMost {
			f.buf = make([]byte, max(frameLeast, 2*len(f.buf)))
		}
		f.start, f.end = 0, copy(f.buf, old)
	}
	return f.buf[f.end:]
}

func (f *framer) put(n int) { f.end += n }

// next gives the next message, nil when it is not all there. After an error there is no next.
func (f *framer) next() ([]byte, error) {
	p := f.rest()
	n, err := frameLength(p)
	if err != nil || n == 0 || n > len(p) {
		return nil, err
	}
	f.start += n
	return p[:n], nil
}

// rest is what is read and not given: the beginning of a message.
func (f *framer) rest() []byte { return f.buf[f.start:f.end] }

// frameLength reads the length of the message that p begins with, 0 when p is too short to tell.
func frameLength(p []byte) (int, error) {
	if len(p) >= 2 && binary.BigEndian.Uint16(p) != 10 {
		return 0, ErrFrameVersion
	}
	if len(p) < 4 {
		return 0, nil
	}
	n := int(binary.BigEndian.Uint16(p[2:]))
	if n < ipfixHeader {
		return 0, ErrFrameLength
	}
	return n, nil
}

// fill reads once from r.
func (f *framer) fill(r io.Reader) error {
	n, err := r.Read(f.room())
	f.put(n)
	return err
}
