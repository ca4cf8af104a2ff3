package netflow

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// jsonStream reads a long JSON text value by value, each within bounds.
type jsonStream struct {
	*json.Decoder
	in *capped
}

func newJSONStream(r io.Reader) *jsonStream {
	in := &capped{r, maxLogJSON}
	return &jsonStream{json.NewDecoder(in), in}
}

// value reads the next value into v. A value of another shape is no error of the stream; fits
// says whether it was of this one.
func (s *jsonStream) value(v any) (fits bool, err error) {
	s.in.left = maxLogJSON
	err = s.Decode(v)
	if shape := (*json.UnmarshalTypeError)(nil); errors.As(err, &shape) {
		return false, nil
	}
	return err == nil, inside(err)
}

// open reads the token that begins an array or an object, and says whether it is that one.
func (s *jsonStream) open(want json.Delim) (bool, error) {
	s.in.left = maxLogJSON
	t, err := s.Token()
	return t == want, err
}

// close reads the token that ends an array or an object.
func (s *jsonStream) close() error {
	_, err := s.Token()
	return inside(err)
}

// inside makes of an end within a value the error that it is.
func inside(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// beginsWith says whether the first byte that is not white space is c, a byte order mark aside.
func beginsWith(head []byte, c byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(head) > 0 && head[0] == c
}

// dropMark reads over a byte order mark.
func (x *logRun) dropMark() {
	if head, _ := x.in.Peek(3); string(head) == "\xef\xbb\xbf" {
		_, _ = x.in.Discard(3) // they are there
	}
}
