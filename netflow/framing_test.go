package netflow

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/flowferry/flowferry/flow"
	"github.com/flowferry/flowferry/internal/fuzztest"
)

// frame cuts all that r gives into messages, and gives the rest and why there is no more.
func frame(t testing.TB, r io.Reader) (messages [][]byte, rest []byte, err error) {
	t.Helper()
	var f framer
	for {
		p, bad := f.next()
		switch {
		case bad != nil:
			return messages, f.rest(), bad
		case p != nil:
			messages = append(messages, bytes.Clone(p))
			continue
		case err != nil:
			return messages, f.rest(), err
		}
		if len(f.room()) == 0 || len(f.buf) > frameMost {
			t.Fatalf("room for %d bytes in a buffer of %d", len(f.room()), len(f.buf))
		}
		err = f.fill(r)
	}
}

func TestFraming(t *testing.T) {
	long := make([]byte, 65535)
	copy(long, []byte{0, 10, 0xff, 0xff})
	short := []byte{0, 10, 0, 16, 15: 0}
	f := func(want error, messages, rest int, parts ...[]byte) {
		t.Helper()
		stream := slices.Concat(parts...)
		for _, r := range []io.Reader{bytes.NewReader(stream), iotest.OneByteReader(bytes.NewReader(stream)), iotest.DataErrReader(bytes.NewReader(stream))} {
			got, left, err := frame(t, r)
			if err != want || len(got) != messages || len(slices.Concat(got...))+rest != len(stream) && want == io.EOF || len(left) != rest && want == io.EOF {
				t.Errorf("got %v, %d messages, rest %d, want %v, %d, %d", err, len(got), len(left), want, messages, rest)
			}
		}
	}
	f(io.EOF, 0, 0)
	f(io.EOF, 1, 0, short)
	f(io.EOF, 5, 0, short, long, long, short, long)
	f(io.EOF, 2, 65534, long, short, long[:65534])
	f(io.EOF, 1, 1, short, []byte{0})
	f(io.EOF, 1, 3, short, []byte{0, 10, 0})
	f(ErrFrameVersion, 1, 0, short, []byte{1}, short)
	f(ErrFrameVersion, 2, 0, long, short, []byte{0, 9})
	f(ErrFrameLength, 1, 0, long, []byte{0, 10, 0, 15})
	f(ErrFrameLength, 0, 0, []byte{0, 10, 0, 0})
}

// A header that promises much takes no memory before the bytes come.
func TestFramingMemory(t *testing.T) {
	var f framer
	if err := f.fill(bytes.NewReader([]byte{0, 10, 0xff, 0xff})); err != nil {
		t.Fatal(err)
	}
	if f.room(); len(f.buf) != frameLeast {
		t.Errorf("a buffer of %d bytes", len(f.buf))
	}
}

