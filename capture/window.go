package capture

import (
	"io"
	"sync"
)

// maxPacket is the longest packet that is believed: libpcap's own limit (MAXIMUM_SNAPLEN). A
// longer one means that the file is broken there.
const maxPacket = 256 << 10

const (
	// maxPeek is how many bytes can be looked at in one piece: any packet with its block around it.
	maxPeek = 2 * maxPacket
	// readSize is how much is read at once. A file is read at multiples of it into the start of a
	// page, which the kernel copies fastest; larger pieces would not stay in the processor's cache.
	readSize = 1 << 20
)

// window is the part of a stream that is in memory. What is looked at is not copied, but for the
// few bytes before the end of a piece that was read.
type window struct {
	r       io.Reader
	b       []byte // maxPeek bytes for the end of the piece before, then readSize of this one
	at, end int    // what is held of b
	err     error  // of r: nothing comes after what is held
}

// windows keeps windows for the next file: many small captures are read one after the other.
var windows = sync.Pool{New: func() any { return &window{b: make([]byte, maxPeek+readSize)} }}

// newWindow gives a window on r.
func newWindow(r io.Reader) *window {
	w := windows.Get().(*window)
	w.r, w.at, w.end, w.err = r, maxPeek, maxPeek, nil
	return w
}

// free takes the window back.
func (w *window) free() {
	w.r = nil
	windows.Put(w)
}

// held is what is in memory and not consumed.
func (w *window) held() []byte { return w.b[w.at:w.end] }

// peek gives the next n bytes, at most maxPeek, without consuming them, or fewer with the error that
// ended the stream.
func (w *window) peek(n int) ([]byte, error) {
	for w.end-w.at < n {
		if w.err != nil {
			return w.held(), w.err
		}
		w.fill()
	}
	return w.b[w.at : w.at+n], nil
}

// maxEmptyReads is how often a reader may give nothing, and no error, before it counts as broken.
const maxEmptyReads = 100

// fill reads once. When the piece before fills the window, what is left of it is put before the next.
func (w *window) fill() {
	if w.end == len(w.b) || w.at == w.end {
		left := copy(w.b[maxPeek-(w.end-w.at):maxPeek], w.held())
		w.at, w.end = maxPeek-left, maxPeek
	}
	for range maxEmptyReads {
		n, err := w.r.Read(w.b[w.end:])
		w.end += n
		w.err = err
		if n > 0 || err != nil {
			return
		}
	}
	w.err = io.ErrNoProgress
}

// discard consumes n bytes and says how many there were.
func (w *window) discard(n int) (int, error) {
	left := n
	for left > w.end-w.at {
		left -= w.end - w.at
		if w.at = w.end; w.err != nil {
			return n - left, w.err
		}
		w.fill()
	}
	w.at += left
	return n, nil
}

// Read makes the window the source of a decompressor.
func (w *window) Read(p []byte) (int, error) {
	b, err := w.peek(1)
	if len(b) == 0 {
		return 0, err
	}
	n := copy(p, w.held())
	w.at += n
	return n, nil
}

// ReadByte lets a decompressor take no more than it needs.
func (w *window) ReadByte() (byte, error) {
	b, err := w.peek(1)
	if len(b) == 0 {
		return 0, err
	}
	w.at++
	return b[0], nil
}