// A connection in its stride allocates nothing.
func TestStreamAllocs(t *testing.T) {
	d, b := NewDecoder(Config{}), &flow.Batch{}
	stream := slices.Concat(ipfixMessage(0, 7, set(2, named(256))), ipfixMessage(0, 7, set(256, records(3, namedRecord))))
	src := source{addr: exporterAddr, received: received, link: link{OverTCP, 1}}
	var f framer
	r := bytes.NewReader(nil)
	allocs := testing.AllocsPerRun(100, func() {
		r.Reset(stream)
		if err := f.fill(r); err != nil {
			t.Fatal(err)
		}
		for p, _ := f.next(); p != nil; p, _ = f.next() {
			if err := d.message(&src, p, b); err != nil {
				t.Fatal(err)
			}
		}
		clear(b.Meta)
		b.Recs, b.Meta = b.Recs[:0], b.Meta[:0]
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// One stream gives the same messages in whatever pieces it comes, and they decode.
func FuzzFraming(f *testing.F) {
	_, groups, _ := ipfixGroups(f)
	for i, messages := range groups {
		f.Add(slices.Concat(messages...), uint64(i))
	}
	f.Add([]byte{0, 10, 0, 16, 15: 0, 16: 0, 17: 10}, uint64(1))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		defer fuzztest.Guard()()
		whole, rest, why := frame(t, bytes.NewReader(stream))
		pieces, restOfPieces, whyPieces := frame(t, &piecemeal{stream, rand.New(rand.NewPCG(seed, 0))})
		if !slices.EqualFunc(whole, pieces, bytes.Equal) || why != whyPieces {
			t.Fatalf("%d messages and %v whole, %d and %v in pieces", len(whole), why, len(pieces), whyPieces)
		}
		n := len(slices.Concat(whole...))
		if why == io.EOF && (n+len(rest) != len(stream) || !bytes.Equal(rest, restOfPieces)) {
			t.Fatalf("%d bytes in messages and %d left of %d", n, len(rest), len(stream))
		}
		d, b := NewDecoder(Config{Hold: 4096, MaxTemplates: 8, MaxExporters: 4, MaxState: 1 << 20}), &flow.Batch{}
		session := link{OverTCP, 1}
		for _, m := range whole {
			_ = d.message(&source{addr: exporterAddr, received: received, link: session}, m, b) // any outcome
		}
		d.endSession(session)
		balance(t, d)
		if d.state.Load() != 0 {
			t.Errorf("%d bytes of state after the session", d.state.Load())
		}
	})
}

// piecemeal gives a stream in pieces of random sizes.
type piecemeal struct {
	left []byte
	rnd  *rand.Rand
}

func (p *piecemeal) Read(to []byte) (int, error) {
	if len(p.left) == 0 {
		return 0, io.EOF
	}
	n := copy(to[:min(len(to), 1+p.rnd.IntN(1500))], p.left)
	p.left = p.left[n:]
	return n, nil
}

// Every byte of a file is either in a message that was decoded or counted as not read.
func FuzzIPFIXFile(f *testing.F) {
	_, groups, _ := ipfixGroups(f)
	for _, messages := range groups {
		f.Add(slices.Concat(messages...))
	}
	one := ipfixMessage(0, 7, set(2, addresses), set(256, pair))
	f.Add([]byte(slices.Concat(one, one, one[:20])))
	f.Add([]byte(slices.Concat(one, []byte{0, 9})))
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.Guard()()
		s := &IPFIXFile{path: "fuzz", dec: NewDecoder(Config{Hold: 4096, MaxTemplates: 8, MaxExporters: 4, MaxState: 1 << 20})}
		records := uint64(0)
		err := s.read(t.Context(), bytes.NewReader(data), func(b *flow.Batch) {
			records += uint64(len(b.Recs))
			b.Free()
		})
		if err != nil {
			t.Fatal(err)
		}
		balance(t, s.dec)
		st := s.Stats()
		if n := stat(st, "bytes") + stat(st, "file_bytes_unread"); n != uint64(len(data)) {
			t.Errorf("%d bytes accounted for of %d", n, len(data))
		}
		if n := stat(st, "records") + stat(st, "events"); n != records {
			t.Errorf("%d records counted, %d given", n, records)
		}
		if (stat(st, "broken_files") == 1) != (len(s.Warnings()) == 1) {
			t.Error("broken without a word")
		}
	})
}

var errDisk = errors.New("input/output error")

// An error of the disk is told as what it is, where it is.
func TestIPFIXFileDiskError(t *testing.T) {
	one := ipfixMessage(0, 7, set(2, addresses))
	s := &IPFIXFile{path: "disk", dec: NewDecoder(Config{})}
	r := io.MultiReader(bytes.NewReader(one), iotest.ErrReader(errDisk))
	if err := s.read(t.Context(), r, func(b *flow.Batch) { b.Free() }); err != nil {
		t.Fatal(err)
	}
	want := "read disk: message 2, at byte 32: input/output error: 0 bytes from there on were not decoded"
	if w := s.Warnings(); len(w) != 1 || w[0] != want {
		t.Errorf("got %q, want %q", w, want)
	}
}
